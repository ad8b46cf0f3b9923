"""nast demo."""

import csv
from pathlib import Path


def demo(*, quick: bool = False, out: Path = Path("nast-demo"), fresh: bool = False) -> None:
    """Run the whole paper on phantom data: Tables 1-4, Figures 3 and 5, a report.

    Parameters
    ----------
    quick: bool
        One seed and fewer items; the same code in less than 90 seconds.
    out: Path
        Folder for everything; an interrupted demo goes on where it stopped.
    fresh: bool
        Start over.
    """
    from nast.paper.recipe import RECIPES
    from nast.paper.whole import run_paper

    page = run_paper(RECIPES / ("demo-quick.yaml" if quick else "demo.yaml"), out, fresh=fresh)
    print_tables(out)
    print(page.resolve())


def print_tables(out: Path) -> None:
    """The tables of a finished demo, on the terminal."""
    from rich.console import Console
    from rich.table import Table

    # Intervals do not fit eighty columns; a pipe gets whole rows.
    console = Console(width=max(Console().width, 132))
    for path in sorted((out / "tables").glob("*.csv"), key=_reading_order):
        with open(path, newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
        title = (out / "tables" / f"{path.stem}.md").read_text().splitlines()[0].strip("*")
        table = Table(*header, title=f"{path.stem}: {title}", title_justify="left")
        for row in lines:
            table.add_row(*row)
        console.print(table)


def _reading_order(path: Path) -> tuple[int, str]:
    """Tables 1-4 first, then what they stand on."""
    order = ("table", "questions", "imported", "verdicts", "harm")
    place = next((n for n, name in enumerate(order) if path.stem.startswith(name)), len(order))
    return place, path.stem
