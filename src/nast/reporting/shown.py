"""The cells of a table as a reader sees them: per cent, the interval apart, the best marked."""

import re
from typing import NamedTuple

from nast.reporting.tables import Table

NUMBER = r"[+-]?\d\.\d{3}"
SHARE = re.compile(rf"({NUMBER})(?: \[({NUMBER}), ({NUMBER})\])?((?:,| ).*)?")
"""A share, its interval, and words behind them, as `numbers.cell` writes them."""
IN_WORDS = re.compile(
    rf"{NUMBER} \[{NUMBER}, {NUMBER}\]|(?<=seeds )\[{NUMBER}, {NUMBER}\]|(?<=margin ){NUMBER}"
)
"""Shares within a sentence, as verdicts have them; a name or a p may look like one."""
HIGHER = ("table1", "table2", "questions", "imported")
"""Tables whose largest value is the best; of a gap it is the one nearest to 0."""
COSINES = "drift"
"""The table whose numbers are no shares, and are shown as they are."""
LAST = ("blind", "chance")
"""Rows that no model stands for: they are never the best."""
MINUS = "\N{MINUS SIGN}"


class ShownCell(NamedTuple):
    """A cell as it is shown.

    Attributes:
        text: a share in per cent with one decimal, or the words of the cell.
        interval: in per cent, such as `[38.0, 44.7]`; empty where there is none.
        words: behind the number, such as a p.
        best: whether it is the best of its column.
        number: whether it is a share at all.
    """

    text: str
    interval: str = ""
    words: str = ""
    best: bool = False
    number: bool = False


class ShownRow(NamedTuple):
    """A row as it is shown; `apart` where no model stands for it."""

    cells: list[ShownCell]
    apart: bool


def shown_rows(table: Table) -> list[ShownRow]:
    """The rows of a table, those that stand apart last."""
    best = {place: _best(table, place) for place in range(len(table.header))}
    rows = [
        ShownRow(
            [
                # The first column holds names, also where one looks like a number.
                ShownCell(row[0]),
                *(
                    shown_cell(text, row[0] not in LAST and text in best[n], table.name != COSINES)
                    for n, text in enumerate(row[1:], 1)
                ),
            ],
            row[0] in LAST,
        )
        for row in table.rows
    ]
    return sorted(rows, key=lambda row: row.apart)


def shown_cell(text: str, best: bool = False, share: bool = True) -> ShownCell:
    """A cell of a table, such as `0.412 [0.380, 0.447]`, as it is shown.

    Args:
        text: of the cell.
        best: whether it is the best of its column.
        share: whether its number is one, and so is shown in per cent.
    """
    found = SHARE.fullmatch(text)
    if not found:
        return ShownCell(IN_WORDS.sub(_in_per_cent, text) if share else text)
    value, low, high, words = found.groups()
    said = per_cent if share else _as_it_is
    interval = f"[{said(low)}, {said(high)}]" if low else ""
    return ShownCell(said(value), interval, (words or "").lstrip(", "), best, True)


def _in_per_cent(shares: re.Match[str]) -> str:
    return re.sub(NUMBER, lambda number: per_cent(number[0]), shares[0])


def _as_it_is(number: str) -> str:
    return number.replace("-", MINUS)


def per_cent(share: str | float) -> str:
    """A share as per cent with one decimal, its sign kept: `+0.412` -> `+41.2`."""
    sign = "+" if isinstance(share, str) and share.startswith("+") else ""
    value = round(float(share) * 100, 1)
    return f"{MINUS}{-value:.1f}" if value < 0 else f"{sign}{abs(value):.1f}"


def is_gap(table: Table, place: int) -> bool:
    """Whether a column holds gaps, of which the smallest is the best."""
    return place > 0 and (table.name == "table3" or table.header[place] == "Gap")


def _best(table: Table, place: int) -> set[str]:
    """The texts of the best cells of a column; none in tables without a best.

    What is below chance is the best of nothing.
    """
    gap = is_gap(table, place)
    chance = [f[1] for r in table.rows if r[0] == "chance" and (f := SHARE.fullmatch(r[place]))]
    least = max(map(float, chance)) if chance and not gap else float("-inf")
    known = {
        row[place]: float(found[1])
        for row in table.rows
        if row[0] not in LAST and (found := SHARE.fullmatch(row[place]))
    }
    known = {text: value for text, value in known.items() if value >= least}
    if not known or place == 0 or not (gap or table.name in HIGHER):
        return set()
    rank = {text: -abs(value) if gap else value for text, value in known.items()}
    return {text for text, value in rank.items() if value == max(rank.values())}
