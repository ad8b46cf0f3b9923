"""Where the right candidates of a query stand among all candidates, in bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

CELLS = 1 << 22
"""Scores held at once: 4 M of 4 bytes."""

Mask = Callable[[np.ndarray], np.ndarray]
"""Rows of the queries' vectors (n,) -> true for the candidates that are left out (n, gallery)."""


class Queries(NamedTuple):
    """Queries that are asked of one gallery, and what is right for each.

    Attributes:
        rows: which vector each query is; ascending.
        starts: where each query's right candidates begin in `right`, with the end, (n + 1,).
        right: right candidates, one query after the other; none is without.
        copies: how often each of them counts as right (equal rows of a gallery of rows).
        left_out: candidates that are neither right nor wrong.
    """

    rows: np.ndarray
    starts: np.ndarray
    right: np.ndarray
    copies: np.ndarray
    left_out: Mask | None = None


class Ranks(NamedTuple):
    """Per query: candidates better than the best right one, candidates equal to it, how many of
    these are right, and the number of candidates.
    """

    above: np.ndarray
    ties: np.ndarray
    hits: np.ndarray
    gallery: np.ndarray


def rank(
    vectors: np.ndarray, gallery: np.ndarray, copies: np.ndarray, asked: Sequence[Queries]
) -> list[Ranks]:
    """Ranks of the best right candidate of every query, by inner product.

    Vectors are taken in chunks of `CELLS` scores, so memory does not grow with queries times
    gallery. Candidates with equal vectors have equal scores: each distinct vector is multiplied
    once, for a matrix product may round its columns differently.

    Args:
        vectors: of the queries, (n, D).
        gallery: of the candidates, (m, D).
        copies: how often each candidate is in the gallery, (m,).
        asked: sets of queries over the same vectors and gallery; each chunk's scores serve all.

    Returns:
        The ranks of each set, in its order.
    """
    distinct, places = _distinct(gallery)
    columns = torch.from_numpy(distinct.T.copy())
    step = max(1, CELLS // len(gallery))
    # One buffer, and results in place: small arrays between large ones would keep freed memory.
    buffer = torch.empty((min(step, len(vectors)), len(distinct)))
    found = [Ranks(*np.zeros((4, len(q.rows)), dtype=np.int64)) for q in asked]
    for start in range(0, len(vectors), step):
        chunk = torch.from_numpy(vectors[start : start + step])
        scores = torch.mm(chunk, columns, out=buffer[: len(chunk)]).numpy()
        scores = scores if places is None else scores[:, places]
        for queries, ranks in zip(asked, found, strict=True):
            for part, here in _within(queries, start, start + step):
                ranked = _rank(_lines(scores, part.rows - start), part, copies)
                for column, values in zip(ranks, ranked, strict=True):
                    column[here] = values
    return found


def _lines(scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The scores of some rows; without a copy where each is asked for once."""
    every = len(rows) == len(scores) and bool((rows == np.arange(len(rows))).all())
    return scores if every else scores[rows]


def _distinct(gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The distinct vectors, and which of them each candidate has; None where all differ."""
    rows = np.ascontiguousarray(gallery)
    keys = rows.view([("", f"V{rows.itemsize * rows.shape[1]}")]).ravel()
    _, firsts, places = np.unique(keys, return_index=True, return_inverse=True)
    return (rows, None) if len(firsts) == len(rows) else (rows[firsts], places)


def _within(queries: Queries, start: int, stop: int) -> Iterator[tuple[Queries, slice]]:
    """The queries whose vectors are in a chunk, in parts of no more queries than the chunk has
    vectors, and the places of each part.
    """
    first, last = np.searchsorted(queries.rows, [start, stop])
    for low in range(first, last, stop - start):
        high = min(low + stop - start, last)
        span = slice(queries.starts[low], queries.starts[high])
        part = Queries(
            queries.rows[low:high],
            queries.starts[low : high + 1] - span.start,
            queries.right[span],
            queries.copies[span],
            queries.left_out,
        )
        yield part, slice(low, high)


def _rank(scores: np.ndarray, queries: Queries, copies: np.ndarray) -> Ranks:
    """Ranks of some queries from their scores (n, gallery), one row each."""
    size = np.full(len(scores), copies.sum())
    if queries.left_out is not None:
        without = queries.left_out(queries.rows)
        scores = np.where(without, -np.inf, scores)
        size = size - without @ copies
    owner = np.repeat(np.arange(len(scores)), np.diff(queries.starts))
    reached = scores[owner, queries.right]
    best = np.maximum.reduceat(reached, queries.starts[:-1])
    same = reached == best[owner]
    # NaN would rank first with every comparison false.
    assert np.isfinite(best).all()
    above, ties = (_count(m, copies) for m in (scores > best[:, None], scores == best[:, None]))
    hits = np.add.reduceat(same * queries.copies, queries.starts[:-1])
    return Ranks(above, ties, hits, size)


def _count(marked: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """How many rows of the gallery the marked candidates (n, gallery) stand for."""
    if copies.min() == copies.max() == 1:
        return np.count_nonzero(marked, axis=1)
    return marked @ copies.astype(np.float32)
