"""Several folders of `nast evaluate` read as one: models side by side, data sets apart."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.errors import InputError, UsageError
from nast.files import manifest_of, read_json, read_table
from nast.measuring.metrics import in_order
from nast.records import SCORES_SCHEMA
from nast.scoring.datasets import by_data, data_name, kind_of, labels_of, split_label

SETTINGS = ("split", "limit", "gallery", "protocol")
"""What must be equal for two evaluations of one data set to share a table."""
FREE = "blind"
"""Is the same in every evaluation of a data set."""


class Part(NamedTuple):
    """The data sets of one label: its name, figures by model and plain name, and scores."""

    data: str
    metrics: dict[str, dict[str, Any]]
    scores: pl.DataFrame


class Evaluations(NamedTuple):
    """What the folders hold together.

    Attributes:
        metrics: model -> figure, named as one evaluation of all their data would.
        parts: one, or one per data set where two have tables of one kind.
        harm: rows of `no_harm.json`.
        margin: the strictest that was asked for.
    """

    metrics: dict[str, dict[str, Any]]
    parts: list[Part]
    harm: list[dict[str, Any]]
    margin: float


def join_evaluations(folders: Sequence[Path]) -> Evaluations:
    """Read finished evaluations.

    Raises:
        InputError: a folder does not say what its data are.
        UsageError: one name stands for two data sets or two models, a model is in two
            evaluations of one data set, or these were made with different settings.
    """
    made = {folder: manifest_of(folder) for folder in folders}
    for folder, manifest in made.items():
        if "data" not in manifest:
            raise InputError(
                folder,
                found="no list of its data sets",
                expected="a folder of this version; run nast evaluate again",
            )
    _refuse_two_of_a_name(made)
    names = {name: kinds for m in made.values() for name, kinds in _data(m)}
    kinds = sorted({(n, k, "") for m in made.values() for n, some in _data(m) for k in some})
    labels = labels_of(kinds)
    metrics: dict[str, dict[str, Any]] = {}
    harm: dict[tuple[str, ...], dict[str, Any]] = {}
    for folder, manifest in made.items():
        twice = set()
        for model, figures in _metrics(folder / "metrics.json").items():
            found = {_named(f, manifest, labels): figure for f, figure in figures.items()}
            if set(found) & set(metrics.get(model, {})) and model != FREE:
                twice.add(model)
            metrics.setdefault(model, {}).update(found)
        if twice:
            raise UsageError(
                f"{', '.join(sorted(twice))} in two evaluations of the same data: one would hide "
                "the other's figures; report them apart, or score all models in one nast evaluate"
            )
        for row in _harm(folder / "no_harm.json"):
            row["figure"] = _named(row["figure"], manifest, labels)
            harm.setdefault((row["figure"], row["model"], row["reference"]), row)
    scores = pl.concat(read_table(f / "scores.parquet", SCORES_SCHEMA) for f in folders)
    try:
        metrics = in_order(metrics, scores)
    except KeyError:
        raise InputError(
            folders[0],
            found="scores of a model without its figures",
            expected="metrics.json as nast evaluate writes it",
        ) from None
    parts = [
        Part(
            data_name(label),
            figures,
            scores.filter(pl.col("data").is_in([n for n in names if labels[n] == label])),
        )
        for label, figures in sorted(by_data(metrics).items())
    ]
    margin = min(m["config"]["margin"] for m in made.values())
    return Evaluations(metrics, parts, list(harm.values()), margin)


def _metrics(path: Path) -> dict[str, dict[str, Any]]:
    """Model -> figure -> its numbers."""
    found = read_json(path)
    figures = list(found.values()) if isinstance(found, dict) else [None]
    if not all(
        isinstance(f, dict) and all(isinstance(v, dict) for v in f.values()) for f in figures
    ):
        raise InputError(path, found="something else", expected="the figures of each model")
    return dict(found)


def _harm(path: Path) -> list[dict[str, Any]]:
    """What each model may have lost, a row per figure."""
    found = read_json(path)
    names = {"figure", "model", "reference"}
    if not isinstance(found, list) or not all(
        isinstance(r, dict) and names <= set(r) for r in found
    ):
        raise InputError(path, found="something else", expected="rows of nast evaluate")
    return found


def _data(manifest: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    yield from manifest["data"].items()


def _named(figure: str, manifest: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """A figure's name among those of all evaluations; that of a neutral sentence is no data's."""
    label, plain = split_label(figure)
    if plain.startswith("neutral "):
        return plain
    owner = data_name(label) or next(n for n, kinds in _data(manifest) if kind_of(plain) in kinds)
    return labels[owner] + plain


def _refuse_two_of_a_name(made: Mapping[Path, Mapping[str, Any]]) -> None:
    data: dict[tuple[str, str], tuple[str, dict[str, Any], Path]] = {}
    models: dict[str, tuple[str, Path]] = {}
    for folder, manifest in made.items():
        asked = {s: manifest["config"].get(s) for s in SETTINGS}
        for name, kinds in _data(manifest):
            for kind, key in kinds.items():
                first = data.setdefault((name, kind), (key, asked, folder))
                if first[0] != key:
                    raise UsageError(
                        f"{first[2]} and {folder} scored different data sets with {kind} that are "
                        f"both called {name!r}; rename one folder of data and evaluate it again"
                    )
                if first[1] != asked:
                    differing = [s for s in SETTINGS if first[1][s] != asked[s]]
                    raise UsageError(
                        f"{first[2]} and {folder} scored {name!r} with another "
                        f"{', '.join(differing)}; report them apart"
                    )
        for name in manifest.get("specifications", {}):
            key = manifest["config"]["models"][name]
            known, place = models.setdefault(name, (key, folder))
            if known != key:
                raise UsageError(
                    f"{name} is one model in {place} and another in {folder}: their "
                    "rows would be mixed; report them apart"
                )
