"""nast facts."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from nast.commands.options import NotNegative
from nast.errors import visible


def facts(
    *sources: str,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    labeler: str = "chexpert",
    cut: int = 3,
    conditions: Path | None = None,
    world: Literal["described", "closed"] = "described",
    max_bad: NotNegative = 0,
    check: bool = False,
    init_mapping: Path | None = None,
    fresh: bool = False,
) -> None:
    """Read sources into studies.parquet and facts.parquet.

    Parameters
    ----------
    sources: str
        mimic-cxr-jpg:ROOT, cad-chest:FILE, chexpert:FILE, iu-xray:FILE, nih-cxr:ROOT,
        padchest:FILE or table:FILE. CAD-Chest is joined to MIMIC, and tables whose mappings name
        one site to each other; equal ids of other sources are kept apart. With --check, finished
        folders instead.
    out: Path
        Output folder.
    labeler: str
        Whose labels of MIMIC-CXR-JPG: chexpert, negbio or radiologist (2.1.0's test set).
    cut: int
        The least |probability_score| of a fact of CAD-Chest; 3 keeps the definite ones.
    conditions: Path
        Another table of conditions (YAML), for other findings or another modality.
    world: Literal["described", "closed"]
        What silence means: described, an unmentioned condition is unknown; closed, it is absent,
        as much of the field reads label tables. Items, numbers and tables made of it say so.
    max_bad: int
        How many missing or broken images are passed over.
    check: bool
        Prove that no patient of the given folders is in two splits.
    init_mapping: Path
        Write a commented first guess of the mapping that table:FILE needs, beside this file.
    fresh: bool
        Start over in a folder of another configuration.
    """
    from nast.errors import UsageError
    from nast.sources.collect import build_facts
    from nast.sources.source import account_text, summary

    if init_mapping is not None:
        from nast.sources.own_table.guess import write_mapping

        print(
            f"{write_mapping(init_mapping)}: look through it, then: "
            f"nast facts table:{init_mapping} -o facts"
        )
        return
    if check:
        from nast.sources.splits import patients_by_split

        found = patients_by_split([Path(s) for s in sources])
        print(f"no patient is in two splits; patients: {summary(found)}")
        return
    if not sources or out is None:
        raise UsageError("give sources and a folder: nast facts chexpert:train.csv -o facts")
    manifest = build_facts(
        sources,
        out,
        labeler=labeler,
        cut=cut,
        conditions=conditions,
        world=world,
        max_bad=max_bad,
        fresh=fresh,
    )
    for name, counts in manifest["sources"].items():
        print(f"{name}: {summary(counts)}")
        print(f"{name}, annotations: {account_text(manifest['annotations'][name])}")
    conflicts = manifest["conflicts"]
    apart = {what: n for what, n in conflicts.items() if n and what.endswith("kept apart")}
    torn = {what: n for what, n in conflicts.items() if n and what not in apart}
    if apart:
        print(
            f"{summary(apart)}: equal ids of two sources are taken for different patients and "
            "studies; for tables of one site, say site: NAME in the mapping of each"
        )
    if torn:
        print(f"{summary(torn)}: these labels are uncertain now")
    print(f"{out}: {summary(manifest['counts'])}; access class {manifest['access']}")
    for terms in manifest["terms"]:
        print(visible(f"terms of {terms}"))
    if not manifest["images"] and not manifest["bad_images"]:
        print("no images beside the labels: questions can be built, not scored")
