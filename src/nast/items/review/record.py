"""What a review found, as `review.json` and as a section of the data card."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from nast.benchmark.card import markdown_table, reviewed_by
from nast.items.review.agreement import agreement
from nast.items.review.apply import Revision
from nast.items.review.decisions import RULE, Decision, dissent_of, judgements
from nast.items.review.ratings import Review
from nast.items.review.sheets import ACCEPT, VERDICTS, Sheet


def record_of(
    sheets: Sequence[Sheet],
    reviews: Sequence[Review],
    decisions: Mapping[str, Decision],
    revision: Revision,
    questions: pl.DataFrame,
    earlier: dict[str, Any] | None,
    seed: int,
) -> dict[str, Any]:
    """What `review.json` holds.

    Args:
        sheets: as they went out.
        reviews: of this round.
        decisions: row id -> decision.
        revision: what follows from them.
        questions: before the review.
        earlier: `review.json` of the round before, if there was one.
        seed: of the bootstrap.
    """
    names = {r.reviewer for r in reviews} | set(earlier["reviewers"] if earlier else ())
    sizes = Counter(questions["group_id"])
    by_sheet = {
        s.name: sum(sizes[g] for g, why in revision.dropped.items() if s.name in why)
        for s in sheets
    }
    return {
        "status": reviewed_by(len(names)),
        "round": earlier["round"] + 1 if earlier else 1,
        "reviewers": sorted(names),
        "reviewers of this round": [r.reviewer for r in reviews],
        "rule": RULE,
        "rows": {s.name: _row_counts(s, reviews, decisions) for s in sheets},
        "decisions": [
            {
                "sheet": s.name,
                "id": r.id,
                "verdict": decisions[r.id].verdict,
                "corrections": decisions[r.id].edits,
            }
            for s in sheets
            for r in s.rows
            if r.id in decisions and decisions[r.id].verdict != ACCEPT
        ],
        "dropped": {
            "questions": sum(sizes[g] for g in revision.dropped),
            "groups": len(revision.dropped),
            "questions by sheet": by_sheet,
        },
        "option sets in new words": len(revision.options),
        "dissent": dissent_of(sheets, reviews, decisions),
        "comments": [
            {"reviewer": r.reviewer, "id": i, "comment": text}
            for r in reviews
            for i, text in r.comments.items()
        ],
        "agreement": {
            s.name: {what: agreement(rows, seed) for what, rows in judgements(s, reviews).items()}
            for s in sheets
        },
        "earlier": earlier,
    }


def _row_counts(
    sheet: Sheet, reviews: Sequence[Review], decisions: Mapping[str, Decision]
) -> dict[str, int]:
    by = [sum(row.id in r.ratings for r in reviews) for row in sheet.rows]
    verdicts = Counter(decisions[row.id].verdict for row in sheet.rows if row.id in decisions)
    return {
        "rows": len(sheet.rows),
        "reviewed by all": by.count(len(reviews)),
        "reviewed by some": sum(0 < n < len(reviews) for n in by),
        "not reviewed": by.count(0),
        **{verdict: verdicts[verdict] for verdict in VERDICTS},
    }


def review_section(record: Mapping[str, Any]) -> str:
    """The section as Markdown.

    Args:
        record: what `review.json` holds.
    """
    dropped = record["dropped"]
    rows = [[name, *counts.values()] for name, counts in record["rows"].items()]
    header = ["sheet", *next(iter(record["rows"].values()))]
    by_sheet = ", ".join(f"{name} {n:,}" for name, n in dropped["questions by sheet"].items())
    parts = [
        "## Review",
        f"Status: **{record['status']}** ({', '.join(record['reviewers'])}); this is round "
        f"{record['round']}. Reviewers saw the words and labels, and the images of a sample of "
        f"questions. Combined row by row: {record['rule']}.",
        markdown_table(header, rows),
        f"Left out with what was rejected: {dropped['questions']:,} questions in "
        f"{dropped['groups']:,} groups (by sheet: {by_sheet}; a question can count in several). "
        f"{record['option sets in new words']:,} option sets have new words (`+review"
        f"{record['round']}` in `realiser`). {len(record['dissent']):,} rows stay although a "
        f"reviewer would have them otherwise, {_grave(record['dissent']):,} of them although one "
        "says that the words are not faithful or not exactly one option is right (`review.json`, "
        "`dissent`).",
        "### Agreement of the reviewers",
        _agreement(record["agreement"]),
    ]
    return "\n\n".join(parts) + "\n"


def _grave(dissent: Sequence[Mapping[str, Any]]) -> int:
    return sum(bool({"faithful", "one right"} & set(row["no"])) for row in dissent)


def _agreement(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    rows = [
        [sheet, what, _value(one), _percent(one["agreement"]), one["items"], one["rated by all"]]
        for sheet, checks in found.items()
        for what, one in checks.items()
    ]
    coefficient = next(one["coefficient"] for checks in found.values() for one in checks.values())
    header = [
        "sheet",
        "check",
        f"{coefficient} [95 % interval]",
        "equal pairs of ratings",
        "rows rated by two or more",
        "by all",
    ]
    return markdown_table(header, rows) + (
        "\n\nIntervals: percentile bootstrap over rows. With few rows, or few dissenting ratings, "
        "they say little; a high share of equal ratings can go with a low coefficient."
    )


def _value(one: Mapping[str, Any]) -> str:
    if one["value"] is None:
        return str(one["reason"])
    low, high = one["interval"]
    return f"{one['value']:.2f} [{low:.2f}, {high:.2f}]"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
