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
        shown: how often each candidate is in the gallery, (m,); once if not given.
    """

    rows: np.ndarray
    starts: np.ndarray
    right: np.ndarray
    copies: np.ndarray
    left_out: Mask | None = None
    shown: np.ndarray | None = None


class Ranks(NamedTuple):
    """Per query: candidates better than the best right one, candidates equal to it, how many of
    these are right, and the number of candidates.
    """

    above: np.ndarray
    ties: np.ndarray
    hits: np.ndarray
    gallery: np.ndarray


class _Asked(NamedTuple):
    """Queries of one chunk, and where their ranks go."""

    queries: Queries
    ranks: Ranks
    here: slice


def rank(vectors: np.ndarray, gallery: np.ndarray, asked: Sequence[Queries]) -> list[Ranks]:
    """Ranks of the best right candidate of every query, by inner product.

    Vectors are taken in chunks of `CELLS` scores, so memory does not grow with queries times
    gallery; each chunk's scores serve all sets of queries. Candidates with equal vectors have equal
    scores: each distinct vector is multiplied once, for a matrix product may round its columns
    differently.

    Args:
        vectors: of the queries, (n, D).
        gallery: of the candidates, (m, D).
        asked: sets of queries over the same vectors and gallery.

    Returns:
        The ranks of each set, in its order.
    """
    distinct, places = _distinct(gallery)
    columns = torch.from_numpy(distinct.T.copy())
    step = min(max(1, CELLS // len(gallery)), len(vectors))
    # Buffers, and results in place: fresh memory for each chunk would cost more than its use.
    buffer = torch.empty((step, len(distinct)))
    spread = None if places is None else np.empty((step, len(gallery)), dtype=np.float32)
    marks = np.empty((step, len(gallery)), dtype=bool)
    found = [Ranks(*np.zeros((4, len(q.rows)), dtype=np.int64)) for q in asked]
    for start in range(0, len(vectors), step):
        chunk = torch.from_numpy(vectors[start : start + step])
        scores = torch.mm(chunk, columns, out=buffer[: len(chunk)]).numpy()
        if places is not None and spread is not None:
            # In this mode numpy writes where it is told, without a copy.
            scores = scores.take(places, axis=1, out=spread[: len(chunk)], mode="clip")
        plain = []
        for queries, ranks in zip(asked, found, strict=True):
            for part, here in _within(queries, start, start + step):
                part = part._replace(rows=part.rows - start)
                one = _Asked(part, ranks, here)
                if part.left_out is None and (np.diff(part.rows) > 0).all():
                    plain.append(one)
                else:
                    _rank_apart(scores, one, start)
        _rank_together(scores, plain, marks[: len(chunk)])
    return found


def _rank_together(scores: np.ndarray, asked: Sequence[_Asked], marks: np.ndarray) -> None:
    """Rank queries of which each row of scores has one, without a copy of the scores.

    Sets with the same gallery and other rows are counted in one pass.
    """
    layers: list[tuple[np.ndarray | None, np.ndarray, list[_Asked]]] = []
    for one in asked:
        queries = one.queries
        best, hits = _best(scores, queries)
        one.ranks.hits[one.here] = hits
        one.ranks.gallery[one.here] = _size(queries, scores)
        for shown, level, members in layers:
            if shown is queries.shown and np.isinf(level[queries.rows]).all():
                break
        else:
            level, members = np.full(len(scores), np.inf, dtype=scores.dtype), []
            layers.append((queries.shown, level, members))
        level[queries.rows] = best
        members.append(one)
    for shown, level, members in layers:
        for compare, name in ((np.greater, "above"), (np.equal, "ties")):
            counts = _count(compare(scores, level[:, None], out=marks), shown)
            for one in members:
                getattr(one.ranks, name)[one.here] = counts[one.queries.rows]


def _rank_apart(scores: np.ndarray, asked: _Asked, start: int) -> None:
    """Rank queries that share a row of scores, or that leave candidates out."""
    queries = asked.queries
    own = scores[queries.rows]
    size = np.full(len(own), _size(queries, scores))
    if queries.left_out is not None:
        without = queries.left_out(queries.rows + start)
        own[without] = -np.inf
        size = size - _count(without, queries.shown)
    lines = np.arange(len(queries.rows))
    best, hits = _best(own, queries._replace(rows=lines))
    counts = (_count(m, queries.shown) for m in (own > best[:, None], own == best[:, None]))
    for column, values in zip(asked.ranks, (*counts, hits, size), strict=True):
        column[asked.here] = values


def _best(scores: np.ndarray, queries: Queries) -> tuple[np.ndarray, np.ndarray]:
    """The score of each query's best right candidate, and how many right ones have it."""
    owner = np.repeat(np.arange(len(queries.rows)), np.diff(queries.starts))
    reached = scores[queries.rows[owner], queries.right]
    best = np.maximum.reduceat(reached, queries.starts[:-1])
    # NaN would rank first with every comparison false.
    assert np.isfinite(best).all()
    same = reached == best[owner]
    return best, np.add.reduceat(same * queries.copies, queries.starts[:-1])


def _size(queries: Queries, scores: np.ndarray) -> int:
    return scores.shape[1] if queries.shown is None else int(queries.shown.sum())


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
        part = queries._replace(
            rows=queries.rows[low:high],
            starts=queries.starts[low : high + 1] - span.start,
            right=queries.right[span],
            copies=queries.copies[span],
        )
        yield part, slice(low, high)


def _count(marked: np.ndarray, shown: np.ndarray | None) -> np.ndarray:
    """How many rows of the gallery the marked candidates (n, m) stand for."""
    # A row at a time: along an axis numpy counts by adding.
    counts = np.array([np.count_nonzero(row) for row in marked], dtype=np.int64)
    if shown is None:
        return counts
    several = np.flatnonzero(shown != 1)
    if len(several):
        more = (shown[several] - 1).astype(np.float32)
        counts += (marked[:, several] @ more).astype(np.int64)
    return counts
