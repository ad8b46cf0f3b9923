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
    from nast.commands.terminal import print_tables
    from nast.paper.recipe import RECIPES
    from nast.paper.whole import run_paper

    page = run_paper(RECIPES / ("demo-quick.yaml" if quick else "demo.yaml"), out, fresh=fresh)
    print_tables(out / "tables")
    print(page.resolve())
