"""Models on data folders: per-item scores first, figures second (paper sections 3.3, 5.2-5.5)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.benchmark.card import review_status
from nast.errors import InputError, UsageError
from nast.files import manifest_of, read_table, write_json, write_table
from nast.folders import stage, strictest_of
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.cache import AnswerCache
from nast.measuring.breakdown import breakdown
from nast.measuring.comparisons import compare_models
from nast.measuring.metrics import Figures, by_label, metrics_of
from nast.measuring.no_harm import MARGIN, no_harm
from nast.measuring.subsets import described
from nast.models.contract import DualEncoder
from nast.records import CAPTIONS_SCHEMA, SCORES_SCHEMA
from nast.scoring.chat import ChatModel, reply_figures
from nast.scoring.choice import CHOICE, PROTOCOLS
from nast.scoring.datasets import labelled, split_label
from nast.scoring.items import Data, LeftOut, data_of, identities, whole_groups
from nast.scoring.neutral import NEUTRAL_SCHEMA, drift
from nast.scoring.one_model import Means, Model, Settings, score_model
from nast.scoring.resume import NOTHING, Earlier, earlier_result
from nast.scoring.retrieval import blind_retrieval, gallery_size
from nast.scoring.truths import truths_behind

__all__ = ["evaluate", "whole_groups"]

Part = tuple[Sequence[Data], pl.DataFrame]


def evaluate(
    models: Sequence[Model],
    data: Sequence[Path],
    folder: Path,
    *,
    split: str = "test",
    seed: int = 0,
    limit: int | None = None,
    max_bad: int = 0,
    store: Path | None = None,
    answers: Path | None = None,
    gallery: str = "unique",
    protocol: str = "default",
    controls: bool = False,
    margin: float = MARGIN,
    fresh: bool = False,
) -> dict[str, Any]:
    """Score models on the questions, claim sets, captions and labels of some folders.

    A finished result of the same data and settings is added to: models that it has are neither
    scored again nor lost.

    Args:
        models: loaded dual encoders; files of scores and chat models (questions and claim sets
            only).
        data: folders of `nast benchmark build`, `nast contextual build` or `nast facts` (prompt
            pairs on its labels). Where two have tables of one kind, each folder's figures stand
            under its name (`datasets`).
        folder: gets `scores.parquet`, `metrics.json`, `comparisons.json`, `no_harm.json` (every
            model against the first), `neutral.parquet` (vectors of the neutral sentences) and,
            with `controls`, `controls.json`.
        split: which patients; `all` for every split.
        seed: of the bootstrap, of sampled galleries and of shuffled images.
        limit: at most so many items per table, for a look.
        max_bad: how many items that cannot be scored are passed over; the manifest names them.
        store: folder for vectors, shared between runs; memory only if not given.
        answers: file of chat models' replies, outside of `folder`; a run that was killed goes on
            from it. Memory only if not given.
        gallery: of the headline retrieval: `unique`, `full`, `sampled:N` or `candidates`.
        protocol: how a tie for the best option counts, a key of `choice.PROTOCOLS`.
        controls: also score without the image, with a wrong one, and without the negators.
        margin: largest loss of accuracy, recall or AUC that counts as no harm, in [0, 1).
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `metrics.json` has the figures of each model by name.

    Raises:
        InputError: more than `max_bad` items cannot be scored, or a folder has nothing to score.
        ModelError: a model's vectors are not finite or not of unit length; names the items. Or a
            chat model's server does not answer.
        AccessError: the data must not go to a chat model's server; nothing was sent.
        UsageError: two folders of one name have tables of one kind, two models one name, or an
            unknown gallery or protocol, or a margin that is none.
    """
    asked = Settings(split, seed, limit, max_bad, gallery, protocol, controls, margin)
    _check_call(models, asked)
    inputs = [*map(Path, data), *(place for m in models for place in m.made_from)]
    config: dict[str, Any] = {"stage": "evaluate", **asked._asdict()}
    earlier = NOTHING if fresh else earlier_result(folder, config, data)
    keys = {**earlier.models, **{m.name: m.key for m in models}}
    # Weights are made from data too: what a run was trained on binds its figures.
    inputs = list(dict.fromkeys([*inputs, *earlier.inputs]))
    new = [m for m in models if earlier.models.get(m.name) != m.key]
    means = Means(store, strictest_of(inputs), AnswerCache(answers), _servers(new, data))

    def make(out: Path) -> dict[str, Any]:
        return _make(out, new, earlier, [Path(d) for d in data], means, asked)

    added = (
        bool(new)
        and bool(earlier.models)
        and all(keys[name] == key for name, key in earlier.models.items())
    )
    return stage(folder, {**config, "models": keys}, inputs, make, fresh=fresh or added)


def _check_call(models: Sequence[Model], asked: Settings) -> None:
    names = [m.name for m in models]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} stands for two models: their rows would be mixed")
    gallery_size(asked.gallery)
    if asked.protocol not in PROTOCOLS:
        raise UsageError(f"--protocol is {asked.protocol!r}; choose {', '.join(PROTOCOLS)}")
    if not 0 <= asked.margin < 1:
        raise UsageError(
            f"--margin is {asked.margin}; it is a loss of accuracy or AUC, from 0 on "
            "and below 1, for example 0.01 for one point"
        )


def _servers(models: Sequence[Model], data: Sequence[Path]) -> dict[str, LanguageModel]:
    """How to ask each chat model, once the access class of the data allows it."""
    access = strictest_of(data)
    return {m.name: m.server(access) for m in models if isinstance(m, ChatModel)}


def _make(
    out: Path,
    models: Sequence[Model],
    earlier: Earlier,
    folders: Sequence[Path],
    means: Means,
    asked: Settings,
) -> dict[str, Any]:
    tables = data_of(folders, asked.split, asked.limit)
    if not tables:
        raise InputError(
            folders[0], found=f"no items of the {asked.split} split", expected="some items"
        )
    frames = [] if earlier.scores is None else [earlier.scores]
    neutral = [] if earlier.neutral is None else [earlier.neutral]
    controls, notes = dict(earlier.controls), dict(earlier.notes)
    sent = earlier.sent | {n: dict(s.allowed) for n, s in means.servers.items()}
    specs = earlier.specs | {m.name: m.spec for m in models if isinstance(m, DualEncoder)}
    left_out: dict[str, LeftOut] = {}
    kept, broken = tables, 0
    for model in models:
        scored = score_model(model, tables, kept, means, asked)
        kept, broken = scored.tables, max(broken, scored.broken)
        left_out |= scored.left_out
        frames += scored.scores
        neutral += [] if scored.neutral is None else [scored.neutral]
        if scored.controls:
            controls[model.name] = scored.controls
        if scored.notes:
            notes[model.name] = scored.notes
    if not any(len(f) for f in frames):
        raise InputError(
            folders[0],
            found="no item that can be scored",
            expected="whole groups with readable images",
        )
    scores = pl.concat(frames)
    write_table(out / "scores.parquet", scores, SCORES_SCHEMA)
    if controls:
        write_json(out / "controls.json", controls)
    vectors = pl.concat(neutral) if neutral else pl.DataFrame(schema=NEUTRAL_SCHEMA)
    if len(vectors):
        write_table(out / "neutral.parquet", vectors, NEUTRAL_SCHEMA)
    names = {
        label: [d.name for d in tables if d.label == label]
        for label in dict.fromkeys(d.label for d in tables)
    }
    parts = {
        label: ([d for d in kept if d.label == label], scores.filter(pl.col("data").is_in(some)))
        for label, some in names.items()
    }
    _write_figures(out, parts, vectors, notes, list(sent), asked)
    return {
        "counts": {"rows": len(scores)},
        "data": identities(tables),
        "bad_images": broken,
        "left_out": left_out,
        "notes": notes,
        "sent": sent,
        "specifications": specs,
        "review": {f.name: review_status(manifest_of(f)) for f in folders},
    }


def _write_figures(
    out: Path,
    parts: Mapping[str, Part],
    neutral: pl.DataFrame,
    notes: Mapping[str, Any],
    chat: Sequence[str],
    asked: Settings,
) -> None:
    """`metrics.json`, `comparisons.json` and `no_harm.json`, from what was scored.

    Args:
        out: the folder.
        parts: label -> its tables, as they were scored, and all models' scores on them.
        neutral: `NEUTRAL_SCHEMA` rows.
        notes: of all models.
        chat: names of the chat models.
        asked: see `Settings`.
    """
    figures: dict[str, Figures] = {}
    compared: list[dict[str, Any]] = []
    harm: list[dict[str, Any]] = []
    for label, (tables, scores) in parts.items():
        said = {
            name: {
                split_label(what)[1]: items
                for what, items in notes.get(name, {}).items()
                if split_label(what)[0] == label
            }
            for name in chat
        }
        for name, found in _figures(tables, scores, said, asked).items():
            figures.setdefault(name, {}).update(labelled(label, found))
        rows = compare_models(scores, asked.seed, PROTOCOLS[asked.protocol])
        compared += [{**row, "figure": label + row["figure"]} for row in rows]
        rows = no_harm(scores, asked.seed, asked.margin)
        harm += [{**row, "figure": label + row["figure"]} for row in rows]
    harm += drift(neutral, next(iter(figures)), asked.seed)
    write_json(out / "metrics.json", figures)
    write_json(out / "comparisons.json", compared)
    write_json(out / "no_harm.json", harm)


def _figures(
    tables: Sequence[Data], scores: pl.DataFrame, replies: Mapping[str, Any], asked: Settings
) -> dict[str, Figures]:
    """Every model's figures on the data of one label, by their plain names, and those of `blind`.

    Args:
        tables: of the label, as they were scored.
        scores: `SCORES_SCHEMA` rows of all models on them.
        replies: chat model -> notes on its replies there.
        asked: see `Settings`.
    """
    ties = PROTOCOLS[asked.protocol]
    known = {d.kind: described(d.kind, d.table) for d in tables if d.kind in CHOICE}
    figures = {
        name: metrics_of(part, asked.seed, ties) | breakdown(part, known, asked.seed, ties)
        for name, part in by_label(scores)
    }
    for name in [n for n in replies if n in figures]:
        figures[name] |= reply_figures(scores.filter(model=name), replies[name], asked.seed)
    return figures | _blind(tables, asked)


def _blind(tables: Sequence[Data], asked: Settings) -> dict[str, Any]:
    """Retrieval by one ranking for all images, where there are captions."""
    beside = [d.folder for d in tables]
    for data in tables:
        if data.kind == "captions":
            every = read_table(data.folder / "captions.parquet", CAPTIONS_SCHEMA)
            scores = blind_retrieval(
                data.table,
                every.filter(split="train"),
                data.name,
                asked.gallery,
                truths_behind(data, beside),
                asked.seed,
            )
            return {"blind": metrics_of(scores, asked.seed)}
    return {}
