"""The files of a run: LoRA weights, losses, update shares, a card."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl
import torch

from nast.files import atomic, write_json, write_text
from nast.items.card import markdown_table
from nast.models.contract import DualEncoder
from nast.models.model_export import weights_card
from nast.models.registry import located
from nast.processes import processes
from nast.training.interpolation import ChosenShare
from nast.training.lora import lora_parameters
from nast.training.state import RunState

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


def write_run(out: Path, model: DualEncoder, base: str, run: RunState) -> None:
    """Write weights, losses and updates; the model has the weights of `lora/` afterwards.

    Args:
        out: the run folder.
        model: with the last LoRA weights.
        base: the MODEL that loads the base again.
        run: at its end.
    """
    if run.best:
        model.network.save_pretrained(out / "lora-last", save_embedding_layers=False)
        put_best(run)
    model.network.save_pretrained(out / "lora", save_embedding_layers=False)
    for name, rows in (("losses.csv", run.history), ("updates.csv", run.meter.steps)):
        table = by_step(rows)
        with atomic(out / name) as temporary:
            table.write_csv(temporary)
    write_json(out / "updates.json", run.meter.shares())
    at = {"base_at": located(base)} if located(base) != base else {}
    record = {"base": base, **at, "base_key": model.key, "precision": model.precision}
    write_json(out / "run.json", record)


def write_cards(out: Path, base: str, inputs: list[Path], chosen: ChosenShare) -> None:
    """Write the card of the weights beside each of their files.

    Args:
        out: the run folder.
        base: the MODEL that loads the base again.
        inputs: folders that the run was made from.
        chosen: how much of the change serves, and what each share does on validation patients.
    """
    title = "LoRA weights trained by nast"
    usage = (
        "Text tower only. The weights are whole (g = 1): load them with peft, or as "
        "`run:FOLDER@1`. `run:FOLDER` takes the part g of `manifest.json`, and `nast models "
        "export run:FOLDER` writes it."
    )
    card = weights_card(title, base, usage, inputs, _shares_found(chosen))
    for folder in (out, out / "lora", out / "lora-last"):
        if folder.is_dir():
            write_text(folder / "README.md", card)


def _shares_found(chosen: ChosenShare) -> str:
    """The section of a card on the validation patients."""
    if not chosen.curve and chosen.items:
        return "The whole change is taken (g = 1), as the paper does."
    if not chosen.curve:
        return "No validation patients were there to choose a part of the change: g = 1."
    rows = [
        [
            f"**{row['g']:g}**" if row["g"] == chosen.g else f"{row['g']:g}",
            f"{row['repaired']:.3f}",
            f"{row['loss']:+.3f} ± {row['half_width']:.3f}",
            f"{row['worst']:+.3f}",
        ]
        for row in chosen.curve
    ]
    header = ["g", "denials right", "loss elsewhere", "largest loss of a part"]
    n = ", ".join(f"{count:,} {part}" for part, count in chosen.items.items())
    text = (
        "## On the validation patients\n\nDenials are negated claim sets and questions; elsewhere "
        "are affirmative ones, claims that deny nothing, and affirmative candidate lists. The "
        f"chosen g is bold. Items: {n}.\n\n{markdown_table(header, rows)}"
    )
    return text + (f"\n\n{chosen.warning}" if chosen.warning else "")


def put_best(run: RunState) -> None:
    """Give the network the best LoRA weights at validation, where there was one."""
    parameters = lora_parameters(run.network)
    with torch.no_grad():
        for name, best in (run.best or {}).items():
            parameters[name].copy_(best)


def by_step(rows: History) -> pl.DataFrame:
    """Rows as a table with a column `step`.

    A validation's figures stand in the row of its step and leave the others blank.
    """
    table = pl.DataFrame(rows, infer_schema_length=None)
    return table if "step" in table.columns else table.with_row_index("step", 1)
