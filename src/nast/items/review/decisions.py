"""Several reviewers' ratings of a row -> one decision, and who saw it otherwise."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nast.items.review.ratings import Rating, Review, problem
from nast.items.review.sheets import ACCEPT, CHECKS, REJECT, VERDICTS, Row, Sheet

RULE = (
    "verdicts of a row are ordered accept, edit, reject, and the middle one decides; of two middle "
    "ones the stricter"
)


class Decision(NamedTuple):
    """What becomes of a row.

    Attributes:
        verdict: accept, edit or reject.
        edits: column -> corrected text.
        place: where the first who wants it so says so, for messages.
    """

    verdict: str
    edits: dict[str, str]
    place: str


def middle_verdict(verdicts: Sequence[str]) -> str:
    """The middle one of some verdicts, the stricter of two (see `RULE`)."""
    return sorted(verdicts, key=VERDICTS.index)[len(verdicts) // 2]


def decisions_of(
    sheets: Sequence[Sheet], reviews: Sequence[Review]
) -> tuple[dict[str, Decision], list[str]]:
    """The decision of every row that someone has rated.

    Returns:
        Row id -> decision, and a problem for each cell that two reviewers correct differently in a
        row that is to be edited.
    """
    found, problems = {}, []
    for row in (row for sheet in sheets for row in sheet.rows):
        ratings = _ratings(row, reviews).values()
        if not ratings:
            continue
        verdict = middle_verdict([r.verdict for r in ratings])
        agreeing = [r for r in ratings if r.verdict == verdict]
        edits: dict[str, str] = {}
        for rating in agreeing:
            for column, text in rating.edits.items():
                if edits.setdefault(column, text) != text:
                    said = "another correction than in the file of another reviewer"
                    wanted = "one correction: let them agree"
                    problems.append(problem(rating.place, said, wanted, column))
        found[row.id] = Decision(verdict, edits, agreeing[0].place)
    return found, problems


def decided(
    sheets: Sequence[Sheet], decisions: Mapping[str, Decision]
) -> Iterator[tuple[Sheet, Row, Decision]]:
    """The rows that have a decision, in order, with their sheet and it."""
    rows = ((sheet, row) for sheet in sheets for row in sheet.rows if row.id in decisions)
    return ((sheet, row, decisions[row.id]) for sheet, row in rows)


def dissent_of(
    sheets: Sequence[Sheet], reviews: Sequence[Review], decisions: Mapping[str, Decision]
) -> list[dict[str, Any]]:
    """Rows that stay although someone would have them otherwise.

    Returns:
        Per row `sheet, id, decision, verdicts` (reviewer -> verdict, where they are not the
        decision) and `no` (check -> reviewers who say that it does not hold).
    """
    found = []
    for sheet, row, (decision, *_) in decided(sheets, decisions):
        ratings = _ratings(row, reviews)
        others = {n: r.verdict for n, r in ratings.items() if r.verdict != decision}
        no = {c: [n for n, r in ratings.items() if r.answers[c] == "no"] for c in CHECKS}
        no = {check: names for check, names in no.items() if names}
        # A "no" of who asked for the correction is answered by it.
        if decision != REJECT and (others or (no and decision == ACCEPT)):
            said = {"decision": decision, "verdicts": others, "no": no}
            found.append({"sheet": sheet.name, "id": row.id, **said})
    return found


def _ratings(row: Row, reviews: Sequence[Review]) -> dict[str, Rating]:
    return {r.reviewer: r.ratings[row.id] for r in reviews if row.id in r.ratings}
