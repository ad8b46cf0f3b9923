"""What sources say of one condition of one study, each distinct annotation once.

Half a million facts are about a thousand different annotations. What follows from one is worked
out once, and studies are joined to it as columns.
"""

import polars as pl

from nast.records import Fact

ATTRIBUTES = ("condition", "existence", "side", "zone", "severity")
Annotation = tuple[Fact, ...]
"""The facts of one condition of one study: an absence, or one or several present instances."""


def annotations(facts: pl.DataFrame) -> tuple[pl.DataFrame, list[Annotation]]:
    """The annotations of all studies.

    Args:
        facts: `FACTS_SCHEMA`.

    Returns:
        `study_id, condition, annotation`, sorted by study and condition, `annotation` being the
        place in the list beside it; and the distinct annotations.
    """
    distinct = facts.select(ATTRIBUTES).unique().sort(ATTRIBUTES).with_row_index("code")
    names = facts["study_id"].unique().sort().to_frame().with_row_index("study")
    conditions = facts["condition"].unique().sort().to_frame().with_row_index("number")
    held = (
        facts.select("study_id", *ATTRIBUTES)
        .join(distinct, on=ATTRIBUTES, nulls_equal=True)
        .join(names, on="study_id")
        .join(conditions, on="condition")
        # Numbers sort and group in a fraction of the time that names take.
        .select("study", "number", "code")
        .unique()
        .sort("study", "number", "code")
        .group_by("study", "number", maintain_order=True)
        .agg(pl.col("code").cast(pl.String).str.join(" ").alias("codes"))
    )
    kinds = held.select("codes").unique().sort("codes").with_row_index("annotation")
    held = held.join(kinds, on="codes", maintain_order="left")
    held = held.select(
        names["study_id"][held["study"]],
        conditions["condition"][held["number"]],
        "annotation",
    )
    known = [Fact(*row) for row in distinct.select(ATTRIBUTES).iter_rows()]
    found = [tuple(known[int(code)] for code in codes.split()) for codes in kinds["codes"]]
    return held, found
