"""nast benchmark export, nast contextual export, nast benchmark import."""

from pathlib import Path

from nast.commands.build import Out
from nast.commands.options import Count, Seed


def export_command(
    folder: Path,
    *,
    out: Out,
    to: str,
    seed: Seed = 0,
    limit: Count | None = None,
    fresh: bool = False,
) -> None:
    """Write questions, claim sets and captions for another project.

    Parameters
    ----------
    folder: Path
        A folder of nast benchmark build, nast contextual build or nast benchmark import.
    out: Path
        Output folder; its README.md has the command that runs the other project on it.
    to: str
        negbench, clip-benchmark, open-clip, hf-datasets, lm-eval, inspect, csv or jsonl.
    seed: int
        Of what is drawn: wrong options where the other project takes fewer of them, and the order
        of options of imported items for chat models.
    limit: int
        At most about so many items or images per set, in whole groups.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.exchange.export import export

    manifest = export(folder, out, to, seed=seed, limit=limit, fresh=fresh)
    for name, number in manifest["counts"].items():
        print(f"{name}: {number:,}")
    _print_missing(len(manifest["missing_images"]))
    print(f"{out / 'README.md'}: how to run it; access class {manifest['access']}")


def import_command(
    *files: Path,
    out: Out,
    source: str,
    image_root: Path | None = None,
    access: str | None = None,
    equal_options: bool = False,
    fresh: bool = False,
) -> None:
    """Read a benchmark of another project into a folder that nast evaluate scores.

    Parameters
    ----------
    files: Path
        One or several, as their authors released them. Of several files every id begins with the
        name of its file.
    out: Path
        Output folder: items.parquet, captions.parquet.
    source: str
        negbench-mcq, negbench-binary, negbench-retrieval, cc-neg, sugar-crepe, aro, cxr-align or
        jsonl.
    image_root: Path
        Folder of the images on this machine.
    access: str
        Of the data: open, private or credentialed. A file out of an export of nast has the one
        recorded beside it, which this can only make stricter; any other file is private.
    equal_options: bool
        Keep items with two equal options, for nast evaluate --ties with a peer's rule.
    fresh: bool
        Start over in a folder of another configuration, or look for missing images again.
    """
    from nast.exchange.importing import import_items

    manifest = import_items(
        files,
        out,
        source,
        image_root=image_root,
        access=access,
        equal_options=equal_options,
        fresh=fresh,
    )
    for name, number in manifest["counts"].items():
        print(f"{name}: {number:,}")
    _print_missing(len(manifest["missing_images"]))
    print(f"{out}: nast evaluate MODEL {out} scores it; access class {manifest['access']}")


def _print_missing(number: int) -> None:
    # Their number only: paths of MIMIC hold patient ids.
    if number:
        print(f"missing images: {number:,} (listed in manifest.json)")
