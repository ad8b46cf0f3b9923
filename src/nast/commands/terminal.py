"""Tables on a terminal: Tables 1-4 first, in per cent, within eighty columns."""

import csv
from pathlib import Path

ORDER = ("table", "questions", "imported", "verdicts", "harm")
"""Beginnings of the names of tables in the order of reading; others come last."""
WIDTH = 80


def print_tables(folder: Path) -> None:
    """The tables that a report has left in a folder.

    Args:
        folder: of `NAME.csv` and `NAME.md`.
    """
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    from nast.reporting.shown import shown_rows
    from nast.reporting.tables import Table

    # A pipe gets whole rows, and a narrow terminal is no reason to break a number.
    console = Console(width=max(Console().width, WIDTH))
    for path in sorted(folder.glob("*.csv"), key=_reading_order):
        with open(path, newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
        title = (folder / f"{path.stem}.md").read_text("utf-8").splitlines()[0].strip("*")
        name = path.stem.partition("-")[0]
        # As `Text` a name in brackets stays what it is.
        grid = Grid(title=Text(f"{path.stem}: {title}"), title_justify="left")
        for place, head in enumerate(header):
            grid.add_column(Text(head), justify="right" if place else "left", overflow="fold")
        for row in shown_rows(Table(name, title, tuple(header), [tuple(line) for line in lines])):
            cells = (
                Text("\n".join(part for part in (cell.text, cell.interval, cell.words) if part))
                for cell in row.cells
            )
            grid.add_row(*cells, style="dim" if row.apart else None)
        console.print(grid)


def print_markdown(folder: Path) -> None:
    """The same tables as Markdown, for an issue or a notebook.

    Args:
        folder: of `NAME.csv` and `NAME.md`.
    """
    for path in sorted(folder.glob("*.csv"), key=_reading_order):
        print((folder / f"{path.stem}.md").read_text("utf-8"))


def _reading_order(path: Path) -> tuple[int, str]:
    place = next((n for n, name in enumerate(ORDER) if path.stem.startswith(name)), len(ORDER))
    return place, path.stem
