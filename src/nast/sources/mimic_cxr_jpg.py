"""MIMIC-CXR-JPG 2.0.0 and 2.1.0: label, metadata and split tables and the images -> studies."""

from collections import Counter
from pathlib import Path

import polars as pl

from nast.errors import InputError, UsageError
from nast.facts.conditions import CONDITIONS, NO_FINDING, Conditions
from nast.records import SPLITS
from nast.sources.image_paths import holders, refuse_outside
from nast.sources.io.label_tables import (
    labels_from,
    one_of,
    read_csv,
    refuse_duplicates,
    refuse_split_patients,
    refuse_where,
    require_columns,
    whole_ids,
)
from nast.sources.source import FRONTAL, Source, account_of, as_studies, is_phantom, rank_of_view

LABELERS = ("chexpert", "negbio", "radiologist")
"""Whose labels: the two labelers', or the radiologist's of 2.1.0's 687 test studies."""
TERMS = "PhysioNet Credentialed Health Data License 1.5.0: no sharing, no online services"


def read_mimic_cxr_jpg(
    root: Path, labeler: str = "chexpert", conditions: Conditions = CONDITIONS
) -> Source:
    """Read a MIMIC-CXR-JPG tree.

    One image stands for a study: frontal before other views, PA before AP, then the largest,
    then the first by id. Studies without a label row are left out and counted.

    Args:
        root: the folder with the `mimic-cxr-2.*-*.csv.gz` tables (2.1.0 keeps the file names of
            2.0.0) and `files/`, or another folder up to three below it that holds `p10` to `p19`.
        labeler: `chexpert`, `negbio`, or `radiologist` (2.1.0's `test-set-labeled`: no
            subject ids, and "Airspace Opacity" for Lung Opacity).
        conditions: the table of conditions.

    Returns:
        Studies with four-valued labels; access class `credentialed` (`open` for a phantom).

    Raises:
        InputError: a table is missing or breaks its schema, a study or image stands twice, a
            label is none of 1, 0, -1 and blank, a patient is in two splits.
        UsageError: another labeler.
    """
    root = Path(root)
    if labeler not in LABELERS:
        raise UsageError(f"{labeler!r} is not a labeler; choose one of {', '.join(LABELERS)}")
    named = "test-set-labeled" if labeler == "radiologist" else labeler
    paths = {n: _table(root, n) for n in (named, "metadata", "split")}
    labels = _labels(paths[named], [*conditions.labelled(), NO_FINDING])
    images, counts = _images(paths["metadata"], paths["split"])
    refuse_split_patients(images, paths["split"])
    studies = images.join(labels, on="study_id", how="inner", maintain_order="left")
    # Group of patients (p10) -> the folder that holds it; the published `files` comes first.
    places = {
        group: min(folders, key=lambda p: p != root / "files")
        for group, folders in holders(root, r"p\d\d", 3).items()
    }
    phantom = is_phantom(root, *paths.values())
    names = conditions.labelled()
    cells = studies.select(names)
    bare = studies.filter(pl.all_horizontal(pl.col(*names, NO_FINDING) == "not_mentioned"))
    return Source(
        name="mimic-cxr-jpg",
        root=root if places else None,
        studies=as_studies(studies.with_columns(_placed(places, root)), conditions),
        facts=None,
        vocabulary=names,
        access="open" if phantom else "credentialed",
        terms="synthetic" if phantom else TERMS,
        annotations=_account(labels.select(names), cells),
        counts={
            "studies": len(studies),
            "studies without a label row": len(images) - len(studies),
            "studies without any label": len(bare),
            "label rows without images": len(labels) - len(studies),
            **counts,
        },
        files=list(paths.values()),
        # CAD-Chest has studies without a label row; their patients keep MIMIC's split.
        splits=dict(images.select("subject_id", "split").unique().iter_rows()),
        phantom=phantom,
    )


def _placed(places: dict[str, Path], root: Path) -> pl.Expr:
    """Image paths with the folder that holds them in place of `files`."""
    tail = pl.col("image_path").str.strip_prefix("files/")
    group = tail.str.split("/").list.first()
    names = {
        name: "".join(f"{part}/" for part in place.relative_to(root).parts)
        for name, place in places.items()
    }
    folder = group.replace_strict(names, default="files/", return_dtype=pl.String)
    return (folder + tail).alias("image_path")


def _account(table: pl.DataFrame, used: pl.DataFrame) -> Counter[str]:
    """What became of the label cells of the table, given the rows that are used."""
    account, every = account_of(used), account_of(table)["present"]
    account["set aside: study without images"] = every - account["present"]
    account["present"] = every
    return account


def _table(root: Path, name: str) -> Path:
    for version in ("2.0.0", "2.1.0"):
        for suffix in (".csv.gz", ".csv"):
            path = root / f"mimic-cxr-{version}-{name}{suffix}"
            if path.is_file():
                return path
    release = "2.1.0" if name == "test-set-labeled" else "2.0.0 or 2.1.0"
    raise InputError(
        root,
        found="no such file",
        expected=f"mimic-cxr-2.?.0-{name}.csv of MIMIC-CXR-JPG {release}",
    )


def _labels(path: Path, names: list[str]) -> pl.DataFrame:
    rows = read_csv(path, ["study_id"])
    if "Lung Opacity" not in rows.columns:
        rows = rows.rename({"Airspace Opacity": "Lung Opacity"}, strict=False)
    require_columns(rows, path, names)
    rows = whole_ids(rows, path, ["study_id"])
    refuse_duplicates(rows, path, ["study_id"])
    return rows.select("study_id", *labels_from(rows, path, names))


def _images(metadata: Path, splits: Path) -> tuple[pl.DataFrame, dict[str, int]]:
    """One row per study (the image that stands for it, view, split); what was counted."""
    names = ["dicom_id", "subject_id", "study_id", "ViewPosition", "Rows", "Columns"]
    meta = whole_ids(read_csv(metadata, names), metadata, ["subject_id", "study_id"]).select(names)
    split = read_csv(splits, ["dicom_id", "split"])
    for rows, path in ((meta, metadata), (split, splits)):
        refuse_where(rows["dicom_id"] == "", rows["dicom_id"], path, "the id of an image")
        refuse_duplicates(rows, path, ["dicom_id"])
    refuse_outside(meta["dicom_id"], metadata)
    one_of(split, splits, "split", list(SPLITS), "train, validate or test")
    pixels = [pl.col(name).cast(pl.Float64, strict=False) for name in ("Rows", "Columns")]
    joined = meta.join(split.select("dicom_id", "split"), on="dicom_id", how="inner")
    image = pl.format(
        "files/p{}/p{}/s{}/{}.jpg",
        pl.col("subject_id").str.slice(0, 2),
        "subject_id",
        "study_id",
        "dicom_id",
    )
    studies = (
        joined.sort(rank_of_view("ViewPosition"), -(pixels[0] * pixels[1]).fill_null(0), "dicom_id")
        .unique("study_id", keep="first", maintain_order=True)
        .sort("subject_id", "study_id")
        .select(
            "subject_id",
            "study_id",
            "split",
            image.alias("image_path"),
            pl.col("ViewPosition").alias("view"),
        )
    )
    counts = {"images": len(meta), "images without a split": len(meta) - len(joined)}
    counts["studies without a frontal image"] = len(studies.filter(~pl.col("view").is_in(FRONTAL)))
    return studies, counts
