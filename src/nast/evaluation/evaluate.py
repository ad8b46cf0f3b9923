"""Models on data folders: per-item scores first, figures second (paper sections 3.3, 5.2-5.5)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.benchmark.card import review_status
from nast.embeddings import EmbeddingStore
from nast.errors import InputError, ModelError, UsageError
from nast.evaluation.breakdown import breakdown
from nast.evaluation.chat import ChatModel, reply_figures, score_chat
from nast.evaluation.chat_images import readable_images
from nast.evaluation.choice import (
    CHOICE,
    TieRule,
    choice_rows,
    score_claims,
    score_questions,
    vectors_of,
)
from nast.evaluation.comparisons import compare_models
from nast.evaluation.controls import control_figures
from nast.evaluation.items import Data, LeftOut, data_of, refuse_more_than, usable, whole_groups
from nast.evaluation.metrics import by_label, metrics_of
from nast.evaluation.no_harm import no_harm
from nast.evaluation.prompt_pairs import score_prompt_pairs
from nast.evaluation.resume import NOTHING, Earlier, earlier_result
from nast.evaluation.retrieval import blind_retrieval, gallery_size, score_retrieval
from nast.evaluation.score_file import ScoreFile, score_from_file
from nast.evaluation.truncation import equal_after_cut
from nast.evaluation.truths import truths_behind
from nast.language.llm.backends import LanguageModel
from nast.language.llm.cache import AnswerCache
from nast.models.base import DualEncoder
from nast.policy import strictest
from nast.records import CAPTIONS_SCHEMA, SCORES_SCHEMA
from nast.store import manifest_of, policy_of, read_table, stage, write_json, write_table

Model = DualEncoder | ScoreFile | ChatModel
PROTOCOLS: dict[str, TieRule] = {"default": "never", "negbench": "first"}
"""How a tie for the best option counts: never right, or as in the peers' scorers."""

__all__ = ["evaluate", "whole_groups"]


class Settings(NamedTuple):
    """What a run was asked for, beside models and data."""

    split: str = "test"
    seed: int = 0
    limit: int | None = None
    max_bad: int = 0
    gallery: str = "unique"
    protocol: str = "default"
    controls: bool = False


class Means(NamedTuple):
    """What scoring reads and asks: the folder of vectors, replies so far, servers by model."""

    store: Path | None
    answers: AnswerCache
    servers: dict[str, LanguageModel]


class Scored(NamedTuple):
    """What one model leaves."""

    scores: list[pl.DataFrame]
    controls: dict[str, Any]
    notes: dict[str, Any]


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
    fresh: bool = False,
) -> dict[str, Any]:
    """Score models on the questions, claim sets, captions and labels of some folders.

    A finished result of the same data and settings is added to: models that it has are neither
    scored again nor lost.

    Args:
        models: loaded dual encoders; files of scores and chat models (questions and claim sets
            only).
        data: folders of `nast benchmark build`, `nast contextual build` or `nast facts` (prompt
            pairs on its labels).
        folder: gets `scores.parquet`, `metrics.json`, `comparisons.json`, `no_harm.json` (every
            model against the first) and, with `controls`, `controls.json`.
        split: which patients; `all` for every split.
        seed: of the bootstrap, of sampled galleries and of shuffled images.
        limit: at most so many items per table, for a look.
        max_bad: how many items that cannot be scored are passed over; the manifest names them.
        store: folder for vectors, shared between runs; memory only if not given.
        answers: file of chat models' replies, outside of `folder`; a run that was killed goes on
            from it. Memory only if not given.
        gallery: of the headline retrieval: `unique`, `full`, `sampled:N` or `candidates`.
        protocol: `default`, or `negbench`: a tie for the best option counts as the first of them.
        controls: also score without the image, with a wrong one, and without the negators.
        fresh: start over in a folder of another configuration.

    Returns:
        The manifest; `metrics.json` has the figures of each model by name.

    Raises:
        InputError: more than `max_bad` items cannot be scored, or a folder has nothing to score.
        ModelError: a model's vectors are not finite or not of unit length; names the items. Or a
            chat model's server does not answer.
        PolicyError: the data must not go to a chat model's server; nothing was sent.
        UsageError: two folders have tables of one kind, two models one name, or an unknown
            gallery or protocol.
    """
    asked = Settings(split, seed, limit, max_bad, gallery, protocol, controls)
    _check_call(models, asked)
    inputs = [*map(Path, data), *(place for m in models for place in m.made_from)]
    config: dict[str, Any] = {"stage": "evaluate", **asked._asdict()}
    earlier = NOTHING if fresh else earlier_result(folder, config, data)
    keys = {**earlier.models, **{m.name: m.key for m in models}}
    # Weights are made from data too: what a run was trained on binds its figures.
    inputs = list(dict.fromkeys([*inputs, *earlier.inputs]))
    new = [m for m in models if earlier.models.get(m.name) != m.key]
    servers = _servers(new, data)

    def make(out: Path) -> dict[str, Any]:
        return _make(out, new, earlier, [Path(d) for d in data], inputs,
                     Means(store, AnswerCache(answers), servers), asked)  # fmt: skip

    added = bool(new) and bool(earlier.models) and all(
        keys[name] == key for name, key in earlier.models.items()
    )  # fmt: skip
    return stage(folder, {**config, "models": keys}, inputs, make, fresh=fresh or added)


