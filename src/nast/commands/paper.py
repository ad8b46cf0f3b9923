"""nast paper."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def paper(
    recipe: Path,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    init: bool = False,
    dry_run: bool = False,
    waterfall: bool = False,
    first: Annotated[str | None, Parameter(name="--from")] = None,
    only: str | None = None,
    fresh: bool = False,
) -> None:
    """Run the whole paper on your own data and models: Tables 1-4, Figures 3 and 5, a report.

    Killed anywhere, the same command goes on where it was.

    Parameters
    ----------
    recipe: Path
        YAML file that says what is made of what; --init writes one.
    out: Path
        Folder for everything.
    init: bool
        Write a recipe with every key explained, to be filled in.
    dry_run: bool
        Say what each stage will do, what is there already, and about how long it takes here.
    waterfall: bool
        Train NAST from the paper's literal choices to ours, one decision at a time, and print what
        each of them moves.
    first: str
        Begin with this stage, and take what comes before it as it is.
    only: str
        Run this stage alone.
    fresh: bool
        Make the stages that are run again, where they were made with other settings.
    """
    from nast.errors import UsageError

    if init:
        from nast.paper.recipe import write_recipe

        write_recipe(recipe)
        print(f"{recipe}: fill it in, then: nast paper {recipe} -o DIR --dry-run")
        return
    if out is None:
        raise UsageError("say where everything goes: --out DIR")
    if dry_run:
        from nast.paper.plan import lines_of, plan_of, rates_of
        from nast.paper.recipe import read_recipe

        read = read_recipe(recipe)
        rates = rates_of(read, out)
        for line in lines_of(plan_of(read, out, rates), rates):
            print(line)
        return
    if waterfall:
        from nast.paper.waterfall import run_waterfall

        print(run_waterfall(recipe, out).read_text(encoding="utf-8"))
        return
    import os

    from nast.commands.terminal import print_tables
    from nast.paper.launch import TOLD, share_stage
    from nast.paper.whole import run_paper

    if only and os.environ.get(TOLD) == only:
        share_stage(recipe, out, fresh)
        return

    page = run_paper(recipe, out, first=first, only=only, fresh=fresh)
    if page.is_file():
        print_tables(out / "tables")
        print(page.resolve())
