"""What the data cards of all sets of items share: access, review, the audit."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from nast.access import RULES

NOT_REVIEWED = "not reviewed"


def reviewed_by(number: int) -> str:
    """The review status of what so many people have reviewed."""
    return f"reviewed by {number}"


def review_status(manifest: Mapping[str, Any]) -> str:
    """Whether a folder's phrases and questions have been reviewed: by how many, or not."""
    return str(manifest.get("review", NOT_REVIEWED))


TAGS = ["radiology", "chest-x-ray", "negation", "vision-language"]
"""What cards are found by on a hub."""
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
"""The hub's words for the number of rows below each bound."""


def front_matter(head: Mapping[str, Any]) -> str:
    """What Hugging Face reads at the top of a card, as YAML between two rules.

    Examples:
        >>> front_matter({"language": ["en"]})
        '---\\nlanguage:\\n- en\\n---\\n\\n'
    """
    return f"---\n{yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True)}---\n\n"


def size_category(rows: int) -> str:
    """The hub's word for a number of rows.

    Examples:
        >>> size_category(4_700)
        '1K<n<10K'
    """
    return next((word for bound, word in SIZES if rows < bound), "n>1M")


def card_text(
    title: str, source: Mapping[str, Any], parts: Sequence[str], note: str, rows: int
) -> str:
    """A card as Markdown: what may be done with the data, their terms, and the parts that are set.

    Args:
        title: of the card.
        source: manifest of the facts folder.
        parts: paragraphs and tables.
        note: said behind the access class.
        rows: how many items there are.
    """
    front = {
        "pretty_name": title,
        "language": ["en"],
        # The terms of the sources bind the texts; the card names them.
        "license": "other",
        "task_categories": ["multiple-choice", "zero-shot-image-classification"],
        "tags": [*TAGS, *(["synthetic"] if source["phantom"] else [])],
        "size_categories": [size_category(rows)],
    }
    rule = RULES.get(source["access"])
    head = f"Research use; not a medical device. Access class: **{source['access']}**."
    head += f" {rule}." if rule else ""
    head += " Synthetic: made from phantom studies." if source["phantom"] else ""
    if source.get("world") == "closed":
        head += (
            " **Silence counts as absence** (`closed`): a condition that the source could have "
            "named of an image and did not is taken as absent, which it may not be."
        )
    terms = "\n".join(f"- {line}" for line in source.get("terms", []))
    lines = [f"# {title}: data card", f"{head} {note}".strip(), terms, *parts]
    return front_matter(front) + "\n\n".join(line for line in lines if line) + "\n"


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
