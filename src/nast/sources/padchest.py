"""PadChest's label table -> studies, and facts with side and zone from labels by sentence."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING, Conditions
from nast.sources.image_paths import images_below, refuse_outside
from nast.sources.io.label_tables import read_csv, refuse_duplicates, refuse_where
from nast.sources.source import Source, as_studies, best_images, fact_columns, tally
from nast.sources.splits import add_split
from nast.sources.vocabularies import VOCABULARIES, by_word

_WORDS = VOCABULARIES["padchest"]
LABELS_OF: dict[str, list[str]] = _WORDS["labels"]
"""Condition -> PadChest labels, in small letters and without a side."""
LABELS = {
    label: [condition for condition in LABELS_OF if label in LABELS_OF[condition]]
    for labels in LABELS_OF.values()
    for label in labels
}
"""PadChest label -> conditions: one, but two for hydropneumothorax."""
NO_FINDINGS = by_word(_WORDS["no_findings"])
OWN_ZONES = by_word(_WORDS["own_zones"])
NOWHERE: frozenset[str] = frozenset()
LEFT, RIGHT = frozenset({"left"}), frozenset({"right"})
SIDE_OF = {LEFT: "left", RIGHT: "right", LEFT | RIGHT: "bilateral"}
_SIDES = {"nowhere": NOWHERE, **{side: sides for sides, side in SIDE_OF.items()}}
PLACES: dict[str, tuple[frozenset[str], str | None]] = {
    place: (_SIDES[side], None if zone == "anywhere" else zone)
    for side, zones in _WORDS["places"].items()
    for place, zone in by_word(zones).items()
}
"""Place -> sides and zone."""
OWN_SIDES = {words: _SIDES[side] for words, side in by_word(_WORDS["own_sides"]).items()}
"""What a label ends with -> its sides."""

LONGEST_CELL = 20_000
"""Characters; the longest real cell has 758."""
_SIDED = re.compile(rf"(.*) ({'|'.join(OWN_SIDES)})")
_ITEM = r"(?:'[^'\\]*'|\"[^\"\\]*\")"
_LIST = rf"\[\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*)?\]"
_PART = rf"(?:{_LIST}|{_ITEM}|nan)"
_CELL = re.compile(rf"\[\s*(?:{_PART}\s*(?:,\s*{_PART}\s*)*)?\]")
_PARTS, _ITEMS = re.compile(_PART), re.compile(_ITEM)
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


@dataclass(slots=True)
class Cell:
    """What a cell says: facts as (condition, side, zone, words), and an account of its labels."""

    facts: list[tuple[str, str | None, str | None, str]] = field(default_factory=list)
    account: Counter[str] = field(default_factory=tally)


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


def read_cell(text: str, conditions: Conditions = CONDITIONS) -> Cell | None:
    """The facts of one cell, or None where it cannot be read; `read_padchest` gives the rules."""
    sentences = read_sentences(text)
    if sentences is None:
        return None
    cell = Cell()
    for sentence in sentences:
        if sentence is None:
            cell.account.update(["present", "set aside: sentence could not be read"])
        else:
            _read_sentence(sentence, cell, conditions)
    return cell


def read_sentences(text: str) -> list[list[str] | None] | None:
    """The items of a cell, sentence by sentence.

    Physicians' cells hold a list per sentence. RNN cells are flat, and they were made by joining
    the predictions of the sentences, each `label, label, loc ..., loc ...`; the blank after
    these commas stayed at the labels. So a label with a leading blank belongs to the sentence of
    the label before it, and one without begins a sentence. (On the published table this gives
    as many sentences as the report has for 83,415 of 83,439 studies.)

    Args:
        text: a Python list of quoted strings or of lists of them; `nan` may stand for a sentence.

    Returns:
        One list per sentence, None for a sentence that is `nan`; or None for any other text.
    """
    if len(text) > LONGEST_CELL or not _CELL.fullmatch(text):
        return None
    sentences: list[list[str] | None] = []
    for part in _PARTS.findall(text[1:-1]):
        if part == "nan":
            sentences.append(None)
        elif part[0] == "[":
            sentences.append([item[1:-1] for item in _ITEMS.findall(part)])
        elif sentences and sentences[-1] is not None and part[1:].lower().startswith((" ", "loc ")):
            sentences[-1].append(part[1:-1])
        else:
            sentences.append([part[1:-1]])
    return sentences


def _read_sentence(items: list[str], cell: Cell, conditions: Conditions) -> None:
    """Add a sentence's facts to its cell, and account for its labels."""
    words = [item.strip() for item in items]
    labels = [word for word in words if not word.lower().startswith("loc ")]
    places = [PLACES[word.lower()] for word in words if word.lower() in PLACES]
    several = len({label.lower() for label in labels}) > 1
    for label in labels:
        sided = _SIDED.fullmatch(label.lower())
        name, own = (sided[1], OWN_SIDES[sided[2]]) if sided else (label.lower(), NOWHERE)
        sides, zone = _place(places, own, several)
        zone = OWN_ZONES.get(name, zone)
        facts = [
            (
                c.name,
                SIDE_OF.get(sides) if c.sided else None,
                zone if zone in c.zones else None,
                label,
            )
            for c in (conditions[c] for c in LABELS.get(name, ()) if c in conditions)
        ]
        new = [fact for fact in facts if fact not in cell.facts]
        cell.facts += new
        reason = NO_FINDINGS.get(name, "said before" if facts else "other finding")
        cell.account.update(["present", "kept" if new else f"set aside: {reason}"])


def _place(
    places: list[tuple[frozenset[str], str | None]], own: frozenset[str], several: bool
) -> tuple[frozenset[str], str | None]:
    """Sides and zone of a label that may have a side of its own, or other labels beside it."""
    named = {sides for sides, _ in places if sides}
    unlike = len(named) > 1
    sides = own or (NOWHERE if unlike and several else NOWHERE.union(*named))
    zones = {zone for _, zone in places if zone}
    zoned = NOWHERE.union(*(sides for sides, zone in places if zone))
    fits = zoned == sides if zoned else not unlike
    return sides, zones.pop() if fits and len(zones) == 1 else None
