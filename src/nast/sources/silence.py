"""The closed reading: what a data set could have named of an image and did not is absent.

Silence of a label table is no denial (decision 13), and a study of such a table has nothing that
could be denied. Much of the field reads it as one all the same. Who asks for that gets it under
its own name: the folder, its items and every number made of them are of the world `closed`.
"""

from collections.abc import Collection

import polars as pl

from nast.facts.conditions import Conditions

SOURCE = "silence"
"""The `source` of facts that stand in no file."""


def absences(
    studies: pl.DataFrame,
    facts: pl.DataFrame,
    unclear: pl.DataFrame,
    conditions: Conditions,
    vocabulary: Collection[str],
) -> pl.DataFrame:
    """What silence denies: a row `subject_id, study_id, condition` for each absence.

    A condition is absent of a study if the label table could have named it, names it of some
    other study, and says nothing of it here. It is left open if a finding of the study makes its
    denial false (edema: an opacity), if the labels are uncertain of it or of such a finding, or if
    what is said of it disagrees.

    Args:
        studies: `STUDIES_SCHEMA` with labels, of one data set.
        facts: with `study_id`, `condition` and `existence`.
        unclear: `study_id, condition` of facts that disagree.
        conditions: that both are named by.
        vocabulary: the conditions that the label table can name of every study.
    """
    pair = ["study_id", "condition"]
    labels = studies.unpivot(
        conditions.labelled(), index=["study_id"], variable_name="condition", value_name="existence"
    )
    said = pl.concat([labels, facts.select(*pair, "existence")], how="vertical_relaxed")
    present = said.filter(existence="present").select(pair).unique()
    named = sorted(set(present["condition"]) & set(vocabulary))
    hinted = said.filter(pl.col("existence").is_in(["present", "uncertain"])).select(pair).unique()
    implied = pl.DataFrame(
        [(parent, name) for name in conditions for parent in conditions[name].parents],
        schema={"condition": pl.String, "other": pl.String},
        orient="row",
    )
    follows = hinted.rename({"condition": "other"}).join(implied, on="other").select(pair)
    spoken = said.filter(pl.col("existence") != "not_mentioned").select(pair)
    open_ = pl.concat([spoken, follows, unclear.select(pair)]).unique()
    every = studies.select("subject_id", "study_id").join(
        pl.DataFrame({"condition": named}, schema={"condition": pl.String}), how="cross"
    )
    return every.join(open_, on=pair, how="anti", maintain_order="left")


def denied_labels(
    studies: pl.DataFrame, absent: pl.DataFrame, conditions: Conditions
) -> pl.DataFrame:
    """The studies with the absences of `absences` among their labels."""
    columns = []
    for name in conditions.labelled():
        here = absent.filter(condition=name)["study_id"].implode()
        denied = pl.col("study_id").is_in(here)
        columns.append(pl.when(denied).then(pl.lit("absent")).otherwise(pl.col(name)).alias(name))
    return studies.with_columns(columns)


def denied_facts(absent: pl.DataFrame) -> pl.DataFrame:
    """The absences of `absences` as facts."""
    empty = [pl.lit(None, pl.String).alias(name) for name in ("side", "zone", "severity")]
    return absent.with_columns(
        *empty,
        existence=pl.lit("absent"),
        source=pl.lit(SOURCE),
        words=pl.lit("", pl.String),
    )
