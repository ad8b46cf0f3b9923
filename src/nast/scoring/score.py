"""Models x items -> scores: what each model gives, what is passed over, and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from nast.contextual.list_audit import said_in_training
from nast.errors import InputError, ModelError, UsageError
from nast.files import read_table
from nast.language.write.llm.backends import LanguageModel
from nast.language.write.llm.cache import AnswerCache
from nast.models.contract import DualEncoder
from nast.records import CAPTIONS_SCHEMA, SCORE_TABLES
from nast.scoring.caption_truths import Truths, lost_facts, truths_behind
from nast.scoring.chat import SKIPPED, ChatModel, score_chat
from nast.scoring.chat_images import readable_images
from nast.scoring.choice import option_rows, score_items, vectors_of
from nast.scoring.controls import control_scores
from nast.scoring.data import Data, LeftOut, refuse_more_than, usable
from nast.scoring.list_hits import blind_lists, score_lists
from nast.scoring.neutral import neutral_vectors
from nast.scoring.prompt_pairs import score_prompt_pairs
from nast.scoring.retrieval import blind_retrieval, score_retrieval
from nast.scoring.same_tokens import equal_after_cut
from nast.scoring.score_file import ScoreFile, score_from_file
from nast.vectors import Vectors

Model = DualEncoder | ScoreFile | ChatModel
Rows = Iterator[tuple[str, pl.DataFrame]]
"""Name of a table, and rows for it."""
NO_FACTS = (
    "captions without the reading `fact`: the facts that they were built from are not where they "
    "were, or were changed; give their folder beside the others"
)


@dataclass(frozen=True)
class Resources:
    """What scoring reads and asks.

    Attributes:
        vectors: folder of vectors, shared between runs; memory only if None.
        access: the strictest access class of the data and of what the models were made from.
        answers: replies of chat models so far.
        servers: how to ask each chat model, by name.
    """

    vectors: Path | None = None
    access: str = "open"
    answers: AnswerCache = field(default_factory=lambda: AnswerCache(None))
    servers: Mapping[str, LanguageModel] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What is scored.

    Attributes:
        gallery: of the retrieval among captions, see `retrieval.gallery_size`.
        controls: also score without the image, with a wrong one, and without the negators.
        equal_options: take imported items with equal options, as a peer's rule for ties does.
        max_bad: how many images and items that cannot be scored are passed over.
        seed: of sampled galleries, of shuffled images and of the order of options in a chat.
    """

    gallery: str = "unique"
    controls: bool = False
    equal_options: bool = False
    max_bad: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Scoring:
    """What all models leave.

    Attributes:
        tables: a key of `records.SCORE_TABLES` -> its rows.
        data: the items that were scored, the same for every model.
        left_out: the others: table -> reason -> ids.
        broken: how many images cannot be read.
        notes: model -> what -> items, of items that count as wrong and of readings left out.
    """

    tables: dict[str, pl.DataFrame]
    data: list[Data]
    left_out: dict[str, LeftOut]
    broken: int
    notes: dict[str, dict[str, list[str]]]


def score_models(
    models: Sequence[Model], tables: Sequence[Data], resources: Resources, wanted: Wanted
) -> Scoring:
    """Score models on tables. Which items are scored depends on the data alone.

    Args:
        models: dual encoders, files of scores and chat models (items only).
        tables: of `data_of`.
        resources: see `Resources`.
        wanted: see `Wanted`.

    Raises:
        InputError: more than `max_bad` items cannot be scored, nothing is left, or a file of
            scores has none of the items.
        ModelError: a model's vectors are not finite or not of unit length; names the items.
        UsageError: a file of scores cannot tell the items of two data sets apart.
    """
    encoders = {
        id(m): Vectors(m, resources.vectors, resources.access)
        for m in models
        if isinstance(m, DualEncoder)
    }
    kept, left_out, broken = _kept(list(encoders.values()), tables, wanted)
    if not kept:
        raise InputError(
            tables[0].folder,
            found="no item that can be scored",
            expected="whole groups with readable images",
        )
    facts = _facts_of(kept)
    frames = {table: [pl.DataFrame(schema=columns)] for table, columns in SCORE_TABLES.items()}
    notes: dict[str, dict[str, list[str]]] = {}
    for model in models:
        said: dict[str, list[str]] = {}
        if isinstance(model, ScoreFile):
            made = _from_file(model, kept, said)
        elif isinstance(model, ChatModel):
            made = _by_chat(model, kept, resources, wanted.seed, said)
        else:
            made = _by_encoder(encoders[id(model)], kept, facts, wanted, said)
        for table, rows in made:
            frames[table].append(rows)
        if said:
            notes.setdefault(model.name, {}).update(said)
    if not any(len(rows) for parts in frames.values() for rows in parts):
        raise InputError(
            tables[0].folder, found="nothing that these models score", expected="items"
        )
    retrieved = [d for d in kept if d.kind in ("captions", "candidates")]
    frames["hits"] += [_blind(d, facts.get(d.name), wanted) for d in retrieved]
    found = {name: pl.concat(parts) for name, parts in frames.items()}
    return Scoring(found, kept, left_out, broken, notes)


