"""The settings of a trace, and what each of its words means. Nothing here needs torch."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from cyclopts import Parameter

from nast.errors import UsageError
from nast.layers import AGGREGATIONS, NORMS, PROTOCOLS, RENORMS, LayerRule
from nast.ranges import NOT_NEGATIVE, SEED, SHARE, Whole


class Template(NamedTuple):
    """A negated and an affirmative sentence about a condition, and the words that deny."""

    negated: str
    affirmative: str
    cue: str


TEMPLATES = {
    "severe": Template("there is no {}", "there is severe {}", "no"),
    "some": Template("there is no {}", "there is some {}", "no"),
    "evidence": Template(
        "there is no evidence of {}", "there is clear evidence of {}", "no evidence of"
    ),
    "without": Template("chest radiograph without {}", "chest radiograph with {}", "without"),
    "absent": Template("{} is absent", "{} is present", "absent"),
}
"""`severe` is D.2's pair and contrasts severity as well; `some` is that of Quantmeyer et al."""
DIRECTIONS = {
    "foil_to_correct": "the foil's states go into the correct caption (the paper's text)",
    "negated_to_affirmative": "the negated caption's states go into the affirmative one, whichever "
    "is correct (the code of Quantmeyer et al. 2024)",
}
TAU_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class TraceConfig:
    """What decides a trace and its layer weights, beside model and facts.

    Attributes:
        aggregation: Which layer score becomes alpha: cue, scope, drop, input, module, attention or
            gradnorm; all are written.
        template: Sentences of the caption pairs: severe (the paper's), some, evidence, without or
            absent.
        direction: Of the patch: foil_to_correct (the paper's) or negated_to_affirmative.
        protocol: default, or paper: min-max, no floor, largest step 1, no filter on d, no look at
            the noise. What is given beside it wins.
        norm: How scores become alpha: minmax (the default, and the paper's), max or sum.
        beta: Sharpness of alpha ** beta.
        floor: Smallest alpha; 0.05 by default.
        renorm: Which scale is 1: the mean (the default; total step of uniform training) or the
            max.
        failing: Trace only the samples that the model gets wrong: which blocks carry the wrong
            preference.
        seed: Of the control whose blocks are in random order.

    Raises:
        UsageError: a value outside of its choices or its range.

    Examples:
        >>> nast.TraceConfig(aggregation="scope").norm is None
        True
    """

    aggregation: str = "cue"
    template: str = "severe"
    direction: str = "foil_to_correct"
    protocol: str = "default"
    norm: str | None = None
    beta: Annotated[float, Parameter(validator=NOT_NEGATIVE)] = 1.0
    floor: Annotated[float | None, Parameter(validator=SHARE)] = None
    renorm: str | None = None
    failing: bool = False
    seed: Annotated[Whole, Parameter(validator=SEED)] = 0

    def __post_init__(self) -> None:
        """Refuse what no trace can have.

        Raises:
            UsageError: a name that is none, or a number out of its range.
        """
        names: dict[str, Collection[str]] = {
            "aggregation": AGGREGATIONS,
            "template": TEMPLATES,
            "direction": DIRECTIONS,
            "protocol": PROTOCOLS,
            "norm": NORMS,
            "renorm": RENORMS,
        }
        for name, known in names.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise UsageError(f"{name} is {value!r}; choose one of {', '.join(known)}")
        for name, range_ in (("beta", NOT_NEGATIVE), ("floor", SHARE), ("seed", SEED)):
            range_.check(name, getattr(self, name))

    @property
    def rule(self) -> LayerRule:
        """How scores become steps: what is given, else the protocol's."""
        usual = PROTOCOLS[self.protocol]
        floor = usual.floor if self.floor is None else self.floor
        return LayerRule(self.norm or usual.norm, self.beta, floor, self.renorm or usual.renorm)

    @property
    def tau_share(self) -> float | None:
        """The filter on d as a share of the median |d|; the paper has none."""
        return None if self.protocol == "paper" else TAU_SHARE
