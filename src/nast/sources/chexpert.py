"""CheXpert: `train.csv` or `valid.csv` -> studies, one row per study, never mixing two of them."""

from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING
from nast.sources.source import Source, labels_from, read_csv, study_columns
from nast.sources.splits import add_split

_PATTERN = r"(?:^|/)(train|valid|test)/(patient\d+)/(study\d+)/"


def read_chexpert(file: Path) -> Source:
    """Read a CheXpert label file.

    The study's first frontal image stands for it, else its first. Patients of `train` are divided
    80/10/10 by their ids; `valid` and `test` keep their names.

    Args:
        file: `train.csv` or `valid.csv`, plain or gzip. Images are looked for beside it, under
            the folder that its paths start from.

    Returns:
        Studies with four-valued labels; policy `private` (research use agreement).

    Raises:
        InputError: a column is missing, a path is not CheXpert's, a label is none of 1, 0, -1
            and blank, or two images of one study have different labels.
    """
    file = Path(file)
    rows = read_csv(file, ["Path", "Frontal/Lateral", "AP/PA", NO_FINDING, *CONDITIONS])
    labels = labels_from(rows, file, {name: name for name in [*CONDITIONS, NO_FINDING]})
    parts = pl.col("Path").str.extract_groups(_PATTERN)
    rows = rows.select(
        pl.col("Path").alias("image_path"),
        parts.struct[0].alias("split"),
        parts.struct[1].alias("subject_id"),
        pl.format("{}_{}", parts.struct[1], parts.struct[2]).alias("study_id"),
        pl.when(pl.col("Frontal/Lateral") == "Frontal")
        .then(pl.col("AP/PA"))
        .otherwise(pl.lit("LATERAL"))
        .alias("view"),
        *labels,
    )
    _check(rows, file)
    studies = rows.sort(pl.col("view") == "LATERAL", maintain_order=True).unique(
        "study_id", keep="first", maintain_order=True
    )
    studies = studies.join(rows.select("study_id").unique(maintain_order=True), on="study_id",
                           how="right", maintain_order="right")  # fmt: skip
    divided = add_split(studies.rename({"split": "own"})).with_columns(
        pl.when(pl.col("own") == "train")
        .then("split")
        .otherwise(pl.col("own").replace("valid", "validate"))
        .alias("split")
    )
    root = _image_root(file, studies["image_path"])
    return Source(
        name="chexpert",
        root=root,
        studies=divided.select([*study_columns(), NO_FINDING]),
        facts=None,
        policy="private",
        counts={"images": len(rows), "studies": len(studies)},
        files=[file],
    )


def _check(rows: pl.DataFrame, file: Path) -> None:
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
        pl.col("row").max(), pl.struct([*CONDITIONS, NO_FINDING]).n_unique().alias("kinds")
    )
    torn = torn.filter(pl.col("kinds") > 1).sort("row")
    if len(torn):
        raise InputError(
            file,
            found="labels unlike those of the study's other images",
            expected="equal labels within a study",
            row=torn["row"][0],
        )


def _image_root(file: Path, paths: pl.Series) -> Path | None:
    """The folder that image paths start from: the one in which their first two folders lie."""
    tops = {"/".join(p.split("/")[:2]) for p in paths.head(1000)}
    folders = [file.parent, *file.parent.parents][:3]
    return next((f for f in folders if any((f / top).is_dir() for top in tops)), None)
