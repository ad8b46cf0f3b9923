"""nast report."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter


def report(
    *folders: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    format: Literal["text", "md"] = "text",
    printed: Path | None = None,
    with_images: bool = False,
    fresh: bool = False,
) -> None:
    """Write tables, figures and a self-contained page from finished folders, and print the tables.

    Parameters
    ----------
    folders: Path
        Folders of nast evaluate (at least one), trace, train, benchmark, contextual and facts.
    out: Path
        Output folder.
    format: Literal["text", "md"]
        How the tables are printed: for a terminal, or as Markdown for an issue or a notebook.
    printed: Path | None
        A YAML file of numbers that a paper printed, to stand beside these in Tables 1-3.
    with_images: bool
        Put films and texts of data that are not open on the page, which must then stay here.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.commands.terminal import print_markdown, print_tables
    from nast.reporting.report import build_report

    build_report(folders, out, printed=printed, with_images=with_images, fresh=fresh)
    if format == "md":
        print_markdown(out / "tables")
        return
    print_tables(out / "tables")
    print((out / "report.html").resolve())
