"""A run folder: LoRA weights, losses, update shares, card; resumable while it is made."""

import json
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import torch
from safetensors.torch import save_file

from nast.errors import InputError, NastError, UsageError
from nast.files import atomic, read_table, write_json, write_text
from nast.folders import manifests_of, stage, strictest_of
from nast.items.table import read_items
from nast.layers import LayerWeights
from nast.models.contract import DualEncoder
from nast.models.registry import located
from nast.records import CAPTIONS_SCHEMA
from nast.sources.collect import read_facts
from nast.training.batches import CaptionData, ClaimData, caption_data, claim_data
from nast.training.config import TrainConfig
from nast.training.processes import from_first, processes
from nast.training.trainer import Outcome, Report, Validate, train
from nast.training.validation import claim_validation
from nast.vectors import Vectors

STATE = "state.safetensors"
"""The unfinished run, in its folder until it is finished."""


def build_run(
    model: DualEncoder,
    base: str,
    facts: Path,
    contextual: Path,
    folder: Path,
    weights: LayerWeights,
    config: TrainConfig,
    *,
    layers: str | None = None,
    beta: float | None = None,
    literal: bool = False,
    trace: Path | None = None,
    store: Path | None = None,
    fresh: bool = False,
    report: Report | None = None,
) -> dict[str, Any]:
    """Train on the training split of a contextual set and leave a run folder.

    Started again after it was killed, it goes on where it was, bit for bit on a CPU. Under
    `torchrun` all processes call it; the first one's folder is kept, and decides for all.

    Args:
        model: loaded base; it is changed.
        base: the model string that loads the base again.
        facts: the facts folder that the set was built from.
        contextual: a folder of `nast contextual build`.
        folder: gets `lora/` (loadable by peft; the best at validation where there was one, with
            the last in `lora-last/`), `losses.csv`, `updates.csv`, `updates.json`, `run.json`.
        weights: scale per block.
        config: see `TrainConfig`.
        layers: the policy that the weights are of (`policies.layer_policy`). With its `beta`,
            `literal` and trace it stands for them in the record, so that another processor, whose
            powers differ in the last digit, goes on with the run.
        beta: sharpness of the policy, where it was given.
        literal: whether the policy follows the paper's rule.
        trace: folder of `nast trace` that they come from: its policy binds the run.
        store: folder for the base's vectors.
        fresh: start over in a folder of another configuration.
        report: called after each step.

    Returns:
        The manifest with the update shares and the validations.

    Raises:
        InputError: no training captions or claim sets, or none to validate on.
        UsageError: the weights are of a tower with another number of blocks, or the folder
            belongs to another configuration.
    """
    blocks = model.text.n_layers
    if len(weights.scale) != blocks:
        raise UsageError(f"{len(weights.scale)} layer weights for a text tower of {blocks} blocks")
    settings = {
        "stage": "train",
        "base_key": model.key,
        **asdict(config),
        "precision": model.precision,
        **_asked(weights, layers, beta, literal),
    }
    inputs = [Path(facts), Path(contextual), *model.made_from, *([trace] if trace else [])]

    def make(out: Path) -> dict[str, Any]:
        vectors = Vectors(model, store, strictest_of(inputs))
        captions, claims, validate = _data(vectors, model, facts, contextual, config)
        outcome = train(model, captions, claims, weights, config, report, validate, out / STATE)
        _save(out, model, base, inputs, outcome)
        (out / STATE).unlink(missing_ok=True)
        return {
            "counts": {"steps": len(outcome.history)},
            "update shares": outcome.shares,
            "losses": _losses(outcome),
            "validation": _validations(outcome),
            "machine": _machine(model),
        }

    if processes()[0] == 0:
        return _first(folder, settings, inputs, make, fresh)
    return _other(make)


def _asked(
    weights: LayerWeights, layers: str | None, beta: float | None, literal: bool
) -> dict[str, Any]:
    """What the record says of the layer weights: the policy, or the numbers of a file or call."""
    if layers is None or layers.endswith(".json"):
        # A file holds the same numbers wherever it lies; further digits may be computed ones.
        return {"scale": [float(f"{scale:.9g}") for scale in weights.scale]}
    return (
        {"layers": layers}
        | ({"beta": beta} if beta is not None else {})
        | ({"literal": True} if literal else {})
    )


Make = Callable[[Path], dict[str, Any]]


def _first(
    folder: Path, settings: dict[str, Any], inputs: list[Path], make: Make, fresh: bool
) -> dict[str, Any]:
    """The stage, after which the other processes know whether to train, and from which state."""
    told = False

    def tell_and_make(out: Path) -> dict[str, Any]:
        nonlocal told
        told = True
        state = out / STATE
        from_first(b"+" + (state.read_bytes() if state.is_file() else b""))
        return make(out)

    try:
        manifest = stage(folder, settings, inputs, tell_and_make, fresh=fresh, state=STATE)
    except Exception:
        if not told:
            from_first(b"!")
        raise
    if not told:
        from_first(b"=" + json.dumps(manifest).encode())
    return manifest


