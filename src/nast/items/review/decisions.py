"""Several reviewers' ratings of a row -> one decision, and who saw it otherwise."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nast.items.review.ratings import Rating, Review, problem
from nast.items.review.rows import ACCEPT, CHECKS, REJECT, VERDICTS, Row, Sheet

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


def dissent_of(
    sheets: Sequence[Sheet], reviews: Sequence[Review], decisions: Mapping[str, Decision]
) -> list[dict[str, Any]]:
    """Rows that stay although someone would have them otherwise.

    Returns:
        Per row `sheet, id, decision, verdicts` (reviewer -> verdict, where they are not the
        decision) and `no` (check -> reviewers who say that it does not hold).
    """
    found = []
    for sheet, row in ((s, row) for s in sheets for row in s.rows if row.id in decisions):
        decision = decisions[row.id].verdict
        ratings = _ratings(row, reviews)
        others = {n: r.verdict for n, r in ratings.items() if r.verdict != decision}
        no = {c: [n for n, r in ratings.items() if not r.checks[c]] for c in row.checks}
        no = {check: names for check, names in no.items() if names}
        # A "no" of who asked for the correction is answered by it.
        if decision != REJECT and (others or (no and decision == ACCEPT)):
            said = {"decision": decision, "verdicts": others, "no": no}
            found.append({"sheet": sheet.name, "id": row.id, **said})
    return found


def judgements(sheet: Sheet, reviews: Sequence[Review]) -> dict[str, list[list[str | None]]]:
    """Check, or `verdict` -> per row one rating per reviewer; for `agreement`."""
    found: dict[str, list[list[str | None]]] = {}
    for check in (*CHECKS, "verdict"):
        rows = [r for r in sheet.rows if check == "verdict" or check in r.checks]
        if rows:
            found[check] = [[_said(v.ratings.get(r.id), check) for v in reviews] for r in rows]
    return found


def _said(rating: Rating | None, check: str) -> str | None:
    if rating is None or check == "verdict":
        return rating.verdict if rating else None
    return "yes" if rating.checks[check] else "no"


def _ratings(row: Row, reviews: Sequence[Review]) -> dict[str, Rating]:
    return {r.reviewer: r.ratings[row.id] for r in reviews if row.id in r.ratings}
