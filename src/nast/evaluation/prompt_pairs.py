"""Prompt pairs "There is X" / "There is no X": POS, NEG and PNC areas under the curve.

POS: s("There is X") for presence. NEG: s("There is no X") for absence; a model that does not hear
"no" has NEG = 1 - POS, below one half. PNC: the softmax of the pair for presence, that is the
difference of the two scores.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from nast.evaluation.statistics import clustered_auc
from nast.facts.conditions import CONDITIONS, labelled
from nast.language.templates import finish
from nast.records import SCORES_SCHEMA
from nast.store import hashed_ids

if TYPE_CHECKING:
    from nast.embeddings import EmbeddingStore

PROMPTS = ("there is {}", "there is no {}")


def score_prompt_pairs(store: "EmbeddingStore", studies: pl.DataFrame, data: str) -> pl.DataFrame:
    """Cosines of both prompts for every definite label of every study.

    Returns:
        `SCORES_SCHEMA`: per study and condition, option 0 "There is X." and option 1 "There is no
        X."; `answer` marks the prompt that is true, `group_id` holds the condition.
    """
    frames = []
    for name in labelled():
        part = studies.filter(pl.col(name).is_in(["present", "absent"]))
        if not len(part):
            continue
        prompts = [finish(p.format(CONDITIONS[name].term)) for p in PROMPTS]
        scores = (store.images(part["image_path"].to_list()) @ store.texts(prompts).T).double()
        present = (part[name] == "present").to_numpy()
        for option in (0, 1):
            frames.append(
                pl.DataFrame({
                    "item_id": [f"{i}-{name}" for i in hashed_ids(part["study_id"])],
                    "subject": hashed_ids(part["subject_id"]),
                    "score": scores[:, option].numpy(),
                    "answer": present if option == 0 else ~present,
                }).with_columns(
                    option=pl.lit(option), group_id=pl.lit(name), model=pl.lit(store.model.name),
                    data=pl.lit(data), task=pl.lit("prompt pairs"), form=pl.lit("prompt"),
                    polarity=pl.lit(["affirmative", "negated"][option]), truncated=pl.lit(False),
                    tie=pl.lit(False), rank=pl.lit(None, pl.Float64),
                )
            )  # fmt: skip
    if not frames:
        return pl.DataFrame(schema=SCORES_SCHEMA)
    return pl.concat(frames, how="diagonal").select(
        pl.col(n).cast(t) for n, t in SCORES_SCHEMA.items()
    )


def prompt_pair_metrics(
    scores: pl.DataFrame, seed: int = 0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, estimate) of POS, NEG and PNC for each condition that has both labels."""
    wide = scores.pivot(
        "option", index=["item_id", "subject", "group_id"], values=["score", "answer"]
    )
    for (name,), part in wide.group_by("group_id", maintain_order=True):
        present = part["answer_0"].to_numpy()
        if present.all() or not present.any():
            continue
        there, not_there = part["score_0"].to_numpy(), part["score_1"].to_numpy()
        patients = part["subject"].to_list()
        values: dict[str, tuple[np.ndarray, np.ndarray]] = {
            "POS": (there, present),
            "NEG": (not_there, ~present),
            "PNC": (there - not_there, present),
        }
        for metric, (score, label) in values.items():
            estimate = clustered_auc(score, label, patients, seed)
            yield f"prompt pairs/{name}/{metric}", estimate.as_dict()