def _other(make: Make) -> dict[str, Any]:
    """The same work in a folder that is not kept, from the first process's state."""
    said = from_first()
    if said[:1] == b"!":
        raise NastError("the first process cannot train; its message says why")
    if said[:1] == b"=":
        return dict(json.loads(said[1:]))
    with tempfile.TemporaryDirectory() as elsewhere:
        if said[1:]:
            (Path(elsewhere) / STATE).write_bytes(said[1:])
        return make(Path(elsewhere))


def _data(
    vectors: Vectors,
    model: DualEncoder,
    facts: Path,
    contextual: Path,
    config: TrainConfig,
) -> tuple[CaptionData, ClaimData, Validate | None]:
    """Training captions and claim sets, and the validation where one is asked for."""
    captions = read_table(contextual / "captions.parquet", CAPTIONS_SCHEMA).filter(split="train")
    if config.caption_polarity == "negated":
        captions = captions.filter(polarity="negated")
    claims = read_items(contextual).filter(set="claims")
    training, held = claims.filter(split="train"), claims.filter(split="validate")
    if len(captions) < config.captions or not len(training):
        raise InputError(
            contextual,
            found=f"{len(captions)} captions and {len(training)} claim sets of the train split",
            expected=f"at least {config.captions} captions and one claim set",
        )
    if config.validate_every and not len(held):
        raise InputError(
            contextual,
            found="no claim set of the validate split",
            expected="some, or a run without validation",
        )
    known = read_facts(facts)
    data = caption_data(vectors, captions, known.facts, config.seed, known.conditions)
    validate: Validate | None = None
    if config.validate_every:
        accuracy = claim_validation(vectors, held)

        def validate() -> dict[str, float]:
            return accuracy(model)

    return data, claim_data(vectors, training), validate


def _losses(outcome: Outcome) -> list[dict[str, float]]:
    """Step and losses of the first step and of the last."""
    steps = sorted({1, len(outcome.history)})
    return [
        {
            "step": step,
            **{
                n: v for n, v in outcome.history[step - 1].items() if not n.startswith("validation")
            },
        }
        for step in steps
    ]


def _validations(outcome: Outcome) -> list[dict[str, float]]:
    """Step and figures of each validation."""
    return [
        {"step": step, **{n: v for n, v in row.items() if n.startswith("validation")}}
        for step, row in enumerate(outcome.history, 1)
        if any(n.startswith("validation") for n in row)
    ]


def _machine(model: DualEncoder) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{name: version(name) for name in ("transformers", "peft")},
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "device": str(model.device),
        "processes": processes()[1],
    }


def _save(out: Path, model: DualEncoder, base: str, inputs: list[Path], outcome: Outcome) -> None:
    model.network.save_pretrained(out / "lora", save_embedding_layers=False)
    folders = [out, out / "lora"]
    if outcome.best:
        model.network.save_pretrained(out / "lora-last", save_embedding_layers=False)
        folders.append(out / "lora-last")
        # The names under which peft saves lack the name of the weights' set.
        best = {n.replace(".default.", "."): p for n, p in outcome.best.items()}
        with atomic(out / "lora" / "adapter_model.safetensors") as temporary:
            save_file(best, temporary, {"format": "pt"})
    # A validation's figures stand in the row of its step and leave the others blank.
    for name, rows in (("losses.csv", outcome.history), ("updates.csv", outcome.updates)):
        table = pl.DataFrame(rows, infer_schema_length=None)
        table = table if "step" in table.columns else table.with_row_index("step", 1)
        with atomic(out / name) as temporary:
            table.write_csv(temporary)
    write_json(out / "updates.json", outcome.shares)
    at = {"base_at": located(base)} if located(base) != base else {}
    run = {"base": base, **at, "base_key": model.key, "precision": model.precision}
    write_json(out / "run.json", run)
    for folder in folders:
        write_text(folder / "README.md", _card(base, inputs))


def _card(base: str, inputs: list[Path]) -> str:
    """The card of the weights; it lies beside them, so that it goes where they go."""
    terms = sorted({t for m in manifests_of(inputs) for t in m.get("terms", [])})
    lines = "\n".join(f"- {line}" for line in terms)
    return (
        f"# LoRA weights trained by nast\n\nBase: `{base}`. Text tower only; load with peft, or as "
        "`run:FOLDER` in nast. Research use; not a medical device.\n\n"
        f"Access class: **{strictest_of(inputs)}**. Weights are made from the data: share them "
        f"under the data's terms only.\n\n{lines}\n"
    )
