"""What a contextual set holds, by condition, kind, polarity and split, and what it lacks."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from nast.contextual.statements import KINDS, POLARITIES
from nast.facts.conditions import CONDITIONS, Conditions

CELLS = ("split", "polarity", "kind", "condition")
SHORT = 0.5
"""Below this part of an even share a cell is called short."""


def caption_cells(captions: pl.DataFrame) -> pl.DataFrame:
    """`split, polarity, kind, condition, len` of some captions."""
    return captions.group_by(CELLS).len()


def counts_of(
    claims: pl.DataFrame,
    cells: pl.DataFrame,
    lists: pl.DataFrame,
    conditions: Conditions = CONDITIONS,
) -> dict[str, Any]:
    """The counts of a folder, as the manifest has them.

    Args:
        claims: `ITEMS_SCHEMA`.
        cells: of `caption_cells`, one row per cell.
        lists: `CANDIDATES_SCHEMA`.
        conditions: that the set is about.
    """
    wrong = claims.explode("kinds").filter(pl.col("kinds") != "truth")
    asked = claims.explode("conditions")
    return {
        "claim sets": len(claims),
        "claim sets by split and form": by(claims, "split", "form"),
        "claim sets by form and condition": by(asked, "form", "conditions"),
        "false claims by kind": by(wrong, "kinds"),
        "captions": int(cells["len"].sum()),
        "captions by split, polarity and kind": {
            " ".join(row[:-1]): row[-1]
            for row in cells.group_by(CELLS[:-1]).agg(pl.col("len").sum()).sort(CELLS[:-1]).rows()
        },
        "captions below half of an even share": shortfalls(cells, conditions),
        "conditions without a caption": ", ".join(
            name for name in conditions if name not in set(cells["condition"])
        )
        or "none",
        "candidate lists": len(lists),
        "candidates of a list": int(lists["candidates"].list.len().max() or 0),  # type: ignore[arg-type]
        "candidate lists by split and polarity": by(lists, "split", "polarity"),
    }


def by(table: pl.DataFrame, *columns: str) -> dict[str, int]:
    """How many rows there are of each combination, by its words."""
    counts = table.group_by(columns).len().sort(columns).rows()
    return {" ".join(map(str, row[:-1])): row[-1] for row in counts}


def shortfalls(cells: pl.DataFrame, conditions: Conditions = CONDITIONS) -> dict[str, int]:
    """Cells of polarity, kind and condition that have less than half of an even share.

    The share is even between the kinds of a polarity and between the conditions that a kind can
    be said of, of those that any caption is about. What is missing here is rare in the facts: no
    caption is made up to fill it.

    Returns:
        "negated location Pneumothorax" -> captions in all splits.
    """
    found = {}
    said = set(cells["condition"])
    totals = dict(cells.group_by("polarity").agg(pl.col("len").sum()).rows())
    have = {row[:-1]: row[-1] for row in cells.group_by(CELLS[1:]).agg(pl.col("len").sum()).rows()}
    for polarity in POLARITIES:
        for kind in KINDS:
            names = [name for name in sayable_of(kind, conditions) if name in said]
            share = totals.get(polarity, 0) / len(KINDS) / max(1, len(names))
            for name in names:
                number = have.get((polarity, kind, name), 0)
                if number < SHORT * share:
                    found[f"{polarity} {kind} {name}"] = number
    return found


def sayable_of(kind: str, conditions: Conditions = CONDITIONS) -> Sequence[str]:
    """The conditions that a kind of statement can be about."""
    fits = {
        "existence": lambda c: True,
        "location": lambda c: c.sided or bool(c.zones),
        "severity": lambda c: bool(c.grades),
    }
    return [name for name, condition in conditions.items() if fits[kind](condition)]
