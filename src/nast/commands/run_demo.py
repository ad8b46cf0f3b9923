"""nast demo."""

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
    from nast.commands.demo import print_tables, run_demo

    page = run_demo(out, quick=quick, fresh=fresh)
    print_tables(out)
    print(page.resolve())
