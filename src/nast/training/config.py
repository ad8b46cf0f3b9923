"""The settings of a run: ours, the paper's, and what no run can have."""

import math
from dataclasses import dataclass
from typing import Any

from nast.training.batches import Recipe
from nast.training.layer_scaling import Mode
from nast.training.lora import ALPHA, RANK, TARGETS
from nast.training.objectives import weights_of

RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, math.inf),
    "captions": (2, math.inf),
    "claims": (1, math.inf),
    "lambda_": (0, 1),
    "claim_scale": (1e-6, math.inf),
    "rank": (1, math.inf),
    "alpha": (1, math.inf),
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


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What decides a run, beside model, data and layer weights. Our defaults; the paper has none.

    Attributes:
        objective: a key of `OBJECTIVES`.
        mode: where the layer scale acts, `lr` or `gradient`.
        steps: optimizer steps; each draws captions and claim sets.
        captions: image-caption pairs a step.
        claims: groups of claim sets a step, each in one form with all its members.
        lambda_: weight of the caption loss in `nast`, in [0, 1].
        targets: `truth` or `diagonal`, see `Recipe`.
        caption_polarity: `both`, or `negated` for the paper's explicitly negated captions only.
        claim_scale: factor on the cosines of claims; the model's logit scale if not given.
        lora: which linear layers of a block get LoRA, a key of `TARGETS`.
        rank: r of LoRA.
        alpha: LoRA's factor is alpha / r; 2 r if not given, so that the factor stays 2.
        learning_rate: of a block with scale 1, constant after the warm-up.
        warm_up: steps over which the rate rises to that.
        weight_decay: of AdamW.
        clip: largest norm of all gradients together, after scaling.
        chunk: texts whose activations are in memory at once.
        validate_every: steps between validations; 0 for none.
        patience: validations without a better one after which training ends; 0 for never.
        seed: of LoRA's start and of the batches.
    """

    objective: str = "nast"
    mode: Mode = "lr"
    steps: int = 100
    captions: int = 48
    claims: int = 24
    lambda_: float = 0.5
    targets: str = "truth"
    caption_polarity: str = "both"
    claim_scale: float | None = None
    lora: str = "attention"
    rank: int = RANK
    alpha: int | None = None
    learning_rate: float = 1e-3
    warm_up: int = 10
    weight_decay: float = 0.0
    clip: float = 1.0
    chunk: int = 512
    validate_every: int = 0
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what would train nothing, or fail after the data are read.

        Raises:
            ValueError: a value out of its range, or a name that is none.
        """
        known = {
            "mode": ("lr", "gradient"),
            "lora": TARGETS,
            "targets": ("truth", "diagonal"),
            "caption_polarity": ("both", "negated"),
        }
        for name, names in known.items():
            if getattr(self, name) not in names:
                found = getattr(self, name)
                raise ValueError(f"{name} is {found!r}; choose one of {', '.join(names)}")
        weights_of(self.objective, self.lambda_)
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                to = "or more" if high == math.inf else f"to {high:g}"
                raise ValueError(f"{name.rstrip('_')} is {value}; it must be {low:g} {to}")
        if self.validate_every > self.steps:
            raise ValueError(
                f"validate_every is {self.validate_every} for {self.steps} steps: "
                "the run would end before its first validation"
            )
        if self.patience and not self.validate_every:
            raise ValueError(
                f"patience is {self.patience} without a validation to wait for; say validate_every"
            )

    @property
    def lora_alpha(self) -> int:
        """LoRA's alpha: the one given, or twice the rank."""
        return ALPHA * self.rank // RANK if self.alpha is None else self.alpha

    def recipe(self) -> Recipe:
        """What a batch must hold for the objective."""
        terms = weights_of(self.objective, self.lambda_)
        return Recipe(
            captions=self.captions if set(terms) - {"claim"} else 0,
            claims=self.claims if "claim" in terms else 0,
            hard="negclip" in terms or "conclip" in terms,
            others="conclip" in terms,
            targets=self.targets,
        )


PAPER: dict[str, Any] = {
    "mode": "gradient",
    "targets": "diagonal",
    "caption_polarity": "negated",
    "claim_scale": 1.0,
}
"""The paper's literal choices (design section 4), set by `--protocol paper`."""
