"""PadChest's label table -> studies, and facts with side and zone from labels by sentence."""

from collections import Counter
from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING, Conditions
from nast.sources.image_paths import images_below, refuse_outside
from nast.sources.io.label_tables import read_csv, refuse_duplicates, refuse_where
from nast.sources.padchest_words import Cell, read_cell
from nast.sources.source import Source, as_studies, best_images, fact_columns, tally
from nast.sources.splits import add_split

TERMS = (
    "BIMCV research use agreement: no sharing of the data or of what is derived from single studies"
)
SENTENCES = "LabelsLocalizationsBySentence"
VIEWS = {"PA": "PA", "AP": "AP", "AP_horizontal": "AP", "L": "LATERAL"}
"""Projection -> view; others (COSTAL) have none."""
_WHOLE_ID = (
    "letters, digits, _ and -; a spreadsheet rounds long ids (8.4E+35), so fetch the table again"
)
_IDS = ["ImageID", "StudyID", "PatientID"]
_COLUMNS = [*_IDS, "ImageDir", "Projection", "MethodLabel", SENTENCES]


def read_padchest(file: Path, conditions: Conditions = CONDITIONS) -> Source:
    """Read PadChest's label table.

    What a sentence names is present. Nothing is absent: `normal` does not say what was looked
    for. A finding that the report calls probable is labelled like a certain one.

    Places belong to every label of their sentence. Left and right, or bilateral and one of them,
    are bilateral; but in a sentence with several labels each may have its own, so they get no
    side. A side that stands in the label wins. A zone is kept if it is the only one, and if the
    sentence does not say it of one side and something else of the other.

    A study's best image stands for it: PA, AP, AP_horizontal, others, lateral, then by ImageID.
    A study whose images disagree on patient, method or labels is set aside.

    Args:
        file: `PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv`, plain or gzip. Images are
            found by their names up to three folders below the table's.
        conditions: the table of conditions.

    Returns:
        One study per StudyID, split by patient; facts with sources `padchest-physician` and
        `padchest-rnn`; access class `private`. An annotation is a label in a sentence, or a
        sentence that could not be read; hydropneumothorax is one with two facts.

    Raises:
        InputError: the file breaks its schema, an image stands twice, an id was rounded by a
            spreadsheet, an image path leads out of the folder, or no row can be used.
    """
    file = Path(file)
    rows = read_csv(file, _COLUMNS).select(_COLUMNS)
    _check_ids(rows, file)
    root, path = _images(rows, file.parent)
    rows = rows.with_columns(path.alias("image_path"))
    refuse_outside(rows["image_path"].alias("ImageID"), file)
    texts = rows[SENTENCES].unique(maintain_order=True)
    distinct = {text: read_cell(text, conditions) for text in texts}
    cells = {text: cell for text, cell in distinct.items() if cell is not None}
    counts = Counter(images=len(rows))
    studies = _studies(_usable(rows, cells, file, counts))
    account = _account(studies, cells)
    counts["studies set aside: images disagree"] = int(studies["unlike"].sum())
    studies = add_split(studies.filter(~pl.col("unlike")))
    facts = studies.join(_facts(cells), on=SENTENCES, maintain_order="left_right")
    counts["studies"], counts["facts"] = len(studies), len(facts)
    return Source(
        name="padchest",
        root=root,
        studies=as_studies(_labelled(studies, cells, conditions), conditions),
        facts=facts.select(fact_columns()),
        access="private",
        terms=TERMS,
        annotations=account,
        counts=dict(counts),
        files=[file],
    )


def _check_ids(rows: pl.DataFrame, file: Path) -> None:
    for name in ("StudyID", "PatientID"):
        cells = rows.get_column(name)
        refuse_where(~cells.str.contains(r"^[\w-]*$"), cells, file, _WHOLE_ID)
    row = pl.format("row {}", pl.int_range(pl.len()))
    named = rows.with_columns(
        pl.when(_lost("ImageID")).then(row).otherwise("ImageID").alias("ImageID")
    )
    refuse_duplicates(named, file, ["ImageID"])


def _lost(*columns: str) -> pl.Expr:
    return pl.any_horizontal(pl.col(columns).is_in(["", "nan"]))


