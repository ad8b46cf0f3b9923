"""nast report."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def report(
    *folders: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    fresh: bool = False,
) -> None:
    """Write tables, figures and a self-contained page from finished folders, and print the tables.

    Parameters
    ----------
    folders: Path
        Folders of nast evaluate (at least one), trace, train, benchmark, contextual and facts.
    out: Path
        Output folder.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.commands.terminal import print_tables
    from nast.reporting.report import build_report

    page = build_report(folders, out, fresh=fresh)["report"]
    print_tables(out / "tables")
    print((out / page).resolve())
