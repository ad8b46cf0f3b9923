"""nast report."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def report(
    *folders: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    fresh: bool = False,
) -> None:
    """Write tables, figures and a self-contained page from finished folders.

    Parameters
    ----------
    folders: Path
        Folders of nast evaluate (at least one), trace, train, benchmark, contextual and facts.
    out: Path
        Output folder.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.reporting.report import build_report

    print((out / build_report(folders, out, fresh=fresh)["report"]).resolve())
