"""Several reviewers' ratings of a row -> one decision, and who saw it otherwise."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from nast.items.review.ratings import Review, problem
from nast.items.review.sheets import ACCEPT, CHECKS, REJECT, VERDICTS, Row, Sheet

RULE = (
    "verdicts of a row are ordered accept, edit, reject, and the middle one decides; of two middle "
    "ones the stricter"
)


class Decision(NamedTuple):
    """What becomes of a row that someone has rated.

    Attributes:
        sheet: name of its sheet.
        row: the row.
        verdict: accept, edit or reject.
        edits: column -> corrected text.
        place: where the first who wants it so says so, for messages.
    """

    sheet: str
    row: Row
    verdict: str
    edits: dict[str, str]
    place: str


def middle_verdict(verdicts: Sequence[str]) -> str:
    """The middle one of some verdicts, the stricter of two (see `RULE`)."""
    return sorted(verdicts, key=VERDICTS.index)[len(verdicts) // 2]


def decisions_of(
    sheets: Sequence[Sheet], reviews: Sequence[Review]
) -> tuple[list[Decision], list[str]]:
    """The decision of every row that someone has rated.

    Returns:
        Decisions in the order of the rows, and a problem for each cell that two reviewers correct
        differently in a row that is to be edited.
    """
    found, problems = [], []
    for name, row in ((sheet.name, row) for sheet in sheets for row in sheet.rows):
        ratings = [r.ratings[row.id] for r in reviews if row.id in r.ratings]
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
        found.append(Decision(name, row, verdict, edits, agreeing[0].place))
    return found, problems


def dissent_of(decisions: Sequence[Decision], reviews: Sequence[Review]) -> list[dict[str, Any]]:
    """Rows that stay although someone would have them otherwise.

    Returns:
        Per row `sheet, id, decision, verdicts` (reviewer -> verdict, where they are not the
        decision) and `no` (check -> reviewers who say that it does not hold).
    """
    found = []
    for sheet, row, decision, *_ in decisions:
        ratings = {r.reviewer: r.ratings[row.id] for r in reviews if row.id in r.ratings}
        others = {n: r.verdict for n, r in ratings.items() if r.verdict != decision}
        no = {c: [n for n, r in ratings.items() if r.answers[c] == "no"] for c in CHECKS}
        no = {check: names for check, names in no.items() if names}
        # A "no" of who asked for the correction is answered by it.
        if decision != REJECT and (others or (no and decision == ACCEPT)):
            said = {"decision": decision, "verdicts": others, "no": no}
            found.append({"sheet": sheet, "id": row.id, **said})
    return found