def _check_call(models: Sequence[Model], asked: Settings) -> None:
    names = [m.name for m in models]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise UsageError(f"{', '.join(twice)} stands for two models: their rows would be mixed")
    gallery_size(asked.gallery)
    if asked.protocol not in PROTOCOLS:
        raise UsageError(f"--protocol is {asked.protocol!r}; choose {' or '.join(PROTOCOLS)}")


def _servers(models: Sequence[Model], data: Sequence[Path]) -> dict[str, LanguageModel]:
    """How to ask each chat model, once the policy of the data allows it."""
    policy = strictest(manifest_of(Path(folder))["policy"] for folder in data)
    return {m.name: m.server(policy) for m in models if isinstance(m, ChatModel)}


def _make(
    out: Path, models: Sequence[Model], earlier: Earlier,
    folders: Sequence[Path], inputs: Sequence[Path], means: Means, asked: Settings,
) -> dict[str, Any]:  # fmt: skip
    tables = data_of(folders, asked.split, asked.limit)
    if not tables:
        raise InputError(folders[0], found=f"no items of the {asked.split} split",
                         expected="some items")  # fmt: skip
    frames = [] if earlier.scores is None else [earlier.scores]
    controls, notes = dict(earlier.controls), dict(earlier.notes)
    sent = earlier.sent | {n: dict(s.allowed) for n, s in means.servers.items()}
    left_out: dict[str, LeftOut] = {}
    kept, broken = tables, 0
    for model in models:
        if isinstance(model, ScoreFile):
            scored = _from_file(model, kept)
        elif isinstance(model, ChatModel):
            choice = [d for d in tables if d.kind in CHOICE]
            seen = readable_images(p for d in choice for p in d.table["image_path"])
            choice, lost, unseen = _without(*seen, choice, asked.max_bad)
            left_out, broken = left_out | lost, max(broken, unseen)
            kept = choice + [d for d in kept if d.kind not in CHOICE]
            server = means.servers[model.name]
            rows, said = score_chat(model, server, kept, asked.seed, means.answers)
            scored = Scored(rows, {}, said)
        else:
            vectors = EmbeddingStore(model, means.store, policy_of(inputs))
            kept, left_out, broken = _kept(vectors, tables, asked.max_bad)
            scored = _score(vectors, kept, asked)
        frames += scored.scores
        if scored.controls:
            controls[model.name] = scored.controls
        if scored.notes:
            notes[model.name] = scored.notes
    if not any(len(f) for f in frames):
        raise InputError(folders[0], found="no item that can be scored",
                         expected="whole groups with readable images")  # fmt: skip
    scores = pl.concat(frames)
    write_table(out / "scores.parquet", scores, SCORES_SCHEMA)
    ties = PROTOCOLS[asked.protocol]
    items = {d.kind: d.table for d in kept if d.kind in CHOICE}
    figures = {
        name: metrics_of(part, asked.seed, ties) | breakdown(part, items, asked.seed, ties)
        for name, part in by_label(scores)
    }
    for name in [n for n in sent if n in figures]:
        part = scores.filter(model=name)
        figures[name] |= reply_figures(part, notes.get(name, {}), asked.seed)
    figures |= _blind(kept, asked)
    write_json(out / "metrics.json", figures)
    write_json(out / "comparisons.json", compare_models(scores, asked.seed, ties))
    write_json(out / "no_harm.json", no_harm(scores, asked.seed))
    if controls:
        write_json(out / "controls.json", controls)
    return {"counts": {"rows": len(scores)}, "bad_images": broken, "left_out": left_out,
            "notes": notes, "sent": sent,
            "review": {f.name: review_status(manifest_of(f)) for f in folders}}  # fmt: skip


