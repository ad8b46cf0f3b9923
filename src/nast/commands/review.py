"""nast benchmark review export, nast benchmark review import."""

from pathlib import Path

from nast.commands.build import Out
from nast.commands.options import Count, Seed

QUALITY = 85
"""Of the films of a page, JPEG: lines of a millimetre stay visible."""


def export_review_command(
    folder: Path,
    *,
    out: Out,
    questions: Count = 100,
    seed: Seed = 0,
    page: bool = False,
    with_images: bool = False,
    fresh: bool = False,
) -> None:
    """Write the file that experts fill in: phrases, option sets, a sample of questions.

    Parameters
    ----------
    folder: Path
        A folder of nast benchmark build or nast benchmark review import.
    out: Path
        Output folder: review.xlsx, or review.html with --page.
    questions: int
        How many questions are drawn, one group after the other.
    seed: int
        Of the draw.
    page: bool
        Write a page for a browser, with large films, instead of a spreadsheet with small ones.
    with_images: bool
        Put films of data that are not open into the file: everyone who gets it may see them.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.items.review.page import SIDE, SMALL
    from nast.items.review.round_trip import export_review
    from nast.models.images import film

    manifest = export_review(
        folder,
        out,
        number=questions,
        seed=seed,
        page=page,
        film=lambda path: film(path, SIDE if page else SMALL, QUALITY),
        with_images=with_images,
        fresh=fresh,
    )
    for name, number in manifest["counts"].items():
        print(f"{name}: {number:,} rows")
    print(f"review so far: {manifest['review']}")
    print(f"{out / manifest['file']}: a copy for each reviewer; access class {manifest['access']}")


def import_review_command(
    folder: Path, *sheets: Path, out: Out, seed: Seed = 0, fresh: bool = False
) -> None:
    """Apply filled review files; the folder itself is left as it is.

    Parameters
    ----------
    folder: Path
        The folder that the files were exported from.
    sheets: Path
        Filled files, one per reviewer: review.xlsx under any name, or a page's decisions.json.
    out: Path
        Output folder: the questions that stay, data card, audit, review.json.
    seed: int
        Of the bootstrap.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.benchmark.card import data_card
    from nast.files import read_json
    from nast.items.review.record import coefficient_text
    from nast.items.review.round_trip import REVIEW, import_review

    manifest = import_review(folder, sheets, out, data_card, seed=seed, fresh=fresh)
    record = read_json(out / REVIEW)
    for name, counts in record["rows"].items():
        print(f"{name}: {', '.join(f'{what} {n:,}' for what, n in counts.items())}")
    dropped = record["dropped"]
    print(f"left out: {dropped['questions']:,} questions in {dropped['groups']:,} groups")
    print(f"phrases in new words: {len(record['phrases in new words']):,}")
    print(f"rows that stay against a reviewer: {len(record['dissent']):,} (review.json)")
    for name, checks in record["agreement"].items():
        print(f"agreement, {name}: {coefficient_text(checks['verdict'])} (verdicts)")
    for leak in manifest["leaks"]:
        print(f"warning: words alone solve {leak}")
    print(
        f"{out}: {manifest['counts']['questions']:,} questions, {manifest['review']}; access class "
        f"{manifest['access']}"
    )
