"""A long table, one row per fact -> facts, and the labels that follow from them."""

from collections import Counter
from pathlib import Path

import polars as pl

from nast.facts.conditions import CONDITIONS, Conditions
from nast.records import SIDES
from nast.sources.own_table.cells import coded, meanings
from nast.sources.own_table.mapping import FactColumns, Mapping, mapping_file
from nast.sources.own_table.words import ATTRIBUTES
from nast.sources.source import fact_columns, tally

NAME = "table"
ORDER = ("present", "absent", "uncertain")
"""The label of a study is the first of these that one of its facts has."""


def facts_of_rows(
    cells: pl.DataFrame,
    rows: pl.DataFrame,
    mapping: Mapping,
    file: Path,
    conditions: Conditions = CONDITIONS,
) -> tuple[pl.DataFrame, pl.DataFrame, Counter[str], Counter[str]]:
    """The facts of a long table.

    Args:
        cells: the table's columns as text.
        rows: `subject_id` and `study_id` of each row.
        mapping: what the columns and words mean.
        file: the table, for messages.
        conditions: the table of conditions.

    Returns:
        Facts; label columns of the studies that have any; what became of every annotation (a row
        that does not say `not_mentioned`); how many attributes were set aside.

    Raises:
        InputError: an existence is not listed in the mapping.
    """
    blank = pl.repeat("", len(rows), eager=True)
    given = dict.fromkeys(FactColumns.model_fields, blank)
    given |= {name: cells.get_column(c) for name, c in mapping.fact_columns().items()}
    table = rows.select("subject_id", "study_id").with_columns(
        condition=meanings(given["condition"], mapping.conditions),
        existence=coded(given["existence"], mapping.label_of(), file, mapping_file(file).name),
        source=pl.lit(NAME),
        words=given["words"].zip_with(given["words"] != "", given["condition"]),
        **{name: given[name] for name in ATTRIBUTES},
    )
    said = table.filter(pl.col("existence") != "not_mentioned")
    known = said.filter(pl.col("condition").is_not_null())
    kept = known.filter(pl.col("existence") != "uncertain")
    account = tally()
    account["present"], account["kept"] = len(said), len(kept)
    account["set aside: other condition"] = len(said) - len(known)
    account["set aside: uncertain"] = len(known) - len(kept)
    facts, counts = _attributes(kept, mapping, conditions)
    return facts.select(fact_columns()), _labels(known, conditions), account, counts


def _attributes(
    facts: pl.DataFrame, mapping: Mapping, conditions: Conditions
) -> tuple[pl.DataFrame, Counter[str]]:
    """Facts with the sides, zones and severities that their conditions take; counts the others."""
    takes = {
        "side": {n: SIDES if c.sided else () for n, c in conditions.items()},
        "zone": {n: c.zones for n, c in conditions.items()},
        "severity": {n: tuple(c.grades) for n, c in conditions.items()},
    }
    present = facts["existence"] == "present"
    counts: Counter[str] = Counter()
    for name in ATTRIBUTES:
        given = facts[name] != ""
        value = meanings(facts[name], getattr(mapping.words, name)).alias(name)
        pairs = [f"{n}\t{value}" for n, values in takes[name].items() for value in values]
        pair = facts.select(pl.format("{}\t{}", "condition", value)).to_series()
        taken = pair.is_in(pairs).fill_null(False) & present
        counts[f"{name} words set aside"] += int((given & present & ~taken).sum())
        counts["attributes of absences set aside"] += int((given & ~present).sum())
        facts = facts.with_columns(value.set(~taken, None))
    return facts, counts


def _labels(facts: pl.DataFrame, conditions: Conditions) -> pl.DataFrame:
    """One row per study that has facts, one column per condition that they speak of."""
    places = {label: place for place, label in enumerate(ORDER)}
    return (
        facts.filter(pl.col("condition").is_in(conditions.labelled()))
        .sort(pl.col("existence").replace_strict(places, return_dtype=pl.Int8))
        .pivot("condition", index="study_id", values="existence", aggregate_function="first")
    )
