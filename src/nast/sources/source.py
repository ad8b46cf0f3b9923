"""What every reader returns."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING, Condition, Conditions
from nast.hashes import file_hash
from nast.phantom import MARKER
from nast.records import FACTS_SCHEMA, STUDIES_SCHEMA
from nast.sources.io.label_tables import cells_of

FRONTAL = ("PA", "AP")
"""View positions that stand for a study first, in this order."""
DATA_SETS = ("mimic-cxr-jpg", "chexpert", "iu-xray", "nih-cxr", "padchest")
"""The public data sets, whose ids stay as they were published."""
ADDED = ("fact_id", "split", "image_path")
"""Columns of a facts table that `collect` adds; a reader gives the others."""


@dataclass(slots=True)
class Source:
    """A data set as read: studies with labels, facts where it has them, and its terms.

    Attributes:
        name: the reader, for example `mimic-cxr-jpg`.
        root: folder that image paths are relative to, or None where there are no images.
        studies: `STUDIES_SCHEMA` and one label column per condition.
        facts: condition, existence, side, zone, severity, source and words per study, or None
            where the source only has labels.
        access: `open`, `private` or `credentialed`.
        terms: the licence and what it forbids, in one line.
        annotations: what became of every annotation in the file: `present` of them were found,
            and each is `kept`, or counted under `set aside: REASON`, `refused: REASON` or, where a
            text names a finding, `not read: REASON` (`language.read.readings.UNREAD`).
        counts: other numbers worth printing.
        files: the files that were read, for hashes.
        splits: patient -> split, of all patients whose split the source itself states.
        fingerprint: a hash of what was read, where that is a folder of many files.
        phantom: whether the source is synthetic.
        vocabulary: the conditions that its label table can name of every study, where that is
            known.
        ids: whose ids its patients and studies have; sources with equal `ids` are joined. Without
            it, those of the reader's data set.

    Raises:
        AssertionError: an annotation is unaccounted for.
    """

    name: str
    root: Path | None
    studies: pl.DataFrame
    facts: pl.DataFrame | None
    access: str
    terms: str
    annotations: Mapping[str, int]
    counts: dict[str, int] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    phantom: bool = False
    fingerprint: str = ""
    vocabulary: Collection[str] = ()
    splits: dict[str, str] = field(default_factory=dict)
    ids: str = ""

    def __post_init__(self) -> None:
        self.ids = self.ids or self.name
        assert conserved(self.annotations), f"{self.name}: annotations are unaccounted for"


def conserved(annotations: Mapping[str, int]) -> bool:
    """Whether kept + set aside + refused + not read == present."""
    return sum(n for name, n in annotations.items() if name != "present") == annotations["present"]


def tally() -> Counter[str]:
    """An empty account of annotations."""
    return Counter(present=0, kept=0)


def account_of(labels: pl.DataFrame) -> Counter[str]:
    """What became of label columns: definite labels are kept, uncertain ones set aside."""
    account = tally()
    account["kept"] = cells_of(labels, "present", "absent")
    account["set aside: uncertain"] = cells_of(labels, "uncertain")
    account["present"] = account.total()
    return account


def rank_of_view(column: str) -> pl.Expr:
    """How well views stand for a study: 0 the best, by `FRONTAL`; others are equal."""
    ranks = {view: place for place, view in enumerate(FRONTAL)}
    return pl.col(column).replace_strict(ranks, default=len(FRONTAL), return_dtype=pl.Int8)


def best_images(rows: pl.DataFrame, *order: pl.Expr) -> pl.DataFrame:
    """One row per study, in the order of the table: its first image by some expressions."""
    return (
        rows.with_row_index("place")
        .with_columns(pl.col("place").min().over("study_id"))
        .sort(*order, maintain_order=True)
        .unique("study_id", keep="first", maintain_order=True)
        .sort("place")
    )


def attributes_of(
    known: Condition, sides: Set[str], zones: Set[str], grades: Set[str]
) -> tuple[str | None, str | None, str | None]:
    """Side, zone and severity of a finding, as far as its condition takes them.

    Several sides are both; of several zones or grades none is taken.
    """
    side = "bilateral" if len(sides) > 1 else next(iter(sides), None)
    zone = next(iter(zones)) if len(zones) == 1 else None
    grade = next(iter(grades)) if len(grades) == 1 else None
    return (
        side if known.sided else None,
        zone if known.takes_zone(zone) else None,
        grade if known.grades else None,
    )


def is_phantom(folder: Path, *tables: Path) -> bool:
    """Whether a data folder carries the phantom's mark.

    A phantom's data are open, so that the mark alone must not make a real tree one: it names the
    hashes of the tables that were written with it, and those that are read must be among them.

    Raises:
        InputError: the mark does not know a table.
    """
    mark = folder / MARKER
    if not mark.is_file():
        return False
    lines = mark.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.split("  ") for line in lines)
    known = {pair[1]: pair[0] for pair in pairs if len(pair) == 2}
    for table in tables:
        if known.get(table.name) != file_hash(table):
            raise InputError(
                mark,
                found=f"the mark of drawn patients beside a {table.name} that it does not know",
                expected="a tree as nast phantom left it; remove the mark where the patients are "
                "real, or draw the tree again with --fresh",
            )
    return True


def as_studies(rows: pl.DataFrame, conditions: Conditions = CONDITIONS) -> pl.DataFrame:
    """Rows as a studies table: columns in order, and `not_mentioned` for labels that they lack.

    "No Finding", which is no condition, is kept where there is such a column.
    """
    silent = [name for name in conditions.labelled() if name not in rows.columns]
    rows = rows.with_columns(pl.lit("not_mentioned").alias(name) for name in silent)
    normal = [NO_FINDING] if NO_FINDING in rows.columns else []
    return rows.select(*study_columns(conditions), *normal)


def study_columns(conditions: Conditions = CONDITIONS) -> list[str]:
    """The columns of a studies table, in order."""
    return [*STUDIES_SCHEMA, *conditions.labelled()]


class FoundFact(NamedTuple):
    """A fact of a study as a reader finds it; its fields are the last of `fact_columns`."""

    condition: str
    existence: str
    side: str | None = None
    zone: str | None = None
    severity: str | None = None
    source: str = ""
    words: str = ""


def fact_table(rows: Iterable[tuple[str, str, FoundFact]]) -> pl.DataFrame:
    """Facts from (patient, study, finding)."""
    schema = dict.fromkeys(fact_columns(), pl.String)
    return pl.DataFrame([(p, s, *finding) for p, s, finding in rows], schema, orient="row")


def fact_columns() -> list[str]:
    """The columns of the facts that a reader returns, in order."""
    return [name for name in FACTS_SCHEMA if name not in ADDED]


def account_text(annotations: Mapping[str, int]) -> str:
    """An account of annotations as text: the sum in one line, then a line for each kind of reason.

    Examples:
        >>> print(account_text({"present": 3, "kept": 2, "not read: doubt": 1}))
        3 found = 2 kept + 1 not read
          not read: 1 doubt
    """
    kinds: dict[str, Counter[str]] = {}
    for name, number in annotations.items():
        kind, _, reason = name.partition(": ")
        if kind != "present":
            kinds.setdefault(kind, Counter())[reason] += number
    parts = " + ".join(f"{reasons.total():,} {kind}" for kind, reasons in kinds.items())
    lines = [f"{annotations['present']:,} found = {parts}"]
    for kind, reasons in kinds.items():
        if any(reasons):
            lines.append(f"  {kind}: {summary(dict(reasons.most_common()))}")
    return "\n".join(lines)


def summary(counts: Mapping[str, int]) -> str:
    """Counts as one line of text."""
    return ", ".join(f"{number:,} {what}" for what, number in counts.items())
