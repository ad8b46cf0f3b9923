"""What a review found, as `review.json` and as a section of the data card."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from nast.items.card import markdown_table, reviewed_by
from nast.items.review.agreement import agreement
from nast.items.review.decisions import RULE, Decision, dissent_of
from nast.items.review.ratings import ASKED, Review
from nast.items.review.revision import Revision
from nast.items.review.sheets import ACCEPT, VERDICTS, Sheet


def record_of(
    sheets: Sequence[Sheet],
    reviews: Sequence[Review],
    decisions: Sequence[Decision],
    revision: Revision,
    items: pl.DataFrame,
    earlier: dict[str, Any] | None,
    seed: int,
) -> dict[str, Any]:
    """What `review.json` holds.

    Args:
        sheets: as they went out.
        reviews: of this round.
        decisions: that follow from them.
        revision: that follows from those.
        items: before the review.
        earlier: `review.json` of the round before, if there was one.
        seed: of the bootstrap.
    """
    names = {r.reviewer for r in reviews} | set(earlier["reviewers"] if earlier else ())
    sizes = Counter(items.filter(form="negated")["group_id"])
    return {
        "status": reviewed_by(len(names)),
        "round": earlier["round"] + 1 if earlier else 1,
        "reviewers": sorted(names),
        "reviewers of this round": [r.reviewer for r in reviews],
        "rule": RULE,
        "rows": {s.name: _row_counts(s, reviews, decisions) for s in sheets},
        "decisions": [
            {"sheet": d.sheet, "id": d.row.id, "verdict": d.verdict, "corrections": d.edits}
            for d in decisions
            if d.verdict != ACCEPT
        ],
        "dropped": {
            "questions": sum(sizes[g] for g in revision.dropped),
            "groups": len(revision.dropped),
        },
        "phrases in new words": revision.phrases,
        "dissent": dissent_of(decisions, reviews),
        "comments": [
            {"reviewer": r.reviewer, "id": i, "comment": text}
            for r in reviews
            for i, text in r.comments.items()
        ],
        "cannot tell": [{"reviewer": r.reviewer, "id": i} for r in reviews for i in r.untold],
        "agreement": {s.name: _agreement(s, reviews, seed) for s in sheets},
        "earlier": earlier,
    }


def _agreement(sheet: Sheet, reviews: Sequence[Review], seed: int) -> dict[str, Any]:
    rated = [[review.ratings.get(row.id) for review in reviews] for row in sheet.rows]
    return {
        what: agreement([[r.answers[what] if r else None for r in row] for row in rated], seed)
        for what in ASKED
    }


def _row_counts(
    sheet: Sheet, reviews: Sequence[Review], decisions: Sequence[Decision]
) -> dict[str, int]:
    by = [sum(row.id in r.ratings for r in reviews) for row in sheet.rows]
    verdicts = Counter(d.verdict for d in decisions if d.sheet == sheet.name)
    return {
        "rows": len(sheet.rows),
        "reviewed by all": by.count(len(reviews)),
        "reviewed by some": sum(0 < n < len(reviews) for n in by),
        "not reviewed": by.count(0),
        "cannot tell": sum(any(row.id in r.untold for r in reviews) for row in sheet.rows),
        **{verdict: verdicts[verdict] for verdict in VERDICTS},
    }


def review_section(record: Mapping[str, Any]) -> str:
    """The section of the data card as Markdown, from what `review.json` holds."""
    dropped, dissent = record["dropped"], record["dissent"]
    grave = sum(bool({"faithful", "one right"} & set(row["no"])) for row in dissent)
    names = ", ".join(re.sub(r"([^\w\s,.'-])", r"\\\1", name) for name in record["reviewers"])
    rows = [[name, *counts.values()] for name, counts in record["rows"].items()]
    parts = [
        "## Review",
        f"Status: **{record['status']}** ({names}); this is round {record['round']}. Reviewers saw "
        "the words and labels, and the images of a sample of questions. Combined row by row: "
        f"{record['rule']}.",
        markdown_table(["sheet", *next(iter(record["rows"].values()))], rows),
        f"Left out with what was rejected: {dropped['questions']:,} questions in "
        f"{dropped['groups']:,} groups. "
        f"{len(record['phrases in new words']):,} phrases have new words; questions that hold them "
        f"have `+review{record['round']}` in `realiser`. {len(dissent):,} rows stay although a "
        f"reviewer would have them otherwise, {grave:,} of them although one says that the words "
        "are not faithful or not exactly one option is right (`review.json`, `dissent`).",
        "### Agreement of the reviewers",
        _agreement_table(record["agreement"]),
        "Intervals: percentile bootstrap over rows. With few rows, or few dissenting ratings, they "
        "say little; a high share of equal ratings can go with a low coefficient.",
    ]
    return "\n\n".join(parts) + "\n"


def _agreement_table(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    rows = [
        [
            sheet,
            what,
            coefficient_text(one),
            "–" if one["agreement"] is None else f"{one['agreement']:.0%}",
            one["items"],
            one["rated by all"],
        ]
        for sheet, checks in found.items()
        for what, one in checks.items()
    ]
    coefficient = next(one["coefficient"] for checks in found.values() for one in checks.values())
    header = ["sheet", "check", f"{coefficient} [95 % interval]"]
    header += ["equal pairs of ratings", "rows rated by two or more", "by all"]
    return markdown_table(header, rows)


def coefficient_text(one: Mapping[str, Any]) -> str:
    """A coefficient with its interval, "0.17 [-0.50, 0.74]", or why there is none."""
    if one["value"] is None:
        return f"not defined ({one['reason']})"
    low, high = one["interval"]
    return f"{one['value']:.2f} [{low:.2f}, {high:.2f}]"
