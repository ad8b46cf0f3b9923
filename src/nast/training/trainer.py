"""NAST fine-tuning: lambda * CLIP + (1 - lambda) * claim loss, block steps from the trace."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from nast.errors import UsageError
from nast.models.base import DualEncoder
from nast.store import seed_of
from nast.training.batches import CaptionData, ClaimData, Recipe, draw
from nast.training.checkpoints import RunState, load_state, save_state
from nast.training.gradients import accumulate, processes
from nast.training.layer_scaling import Mode, layer_groups, scale_gradients
from nast.training.lora import ALPHA, RANK, TARGETS, add_lora, lora_by_layer
from nast.training.objectives import TERMS, weights_of
from nast.training.updates import UpdateMeter
from nast.weighting import LayerWeights


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
        alpha: LoRA's factor is alpha / r.
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
    alpha: int = ALPHA
    learning_rate: float = 1e-4
    warm_up: int = 10
    weight_decay: float = 0.0
    clip: float = 1.0
    chunk: int = 512
    validate_every: int = 0
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.lambda_ <= 1:
            raise ValueError(f"lambda is {self.lambda_}; it must be in [0, 1]")
        if self.mode not in ("lr", "gradient"):
            raise ValueError(f"mode is {self.mode!r}; choose lr or gradient")
        if self.lora not in TARGETS:
            raise ValueError(f"lora is {self.lora!r}; choose one of {', '.join(TARGETS)}")
        if self.targets not in ("truth", "diagonal"):
            raise ValueError(f"targets is {self.targets!r}; choose truth or diagonal")
        if self.caption_polarity not in ("both", "negated"):
            found = self.caption_polarity
            raise ValueError(f"caption_polarity is {found!r}; choose both or negated")
        weights_of(self.objective, self.lambda_)

    def recipe(self) -> Recipe:
        """What a batch must hold for the objective."""
        terms = weights_of(self.objective, self.lambda_)
        return Recipe(
            captions=self.captions if set(terms) - {"claim"} and terms.get("caption") != 0 else 0,
            claims=self.claims if terms.get("claim", 0) > 0 else 0,
            hard="negclip" in terms or "conclip" in terms,
            others="conclip" in terms,
            targets=self.targets,
        )


PAPER: dict[str, Any] = {
    "mode": "gradient", "targets": "diagonal", "caption_polarity": "negated", "claim_scale": 1.0,
}  # fmt: skip
"""The paper's literal choices (design section 4), set by `--protocol paper`."""


class Outcome(NamedTuple):
    """What a training leaves beside the model.

    Attributes:
        history: losses of each step, and the validation's figures where there was one.
        shares: the update shares of Table 4.
        updates: per step and block, the norm of the change of LoRA's parameters and of B A, and
            of the scaled gradient.
        best: LoRA parameters at the best validation, by name; None without validation.
    """

    history: list[dict[str, float]]
    shares: dict[str, list[float]]
    updates: list[dict[str, float]]
    best: dict[str, torch.Tensor] | None


Report = Callable[[int, dict[str, float]], None]
Validate = Callable[[], dict[str, float]]
"""Figures of the model as it stands, higher is better."""
SAVE_SECONDS = 60.0
"""How often a run that can be resumed is saved, beside at each validation."""


