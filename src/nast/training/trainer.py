"""NAST fine-tuning: lambda * CLIP + (1 - lambda) * claim loss, block steps from the trace."""

import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from nast.errors import ModelError, UsageError
from nast.hashes import seed_of
from nast.layers import LayerWeights
from nast.models.contract import DualEncoder
from nast.processes import processes
from nast.training.batches import CaptionData, ClaimData, draw
from nast.training.layer_scaling import layer_groups, scale_gradients
from nast.training.lora import add_lora, lora_parameters
from nast.training.objectives import TERMS
from nast.training.state import RunState, load_state, save_state
from nast.training.step import accumulate
from nast.training.train_config import TrainConfig, weights_of
from nast.training.updates import UpdateMeter

Report = Callable[[int, dict[str, float]], None]
Validate = Callable[[], dict[str, float]]
"""Figures of the model as it stands, higher is better."""
SAVE_SECONDS = 60.0
"""How often a run that can be resumed is saved, beside at each validation."""


def fine_tune(
    model: DualEncoder,
    captions: CaptionData,
    claims: ClaimData,
    weights: LayerWeights,
    config: TrainConfig,
    report: Report | None = None,
    validate: Validate | None = None,
    state: Path | None = None,
) -> RunState:
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
        The run at its end: the history of losses and validations, the meter of the update shares
        (Table 4), and the best LoRA parameters where there was a validation.

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
    return run


def _start(model: DualEncoder, weights: LayerWeights, config: TrainConfig) -> RunState:
    """LoRA on the model, an optimizer with one group per block, and empty records."""
    blocks = model.text.n_layers
    if len(weights.scale) != blocks:
        raise UsageError(f"{len(weights.scale)} layer weights for a text tower of {blocks} blocks")
    torch.manual_seed(config.seed)
    layers = [i + 1 for i, s in enumerate(weights.scale) if s > 0]
    add_lora(model, layers, config.rank, config.lora_alpha, config.lora)
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
    batch = draw(captions, claims, config.batch_plan(), run.rng)
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
    if not math.isfinite(losses["loss"]):
        raise ModelError(
            f"{model.name}: the loss of step {len(run.history) + 1} is "
            f"{losses['loss']}; try a smaller learning rate than "
            f"{config.learning_rate:g}"
        )
    groups = run.optimizer.param_groups
    scale_gradients(groups)
    parameters = [p for g in groups for p in g["params"]]
    torch.nn.utils.clip_grad_norm_(parameters, config.clip)
    for group in groups:
        group["lr"] = group["full_lr"] * min(1.0, (len(run.history) + 1) / (config.warm_up or 1))
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
        run.best = {n: p.detach().clone() for n, p in lora_parameters(run.network).items()}
        run.best_score, run.waited = score, 0
