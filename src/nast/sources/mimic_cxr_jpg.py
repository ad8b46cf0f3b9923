"""MIMIC-CXR-JPG 2.0.0: labels, metadata and split tables and the image tree -> studies."""

from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING
from nast.records import SPLITS
from nast.sources.source import (
    FRONTAL,
    Source,
    is_phantom,
    labels_from,
    read_csv,
    refuse_duplicates,
    refuse_split_patients,
    study_columns,
)

_PREFIX = "mimic-cxr-2.0.0-"


def read_mimic_cxr_jpg(root: Path) -> Source:
    """Read a MIMIC-CXR-JPG tree.

    One image stands for a study: frontal before other views, PA before AP, then the largest,
    then the first by id. Studies without a label row are left out and counted.

    Args:
        root: the folder with `files/` and the `mimic-cxr-2.0.0-*.csv.gz` tables.

    Returns:
        Studies with the four-valued chexpert labels; policy `credentialed` (`open` for a phantom).

    Raises:
        InputError: a table is missing or breaks its schema, a study stands twice, a label is
            none of 1, 0, -1 and blank, a patient is in two splits.
    """
    root = Path(root)
    paths = {n: _table(root, n) for n in ("chexpert", "metadata", "split")}
    labels = read_csv(paths["chexpert"], ["study_id", NO_FINDING, *CONDITIONS])
    refuse_duplicates(labels, paths["chexpert"], ["study_id"])
    columns = {name: name for name in [*CONDITIONS, NO_FINDING]}
    labels = labels.select("study_id", *labels_from(labels, paths["chexpert"], columns))
    images, unsplit = _images(paths)
    studies = images.join(labels, on="study_id", how="inner", maintain_order="left")
    refuse_split_patients(images, paths["split"])
    phantom = is_phantom(root)
    return Source(
        name="mimic-cxr-jpg",
        root=root if (root / "files").is_dir() else None,
        studies=studies.select([*study_columns(), NO_FINDING]),
        facts=None,
        policy="open" if phantom else "credentialed",
        phantom=phantom,
        counts={
            "studies": len(studies),
            "studies without labels": len(images) - len(studies),
            "label rows without images": len(labels) - len(studies),
            "images without a split": unsplit,
        },
        files=list(paths.values()),
    )


def _table(root: Path, name: str) -> Path:
    for suffix in (".csv.gz", ".csv"):
        path = root / f"{_PREFIX}{name}{suffix}"
        if path.is_file():
            return path
    raise InputError(
        root, found="no such file", expected=f"{_PREFIX}{name}.csv.gz of MIMIC-CXR-JPG 2.0.0"
    )


def _images(paths: dict[str, Path]) -> tuple[pl.DataFrame, int]:
    """One row per study (the image that stands for it, view, split); images without a split."""
    meta = read_csv(
        paths["metadata"], ["dicom_id", "subject_id", "study_id", "ViewPosition", "Rows", "Columns"]
    )
    split = read_csv(paths["split"], ["dicom_id", "split"])
    wrong = split.with_row_index("row", 1).filter(~pl.col("split").is_in(SPLITS))
    if len(wrong):
        raise InputError(
            paths["split"],
            found=repr(wrong["split"][0]),
            expected="train, validate or test",
            row=wrong["row"][0],
            column="split",
        )
    area = pl.col("Rows").cast(pl.Int64, strict=False) * pl.col("Columns").cast(
        pl.Int64, strict=False
    )
    order = pl.col("ViewPosition").replace_strict(
        {view: place for place, view in enumerate(FRONTAL)}, default=len(FRONTAL)
    )
    joined = meta.join(split.select("dicom_id", "split"), on="dicom_id", how="inner")
    studies = (
        joined.sort(order, -area.fill_null(0), "dicom_id")
        .unique("study_id", keep="first", maintain_order=True)
        .sort("subject_id", "study_id")
        .select(
            "subject_id",
            "study_id",
            "split",
            pl.format(
                "files/p{}/p{}/s{}/{}.jpg",
                pl.col("subject_id").str.slice(0, 2),
                "subject_id",
                "study_id",
                "dicom_id",
            ).alias("image_path"),
            pl.col("ViewPosition").alias("view"),
        )
    )
    return studies, len(meta) - len(joined)
