"""What the data cards of all sets of items share: access, review, the audit."""

from collections.abc import Mapping, Sequence
from typing import Any

from nast.access import RULES

NOT_REVIEWED = "not reviewed"


def reviewed_by(number: int) -> str:
    """The review status of what so many people have reviewed."""
    return f"reviewed by {number}"


def review_status(manifest: Mapping[str, Any]) -> str:
    """Whether a folder's phrases and questions have been reviewed: by how many, or not."""
    return str(manifest.get("review", NOT_REVIEWED))


def card_text(title: str, source: Mapping[str, Any], parts: Sequence[str], note: str = "") -> str:
    """A card as Markdown: what may be done with the data, their terms, and the parts that are set.

    Args:
        title: of the card.
        source: manifest of the facts folder.
        parts: paragraphs and tables.
        note: said behind the access class.
    """
    rule = RULES.get(source["access"])
    head = f"Research use; not a medical device. Access class: **{source['access']}**."
    head += f" {rule}." if rule else ""
    head += " Synthetic: made from phantom studies." if source["phantom"] else ""
    terms = "\n".join(f"- {line}" for line in source.get("terms", []))
    lines = [f"# {title}: data card", f"{head} {note}".strip(), terms, *parts]
    return "\n\n".join(line for line in lines if line) + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def audit_parts(audit: Mapping[str, Sequence[Mapping[str, Any]]], note: str = "") -> list[str]:
    """The section of a card on the audit: what it is, and a row per form and baseline."""
    rows = [
        [
            form,
            row["baseline"],
            f"{row['accuracy']:.3f}",
            f"{row['chance']:.3f}",
            row["n"],
            "**leaks**" if row["leaks"] else "",
        ]
        for form, baselines in audit.items()
        for row in baselines
    ]
    told = (
        "Baselines that see no image, each form alone. `leaks`: above chance (one-sided, Holm over "
        f"the baselines, 5 %). {note}"
    )
    table = markdown_table(["form", "baseline", "accuracy", "chance", "n", ""], rows)
    return ["## What words alone can solve", told.strip(), table]
