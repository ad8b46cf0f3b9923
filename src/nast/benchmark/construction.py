"""How questions are made: the default, and the paper's own."""

from dataclasses import dataclass

from nast.benchmark.samplers import DISTRACTORS, SAMPLERS
from nast.errors import UsageError

PAPER_COUNT = {"mimic-cxr-jpg": 6965}
"""Studies that the paper reports for its set (section 3.2), by source."""


@dataclass(frozen=True, slots=True)
class Construction:
    """How questions are made (design section 4, rows 9 and 10).

    Attributes:
        sampler: `all_triples`, `two_plus_one` (section 3.2 to the letter) or `appendix_b`.
        distractors: `balanced` (with `all_triples` only), `uniform` or `single_flip`.
        uses: how many groups one study may serve in; balanced groups only.
        per_study: how many questions a study gives; the other distractors only.
        conflicts: whether labels that contradict CheXpert's hierarchy are kept.

    Raises:
        UsageError: an unknown name, or a sampler and distractors that do not go together.
    """

    sampler: str = "all_triples"
    distractors: str = "balanced"
    uses: int = 4
    per_study: int = 1
    conflicts: bool = False

    def __post_init__(self) -> None:
        samplers, distractors = ("all_triples", *SAMPLERS), ("balanced", *DISTRACTORS)
        if self.sampler not in samplers:
            raise UsageError(f"sampler {self.sampler!r}; choose one of {', '.join(samplers)}")
        if self.distractors not in distractors:
            raise UsageError(
                f"distractors {self.distractors!r}; choose one of {', '.join(distractors)}"
            )
        if (self.sampler == "all_triples") != (self.distractors == "balanced"):
            raise UsageError(
                "balanced groups are made of all triples; the other samplers need --distractors "
                "uniform or single_flip"
            )
        if min(self.uses, self.per_study) < 1:
            raise UsageError("a study serves at least once")


DEFAULT = Construction()
"""Balanced groups over all triples: words alone are at chance."""
PAPER = Construction("two_plus_one", "uniform", conflicts=True)
"""The paper's set: one question a study, uniform permutations, conflicts allowed."""
