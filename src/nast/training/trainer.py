"""NAST fine-tuning: lambda * CLIP + (1 - lambda) * claim loss, block steps from the trace."""

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from nast.embeddings import EmbeddingStore
from nast.errors import InputError, UsageError
from nast.models.base import DualEncoder
from nast.records import CAPTIONS_SCHEMA, CLAIMS_SCHEMA
from nast.sources.collect import read_facts
from nast.store import (
    atomic,
    manifests_of,
    policy_of,
    read_table,
    seed_of,
    stage,
    write_json,
    write_text,
)
from nast.training.batches import CaptionData, ClaimData, caption_data, claim_data
from nast.training.layer_scaling import Mode, layer_groups, scale_gradients
from nast.training.lora import ALPHA, RANK, add_lora
from nast.training.objectives import caption_loss, claim_loss
from nast.training.updates import UpdateMeter
from nast.weighting import LayerWeights


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What decides a run, beside model, data and layer weights. Our defaults; the paper has none.

    Attributes:
        mode: where the layer scale acts, `lr` or `gradient`.
        steps: optimizer steps; each draws captions and claim sets.
        captions: image-caption pairs a step.
        claims: groups of claim sets a step, each in one form with all its members.
        lambda_: weight of the caption loss, in [0, 1].
        learning_rate: of a block with scale 1, constant after 10 steps of warm-up.
        clip: largest norm of all gradients together, after scaling.
        seed: of LoRA's start and of the batches.
    """

    mode: Mode = "lr"
    steps: int = 100
    captions: int = 48
    claims: int = 24
    lambda_: float = 0.5
    learning_rate: float = 1e-4
    clip: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.lambda_ <= 1:
            raise ValueError(f"lambda is {self.lambda_}; it must be in [0, 1]")
        if self.mode not in ("lr", "gradient"):
            raise ValueError(f"mode is {self.mode!r}; choose lr or gradient")


Report = Callable[[int, dict[str, float]], None]


def train(
    model: DualEncoder,
    captions: CaptionData,
    claims: ClaimData,
    weights: LayerWeights,
    config: TrainConfig,
    report: Report | None = None,
) -> tuple[list[dict[str, float]], dict[str, list[float]]]:
    """Fine-tune the model's text tower in place.

    Order within a step: backward, scale (mode `gradient`), clip, step.

    Args:
        model: loaded dual encoder; its network is wrapped with LoRA.
        captions: training captions.
        claims: training claim sets.
        weights: scale per block; blocks with scale 0 get no LoRA.
        config: see `TrainConfig`.
        report: called after each step with (step, losses).

    Returns:
        Losses per step, and the update shares of Table 4.

    Raises:
        UsageError: the weights are of a tower with another number of blocks.
    """
    blocks = model.text_tower().n_layers
    if len(weights.scale) != blocks:
        raise UsageError(f"{len(weights.scale)} layer weights for a text tower of {blocks} blocks")
    torch.manual_seed(config.seed)
    layers = [i + 1 for i, s in enumerate(weights.scale) if s > 0]
    model.network = add_lora(model.network, layers)
    groups = layer_groups(model.network, weights, config.learning_rate, config.mode)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    if config.mode == "gradient" and len({g["grad_scale"] for g in groups}) > 1:
        warnings.warn(
            f"mode='gradient' under {type(optimizer).__name__}: a constant factor on a gradient is "
            "divided out again, so all blocks step almost alike; mode='lr' scales the steps",
            stacklevel=2,
        )
    warm_up = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))
    meter = UpdateMeter(model.network, len(weights.scale))
    rng = np.random.default_rng(seed_of(config.seed, "batches"))
    history = []
    for step in range(config.steps):
        losses = _losses(model, captions, claims, config, rng)
        total = config.lambda_ * losses["caption"] + (1 - config.lambda_) * losses["claim"]
        total.backward()
        scale_gradients(optimizer.param_groups)
        parameters = [p for g in optimizer.param_groups for p in g["params"]]
        torch.nn.utils.clip_grad_norm_(parameters, config.clip)
        meter.add_gradient(optimizer.param_groups)
        optimizer.step()
        warm_up.step()
        optimizer.zero_grad()
        history.append({k: v.item() for k, v in {"loss": total, **losses}.items()})
        if report:
            report(step + 1, history[-1])
    return history, meter.shares()


def _losses(
    model: DualEncoder,
    captions: CaptionData,
    claims: ClaimData,
    config: TrainConfig,
    rng: np.random.Generator,
) -> dict[str, torch.Tensor]:
    """Both losses of one batch; every distinct text is encoded once."""
    pairs = captions.rows[rng.choice(len(captions.rows), config.captions, replace=False)]
    images, texts = np.unique(pairs[:, 0]), np.unique(pairs[:, 1])
    units = rng.choice(len(claims.units), min(config.claims, len(claims.units)), replace=False)
    sets = [row for unit in units for row in claims.units[unit]]
    words = [captions.texts[i] for i in texts] + [c for s in sets for c in claims.claims[s]]
    distinct = sorted(set(words), key=lambda w: (len(w), w))
    at = {w: i for i, w in enumerate(distinct)}
    vectors = model.text_features(*model.tokenize(distinct))
    caption_vectors = vectors[[at[captions.texts[i]] for i in texts]]
    claim_vectors = vectors[[at[c] for s in sets for c in claims.claims[s]]]
    claim_vectors = claim_vectors.reshape(len(sets), -1, vectors.shape[1])
    truth = captions.truth[images][:, texts]
    cosines = torch.einsum("sd,skd->sk", claims.images[sets], claim_vectors)
    scale = model.logit_scale
    return {
        "caption": caption_loss(captions.images[images] @ caption_vectors.T, truth, scale),
        "claim": claim_loss(cosines, claims.answers[sets], scale),
    }


def build_run(
    model: DualEncoder,
    base: str,
    facts: Path,
    contextual: Path,
    folder: Path,
    weights: LayerWeights,
    config: TrainConfig,
    *,
    store: Path | None = None,
    fresh: bool = False,
    report: Report | None = None,
) -> dict[str, Any]:
    """Train on the training split of a contextual set and leave a run folder.

    Args:
        model: loaded base; it is changed.
        base: the model string that loads the base again.
        facts: the facts folder that the set was built from.
        contextual: a folder of `nast contextual build`.
        folder: gets `lora/` (loadable by peft), `losses.csv`, `updates.json`, `run.json`.
        weights: scale per block.
        config: see `TrainConfig`.
        store: folder for the base's vectors.
        fresh: start over in a folder of another configuration.
        report: called after each step.

    Returns:
        The manifest with the update shares.
    """
    settings = {"stage": "train", "base": base, "base_key": model.key, **asdict(config),
                "rank": RANK, "alpha": ALPHA, "scale": weights.scale}  # fmt: skip

    inputs = [Path(facts), Path(contextual), *model.made_from]

    def make(out: Path) -> dict[str, Any]:
        captions = read_table(contextual / "captions.parquet", CAPTIONS_SCHEMA)
        claims = read_table(contextual / "claims.parquet", CLAIMS_SCHEMA)
        captions, claims = captions.filter(split="train"), claims.filter(split="train")
        if len(captions) < config.captions or not len(claims):
            raise InputError(contextual, found=f"{len(captions)} captions and {len(claims)} claim "
                             "sets of the train split", expected=f"at least {config.captions} "
                             "captions and one claim set")  # fmt: skip
        studies, table = read_facts(facts)
        vectors = EmbeddingStore(model, store, policy_of(inputs))
        data = caption_data(vectors, captions, table, studies), claim_data(vectors, claims)
        history, shares = train(model, *data, weights, config, report)
        _save(out, model, base, inputs, history, shares)
        return {"counts": {"steps": config.steps}, "update shares": shares}

    return stage(folder, settings, inputs, make, fresh=fresh)


def _save(
    out: Path,
    model: DualEncoder,
    base: str,
    inputs: list[Path],
    history: list[dict[str, float]],
    shares: dict[str, list[float]],
) -> None:
    model.network.save_pretrained(out / "lora", save_embedding_layers=False)
    with atomic(out / "losses.csv") as temporary:
        pl.DataFrame(history).with_row_index("step", 1).write_csv(temporary)
    write_json(out / "updates.json", shares)
    write_json(out / "run.json", {"base": base, "base_key": model.key})
    for folder in (out, out / "lora"):
        write_text(folder / "README.md", _card(base, inputs))


def _card(base: str, inputs: list[Path]) -> str:
    """The card of the weights; it lies beside them, so that it goes where they go."""
    terms = sorted({t for m in manifests_of(inputs) for t in m.get("terms", [])})
    lines = "\n".join(f"- {line}" for line in terms)
    return (
        f"# LoRA weights trained by nast\n\nBase: `{base}`. Text tower only; load with peft, or as "
        "`run:FOLDER` in nast. Research use; not a medical device.\n\n"
        f"Data policy: **{policy_of(inputs)}**. Weights are made from the data: share them under "
        f"the data's terms only.\n\n{lines}\n"
    )
