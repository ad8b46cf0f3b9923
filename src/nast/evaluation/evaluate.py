"""Models on data folders: per-item scores first, figures second (paper sections 3.3, 5.2-5.5)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from nast.benchmark.card import review_status
from nast.errors import InputError, UsageError
from nast.evaluation.breakdown import breakdown
from nast.evaluation.chat import ChatModel, reply_figures
from nast.evaluation.choice import CHOICE, TieRule
from nast.evaluation.comparisons import compare_models
from nast.evaluation.items import LeftOut, data_of, whole_groups
from nast.evaluation.metrics import by_label, metrics_of
from nast.evaluation.no_harm import no_harm
from nast.evaluation.resume import NOTHING, Earlier, earlier_result
from nast.evaluation.retrieval import blind_retrieval, gallery_size
from nast.evaluation.scoring import Data, Means, Model, Settings, score_model
from nast.evaluation.truths import truths_behind
from nast.language.llm.backends import LanguageModel
from nast.language.llm.cache import AnswerCache
from nast.models.base import DualEncoder
from nast.policy import strictest
from nast.records import CAPTIONS_SCHEMA, SCORES_SCHEMA
from nast.store import manifest_of, policy_of, read_table, stage, write_json, write_table

PROTOCOLS: dict[str, TieRule] = {"default": "never", "negbench": "first"}
"""How a tie for the best option counts: never right, or as in the peers' scorers."""

__all__ = ["evaluate", "whole_groups"]


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
    means = Means(store, policy_of(inputs), AnswerCache(answers), _servers(new, data))

    def make(out: Path) -> dict[str, Any]:
        return _make(out, new, earlier, [Path(d) for d in data], means, asked)

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
    folders: Sequence[Path], means: Means, asked: Settings,
) -> dict[str, Any]:  # fmt: skip
    tables = data_of(folders, asked.split, asked.limit)
    if not tables:
        raise InputError(folders[0], found=f"no items of the {asked.split} split",
                         expected="some items")  # fmt: skip
    frames = [] if earlier.scores is None else [earlier.scores]
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
            "notes": notes, "sent": sent, "specifications": specs,
            "review": {f.name: review_status(manifest_of(f)) for f in folders}}  # fmt: skip


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
