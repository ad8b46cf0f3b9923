"""The whole paper, stage after stage: `nast paper`, `nast demo`."""

from dataclasses import replace
from pathlib import Path

from nast.errors import UsageError
from nast.files import atomic
from nast.paper.launch import start_shared
from nast.paper.paper_stages import LAST, STAGES, PaperStage, Whole
from nast.paper.recipe import Recipe, read_recipe
from nast.progress import Progress
from nast.reporting.printed import read_printed

KEPT_RECIPE = "recipe.yaml"
"""The recipe that a folder was made by lies in it."""


def run_paper(
    recipe: Path,
    out: Path,
    *,
    first: str | None = None,
    only: str | None = None,
    fresh: bool = False,
) -> Path:
    """Every stage of a recipe in turn, each in a folder under `out`.

    Finished folders are not made again, and killed ones go on, so that the same command ends what
    an earlier one began.

    Args:
        recipe: see `read_recipe`.
        out: the folder for everything; new, or of the same recipe's earlier call.
        first: begin with this stage; what comes before it is taken as it is.
        only: run this stage alone.
        fresh: make the stages that are run again where they were made with other settings.

    Returns:
        The path of `report.html`.

    Raises:
        InputError: the recipe is none, or the file of printed numbers that it names does not fit.
        UsageError: no such stage, or `out` holds something else.
    """
    read = read_recipe(recipe)
    stages = chosen_stages(read, first, only)
    if read.printed:
        # The report reads it hours later.
        read_printed(Path(read.printed))
    claim_folder(out, recipe)
    whole = Whole(read, out, Progress(len(stages)), fresh)
    for stage in stages:
        whole.progress.step(stage.says)
        at = whole
        if read.launch and stage.shared:
            start_shared(read.launch, recipe, out, stage.name, fresh)
            # What the launched processes made anew is found here, and not made once more.
            at = replace(whole, fresh=fresh and stage.shared is not stage.make)
        stage.make(at)
    _keep(recipe, out)
    whole.progress.done()
    return out / LAST[0]


def chosen_stages(
    recipe: Recipe, first: str | None = None, only: str | None = None
) -> list[PaperStage]:
    """The stages of a recipe, from the first that is asked for, or one alone.

    Raises:
        UsageError: the recipe has no such stage, or both are given.
    """
    stages = [stage for stage in STAGES if stage.wanted(recipe)]
    names = [stage.name for stage in stages]
    if first and only:
        raise UsageError("say --from or --only, not both")
    for asked in (first, only):
        if asked and asked not in names:
            raise UsageError(f"{asked!r} is no stage of this recipe; choose {', '.join(names)}")
    if only:
        return [stage for stage in stages if stage.name == only]
    return stages[names.index(first) if first else 0 :]


def claim_folder(out: Path, recipe: Path) -> None:
    """Take a folder that is empty or was made by a recipe.

    The recipe that made it stays until another one has come to its end.

    Raises:
        UsageError: it holds files of others.
    """
    if (out / KEPT_RECIPE).is_file():
        return
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out} holds files that no recipe made; choose another folder")
    out.mkdir(parents=True, exist_ok=True)
    _keep(recipe, out)


def _keep(recipe: Path, out: Path) -> None:
    """A copy of the recipe in the folder."""
    with atomic(out / KEPT_RECIPE) as temporary:
        temporary.write_bytes(recipe.read_bytes())