def _kept(
    vectors: EmbeddingStore, tables: Sequence[Data], max_bad: int
) -> tuple[list[Data], dict[str, LeftOut], int]:
    """The tables without the items that cannot be scored, these by table and reason, and the
    number of images that cannot be read.
    """
    paths = [p for d in tables for p in d.table["image_path"]]
    try:
        good, bad = vectors.readable(paths)
    except ModelError:
        for d in tables:
            if d.kind in CHOICE:
                rows = choice_rows(d.kind, d.table)
                images = rows["image_path"].unique(maintain_order=True).to_list()
                vectors_of(vectors.images, images, rows, "image_path", vectors.model.name)
        raise
    return _without(good, set(bad), tables, max_bad)


def _without(
    good: set[str], bad: set[str], tables: Sequence[Data], max_bad: int
) -> tuple[list[Data], dict[str, LeftOut], int]:
    """`_kept`, from the images that can be read and those that cannot."""
    if not tables:
        return [], {}, 0
    found = [usable(d, good) for d in tables]
    left_out = {f"{d.name} {d.kind}": why for d, why in found if why}
    refuse_more_than(max_bad, len(bad), left_out, tables[0].folder)
    return [d for d, _ in found if len(d.table)], left_out, len(bad)


def _score(vectors: EmbeddingStore, tables: Sequence[Data], asked: Settings) -> Scored:
    found = Scored([], {}, {})
    for data in tables:
        name, kind, _, table = data
        if kind == "captions":
            truths = truths_behind(data)
            scores = score_retrieval(vectors, table, name, asked.gallery, truths, asked.seed)
        else:
            scores = SCORERS[kind](vectors, table, name)
        found.scores.append(scores)
        if kind in CHOICE:
            alike = equal_after_cut(vectors.model, kind, table)
            if alike:
                found.notes["options equal after the cut"] = alike
            if asked.controls:
                found.controls.update(control_figures(vectors, kind, table, name, asked.seed))
    return found


SCORERS = {
    "questions": score_questions,
    "claims": score_claims,
    "studies": score_prompt_pairs,
}


def _from_file(model: ScoreFile, tables: Sequence[Data]) -> Scored:
    found = Scored([], {}, {})
    for name, kind, _, table in tables:
        scores, missing = score_from_file(model, kind, table, name)
        found.scores.append(scores)
        if missing:
            found.notes[f"{kind} without scores, counted as wrong"] = missing
    if not any(len(f) for f in found.scores):
        raise InputError(model.made_from[0], found="no item of the data",
                         expected="ids of questions or claim sets, with their form")  # fmt: skip
    return found


def _blind(tables: Sequence[Data], asked: Settings) -> dict[str, Any]:
    """Retrieval by one ranking for all images, where there are captions."""
    for data in tables:
        name, kind, folder, table = data
        if kind == "captions":
            every = read_table(folder / "captions.parquet", CAPTIONS_SCHEMA)
            training = every.filter(split="train")
            truths = truths_behind(data)
            scores = blind_retrieval(table, training, name, asked.gallery, truths, asked.seed)
            return {"blind": metrics_of(scores, asked.seed)}
    return {}