def train(
    model: DualEncoder,
    captions: CaptionData,
    claims: ClaimData,
    weights: LayerWeights,
    config: TrainConfig,
    report: Report | None = None,
    validate: Validate | None = None,
    state: Path | None = None,
) -> Outcome:
    """Fine-tune the model's text tower in place.

    Order within a step: backward, sum over processes, scale (mode `gradient`), clip, step.

    Args:
        model: loaded dual encoder; its network is wrapped with LoRA.
        captions: training captions.
        claims: training claim sets.
        weights: scale per block; blocks with scale 0 get no LoRA.
        config: see `TrainConfig`.
        report: called after each step with (step, losses).
        validate: called every `validate_every` steps.
        state: file that the run is saved to and, if it is there, goes on from, bit for bit.

    Returns:
        See `Outcome`.

    Raises:
        UsageError: the weights are of a tower with another number of blocks.
    """
    run = _start(model, weights, config)
    if state and state.is_file():
        load_state(state, run)
    saved = time.monotonic()
    while len(run.history) < config.steps and not (
        config.patience and run.waited >= config.patience
    ):
        run.history.append(_step(model, captions, claims, config, run))
        step = len(run.history)
        valid = bool(validate and config.validate_every and step % config.validate_every == 0)
        if validate and valid:
            _keep_best(run, validate())
        if report:
            report(step, run.history[-1])
        if state and processes()[0] == 0 and (valid or time.monotonic() - saved > SAVE_SECONDS):
            save_state(state, run)
            saved = time.monotonic()
    return Outcome(run.history, run.meter.shares(), run.meter.steps, run.best)


def _start(model: DualEncoder, weights: LayerWeights, config: TrainConfig) -> RunState:
    """LoRA on the model, an optimizer with one group per block, and empty records."""
    blocks = model.text.n_layers
    if len(weights.scale) != blocks:
        raise UsageError(f"{len(weights.scale)} layer weights for a text tower of {blocks} blocks")
    torch.manual_seed(config.seed)
    layers = [i + 1 for i, s in enumerate(weights.scale) if s > 0]
    add_lora(model, layers, config.rank, config.alpha, config.lora)
    groups = layer_groups(model.network, weights, config.learning_rate, config.mode)
    optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    if config.mode == "gradient" and len({g["grad_scale"] for g in groups}) > 1:
        warnings.warn(
            f"mode='gradient' under {type(optimizer).__name__}: a constant factor on a gradient is "
            "divided out again, so all blocks step almost alike; mode='lr' scales the steps",
            stacklevel=3,
        )
    for group in groups:
        group["full_lr"] = group["lr"]
    rng = np.random.default_rng(seed_of(config.seed, "batches"))
    return RunState(model.network, optimizer, rng, UpdateMeter(model.network, blocks))


def _step(
    model: DualEncoder,
    captions: CaptionData,
    claims: ClaimData,
    config: TrainConfig,
    run: RunState,
) -> dict[str, float]:
    """One optimizer step; the losses before it."""
    batch = draw(captions, claims, config.recipe(), run.rng)
    losses: dict[str, float] = {}

    def total(vectors: torch.Tensor) -> torch.Tensor:
        loss, found = torch.zeros(()), {}
        for term, weight in weights_of(config.objective, config.lambda_).items():
            chosen = config.claim_scale if term == "claim" else None
            scale = model.logit_scale if chosen is None else chosen
            found[term] = TERMS[term](batch, vectors, scale)
            loss = loss + weight * found[term]
        losses.update({k: v.item() for k, v in {"loss": loss, **found}.items()})
        return loss

    accumulate(model, batch.texts, total, config.chunk)
    groups = run.optimizer.param_groups
    scale_gradients(groups)
    parameters = [p for g in groups for p in g["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, config.clip)
    for group in groups:
        group["lr"] = group["full_lr"] * min(1.0, (len(run.history) + 1) / config.warm_up)
    run.meter.before(groups)
    run.optimizer.step()
    run.meter.after()
    run.optimizer.zero_grad()
    return losses


def _keep_best(run: RunState, figures: dict[str, float]) -> None:
    """Record a validation; the mean of its figures decides which weights are best."""
    run.history[-1] = run.history[-1] | figures
    score = sum(figures.values()) / len(figures)
    run.waited += 1
    if score > run.best_score:
        named = [g for g in lora_by_layer(run.network).values()]
        run.best = {n: p.detach().clone() for group in named for n, p in group.items()}
        run.best_score, run.waited = score, 0
