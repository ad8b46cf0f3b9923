"""CheXpert: `train.csv`, `valid.csv` or test labels -> studies, never mixing two of them."""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING, Conditions
from nast.sources.image_paths import folder_entries, holders, refuse_outside
from nast.sources.io.label_tables import (
    labels_from,
    read_csv,
    refuse_duplicates,
    require_columns,
)
from nast.sources.source import Source, account_of, as_studies, best_images
from nast.sources.splits import add_split

TERMS = "Stanford research use agreement: non-commercial, no redistribution"
_PATTERN = r"(?:^|/)(train|valid|test)/(patient\d+)/(study\d+)/"
_PATIENT = r"patient\d+"
_PARTS = ("train", "valid", "test")


def read_chexpert(file: Path, conditions: Conditions = CONDITIONS) -> Source:
    """Read a CheXpert label file.

    The study's first frontal image stands for it, else its first. Patients of `train` are divided
    80/10/10 by their ids; `valid` and `test` keep their names.

    Args:
        file: `train.csv`, `valid.csv` or test labels, plain or gzip. Test labels have one row per
            study (`.../test/patient64741/study1`) and no view. Images are found near the file by
            the tail of their paths, whatever the folder above the patients is called.
        conditions: the table of conditions.

    Returns:
        Studies with four-valued labels; access class `private` (research use agreement).

    Raises:
        InputError: a column is missing, a path is not CheXpert's or stands twice, a label is none
            of 1, 0, -1 and blank, or two images of one study have different labels.
    """
    file = Path(file)
    names = [NO_FINDING, *conditions.labelled()]
    rows = read_csv(file, names)
    if "Path" not in rows.columns:
        rows = rows.rename({"Study": "Path"}, strict=False)
    views = ["Frontal/Lateral", "AP/PA"]
    # Test labels have neither; a file with one of the two has misnamed the other.
    require_columns(rows, file, ["Path", *(views if set(views) & set(rows.columns) else [])])
    refuse_duplicates(rows, file, ["Path"])
    refuse_outside(rows["Path"], file)
    rows = rows.with_columns(pl.col("Path").str.replace_all("\\", "/", literal=True))
    labels = labels_from(rows, file, names)
    parts = pl.format("{}/", pl.col("Path").str.strip_chars_end("/")).str.extract_groups(_PATTERN)
    rows = rows.select(
        _image_path().alias("image_path"),
        parts.struct[0].alias("split"),
        parts.struct[1].alias("subject_id"),
        pl.format("{}_{}", parts.struct[1], parts.struct[2]).alias("study_id"),
        _view(rows).alias("view"),
        *labels,
    )
    _check(rows, file, names)
    studies = best_images(rows, pl.col("view") == "LATERAL")
    divided = add_split(studies.rename({"split": "own"})).with_columns(
        pl.when(pl.col("own") == "train")
        .then("split")
        .otherwise(pl.col("own").replace("valid", "validate"))
        .alias("split")
    )
    root, paths = _place_images(file, divided["image_path"])
    stated = divided.filter(pl.col("own") != "train")
    return Source(
        name="chexpert",
        root=root,
        studies=as_studies(divided.with_columns(paths), conditions),
        facts=None,
        access="private",
        terms=TERMS,
        annotations=account_of(divided.select(conditions.labelled())),
        counts={"images": len(rows), "studies": len(studies)},
        files=[file],
        vocabulary=conditions.labelled(),
        splits=dict(stated.select("subject_id", "split").iter_rows()),
    )


def _image_path() -> pl.Expr:
    """The image; a row of test labels names its study, whose first image is the frontal one."""
    path = pl.col("Path")
    image = pl.format("{}/view1_frontal.jpg", path.str.strip_chars_end("/"))
    return pl.when(path.str.contains(r"\.\w+$")).then(path).otherwise(image)


def _view(rows: pl.DataFrame) -> pl.Expr:
    """The view; test labels without view columns tell lateral images by their names."""
    if not {"Frontal/Lateral", "AP/PA"} & set(rows.columns):
        lateral = pl.col("Path").str.contains("lateral", literal=True)
        return pl.when(lateral).then(pl.lit("LATERAL")).otherwise(pl.lit(""))
    frontal = pl.col("Frontal/Lateral") == "Frontal"
    return pl.when(frontal).then(pl.col("AP/PA")).otherwise(pl.lit("LATERAL"))


def _check(rows: pl.DataFrame, file: Path, names: list[str]) -> None:
    if not len(rows):
        raise InputError(file, found="no rows", expected="CheXpert's label rows")
    numbered = rows.with_row_index("row", 1)
    wrong = numbered.filter(pl.col("study_id").is_null())
    if len(wrong):
        raise InputError(
            file,
            found="another path",
            expected=".../train/patient00001/study1/view1_frontal.jpg",
            row=wrong["row"][0],
            column="Path",
        )
    torn = numbered.group_by("study_id").agg(
        pl.col("row").max(), pl.struct(names).n_unique().alias("kinds")
    )
    torn = torn.filter(pl.col("kinds") > 1).sort("row")
    if len(torn):
        raise InputError(
            file,
            found="labels unlike those of the study's other images",
            expected="equal labels within a study",
            row=torn["row"][0],
        )


def _place_images(file: Path, paths: pl.Series) -> tuple[Path | None, pl.Series]:
    """The folder that image paths start from, and the paths, found by their tails.

    The table's folder is searched, and beside it and above it folders called as in the table or
    `CheXpert...`, as the batches are in which the images are handed out. Among folders that hold
    a patient, one called as in the table goes before others, and none of another split is taken.
    """
    tops = {path.partition("/")[0] for path in paths}
    levels = [file.parent, *file.parent.parents][:3]
    known = holders(levels[0], _PATIENT, 3)
    for level in levels[1:]:
        for entry in sorted(folder_entries(level), key=lambda e: e.name):
            if entry.name in tops or entry.name.lower().startswith("chexpert"):
                for patient, places in holders(Path(entry.path), _PATIENT, 2).items():
                    known.setdefault(patient, []).extend(places)
    found = [_place(path, known) for path in paths]
    there = [place for place in found if place is not None]
    if not there:
        return None, paths
    root = next(level for level in levels if all(p.is_relative_to(level) for p in set(there)))
    short = [
        path
        if place is None
        else "/".join([*place.relative_to(root).parts, *path.rsplit("/", 3)[-3:]])
        for path, place in zip(paths, found, strict=True)
    ]
    return root, pl.Series(paths.name, short, pl.String)


def _place(path: str, known: dict[str, list[Path]]) -> Path | None:
    """The folder that holds a patient's images."""
    above, *tail = path.rsplit("/", 3)
    own = above.split("/")
    places = [p for p in known.get(tail[0], []) if p.name == own[-1] or p.name not in _PARTS]
    if len(places) > 1:
        places.sort(key=lambda p: -_common_tail(p.parts, own))
        places.sort(key=lambda p: not p.joinpath(*tail).is_file())
    return places[0] if places else None


def _common_tail(one: Sequence[str], other: Sequence[str]) -> int:
    """How many names at the end two paths have in common."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
