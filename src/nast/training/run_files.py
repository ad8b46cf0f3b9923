"""The files of a run: LoRA weights, losses, update shares, a card."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import torch
from safetensors.torch import save_file

from nast.files import atomic, write_json, write_text
from nast.folders import manifests_of, strictest_of
from nast.models.contract import DualEncoder
from nast.models.registry import located
from nast.training.processes import processes
from nast.training.trainer import Outcome

History = list[dict[str, float]]


def ends(history: History) -> History:
    """Step and losses of the first step and of the last."""
    return [
        {"step": step, **{n: v for n, v in history[step - 1].items() if not _is_validation(n)}}
        for step in sorted({1, len(history)})
    ]


def validations(history: History) -> History:
    """Step and figures of each validation."""
    found = [
        (step, {n: v for n, v in row.items() if _is_validation(n)})
        for step, row in enumerate(history, 1)
    ]
    return [{"step": step, **figures} for step, figures in found if figures]


def _is_validation(name: str) -> bool:
    return name.startswith("validation")


def machine(model: DualEncoder) -> dict[str, Any]:
    """What a run was made on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        **{name: version(name) for name in ("transformers", "peft")},
        "processor": platform.machine(),
        "threads": torch.get_num_threads(),
        "device": str(model.device),
        "processes": processes()[1],
    }


def write_run(
    out: Path, model: DualEncoder, base: str, inputs: list[Path], outcome: Outcome
) -> None:
    """Write everything but the manifest.

    Args:
        out: the run folder.
        model: with the last LoRA weights.
        base: the MODEL that loads the base again.
        inputs: folders that the run was made from.
        outcome: of the training.
    """
    model.network.save_pretrained(out / "lora", save_embedding_layers=False)
    folders = [out, out / "lora"]
    if outcome.best:
        model.network.save_pretrained(out / "lora-last", save_embedding_layers=False)
        folders.append(out / "lora-last")
        # The names under which peft saves lack the name of the weights' set.
        best = {n.replace(".default.", "."): p for n, p in outcome.best.items()}
        with atomic(out / "lora" / "adapter_model.safetensors") as temporary:
            save_file(best, temporary, {"format": "pt"})
    for name, rows in (("losses.csv", outcome.history), ("updates.csv", outcome.updates)):
        table = by_step(rows)
        with atomic(out / name) as temporary:
            table.write_csv(temporary)
    write_json(out / "updates.json", outcome.shares)
    at = {"base_at": located(base)} if located(base) != base else {}
    run = {"base": base, **at, "base_key": model.key, "precision": model.precision}
    write_json(out / "run.json", run)
    for folder in folders:
        write_text(folder / "README.md", _card(base, inputs))


def by_step(rows: History) -> pl.DataFrame:
    """Rows as a table with a column `step`.

    A validation's figures stand in the row of its step and leave the others blank.
    """
    table = pl.DataFrame(rows, infer_schema_length=None)
    return table if "step" in table.columns else table.with_row_index("step", 1)


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
