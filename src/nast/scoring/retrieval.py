"""Retrieval of single captions, beside the candidate lists of Tables 1-3 (decision 8).

Three readings stand side by side. `unique`: the gallery holds every text once, right
are the image's own texts. `strict`: the gallery holds every row, right are the image's own rows, so
an equal caption of another image is an error. `fact`: right is every text of the query's polarity
that the image's facts entail; texts that they neither entail nor contradict, and true texts of
the other polarity, are left out of the gallery.
"""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from nast.errors import UsageError
from nast.hashes import seed_of
from nast.ids import hashed_ids
from nast.records import HITS_SCHEMA
from nast.scoring.data import as_rows
from nast.scoring.ranking import Mask, Queries, Ranks, rank
from nast.scoring.same_tokens import same_tokens

if TYPE_CHECKING:
    from nast.scoring.caption_truths import Truths
    from nast.vectors import Vectors

POLARITIES = ("negated", "affirmative")


def gallery_size(gallery: str) -> int | None:
    """The N of `sampled:N`; None for `unique` and `full`.

    Raises:
        UsageError: none of them.
    """
    name, _, number = gallery.partition(":")
    if name == "sampled" and number.isdecimal() and int(number) > 0:
        return int(number)
    if gallery in ("unique", "full"):
        return None
    raise UsageError(
        f"the gallery is {gallery!r}; choose unique, full or sampled:N (N texts and the right ones)"
    )


