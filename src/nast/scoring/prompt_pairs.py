"""Prompt pairs "There is X" / "There is no X": areas under the curve, and search for "no X".

POS: s("There is X") for presence. NEG: s("There is no X") for absence; a model that does not hear
"no" has NEG = 1 - POS, below one half. PNC: the softmax of the pair for presence, that is the
difference of the two scores. Cohort search ranks the images by s("There is no X") and looks for
those without X.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from nast.facts.conditions import labelled
from nast.ids import hashed_ids
from nast.measuring.areas import average_precision, clustered_auc, over_clusters, precision_at
from nast.records import SCORES_SCHEMA
from nast.scoring.prompt_sets import SETS, prompts_of

if TYPE_CHECKING:
    from nast.vectors import Vectors

HEADLINE = "prompt pairs"
FIRST = 10
"""Images at the top of a cohort search."""


def score_prompt_pairs(store: "Vectors", studies: pl.DataFrame, data: str) -> pl.DataFrame:
    """Cosines of every prompt set for every definite label of every study.

    Returns:
        `SCORES_SCHEMA`: per set (`task`), study and condition, option 0 for presence and option 1
        for absence; `answer` marks the one that is true, `group_id` holds the condition.
    """
    frames = []
    for condition in labelled():
        part = studies.filter(pl.col(condition).is_in(["present", "absent"]))
        if len(part):
            frames += [f for name in SETS if len(f := _scored(store, part, condition, name))]
    if not frames:
        return pl.DataFrame(schema=SCORES_SCHEMA)
    table = pl.concat(frames).with_columns(
        model=pl.lit(store.model.name),
        data=pl.lit(data),
        form=pl.lit("prompt"),
        truncated=pl.lit(False),
        tie=pl.lit(False),
        rank=pl.lit(None),
        gallery=pl.lit(None),
        top=pl.lit(None),
    )
    return table.select(pl.col(n).cast(t) for n, t in SCORES_SCHEMA.items())


def _scored(store: "Vectors", studies: pl.DataFrame, name: str, task: str) -> pl.DataFrame:
    other = SETS[task].without
    part = studies.filter(pl.col(other) != "present") if other else studies
    if not len(part) or name == other:
        return pl.DataFrame()
    images = store.images(part["image_path"].to_list()).double()
    present = part[name] == "present"
    items = [f"{i}-{name}" for i in hashed_ids(part["study_id"])]
    frames = []
    for option, sentences in enumerate(prompts_of(task, name)):
        mean = store.texts(sentences).double().mean(dim=0)
        frames.append(
            pl.DataFrame(
                {
                    "item_id": items,
                    "subject": hashed_ids(part["subject_id"]),
                    "score": (images @ (mean / mean.norm())).numpy(),
                    "answer": present if option == 0 else ~present,
                }
            ).with_columns(
                option=pl.lit(option),
                group_id=pl.lit(name),
                task=pl.lit(task),
                polarity=pl.lit(("affirmative", "negated")[option]),
            )
        )
    return pl.concat(frames)


def prompt_pair_metrics(
    scores: pl.DataFrame, seed: int = 0
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, estimate) for each set and condition that has both labels.

    `prompt pairs/X/POS`, `NEG` and `PNC`; `cohort/X/AP` (average precision, chance: the share
    of images without X) and `cohort/X/P@10`; of the other sets `SET/X/PNC`.
    """
    for (task,), part in scores.group_by("task", maintain_order=True):
        for condition, there, not_there, present, patients in sides(part):
            area = partial(clustered_auc, patients=patients, seed=seed)
            name = f"{task}/{condition}"
            yield f"{name}/PNC", area(there - not_there, present).as_dict()
            if task == HEADLINE:
                yield f"{name}/POS", area(there, present).as_dict()
                yield f"{name}/NEG", area(not_there, ~present).as_dict()
                yield from _cohort(condition, not_there, ~present, patients, seed)


def sides(
    scores: pl.DataFrame,
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray, list[str]]]:
    """Of one set, per condition with both labels: its name, the scores of both sentences, whether
    the condition is present, and the patients; items in the order of their ids.
    """
    wide = scores.pivot(
        "option", index=["item_id", "subject", "group_id"], values=["score", "answer"]
    ).sort("item_id")
    for (name,), part in sorted(wide.group_by("group_id", maintain_order=True)):
        present = part["answer_0"].to_numpy()
        if not present.all() and present.any():
            there, not_there = part["score_0"].to_numpy(), part["score_1"].to_numpy()
            yield str(name), there, not_there, present, part["subject"].to_list()


def _cohort(
    name: str, scores: np.ndarray, absent: np.ndarray, patients: list[str], seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    chance = {"chance": float(absent.mean())}
    for figure, measure in (
        ("AP", average_precision),
        (f"P@{FIRST}", partial(precision_at, k=FIRST)),
    ):
        value = float(measure(scores, absent))

        def drawn(weights: np.ndarray, measure: Any = measure) -> np.ndarray:
            return measure(scores, absent, weights=weights)

        found = over_clusters(value, drawn, patients, len(scores), seed)
        yield f"cohort/{name}/{figure}", found.as_dict() | chance
