"""What a finished evaluation already has, so that another model costs only that model."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.errors import InputError
from nast.files import MANIFEST, manifest_of, read_json, read_table
from nast.folders import identity
from nast.records import SCORES_SCHEMA
from nast.scoring.neutral import NEUTRAL_SCHEMA


class Earlier(NamedTuple):
    """Models of an earlier run by name and key, what they were made from, scores, controls and
    notes; what allowed data to be sent, by chat model; what the dual encoders are, and their
    vectors of the neutral sentences.
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

    It can if it is finished, was made with the same settings from the same data, and all that it
    was made from is still there as it was.

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
    if then != json.loads(json.dumps(config)):
        return NOTHING
    known: dict[str, str] = made["inputs"]
    places = {Path(os.path.normpath(folder / place)): value for place, value in known.items()}
    asked = {identity(d) for d in data}
    others = [p for p, value in places.items() if value not in asked]
    if not asked <= set(known.values()) or any(_as_it_was(p) != places[p] for p in others):
        return NOTHING
    models = made["config"]["models"]
    if any(_is_data(p) for p in others):
        return NOTHING
    controls, neutral = folder / "controls.json", folder / "neutral.parquet"
    return Earlier(
        models,
        others,
        read_table(folder / "scores.parquet", SCORES_SCHEMA),
        read_json(controls) if controls.is_file() else {},
        made.get("notes", {}),
        made.get("sent", {}),
        made.get("specifications", {}),
        read_table(neutral, NEUTRAL_SCHEMA) if neutral.is_file() else None,
    )


def _as_it_was(path: Path) -> str | None:
    """What an input is now; None for one that is gone or was changed."""
    try:
        return identity(path)
    except InputError:
        return None


def _is_data(path: Path) -> bool:
    """Whether an input is data to score, and no model's run or file of scores."""
    return path.is_dir() and manifest_of(path)["config"]["stage"] != "train"
