"""CheXpert: `train.csv`, `valid.csv` or test labels -> studies, never mixing two of them."""

from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import NO_FINDING, labelled
from nast.sources.images import refuse_outside
from nast.sources.source import Source, study_columns, tally
from nast.sources.splits import add_split
from nast.sources.tables import cells_of, labels_from, read_csv, refuse_duplicates, require_columns

TERMS = "Stanford research use agreement: non-commercial, no redistribution"
_PATTERN = r"(?:^|/)(train|valid|test)/(patient\d+)/(study\d+)/"


def read_chexpert(file: Path) -> Source:
    """Read a CheXpert label file.

    The study's first frontal image stands for it, else its first. Patients of `train` are divided
    80/10/10 by their ids; `valid` and `test` keep their names.

    Args:
        file: `train.csv`, `valid.csv` or test labels, plain or gzip. Test labels have one row per
            study (`.../test/patient64741/study1`) and no view. Images are looked for beside the
            file, under the folder that its paths start from.

    Returns:
        Studies with four-valued labels; policy `private` (research use agreement).

    Raises:
        InputError: a column is missing, a path is not CheXpert's or stands twice, a label is none
            of 1, 0, -1 and blank, or two images of one study have different labels.
    """
    file = Path(file)
    names = [NO_FINDING, *labelled()]
    rows = read_csv(file, names)
    if "Path" not in rows.columns:
        rows = rows.rename({"Study": "Path"}, strict=False)
    views = ["Frontal/Lateral", "AP/PA"]
    # Test labels have neither; a file with one of the two has misnamed the other.
    require_columns(rows, file, ["Path", *(views if set(views) & set(rows.columns) else [])])
    refuse_duplicates(rows, file, ["Path"])
    refuse_outside(rows["Path"], file)
    labels = labels_from(rows, file, {name: name for name in names})
    parts = pl.format("{}/", pl.col("Path").str.strip_chars_end("/")).str.extract_groups(_PATTERN)
    rows = rows.select(
        _image_path().alias("image_path"),
        parts.struct[0].alias("split"),
        parts.struct[1].alias("subject_id"),
        pl.format("{}_{}", parts.struct[1], parts.struct[2]).alias("study_id"),
        _view(rows).alias("view"),
        *labels,
    )
    _check(rows, file)
    studies = (
        rows.with_row_index("place")
        .with_columns(pl.col("place").min().over("study_id"))
        .sort(pl.col("view") == "LATERAL", maintain_order=True)
        .unique("study_id", keep="first", maintain_order=True)
        .sort("place")
    )
    divided = add_split(studies.rename({"split": "own"})).with_columns(
        pl.when(pl.col("own") == "train")
        .then("split")
        .otherwise(pl.col("own").replace("valid", "validate"))
        .alias("split")
    )
    stated = divided.filter(pl.col("own") != "train")
    cells = divided.select(labelled())
    account = tally()
    account["present"] = cells_of(cells, "present", "absent", "uncertain")
    account["kept"] = cells_of(cells, "present", "absent")
    account["set aside: uncertain"] = cells_of(cells, "uncertain")
    return Source(
        name="chexpert",
        root=_image_root(file, studies["image_path"]),
        studies=divided.select([*study_columns(), NO_FINDING]),
        facts=None,
        policy="private",
        terms=TERMS,
        annotations=account,
        counts={"images": len(rows), "studies": len(studies)},
        files=[file],
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
        pl.col("row").max(), pl.struct([*labelled(), NO_FINDING]).n_unique().alias("kinds")
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
