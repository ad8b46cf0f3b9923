"""The settings of a run: ours, the paper's, the rivals', and what no run can have.

Nothing here needs torch, so that a wrong option is named at once.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from cyclopts import Parameter

from nast.errors import UsageError
from nast.ranges import Whole

Mode = Literal["lr", "gradient"]
RANK, LORA_ALPHA = 8, 16
TARGETS = {
    "attention": ("lora_path",),
    "mlp": ("mlp_path",),
    "all": ("lora_path", "mlp_path"),
}
"""Which linear layers of a block get LoRA -> the paths of `TextTower` that name them."""
OBJECTIVES: dict[str, dict[str, float | None]] = {
    "nast": {"caption": None, "claim": None},
    "clip": {"caption": 1.0},
    "negclip": {"negclip": 1.0},
    "conclip": {"conclip": 1.0},
    "negbench": {"caption": 0.99, "claim": 0.01},
}
"""Terms and weights of each objective; those of `nast` are lambda and 1 - lambda.

NegBench's released training multiplies features that are not normalised; its weights (0.99 and
0.01) therefore mean something else there. Here its terms read cosines like all others.
"""
PUBLISHED: dict[str, dict[str, float]] = {
    "negclip": {"learning_rate": 1e-6, "captions": 256, "warm_up": 50},
    "conclip": {"learning_rate": 1e-6, "captions": 200, "weight_decay": 0.2, "warm_up": 50},
    "negbench": {"learning_rate": 1e-8, "weight_decay": 0.2},
}
"""What the rivals' authors train with, all weights at once; LoRA wants larger steps.

What they do not state stays ours. Their schedules, epochs and optimizer constants are left out.
"""
RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, math.inf),
    "captions": (2, math.inf),
    "claims": (1, math.inf),
    "lambda_": (0, 1),
    "claim_scale": (1e-6, math.inf),
    "rank": (1, math.inf),
    "lora_alpha": (1, math.inf),
    "learning_rate": (1e-12, 1e3),
    "warm_up": (0, math.inf),
    "weight_decay": (0, math.inf),
    "clip": (1e-12, math.inf),
    "chunk": (1, math.inf),
    "validate_every": (0, math.inf),
    "patience": (0, math.inf),
    "seed": (0, 2**63 - 1),
}
"""Smallest and largest value of each number of a run."""
NAMES = {
    "mode": ("lr", "gradient"),
    "lora": TARGETS,
    "targets": ("truth", "diagonal"),
    "caption_polarity": ("both", "negated"),
    "protocol": ("default", "paper"),
}
"""What each word of a run may be."""
OURS: dict[str, Any] = {
    "mode": "lr",
    "captions": 48,
    "targets": "truth",
    "caption_polarity": "both",
    "claim_scale": None,
    "learning_rate": 1e-3,
    "warm_up": 10,
    "weight_decay": 0.0,
}
"""Our defaults of what the paper or a rival's authors choose otherwise."""
PAPER: dict[str, Any] = {
    "mode": "gradient",
    "targets": "diagonal",
    "caption_polarity": "negated",
    "claim_scale": 1.0,
    "warm_up": 0,
}
"""The paper's literal choices (docs/decisions.md), those of `protocol="paper"`."""
_CHOSEN: Any = None
"""Stands for a setting that is not given: that of the protocol, of the rival, or ours."""
if TYPE_CHECKING:
    ChosenMode = Mode
    ChosenText = str
    ChosenCount = int
    ChosenNumber = float
else:
    # What the command line leaves open has a value as soon as the settings are made.
    ChosenMode = Mode | None
    ChosenText = str | None
    ChosenCount = Whole | None
    ChosenNumber = float | None


def weights_of(objective: str, lambda_: float) -> dict[str, float]:
    """Term -> weight of an objective; a term of weight 0 is left out.

    Raises:
        UsageError: no such objective.
    """
    if objective not in OBJECTIVES:
        raise UsageError(f"objective is {objective!r}; choose one of {', '.join(OBJECTIVES)}")
    own = {"caption": lambda_, "claim": 1 - lambda_}
    weights = {t: own[t] if w is None else w for t, w in OBJECTIVES[objective].items()}
    return {term: weight for term, weight in weights.items() if weight}


