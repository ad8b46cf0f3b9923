"""Models on data folders: scores first, the metrics table second (paper sections 3.3, 5.2-5.5)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError, UsageError
from nast.files import manifest_of, write_table
from nast.folders import identity, seal_folder, strictest_of
from nast.items.card import review_status
from nast.language.write.llm.cache import AnswerCache
from nast.lock import locked
from nast.measuring.compare import MARGIN
from nast.measuring.measure import Scored, measure
from nast.measuring.read import read_scored, scored_of
from nast.measuring.ties import TIES
from nast.models.contract import DualEncoder
from nast.naming import run_setting
from nast.ranges import FRACTION
from nast.records import METRICS_SCHEMA, SCORE_TABLES
from nast.scoring.chat import ChatModel
from nast.scoring.data import Data, data_of, identities
from nast.scoring.retrieval import gallery_size
from nast.scoring.score import Model, Resources, Scoring, Wanted, score_models
from nast.scoring.score_file import ScoreFile
from nast.stages import stage

RESERVED = ("blind", "chance")
"""Names of rows of the tables that are no model."""
METRICS = "metrics.parquet"


def score(
    models: Sequence[DualEncoder | ScoreFile],
    data: Sequence[Path | str] | Path | str,
    *,
    split: str = "test",
    gallery: str = "unique",
    controls: bool = False,
    vectors: Path | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> Scored:
    """Score models on data, in memory; `evaluate` does it with a folder.

    Args:
        models: of `load_model`, runs' models, or files of scores; chat models are for `evaluate`.
        data: a folder, or several, of `nast benchmark build`, `nast contextual build` or `nast
            facts` (prompt pairs on its labels).
        split: which patients; `all` for every split.
        gallery: of the retrieval among captions: `unique`, `full` or `sampled:N`.
        controls: also score without the image, with a wrong one, and without the negators.
        vectors: folder for vectors, shared between calls; memory only if not given.
        limit: at most so many items per table, for a look.
        seed: of sampled galleries and of shuffled images.

    Returns:
        What `nast.metrics` measures; `scores`, `hits` and `pairs` are polars tables.

    Raises:
        InputError: an item cannot be scored, or a folder has nothing to score.
        UsageError: two models, or two data sets, have one name, or `gallery` is unknown.

    Examples:
        >>> scored = nast.score([nast.load_model("phantom")], "benchmark")
        >>> nast.metrics(scored).filter(statistic="accuracy")  # doctest: +SKIP
    """
    check_models(models)
    gallery_size(gallery)
    folders = [Path(data)] if isinstance(data, Path | str) else [Path(d) for d in data]
    tables = _tables(folders, split, limit)
    inputs = [*folders, *(place for m in models for place in m.made_from)]
    resources = Resources(vectors, strictest_of(inputs))
    wanted = Wanted(gallery=gallery, controls=controls, seed=seed)
    done = score_models(models, tables, resources, wanted)
    return scored_of(done.tables, done.data, [model_record(m) for m in models], gallery)


def metrics(
    scored: Scored, *, ties: str = "default", seed: int = 0, margin: float = MARGIN
) -> pl.DataFrame:
    """Every number that some scores allow, as the metrics table; see `measuring.measure`.

    Args:
        scored: of `nast.score`.
        ties: whose rule for a tie for the best option, a key of `TIES`.
        seed: of the bootstraps.
        margin: largest loss that counts as no harm.

    Returns:
        `METRICS_SCHEMA` rows; Table 1 is a filter and a pivot of them.

    Examples:
        >>> scored = nast.score([nast.load_model("phantom")], "benchmark")
        >>> table = nast.metrics(scored)
        >>> table.filter(statistic="accuracy", form="negated", set="questions")["chance"][0]
        0.25
    """
    return measure(scored, ties=ties, seed=seed, margin=margin)


def evaluate(
    models: Sequence[Model],
    data: Sequence[Path],
    folder: Path,
    *,
    split: str = "test",
    seed: int = 0,
    limit: int | None = None,
    max_bad: int = 0,
    vectors: Path | None = None,
    answers: Path | None = None,
    gallery: str = "unique",
    ties: str = "default",
    controls: bool = False,
    margin: float = MARGIN,
    fresh: bool = False,
) -> dict[str, Any]:
    """Score models on the items, captions and labels of some folders, and measure.

    Args:
        models: loaded dual encoders; files of scores and chat models (items only).
        data: folders of `nast benchmark build`, `nast contextual build` or `nast facts` (prompt
            pairs on its labels). A data set is known by the name of its folder.
        folder: gets `metrics.parquet` and the tables that it is made from (`records.SCORE_TABLES`,
            those that have rows).
        split: which patients; `all` for every split.
        seed: of the bootstrap, of sampled galleries and of shuffled images.
        limit: at most so many items per table, for a look.
        max_bad: how many items that cannot be scored are passed over; the manifest names them.
        vectors: folder for vectors, shared between runs; memory only if not given.
        answers: file of chat models' replies, outside of `folder`; a run that was killed goes on
            from it. Memory only if not given.
        gallery: of the retrieval among captions: `unique`, `full` or `sampled:N`.
        ties: how a tie for the best option counts, a key of `TIES`.
        controls: also score without the image, with a wrong one, and without the negators.
        margin: largest loss of accuracy, recall or AUC that counts as no harm, in [0, 1).
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest.

    Raises:
        InputError: more than `max_bad` items cannot be scored, or a folder has nothing to score.
        ModelError: a model's vectors are not finite or not of unit length; names the items. Or a
            chat model's server does not answer.
        AccessError: the data must not go to a chat model's server; nothing was sent.
        UsageError: two folders have one name, two models one name and seed, a model has the name
            of a row that is none, or an option is unknown.

    Examples:
        >>> model = nast.load_model("phantom")
        >>> made = nast.evaluate([model], ["benchmark"], tmp / "scores")
        >>> (tmp / "scores" / "metrics.parquet").is_file()
        True
    """
    check_models(models)
    gallery_size(gallery)
    if ties not in TIES:
        raise UsageError(f"--ties is {ties!r}; choose {', '.join(TIES)}")
    FRACTION.check("--margin", margin)
    inputs = [*map(Path, data), *(place for m in models for place in m.made_from)]
    config: dict[str, Any] = {
        "stage": "evaluate",
        "split": split,
        "seed": seed,
        "limit": limit,
        "max_bad": max_bad,
        "gallery": gallery,
        "ties": ties,
        "controls": controls,
        "margin": margin,
        "models": [{"name": m.name, "seed": m.seed, "key": m.key} for m in models],
    }
    servers = {m.name: m.server(strictest_of(data)) for m in models if isinstance(m, ChatModel)}
    resources = Resources(vectors, strictest_of(inputs), AnswerCache(answers), servers)

    def make(out: Path) -> dict[str, Any]:
        tables = _tables([Path(d) for d in data], split, limit)
        wanted = Wanted(gallery, controls, ties != "default", max_bad, seed)
        done = score_models(models, tables, resources, wanted)
        for name, rows in done.tables.items():
            if len(rows) or name == "scores":
                write_table(out / f"{name}.parquet", rows, SCORE_TABLES[name])
        records = [model_record(m) for m in models]
        scored = scored_of(done.tables, done.data, records, gallery)
        found = measure(scored, ties=ties, seed=seed, margin=margin)
        write_table(out / METRICS, found, METRICS_SCHEMA)
        return _account(done, tables, records, servers)

    return stage(folder, config, list(dict.fromkeys(inputs)), make, fresh=fresh)


def measure_again(folder: Path, data: Sequence[Path] = ()) -> pl.DataFrame:
    """Make `metrics.parquet` of a finished evaluation again, from its scores and their items.

    No model is loaded. What was asked for (ties, seed, margin) is read from the manifest.

    Args:
        folder: of `nast evaluate`.
        data: the data folders, where they are not where they were.

    Returns:
        `METRICS_SCHEMA` rows, as the folder now holds them.

    Raises:
        InputError: the folder is no evaluation, or its data cannot be found or were changed.
    """
    folder = Path(folder)
    made = manifest_of(folder)
    asked = made["config"]
    if asked.get("stage") != "evaluate":
        raise InputError(folder, found="no evaluation", expected="a folder of nast evaluate")
    scored = read_scored([folder], data)
    found = measure(scored, ties=asked["ties"], seed=asked["seed"], margin=asked["margin"])
    with locked(folder):
        write_table(folder / METRICS, found, METRICS_SCHEMA)
        seal_folder(folder, {n: v for n, v in made.items() if n != "seal"})
    return found


def check_models(models: Sequence[Model]) -> None:
    """Refuse models whose rows would be mixed, or taken for something else.

    Raises:
        UsageError: two have one name and seed, or one has the name of a row that is no model.
    """
    names = [(m.name, m.seed) for m in models]
    for name, seed in names:
        if names.count((name, seed)) > 1:
            of = "" if seed is None else f" with seed {seed}"
            raise UsageError(
                f"{name}{of} stands for two models: their rows would be mixed; name one of them, "
                "NAME=MODEL"
            )
        if name in RESERVED:
            raise UsageError(
                f"{name!r} is the name of a row of the tables that is no model; name the model "
                "otherwise, NAME=MODEL"
            )


def _tables(folders: Sequence[Path], split: str, limit: int | None) -> list[Data]:
    tables = data_of(folders, split, limit)
    if not tables:
        raise InputError(
            folders[0] if folders else "no data",
            found=f"no items of the {split} split",
            expected="some items",
        )
    return tables


def model_record(model: Model) -> dict[str, Any]:
    """What a model is: its name and seed and, of a run, what its manifest says."""
    record: dict[str, Any] = {"name": model.name, "seed": model.seed, "key": model.key}
    if isinstance(model, DualEncoder):
        record |= {"g": model.g, "specification": model.spec}
        if model.run is not None:
            record["run"] = {**model.run._asdict()}
        # A run in memory was made from data, and lies in no folder.
        last = model.made_from[-1:]
        if last and run_setting(manifest_of(last[0])):
            record["run"]["identity"] = identity(last[0])
    return record


def _account(
    done: Scoring,
    tables: Sequence[Data],
    records: Sequence[Mapping[str, Any]],
    servers: Mapping[str, Any],
) -> dict[str, Any]:
    """What the manifest says of an evaluation."""
    folders = list(dict.fromkeys(d.folder for d in tables))
    return {
        "counts": {"rows": sum(map(len, done.tables.values()))},
        "data": identities(tables),
        "models": list(records),
        "bad_images": done.broken,
        "left_out": done.left_out,
        "notes": done.notes,
        "sent": {name: dict(server.allowed) for name, server in servers.items()},
        "review": {f.name: review_status(manifest_of(f)) for f in folders},
    }