def _kept(
    encoders: Sequence[Vectors], tables: Sequence[Data], wanted: Wanted
) -> tuple[list[Data], dict[str, LeftOut], int]:
    """The tables without the items that cannot be scored, these by table and reason, and the
    number of images that cannot be read, by any model.
    """
    good = {p for d in tables for p in d.table["image_path"]}
    bad: set[str] = set()
    for encoder in encoders:
        try:
            good, unseen = encoder.readable(sorted(good))
        except ModelError:
            _name_items(encoder, tables)
            raise
        bad |= set(unseen)
    if not encoders:
        # What an encoder reads is read already.
        good, bad = readable_images(good)
    found = [usable(d, good, wanted.equal_options) for d in tables]
    left_out = {f"{d.name} {d.kind}": why for d, why in found if why}
    where = next((d.folder for d, why in found if why), tables[0].folder)
    refuse_more_than(wanted.max_bad, len(bad), left_out, where)
    return [d for d, _ in found if len(d.table)], left_out, len(bad)


def _name_items(encoder: Vectors, tables: Sequence[Data]) -> None:
    """Find the items whose images break the contract, for the message.

    Raises:
        ModelError: names them.
    """
    for data in tables:
        if data.kind == "items":
            rows = option_rows(data.table)
            images = rows["image_path"].unique(maintain_order=True).to_list()
            vectors_of(encoder.images, images, rows, "image_path", encoder.model.name)


def _facts_of(tables: Sequence[Data]) -> dict[str, Truths | None]:
    """Data set with captions -> what the facts behind them make true, where they are found."""
    beside = [d.folder for d in tables]
    return {d.name: truths_behind(d, beside) for d in tables if d.kind == "captions"}


def _by_encoder(
    vectors: Vectors,
    tables: Sequence[Data],
    facts: Mapping[str, Truths | None],
    wanted: Wanted,
    notes: dict[str, list[str]],
) -> Rows:
    for data in tables:
        name, table = data.name, data.table
        if data.kind == "items":
            yield "scores", score_items(vectors, table, name)
            alike = equal_after_cut(vectors.model, table)
            if alike:
                notes.setdefault("options equal after the cut", []).extend(alike)
            if wanted.controls:
                yield "controls", control_scores(vectors, table, name, wanted.seed)
        elif data.kind == "studies":
            yield "pairs", score_prompt_pairs(vectors, table, name, data.conditions)
        elif data.kind == "candidates":
            yield "hits", score_lists(vectors, table, name)
        else:
            if lost_facts(data.folder, [d.folder for d in tables]):
                notes.setdefault(NO_FACTS, []).append(name)
            yield (
                "hits",
                score_retrieval(vectors, table, name, wanted.gallery, facts[name], wanted.seed),
            )
    yield "neutral", neutral_vectors(vectors)


def _blind(data: Data, truths: Truths | None, wanted: Wanted) -> pl.DataFrame:
    """Retrieval by one ranking for all images: how often a text is said in training."""
    if data.kind == "candidates":
        said = said_in_training(data.table, data.folder / "captions.parquet")
        return blind_lists(data.table, said, data.name)
    every = read_table(data.folder / "captions.parquet", CAPTIONS_SCHEMA)
    training = every.filter(split="train")
    return blind_retrieval(data.table, training, data.name, wanted.gallery, truths, wanted.seed)


def _by_chat(
    model: ChatModel,
    tables: Sequence[Data],
    resources: Resources,
    seed: int,
    notes: dict[str, list[str]],
) -> Rows:
    for data in tables:
        if data.kind != "items":
            notes.setdefault(SKIPPED, []).append(f"{data.name} {data.kind}")
            continue
        asked = score_chat(model, resources.servers[model.name], data, seed, resources.answers)
        yield "scores", asked.scores
        yield "replies", asked.replies
        for what, some in asked.notes.items():
            notes.setdefault(what, []).extend(some)


def _from_file(model: ScoreFile, tables: Sequence[Data], notes: dict[str, list[str]]) -> Rows:
    items = [d for d in tables if d.kind == "items"]
    _refuse_one_id_for_two(model, items)
    found = [score_from_file(model, data) for data in items]
    if not any(len(scores) for scores, _ in found):
        raise InputError(
            model.made_from[0],
            found="no item of the data",
            expected="ids of items, with their form",
        )
    missing = [item for _, some in found for item in some]
    if missing:
        notes["without scores, counted as wrong"] = missing
    yield from (("scores", scores) for scores, _ in found)


def _refuse_one_id_for_two(model: ScoreFile, tables: Sequence[Data]) -> None:
    """Refuse data sets that share ids: a file's scores would count for the words of both."""
    owners: dict[str, str] = {}
    shared = [
        item
        for data in tables
        for item in data.table["item_id"]
        if owners.setdefault(item, data.name) != data.name
    ]
    if shared:
        raise UsageError(
            f"{model.name}: {len(shared)} items of {owners[shared[0]]} have the same id in another "
            "data set, and a file of scores cannot tell them apart; evaluate the data sets in runs "
            "of their own and give both to nast report"
        )
