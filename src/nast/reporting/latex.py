"""Tables for a paper: per cent, the best value bold, the interval small beneath it (booktabs)."""

import re
from collections.abc import Sequence

from nast.errors import visible
from nast.reporting.tables import Table

_ESCAPED = str.maketrans(
    {
        "±": r"$\pm$",
        "&": r"\&",
        "%": r"\%",
        "_": r"\_",
        "#": r"\#",
        "$": r"\$",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "“": "``",
        "”": "''",
    }
)
_NUMBER = r"[+-]?\d\.\d{3}"
_SHARE = re.compile(rf"({_NUMBER})(?: \[({_NUMBER}), ({_NUMBER})\])?((?:,| ).*)?")
"""A share, its interval, and words behind them, as `numbers.cell` writes them."""
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
HIGHER = ("table1", "table2", "questions", "imported")
"""Tables whose largest value is the best; of `table3` it is the gap nearest to 0."""
LAST = ("blind", "chance")
"""Rows that stand below a rule, and are never the best."""
WIDE = 24
"""A column with longer words is set in lines of its own width."""


def latex(table: Table) -> str:
    """The table as a LaTeX `table`, to be taken in with `\\input`; it needs the package booktabs.

    Shares are in per cent with one decimal, as in the paper, and their interval stands beneath in
    small type. The best value of a column is bold, in tables that have one.
    """
    best = {place: _best(table, place) for place in range(len(table.header))}
    rows = [
        _line([_cell(text, text in best[place]) for place, text in enumerate(row)])
        for row in table.rows
        if row[0] not in LAST
    ]
    last = [_line([_cell(text) for text in row]) for row in table.rows if row[0] in LAST]
    label = "-".join(part for part in (table.name, table.data) if part)
    return "\n".join(
        [
            r"\begin{table}[t]",
            r"\centering\small",
            rf"\caption{{{escaped(table.title)}}}",
            rf"\label{{tab:{re.sub('[^a-zA-Z0-9-]', '-', label)}}}",
            rf"\begin{{tabular}}{{{''.join(_columns(table))}}}",
            r"\toprule",
            _line([_heading(table, title) for title in table.header]),
            r"\midrule",
            *rows,
            *([r"\midrule", *last] if last else []),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escaped(text: str) -> str:
    """A text of which LaTeX makes nothing, with minus signs before numbers."""
    return _MINUS.sub("$-$", visible(text).translate(_ESCAPED))


def _line(cells: Sequence[str]) -> str:
    text = " & ".join(cells)
    # After the end of a row LaTeX takes `[` and `*` for options of it; a group parts them.
    return ("{}" if text.lstrip().startswith(("[", "*")) else "") + text + r" \\"


def _cell(text: str, best: bool = False) -> str:
    found = _SHARE.fullmatch(text)
    if not found:
        return escaped(text)
    value, low, high, words = found.groups()
    shown = rf"\textbf{{{_per_cent(value)}}}" if best else _per_cent(value)
    shown += escaped(words or "")
    if low is None:
        return shown
    interval = rf"{{\scriptsize [{_per_cent(low)}, {_per_cent(high)}]}}"
    return rf"\begin{{tabular}}[c]{{@{{}}r@{{}}}}{shown}\\{interval}\end{{tabular}}"


def _per_cent(share: str) -> str:
    sign = {"+": "+", "-": "$-$"}.get(share[0], "")
    return f"{sign}{abs(float(share)) * 100:.1f}"


def _best(table: Table, place: int) -> set[str]:
    """The texts of the best cells of a column; none in tables without a best."""
    known = {
        row[place]: float(found[1])
        for row in table.rows
        if row[0] not in LAST and (found := _SHARE.fullmatch(row[place]))
    }
    gap = table.name == "table3" or table.header[place] == "Gap"
    if not known or place == 0 or not (gap or table.name in HIGHER):
        return set()
    rank = {text: -abs(value) if gap else value for text, value in known.items()}
    return {text for text, value in rank.items() if value == max(rank.values())}


def _heading(table: Table, title: str) -> str:
    """The title of a column, with an arrow where more or less is better."""
    if title == table.header[0]:
        return escaped(title)
    if table.name == "table3" or title == "Gap":
        return escaped(title) + r" $\downarrow$"
    return escaped(title) + (r" $\uparrow$" if table.name in HIGHER else "")


def _columns(table: Table) -> list[str]:
    """Numbers to the right, words to the left, long ones in lines."""
    found = []
    for place in range(len(table.header)):
        cells = [row[place] for row in table.rows]
        words = [text for text in cells if not _SHARE.fullmatch(text)]
        if max((len(text) for text in words), default=0) > WIDE:
            found.append(r"p{0.28\linewidth}")
        else:
            found.append("l" if place == 0 else "r")
    return found
