"""What a finished evaluation already has, so that another model costs only that model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast import __version__
from nast.evaluation.neutral import NEUTRAL_SCHEMA
from nast.records import SCORES_SCHEMA
from nast.store import MANIFEST, content_hash, file_hash, manifest_of, read_json, read_table


class Earlier(NamedTuple):
    """Models of an earlier run by name and key, its inputs, scores, controls and notes; what
    allowed data to be sent, by chat model; what the dual encoders are, and their vectors of the
    neutral sentences.
    """

    models: dict[str, str]
    inputs: list[Path]
    scores: pl.DataFrame | None
    controls: dict[str, Any]
    notes: dict[str, Any]
    sent: dict[str, Any]
    specs: dict[str, Any]
    neutral: pl.DataFrame | None


NOTHING = Earlier({}, [], None, {}, {}, {}, {}, None)


def earlier_result(folder: Path, config: dict[str, Any], data: Sequence[Path]) -> Earlier:
    """The result in a folder, if it can be added to.

    It can if it is finished, was made by this version with the same settings from the same
    data, and nothing that it was made from has changed since.

    Args:
        folder: of `nast evaluate`.
        config: what is asked for now, without the models.
        data: folders that are asked for now.

    Returns:
        What is there; nothing where it cannot be added to.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        return NOTHING
    made = manifest_of(folder)
    then = {k: v for k, v in made["config"].items() if k != "models"}
    inputs: dict[str, str] = made["inputs"]
    if then != config or made["version"] != __version__:
        return NOTHING
    if not {str(d) for d in data} <= set(inputs) or any(_hash(p) != h for p, h in inputs.items()):
        return NOTHING
    models = made["config"]["models"]
    others = set(inputs) - {str(d) for d in data}
    if any(_is_data(Path(p)) for p in others):
        return NOTHING
    controls, neutral = folder / "controls.json", folder / "neutral.parquet"
    return Earlier(
        models,
        [Path(p) for p in inputs],
        read_table(folder / "scores.parquet", SCORES_SCHEMA),
        read_json(controls) if controls.is_file() else {},
        made.get("notes", {}),
        made.get("sent", {}),
        made.get("specifications", {}),
        read_table(neutral, NEUTRAL_SCHEMA) if neutral.is_file() else None,
    )


def _hash(place: str) -> str | None:
    path = Path(place)
    if (path / MANIFEST).is_file():
        return content_hash(manifest_of(path))
    return file_hash(path) if path.is_file() else None


def _is_data(path: Path) -> bool:
    """Whether an input is data to score, and no model's run or file of scores."""
    return path.is_dir() and manifest_of(path)["config"]["stage"] != "train"