class BatchPlan(NamedTuple):
    """What a batch is made of.

    Attributes:
        captions: image-caption pairs; 0 for none.
        claims: groups of claim sets, each in one form with all its members; 0 for none.
        hard: whether each caption's denial is shown beside it.
        others: whether an image of which the denial is true is shown beside each pair.
        targets: `truth` counts every true caption as a positive and leaves unknown ones out
            (decision 7), `diagonal` takes each image's own caption as its only positive.
    """

    captions: int
    claims: int
    hard: bool = False
    others: bool = False
    targets: str = "truth"


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What decides a run, beside model, data and layer weights.

    What is not given is the protocol's, the rival's where its authors' settings are asked for, or
    ours. `dataclasses.replace` takes the settings over as they were chosen.

    Attributes:
        objective: nast, or a rival on the same data: clip, negclip, conclip, negbench.
        mode: Where the layer scale acts: lr (each block its own learning rate; ours) or gradient
            (the equation as printed).
        steps: Optimizer steps; each draws captions and claim sets.
        captions: Image-caption pairs a step; 48 if not given.
        claims: Groups of claim sets a step, each in one form with all its members.
        lambda_: Weight of the caption loss in nast, from 0 to 1.
        targets: truth (every true caption of an image is a positive; ours) or diagonal (its own).
        caption_polarity: both (ours), or negated for the paper's explicitly negated captions only.
        claim_scale: Factor on the cosines of claims; the model's logit scale if not given.
        lora: Linear layers of a block that get LoRA: attention (q, k, v, out), mlp or all.
        rank: Of LoRA.
        lora_alpha: LoRA's factor is lora_alpha / rank; 2 rank if not given, so that it stays 2.
        learning_rate: Of a block with scale 1, constant after the warm-up; 0.001 if not given.
        warm_up: Steps over which the rate rises to that; 10 if not given.
        weight_decay: Of AdamW; 0 if not given.
        clip: Largest norm of all gradients together, after scaling.
        chunk: Texts whose activations are in memory at once.
        validate_every: Steps between validations on the validation patients, the best of which
            are kept; 0 for none.
        patience: Validations without a better one after which training ends; 0 for never.
        seed: Of LoRA's start and of the batches.
        protocol: default, or paper: every literal choice of the paper at once.
        published: Settings that the authors of negclip, conclip or negbench train all weights
            with.

    Examples:
        >>> import nast
        >>> nast.TrainConfig(objective="negclip", published=True).learning_rate
        1e-06
        >>> nast.TrainConfig(protocol="paper").mode
        'gradient'
    """

    objective: str = "nast"
    mode: ChosenMode = _CHOSEN
    steps: Whole = 100
    captions: ChosenCount = _CHOSEN
    claims: Whole = 24
    lambda_: Annotated[float, Parameter(name="lambda")] = 0.5
    targets: ChosenText = _CHOSEN
    caption_polarity: ChosenText = _CHOSEN
    claim_scale: float | None = None
    lora: str = "attention"
    rank: Whole = RANK
    lora_alpha: ChosenCount = _CHOSEN
    learning_rate: ChosenNumber = _CHOSEN
    warm_up: ChosenCount = _CHOSEN
    weight_decay: ChosenNumber = _CHOSEN
    clip: float = 1.0
    chunk: Whole = 512
    validate_every: Whole = 0
    patience: Whole = 0
    seed: Whole = 0
    protocol: str = "default"
    published: bool = False

    def __post_init__(self) -> None:
        """Choose what is not given, and refuse what would train nothing or fail later.

        Raises:
            UsageError: a value out of its range, or a name that is none.
        """
        self._choose()
        for name, names in NAMES.items():
            if getattr(self, name) not in names:
                found = getattr(self, name)
                raise UsageError(f"{name} is {found!r}; choose one of {', '.join(names)}")
        weights_of(self.objective, self.lambda_)
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                to = "or more" if high == math.inf else f"to {high:g}"
                raise UsageError(f"{name.rstrip('_')} is {value}; it must be {low:g} {to}")
        if self.validate_every > self.steps:
            raise UsageError(
                f"validate_every is {self.validate_every} for {self.steps} steps: "
                "the run would end before its first validation"
            )
        if self.patience and not self.validate_every:
            raise UsageError(
                f"patience is {self.patience} without a validation to wait for; say validate_every"
            )

    def _choose(self) -> None:
        """Fill in what was not given."""
        if self.published and self.objective not in PUBLISHED:
            raise UsageError(f"published is for objective {', '.join(PUBLISHED)}")
        chosen = OURS | {"lora_alpha": LORA_ALPHA * self.rank // RANK}
        chosen |= PAPER if self.protocol == "paper" else {}
        chosen |= PUBLISHED[self.objective] if self.published else {}
        for name, value in chosen.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    def batch_plan(self) -> BatchPlan:
        """What a batch must hold for the objective."""
        terms = weights_of(self.objective, self.lambda_)
        return BatchPlan(
            captions=self.captions if set(terms) - {"claim"} else 0,
            claims=self.claims if "claim" in terms else 0,
            hard="negclip" in terms or "conclip" in terms,
            others="conclip" in terms,
            targets=self.targets,
        )