def score_retrieval(
    vectors: "Vectors",
    captions: pl.DataFrame,
    data: str,
    gallery: str = "unique",
    truths: "Truths | None" = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Hits of both directions with the vectors of a model, `HITS_SCHEMA`; see `ranked`."""
    model = vectors.model
    images, texts = distinct(captions)
    found = vectors.texts(texts).float().numpy()[same_tokens(model, texts)]
    rows = ranked(vectors.images(images).float().numpy(), found, captions, gallery, truths, seed)
    return as_rows(rows, HITS_SCHEMA, model.name, model.seed, data)


def blind_retrieval(
    captions: pl.DataFrame,
    training: pl.DataFrame,
    data: str,
    gallery: str = "unique",
    truths: "Truths | None" = None,
    seed: int = 0,
) -> pl.DataFrame:
    """The same queries answered with one ranking for all images: training frequency of the text.

    Its `model` is null: no model is asked.
    """
    images, texts = distinct(captions)
    shares = Counter(training["caption"])
    frequency = np.array([[shares[t]] for t in texts], dtype=np.float32)
    same = np.ones((len(images), 1), dtype=np.float32)
    rows = ranked(same, frequency, captions, gallery, truths, seed)
    return as_rows(rows, HITS_SCHEMA, None, None, data)


def distinct(captions: pl.DataFrame) -> tuple[list[str], list[str]]:
    """Images and texts of some captions, each once, in order of appearance."""
    return tuple(
        captions[c].unique(maintain_order=True).to_list() for c in ("image_path", "caption")
    )  # type: ignore[return-value]


def ranked(
    images: np.ndarray,
    texts: np.ndarray,
    captions: pl.DataFrame,
    gallery: str = "unique",
    truths: "Truths | None" = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Hits of both directions in every reading.

    Image to text: one query per image and polarity. Text to image: one query per distinct text
    (`strict`: per row), right is any image that has the text (`strict`: the row's own).

    Args:
        images: vectors of the distinct images, in order of appearance, (n, D).
        texts: vectors of the distinct texts, (m, D).
        captions: `CAPTIONS_SCHEMA` rows.
        gallery: what is ranked beside `strict` and `fact`: `unique`, `full` (rows) or
            `sampled:N`.
        truths: what is true of which image, for the reading `fact`.
        seed: of sampled galleries.

    Returns:
        A row per query, `HITS_SCHEMA` without `MODEL_KEYS`. `reading` is the gallery for the
        headline, `strict` or `fact`. Images and texts are numbered in order of appearance:
        `image 3`, `text 7`.
    """
    rows = _numbered(captions)
    number = gallery_size(gallery)
    ways = {"image": (images, texts), "text": (texts, images)}
    frames = []
    for way, (vectors, candidates) in ways.items():
        other = "text" if way == "image" else "image"
        shown = np.bincount(rows[other], minlength=len(candidates)) if way == "image" else None
        mask = _mask(way, len(candidates), number, seed)
        own = {p: _own(rows.filter(polarity=p), way, mask) for p in POLARITIES}
        each = {p: _each(rows.filter(polarity=p), way) for p in POLARITIES}
        each = {p: queries._replace(shown=shown) for p, queries in each.items()}
        readings = {gallery: each if gallery == "full" else own, "strict": each}
        if truths is not None:
            readings["fact"] = {p: truths.queries(way, p) for p in POLARITIES}
        asked = {
            (reading, p): queries
            for reading, found in readings.items()
            for p, queries in found.items()
            if len(queries.rows)
        }
        # One product of a chunk's vectors serves all readings.
        ranks = rank(vectors, candidates, list(asked.values()))
        frames += [
            _hits(p, queries, found, rows, way).with_columns(
                reading=pl.lit(reading), direction=pl.lit(f"{way} to {other}")
            )
            for ((reading, p), queries), found in zip(asked.items(), ranks, strict=True)
        ]
    if not frames:
        return pl.DataFrame(schema=HITS_SCHEMA)
    return pl.concat(frames).with_columns(list_id=pl.lit(None, pl.String))


def _numbered(captions: pl.DataFrame) -> pl.DataFrame:
    """Rows as `image, text, polarity, subject`, with numbers in order of appearance."""
    numbers = {}
    for column, name in (("image_path", "image"), ("caption", "text")):
        values = captions[column].unique(maintain_order=True)
        codes = pl.Series(range(len(values)), dtype=pl.Int64)
        numbers[name] = captions[column].replace_strict(values, codes)
    patients = captions["subject_id"].unique(maintain_order=True).to_list()
    hashed = dict(zip(patients, hashed_ids(patients), strict=True))
    return pl.DataFrame(
        {
            **numbers,
            "polarity": captions["polarity"],
            "subject": captions["subject_id"].replace_strict(hashed, return_dtype=pl.String),
        }
    )


def _own(rows: pl.DataFrame, way: str, mask: Mask | None) -> Queries:
    """One query per image (or text); right are its own texts (or images), each once."""
    other = "text" if way == "image" else "image"
    lists = rows.group_by(way).agg(pl.col(other).unique().sort()).sort(way)
    counts, index = lists[other].list.len().to_numpy(), lists[other].explode().to_numpy()
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    queries = Queries(lists[way].to_numpy(), starts, index, np.ones(len(index), dtype=np.int64))
    return queries._replace(left_out=_keeping(mask, queries) if mask else None)


def _each(rows: pl.DataFrame, way: str) -> Queries:
    """Image to text: one query per image, right are its own rows. Text to image: one per row."""
    if way == "text":
        ordered = rows.sort("text", maintain_order=True)
        ones = np.ones(len(ordered), dtype=np.int64)
        return Queries(
            ordered["text"].to_numpy(),
            np.arange(len(ordered) + 1),
            ordered["image"].to_numpy(),
            ones,
        )
    counted = rows.group_by("image", "text").len().sort("image", "text")
    _, starts = np.unique(counted["image"].to_numpy(), return_index=True)
    return Queries(
        counted["image"].unique(maintain_order=True).to_numpy(),
        np.append(starts, len(counted)),
        counted["text"].to_numpy(),
        counted["len"].cast(pl.Int64).to_numpy(),
    )


def _mask(way: str, size: int, number: int | None, seed: int) -> Mask | None:
    """Which candidates a smaller gallery leaves out, before the right ones are put back."""
    if number is None:
        return None
    return lambda asked: np.stack([_all_but(size, number, seed, way, q) for q in asked])


def _all_but(size: int, number: int, seed: int, way: str, query: int) -> np.ndarray:
    without = np.ones(size, dtype=bool)
    rng = np.random.default_rng(seed_of(seed, "gallery", way, int(query)))
    without[rng.choice(size, min(number, size), replace=False)] = False
    return without


def _keeping(mask: Mask, queries: Queries) -> Mask:
    """A mask that never leaves out what is right."""

    def left_out(asked: np.ndarray) -> np.ndarray:
        without = mask(asked)
        for line, place in enumerate(np.searchsorted(queries.rows, asked)):
            without[line, queries.right[queries.starts[place] : queries.starts[place + 1]]] = False
        return without

    return left_out


def _hits(
    polarity: str, queries: Queries, ranks: Ranks, rows: pl.DataFrame, way: str
) -> pl.DataFrame:
    """One row per query."""
    numbers = queries.rows
    if way == "image":
        patient = dict(rows.select("image", "subject").iter_rows())
        subjects = [patient[i] for i in numbers]
    else:
        # A text belongs to many patients; the query is its own cluster.
        subjects = hashed_ids(f"text {i}" for i in numbers)
    # Several rows of one text are queries of their own in the strict reading.
    nth = pl.DataFrame({"n": numbers}).select(pl.int_range(pl.len()).over("n")).to_series()
    ids = [f"{way} {i}" + (f".{j}" if j else "") for i, j in zip(numbers, nth, strict=True)]
    right = np.add.reduceat(queries.copies, queries.starts[:-1])
    return pl.DataFrame(
        {
            "query_id": ids,
            "polarity": [polarity] * len(ids),
            "subject": subjects,
            "rank": ranks.above + 1,
            "ties": ranks.ties,
            "right_tied": ranks.hits,
            "right": right,
            "size": ranks.gallery,
        }
    )
