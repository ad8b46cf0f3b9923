"""One model on the tables of some data folders: what it scores, what it passes over, and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from nast.errors import InputError, ModelError, UsageError
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.cache import AnswerCache
from nast.measuring.no_harm import MARGIN
from nast.models.contract import DualEncoder
from nast.scoring.chat import ChatModel, score_chat
from nast.scoring.chat_images import readable_images
from nast.scoring.choice import CHOICE, choice_rows, score_claims, score_questions, vectors_of
from nast.scoring.controls import control_figures
from nast.scoring.datasets import labelled
from nast.scoring.items import Data, LeftOut, refuse_more_than, usable
from nast.scoring.neutral import neutral_vectors
from nast.scoring.prompt_pairs import score_prompt_pairs
from nast.scoring.retrieval import score_retrieval
from nast.scoring.score_file import ScoreFile, score_from_file
from nast.scoring.truncation import equal_after_cut
from nast.scoring.truths import lost_facts, truths_behind
from nast.vectors import Vectors

Model = DualEncoder | ScoreFile | ChatModel
NO_FACTS = (
    "captions without the reading `fact`: the facts that they were built from are not where they "
    "were, or were changed; give their folder beside the others"
)


class Settings(NamedTuple):
    """What a run was asked for, beside models and data."""

    split: str = "test"
    seed: int = 0
    limit: int | None = None
    max_bad: int = 0
    gallery: str = "unique"
    protocol: str = "default"
    controls: bool = False
    margin: float = MARGIN


class Means(NamedTuple):
    """What scoring reads and asks: the folder of vectors and their access class, replies so far, servers
    by model.
    """

    store: Path | None
    access: str
    answers: AnswerCache
    servers: dict[str, LanguageModel]


class Scored(NamedTuple):
    """What one model leaves.

    Attributes:
        scores: `SCORES_SCHEMA` rows of each table.
        controls: figures under each control.
        notes: items that count as wrong, by reason.
        tables: the items that were scored.
        left_out: the others, by table and reason.
        broken: images that cannot be read.
        neutral: `NEUTRAL_SCHEMA` rows of a dual encoder.
    """

    scores: list[pl.DataFrame]
    controls: dict[str, Any]
    notes: dict[str, Any]
    tables: list[Data]
    left_out: dict[str, LeftOut]
    broken: int
    neutral: pl.DataFrame | None = None


def score_model(
    model: Model, tables: Sequence[Data], kept: Sequence[Data], means: Means, asked: Settings
) -> Scored:
    """The scores of one model.

    Args:
        model: a dual encoder, a chat model or a file of scores.
        tables: all items.
        kept: those that the models before it could be scored on.
        means: see `Means`.
        asked: see `Settings`.

    Raises:
        InputError: more than `max_bad` items cannot be scored, or a file has none of them.
        UsageError: a file of scores cannot tell the items of two data sets apart.
        ModelError: vectors are not finite or not of unit length; names the items.
    """
    if isinstance(model, ScoreFile):
        return _from_file(model, kept)
    if isinstance(model, ChatModel):
        choice = [d for d in tables if d.kind in CHOICE]
        seen = readable_images(p for d in choice for p in d.table["image_path"])
        choice, lost, unseen = _without(*seen, choice, asked)
        shown = choice + [d for d in kept if d.kind not in CHOICE]
        server = means.servers[model.name]
        rows: list[pl.DataFrame] = []
        said: dict[str, Any] = {}
        for label in dict.fromkeys(d.label for d in shown):
            part = [d for d in shown if d.label == label]
            found, notes = score_chat(model, server, part, asked.seed, means.answers)
            rows += found
            said |= labelled(label, notes)
        return Scored(rows, {}, said, shown, lost, unseen)
    vectors = Vectors(model, means.store, means.access)
    readable, lost, unseen = _kept(vectors, tables, asked)
    scored = _score(vectors, readable, asked)
    return scored._replace(left_out=lost, broken=unseen, neutral=neutral_vectors(vectors))


def _kept(
    vectors: Vectors, tables: Sequence[Data], asked: Settings
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
    return _without(good, set(bad), tables, asked)


def _without(
    good: set[str], bad: set[str], tables: Sequence[Data], asked: Settings
) -> tuple[list[Data], dict[str, LeftOut], int]:
    """`_kept`, from the images that can be read and those that cannot."""
    if not tables:
        return [], {}, 0
    # A peer's rule says what a tie of equal options counts as; ours has no answer to it.
    found = [usable(d, good, asked.protocol != "default") for d in tables]
    left_out = {f"{d.name} {d.kind}": why for d, why in found if why}
    refuse_more_than(asked.max_bad, len(bad), left_out, tables[0].folder)
    return [d for d, _ in found if len(d.table)], left_out, len(bad)


def _score(vectors: Vectors, tables: Sequence[Data], asked: Settings) -> Scored:
    found = Scored([], {}, {}, list(tables), {}, 0)
    for data in tables:
        name, kind, table = data.name, data.kind, data.table
        if kind == "captions":
            beside = [d.folder for d in tables]
            truths = truths_behind(data, beside)
            if lost_facts(data.folder, beside):
                found.notes[f"{data.label}{NO_FACTS}"] = [name]
            scores = score_retrieval(vectors, table, name, asked.gallery, truths, asked.seed)
        else:
            scores = SCORERS[kind](vectors, table, name)
        found.scores.append(scores)
        if kind in CHOICE:
            alike = equal_after_cut(vectors.model, kind, table)
            if alike:
                found.notes.setdefault(f"{data.label}options equal after the cut", []).extend(alike)
            if asked.controls:
                figures = control_figures(vectors, kind, table, name, asked.seed)
                found.controls.update(labelled(data.label, figures))
    return found


SCORERS = {
    "questions": score_questions,
    "claims": score_claims,
    "studies": score_prompt_pairs,
}


def _from_file(model: ScoreFile, tables: Sequence[Data]) -> Scored:
    _refuse_one_id_for_two(model, tables)
    found = Scored([], {}, {}, list(tables), {}, 0)
    for data in tables:
        scores, missing = score_from_file(model, data.kind, data.table, data.name)
        found.scores.append(scores)
        if missing:
            why = f"{data.label}{data.kind} without scores, counted as wrong"
            found.notes[why] = missing
    if not any(len(f) for f in found.scores):
        raise InputError(
            model.made_from[0],
            found="no item of the data",
            expected="ids of questions or claim sets, with their form",
        )
    return found


def _refuse_one_id_for_two(model: ScoreFile, tables: Sequence[Data]) -> None:
    """Refuse data sets that share ids: a file's scores would count for the words of both."""
    owners: dict[str, str] = {}
    shared: list[str] = []
    for data in tables:
        if data.kind in CHOICE:
            for item in data.table["question_id" if data.kind == "questions" else "set_id"]:
                shared += [item] if owners.setdefault(item, data.name) != data.name else []
    if shared:
        raise UsageError(
            f"{model.name}: {len(shared)} items of {owners[shared[0]]} have the same id in another "
            "data set, and a file of scores cannot tell them apart; evaluate the data sets in runs "
            "of their own and give both to nast report"
        )