def _images(rows: pl.DataFrame, folder: Path) -> tuple[Path | None, pl.Expr]:
    """The folder that image paths start from, if there are images, and the paths."""
    numbered = (
        pl.when(_lost("ImageDir"))
        .then("ImageID")
        .otherwise(pl.format("{}/{}", "ImageDir", "ImageID"))
    )
    stem = pl.col("ImageID").str.replace(r"\.\w+$", "")
    found = images_below(folder, set(rows.select(stem).to_series()) - {"", "nan"})
    there = stem.replace_strict(found, default=None, return_dtype=pl.String)
    folders = {path.rpartition("/")[0] for path in found.values()}
    if len(folders) == 1 and not folders & set(rows["ImageDir"]):
        # All in one folder, where the others are missing from.
        numbered = pl.lit("".join(f"{name}/" for name in folders if name)) + pl.col("ImageID")
    return (folder if found else None), pl.coalesce(there, numbered)


def _usable(
    rows: pl.DataFrame, readable: dict[str, Cell], file: Path, counts: Counter[str]
) -> pl.DataFrame:
    """The rows that have all they need; counts the others."""
    method = pl.col("MethodLabel")
    reasons = {
        "rows without ImageID, StudyID or PatientID": _lost(*_IDS),
        "rows without MethodLabel Physician or RNN": ~(
            (method == "Physician") | method.str.starts_with("RNN")
        ),
        "rows with projection EXCLUDE or UNK": pl.col("Projection").is_in(["EXCLUDE", "UNK"]),
        "rows whose labels could not be read": ~pl.col(SENTENCES).is_in(list(readable)),
    }
    for reason, unusable in reasons.items():
        counts[reason] = len(rows.filter(unusable))
        rows = rows.filter(~unusable)
    if not len(rows):
        found = ", ".join(f"{n:,} {what}" for what, n in counts.items())
        raise InputError(file, found=found, expected="rows that can be used")
    return rows


def _studies(rows: pl.DataFrame) -> pl.DataFrame:
    """The best image of each study; `unlike` marks studies whose images disagree."""
    order = {"PA": 0, "AP": 1, "AP_horizontal": 2, "L": 4}
    projection = pl.col("Projection")
    said = pl.struct("subject_id", "MethodLabel", SENTENCES)
    rows = rows.rename({"StudyID": "study_id", "PatientID": "subject_id"})
    rows = rows.with_columns(
        unlike=(said.n_unique() > 1).over("study_id"),
        view=projection.replace_strict(VIEWS, default="", return_dtype=pl.String),
        source=pl.when(pl.col("MethodLabel") == "Physician")
        .then(pl.lit("padchest-physician"))
        .otherwise(pl.lit("padchest-rnn")),
    )
    rank = projection.replace_strict(order, default=3, return_dtype=pl.Int64)
    return best_images(rows, rank, pl.col("ImageID"))


def _account(studies: pl.DataFrame, cells: dict[str, Cell]) -> Counter[str]:
    total = tally()
    numbers = studies.group_by(SENTENCES, "unlike", maintain_order=True).len()
    for text, unlike, number in numbers.rows():
        account = cells[text].account
        aside = ("present", "set aside: images of the study disagree")
        told = dict.fromkeys(aside, account["present"]) if unlike else account
        for what, labels in told.items():
            total[what] += labels * number
    return total


def _facts(cells: dict[str, Cell]) -> pl.DataFrame:
    """The facts of all distinct cells."""
    rows = [(text, *fact) for text, cell in cells.items() for fact in cell.facts]
    names = (SENTENCES, "condition", "side", "zone", "words")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row").with_columns(
        existence=pl.lit("present"), severity=pl.lit(None, pl.String)
    )


def _labelled(
    studies: pl.DataFrame, cells: dict[str, Cell], conditions: Conditions
) -> pl.DataFrame:
    """Studies with the labels that follow from their facts."""
    said: dict[str, list[str]] = {name: [] for name in (*conditions.labelled(), NO_FINDING)}
    for text, cell in cells.items():
        for name in {condition for condition, *_ in cell.facts} & set(said):
            said[name].append(text)
        if 0 < cell.account["present"] == cell.account["set aside: normal"]:
            said[NO_FINDING].append(text)
    present, silent = pl.lit("present"), pl.lit("not_mentioned")
    return studies.with_columns(
        pl.when(pl.col(SENTENCES).is_in(texts)).then(present).otherwise(silent).alias(name)
        for name, texts in said.items()
    )
