"""Prompt pairs "There is X" / "There is no X": the score of every sentence set for every label."""

from typing import TYPE_CHECKING

import polars as pl

from nast.facts.conditions import CONDITIONS, Conditions
from nast.ids import hashed_ids
from nast.records import PAIRS_SCHEMA
from nast.scoring.data import as_rows
from nast.scoring.prompt_sets import SETS, prompts_of

if TYPE_CHECKING:
    from nast.vectors import Vectors

SIDES = ("presence", "denial")


def score_prompt_pairs(
    vectors: "Vectors", studies: pl.DataFrame, data: str, conditions: Conditions = CONDITIONS
) -> pl.DataFrame:
    """Cosines of every prompt set for every definite label of every study.

    Args:
        vectors: of the model.
        studies: `STUDIES_SCHEMA` with labels.
        data: name of the data set in the results.
        conditions: the table that the labels are named by.

    Returns:
        `PAIRS_SCHEMA`: per prompt set, study and condition a row for each side.
    """
    model = vectors.model
    frames = [pl.DataFrame(schema=PAIRS_SCHEMA)]
    for condition in conditions.labelled():
        part = studies.filter(pl.col(condition).is_in(["present", "absent"]))
        for name in SETS if len(part) else ():
            found = _scored(vectors, part, condition, name, conditions)
            frames.append(as_rows(found, PAIRS_SCHEMA, model.name, model.seed, data))
    return pl.concat(frames)


def _scored(
    vectors: "Vectors", studies: pl.DataFrame, name: str, prompts: str, conditions: Conditions
) -> pl.DataFrame:
    other = SETS[prompts].without
    if other and (name == other or other not in studies.columns):
        studies = studies.clear()
    elif other:
        studies = studies.filter(pl.col(other) != "present")
    columns = {
        "study": hashed_ids(studies["study_id"]),
        "subject": hashed_ids(studies["subject_id"]),
        "label": studies[name],
        "prompts": [prompts] * len(studies),
        "condition": [name] * len(studies),
    }
    frames = []
    images = vectors.images(studies["image_path"].to_list()).double() if len(studies) else None
    for side, sentences in zip(SIDES, prompts_of(prompts, name, conditions), strict=True):
        scores: list[float] = []
        if images is not None:
            mean = vectors.texts(sentences).double().mean(dim=0)
            scores = (images @ (mean / mean.norm())).tolist()
        row = pl.DataFrame(columns | {"score": pl.Series(scores, dtype=pl.Float64)})
        frames.append(row.with_columns(side=pl.lit(side)))
    return pl.concat(frames)
