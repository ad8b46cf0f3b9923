"""A site's own label or fact table with a mapping beside it -> studies, and facts of a long one."""

from collections import Counter
from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, Conditions
from nast.records import SIDES
from nast.sources.image_paths import refuse_outside
from nast.sources.io.label_tables import refuse_split_patients, refuse_where
from nast.sources.joins import prefixed
from nast.sources.own_table.cells import (
    coded,
    kind_of,
    meanings,
    scan_table,
    text_columns,
)
from nast.sources.own_table.mapping import (
    ATTRIBUTES,
    Columns,
    FactColumns,
    Mapping,
    mapping_file,
    read_mapping,
)
from nast.sources.source import (
    DATA_SETS,
    Source,
    account_of,
    as_studies,
    best_images,
    fact_columns,
    is_phantom,
    rank_of_view,
    tally,
)
from nast.sources.splits import add_split

NAME = "table"
ORDER = ("present", "absent", "uncertain")
"""The label of a study is the first of these that one of its facts has."""
_SHORTENED = r"^[0-9]+[.,][0-9]+[eE]\+?[0-9]+$|^[0-9]+[eE]\+[0-9]+$"


def read_table_file(file: Path, conditions: Conditions = CONDITIONS) -> Source:
    """Read a site's own table, as the mapping beside it (`site.mapping.yaml`) says.

    Wide tables have one column per condition; several rows of a study are its images. Long ones
    have one row per fact; a study's labels follow from its facts. `write_mapping` writes a first
    mapping.

    Args:
        file: CSV, TSV or JSONL, plain or gzip, or Parquet.
        conditions: the table of conditions.

    Returns:
        Studies with four-valued labels, and facts of a long table; access class and terms of the
        mapping. Where the mapping names a site, ids begin with its name. In a wide table an
        annotation is a label of a study that is not `not_mentioned`, in a long one a row whose
        existence is not.

    Raises:
        InputError: the table or its mapping is missing or damaged, they do not fit, an id is
            blank, a value is not listed, images of one study have different labels, a study has
            two patients or a patient two splits, or an image path leads out of its folder.
    """
    file = Path(file)
    kind_of(file)
    mapping = read_mapping(file, conditions)
    table = scan_table(file, mapping.encoding, mapping.separator)
    cells = text_columns(table, file, mapping.used(file, table.collect_schema().names()))
    rows = _rows(cells, mapping, file)
    # One row per study, in the order of the table: the image that stands for it.
    studies = best_images(rows, pl.col("image_path") == "", rank_of_view("view"))
    stated = rows if mapping.columns.split else rows.clear()
    studies = studies if mapping.columns.split else add_split(studies)
    facts, counts = None, Counter[str]()
    if mapping.layout == "wide":
        labels, account = _wide(cells, rows, mapping, file)
    else:
        facts, labels, account, counts = _long(cells, rows, mapping, file, conditions)
    studies = studies.join(labels, on="study_id", how="left", maintain_order="left")
    root = file.parent / mapping.images if mapping.images else None
    source = Source(
        name=NAME,
        root=root,
        studies=as_studies(
            studies.with_columns(pl.col(labels.columns).fill_null("not_mentioned")), conditions
        ),
        facts=facts,
        access=mapping.access,
        terms=mapping.terms,
        annotations=account,
        counts={"rows": len(rows), "studies": len(studies), **counts},
        files=[file, mapping_file(file)],
        phantom=any(map(is_phantom, {file.parent, root or file.parent})),
        splits=dict(stated.select("subject_id", "split").iter_rows()),
        ids=mapping.site or str(file.resolve()),
    )
    own = bool(mapping.site) and mapping.site not in DATA_SETS
    return prefixed(source, f"{mapping.site}:") if own else source


def _rows(cells: pl.DataFrame, mapping: Mapping, file: Path) -> pl.DataFrame:
    """Ids, image, split and view of each row, checked."""
    given = {name: cells.get_column(column) for name, column in mapping.columns.columns().items()}
    for name in ("subject_id", "study_id"):
        refuse_where(given[name] == "", given[name], file, "an id")
        refuse_where(
            given[name].alias(name).str.contains(_SHORTENED),
            given[name],
            file,
            "a whole id; a spreadsheet has shortened it",
        )
    if "image_path" in given:
        refuse_outside(given["image_path"], file)
        given["image_path"] = given["image_path"].str.replace_all("\\", "/", literal=True)
    if "split" in given:
        split = meanings(given["split"], mapping.splits)
        refuse_where(
            split.is_null(),
            given["split"],
            file,
            f"one of {', '.join(mapping.splits)}, or a word under splits",
        )
        given["split"] = split
    blank = pl.repeat("", len(cells), eager=True)
    rows = pl.DataFrame({name: given.get(name, blank) for name in Columns.model_fields})
    rows = rows.with_columns(pl.col("view").str.to_uppercase())
    patient = rows["subject_id"]
    first = rows.select(pl.col("subject_id").first().over("study_id")).to_series()
    refuse_where(
        patient != first,
        given["subject_id"],
        file,
        "the patient of the study's first row; a study has one patient",
    )
    if "split" in given:
        refuse_split_patients(rows, file)
    return rows


def _wide(
    cells: pl.DataFrame, rows: pl.DataFrame, mapping: Mapping, file: Path
) -> tuple[pl.DataFrame, Counter[str]]:
    """The label columns, one row per study, and what became of the labels."""
    names, values = list(mapping.labels), mapping.label_of()
    images = rows.select("study_id").with_columns(
        coded(cells.get_column(column), values, file, mapping_file(file).name).alias(name)
        for name, column in mapping.labels.items()
    )
    labels = images.unique("study_id", keep="first", maintain_order=True)
    first = images.select("study_id").join(labels, on="study_id", how="left", maintain_order="left")
    unlike = images.select(pl.any_horizontal(pl.col(n) != first[n] for n in names)).to_series()
    row = unlike.arg_max()
    if row is not None and unlike[row]:
        raise InputError(
            file,
            found="labels unlike those of the study's first row",
            expected="equal labels within a study",
            row=row + 1,
        )
    return labels, account_of(labels.select(names))


def _long(
    cells: pl.DataFrame, rows: pl.DataFrame, mapping: Mapping, file: Path, conditions: Conditions
) -> tuple[pl.DataFrame, pl.DataFrame, Counter[str], Counter[str]]:
    """Facts; label columns of the studies that have any; what became of every annotation (a row
    that does not say `not_mentioned`); how many attributes were set aside.
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
    return facts.select(fact_columns()), _labels_of_facts(known, conditions), account, counts


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


def _labels_of_facts(facts: pl.DataFrame, conditions: Conditions) -> pl.DataFrame:
    """One row per study that has facts, one column per condition that they speak of."""
    places = {label: place for place, label in enumerate(ORDER)}
    return (
        facts.filter(pl.col("condition").is_in(conditions.labelled()))
        .sort(pl.col("existence").replace_strict(places, return_dtype=pl.Int8))
        .pivot("condition", index="study_id", values="existence", aggregate_function="first")
    )
