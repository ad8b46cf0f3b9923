"""nast facts."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def facts(
    *sources: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    max_bad: int = 0,
    fresh: bool = False,
) -> None:
    """Read sources into studies.parquet and facts.parquet.

    Parameters
    ----------
    sources: str
        mimic-cxr-jpg:ROOT, cad-chest:FILE, chexpert:FILE or nih-cxr:ROOT; several that speak of
        the same studies are joined.
    out: Path
        Output folder.
    max_bad: int
        How many missing or broken images are passed over.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.errors import UsageError
    from nast.sources.collect import build_facts, require_images
    from nast.sources.source import summary

    if not sources:
        raise UsageError("no source given, for example: nast facts chexpert:train.csv -o facts")
    manifest = build_facts(sources, out, fresh=fresh)
    for name, counts in manifest["sources"].items():
        print(f"{name}: {summary(counts)}")
    print(f"{out}: {summary(manifest['counts'])}; data policy {manifest['policy']}")
    if not manifest["images"] and not manifest["bad_images"]:
        print("no images beside the labels: questions can be built, not scored")
    require_images(manifest, max_bad)
