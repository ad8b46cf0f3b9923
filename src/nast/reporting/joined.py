"""Several folders of `nast evaluate` read as one: models side by side, data sets apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import UsageError
from nast.files import manifest_of, read_table
from nast.measuring.measure import measure
from nast.measuring.read import read_scored
from nast.measuring.values import IMAGE_TO_TEXT
from nast.records import LISTS, METRICS_SCHEMA, SCORES_SCHEMA

SETTINGS = ("split", "limit", "gallery", "ties", "seed")
"""What must be equal for evaluations to share a table."""


@dataclass(frozen=True)
class Joined:
    """What evaluations hold together.

    Attributes:
        metrics: `METRICS_SCHEMA` rows; models in the order in which they were scored.
        reading: of the retrieval among captions: the gallery that was asked for.
        margin: the strictest that was asked for.
        trained: name of a setting -> what its runs say they are, for fine-tuned models.
        runs: identity of a run -> the name of its setting.
        claims: how many options the claim sets have: `5`, or `5 to 7`; empty where there are none.
    """

    metrics: pl.DataFrame
    reading: str
    margin: float
    trained: Mapping[str, Mapping[str, Any]]
    runs: Mapping[str, str]
    claims: str

    def retrieval(self, metrics: pl.DataFrame) -> dict[str, str | None]:
        """The columns of the headline retrieval, from images to texts.

        Args:
            metrics: of a data set; where it has candidate lists, they are the headline.
        """
        lists = (metrics["reading"] == LISTS).any()
        reading = LISTS if lists else self.reading
        return {"task": "retrieval", "direction": IMAGE_TO_TEXT, "reading": reading}

    @property
    def models(self) -> list[str]:
        """The names of the settings, in order; the first one is the reference."""
        return self.metrics["model"].drop_nulls().unique(maintain_order=True).to_list()

    @property
    def settings(self) -> list[str]:
        """The models without further shares of a run."""
        return without_shares(self.models)


def without_shares(models: Sequence[str]) -> list[str]:
    """The models without those that are another share of a run which stands among them.

    Examples:
        >>> without_shares(["base", "NAST", "NAST @1", "CLIP @336"])
        ['base', 'NAST', 'CLIP @336']
    """
    return [m for m in models if m.rpartition(" @")[0] not in models]


def join_evaluations(folders: Sequence[Path], data: Sequence[Path] = ()) -> Joined:
    """Read finished evaluations; several are measured again together, so that they are compared.

    Args:
        folders: of `nast evaluate`.
        data: data folders, where they are not where they were.

    Raises:
        InputError: a folder was changed, or the data of several evaluations cannot be found.
        UsageError: one name stands for two data sets or two models, a model is in two
            evaluations of one data set, or these were made with different settings.
    """
    made = {folder: manifest_of(folder) for folder in folders}
    _refuse_two_of_a_name(made)
    asked = next(iter(made.values()))["config"]
    margin = min(m["config"]["margin"] for m in made.values())
    if len(folders) == 1:
        metrics = read_table(folders[0] / "metrics.parquet", METRICS_SCHEMA)
    else:
        scored = read_scored(list(folders), data)
        metrics = measure(scored, ties=asked["ties"], seed=asked["seed"], margin=margin)
    records = [record for m in made.values() for record in m["models"]]
    scores = [read_table(f / "scores.parquet", SCORES_SCHEMA) for f in folders]
    return Joined(
        metrics,
        asked["gallery"],
        margin,
        {r["name"]: r["run"] for r in records if "run" in r},
        # Of several shares of one run the first is the one that its updates are shown under.
        {r["run"]["identity"]: r["name"] for r in records[::-1] if "identity" in r.get("run", {})},
        _claims(pl.concat(scores)),
    )


def _claims(scores: pl.DataFrame) -> str:
    items = scores.filter(set="claims").group_by("data", "item_id")
    last = items.agg(pl.col("option").max())["option"]
    if not len(last):
        return ""
    low, high = int(last.min()) + 1, int(last.max()) + 1  # type: ignore[arg-type]
    return str(low) if low == high else f"{low} to {high}"


def data_sets(metrics: pl.DataFrame) -> list[str | None]:
    """The data sets that need tables of their own; `[None]` where one table serves all.

    That is so where no two data sets have items of one set, or both captions or labels.
    """
    parts = metrics.filter(pl.col("data").is_not_null()).select("data", "set", "task").unique()
    if not parts.select(pl.struct("set", "task").is_duplicated().any()).item():
        return [None]
    return sorted(parts["data"].unique())


def of_data(metrics: pl.DataFrame, data: str | None) -> pl.DataFrame:
    """The metrics of one data set; all of them for None."""
    return metrics if data is None else metrics.filter(data=data)


def _refuse_two_of_a_name(made: Mapping[Path, Mapping[str, Any]]) -> None:
    data: dict[tuple[str, str], tuple[str, Path]] = {}
    models: dict[tuple[str, int | None], tuple[str, Path]] = {}
    scored: dict[tuple[str, int | None, str, str], Path] = {}
    asked: tuple[dict[str, Any], Path] | None = None
    for folder, manifest in made.items():
        config = {s: manifest["config"].get(s) for s in SETTINGS}
        asked = asked or (config, folder)
        if config != asked[0]:
            differing = ", ".join(s for s in SETTINGS if asked[0][s] != config[s])
            raise UsageError(
                f"{asked[1]} and {folder} were scored with another {differing}; report them apart"
            )
        sets = [(n, k, key) for n, kinds in manifest["data"].items() for k, key in kinds.items()]
        for name, kind, key in sets:
            first, place = data.setdefault((name, kind), (key, folder))
            if first != key:
                raise UsageError(
                    f"{place} and {folder} scored different data sets with {kind} that are "
                    f"both called {name!r}; rename one folder of data and evaluate it again"
                )
        for record in manifest["models"]:
            model = (record["name"], record["seed"])
            known, place = models.setdefault(model, (record["key"], folder))
            # A file of scores is another one for every data set.
            if known != record["key"] and "specification" in record:
                raise UsageError(
                    f"{record['name']} is one model in {place} and another in {folder}: their "
                    "rows would be mixed; name one of them, NAME=MODEL"
                )
            for name, kind, _ in sets:
                other = scored.setdefault((*model, name, kind), folder)
                if other != folder:
                    raise UsageError(
                        f"{record['name']} in two evaluations of the same data ({other} and "
                        f"{folder}): its items would count twice; report them apart"
                    )
