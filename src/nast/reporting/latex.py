"""Tables for a paper: per cent, the best value bold, the interval small beneath it (booktabs)."""

import re
from collections.abc import Sequence

from nast.errors import visible
from nast.reporting.shown import HIGHER, MINUS, SHARE, ShownCell, is_gap, shown_rows
from nast.reporting.tables import Table

_ESCAPED = str.maketrans(
    {
        "±": r"$\pm$",
        MINUS: "$-$",
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
_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
WIDE = 24
"""A column with longer words is set in lines of its own width."""


def latex(table: Table) -> str:
    """The table as a LaTeX `table`, to be taken in with `\\input`; it needs the package booktabs.

    Shares are in per cent with one decimal, as in the paper, and their interval stands beneath in
    small type. The best value of a column is bold, in tables that have one.
    """
    shown = shown_rows(table)
    rows = [_line([_cell(cell) for cell in row.cells]) for row in shown if not row.apart]
    last = [_line([_cell(cell) for cell in row.cells]) for row in shown if row.apart]
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


def _cell(cell: ShownCell) -> str:
    text = escaped(cell.text)
    text = rf"\textbf{{{text}}}" if cell.best else text
    text += f", {escaped(cell.words)}" if cell.words else ""
    if not cell.interval:
        return text
    interval = rf"{{\scriptsize {escaped(cell.interval)}}}"
    return rf"\begin{{tabular}}[c]{{@{{}}r@{{}}}}{text}\\{interval}\end{{tabular}}"


def _heading(table: Table, title: str) -> str:
    """The title of a column, with an arrow where more or less is better."""
    if title == table.header[0]:
        return escaped(title)
    if is_gap(table, table.header.index(title)):
        return escaped(title) + r" $\downarrow$"
    return escaped(title) + (r" $\uparrow$" if table.name in HIGHER else "")


def _columns(table: Table) -> list[str]:
    """Numbers to the right, words to the left, long ones in lines."""
    found = []
    for place in range(len(table.header)):
        cells = [row[place] for row in table.rows]
        words = [text for text in cells if not (place and SHARE.fullmatch(text))]
        if max((len(text) for text in words), default=0) > WIDE:
            found.append(r"p{0.28\linewidth}")
        else:
            found.append("l" if place == 0 else "r")
    return found
