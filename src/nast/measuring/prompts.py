"""Prompt pairs "There is X" / "There is no X": areas under the curve, and search for "no X".

POS: s("There is X") for presence. NEG: s("There is no X") for absence; a model that does not hear
"no" has NEG = 1 - POS, below one half. PNC: the softmax of the pair for presence, that is the
difference of the two scores. Cohort search ranks the images by s("There is no X") and looks for
those without X. An area is that of each seed, averaged (design row 24).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl

from nast.measuring.rows import Metric, put
from nast.statistics.areas import (
    auc_difference,
    average_precision,
    clustered_auc,
    mean_area,
    precision_at,
)
from nast.statistics.bootstrap import Estimate, over_clusters

HEADLINE = "prompt pairs"
"""The prompt set that all three areas and the cohort search are measured on."""
FIRST = 10
"""Images at the top of a cohort search."""
DETECTION = ((HEADLINE, "POS"), ("CheXzero prompts", "PNC"), ("BioViL prompts", "PNC"))
"""What a fine-tuned model may lose. POS must be among them: PNC can rise through better negatives
while detection falls."""


class Sides(NamedTuple):
    """The scores of one setting for one condition.

    Attributes:
        there: of the sentence for presence, (seeds, n).
        not_there: of the sentence for absence, (seeds, n).
        present: whether the condition is present, (n,).
        patients: of each study, (n,).
    """

    there: np.ndarray
    not_there: np.ndarray
    present: np.ndarray
    patients: list[str]

    def scores(self, statistic: str) -> np.ndarray:
        """What ranks the studies for presence: `POS`, or the difference `PNC`."""
        return self.there if statistic == "POS" else self.there - self.not_there


def sides_of(pairs: pl.DataFrame) -> dict[str, Sides]:
    """Condition -> its scores, for conditions with both labels; studies in the order of their ids.

    Args:
        pairs: `PAIRS_SCHEMA` rows of one setting, data set and prompt set.
    """
    found = {}
    for (name,), part in sorted(pairs.group_by("condition", maintain_order=True)):
        studies = part.unique("study").sort("study")
        present = (studies["label"] == "present").to_numpy()
        if present.all() or not present.any():
            continue
        rows = {
            side: np.stack([seed["score"].to_numpy() for _, seed in sorted_seeds(part, side)])
            for side in ("presence", "denial")
        }
        patients = studies["subject"].to_list()
        found[str(name)] = Sides(rows["presence"], rows["denial"], present, patients)
    return found


def sorted_seeds(part: pl.DataFrame, side: str) -> Iterator[tuple[object, pl.DataFrame]]:
    """The scores of one side, a table for each seed, studies in the order of their ids."""
    yield from part.filter(side=side).sort("study").group_by("seed", maintain_order=True)


def prompt_metrics(of: Metric, pairs: pl.DataFrame, seed: int) -> Iterator[Metric]:
    """`PNC` of every prompt set and condition; of the headline set `POS`, `NEG`, and the cohort
    search's `AP` (average precision) and `P@10`, whose chance is the share of images without X.

    Args:
        of: the setting and data set; `task` is `prompts`.
        pairs: `PAIRS_SCHEMA` rows of them.
        seed: of the bootstrap.
    """
    for (prompts,), part in pairs.group_by("prompts", maintain_order=True):
        for name, found in sides_of(part).items():
            here = replace(of, reading=str(prompts), condition=name)
            area = partial(clustered_auc, patients=found.patients, seed=seed)
            present = found.present
            yield put(
                replace(here, statistic="PNC", chance=0.5), area(found.scores("PNC"), present)
            )
            if prompts == HEADLINE:
                yield put(replace(here, statistic="POS", chance=0.5), area(found.there, present))
                yield put(
                    replace(here, statistic="NEG", chance=0.5), area(found.not_there, ~present)
                )
                yield from _cohort(here, found, seed)


def _cohort(of: Metric, found: Sides, seed: int) -> Iterator[Metric]:
    absent = ~found.present
    of = replace(of, chance=float(absent.mean()))
    measures: dict[str, Callable[..., np.ndarray]] = {
        "AP": average_precision,
        f"P@{FIRST}": partial(precision_at, k=FIRST),
    }
    for name, measure in measures.items():

        def drawn(weights: np.ndarray | None, measure: Callable[..., np.ndarray] = measure):  # type: ignore[no-untyped-def]
            return np.mean([measure(r, absent, weights=weights) for r in found.not_there], axis=0)

        value = float(drawn(None))
        estimate = over_clusters(value, drawn, found.patients, len(absent), seed)
        yield put(replace(of, statistic=name), estimate)


def detection_change(
    of: Metric, first: pl.DataFrame, second: pl.DataFrame, seed: int
) -> Iterator[Metric]:
    """What the second setting may have lost in detecting findings, paired by patient.

    Args:
        of: the two settings and the data set; `task` is `prompts`.
        first: `PAIRS_SCHEMA` rows of the reference.
        second: of the other.
        seed: of the bootstrap.

    Yields:
        The change of the area per condition, and of its mean over conditions (`condition` is None).
    """
    for prompts, statistic in DETECTION:
        before, after = (sides_of(p.filter(prompts=prompts)) for p in (first, second))
        common = [name for name in before if name in after]
        here = replace(of, reading=prompts, statistic=statistic)
        parts = [
            (before[n].scores(statistic), after[n].scores(statistic), *before[n][2:])
            for n in common
        ]
        for name, part in zip(common, parts, strict=True):
            yield put(replace(here, condition=name), auc_difference(*part, seed))
        if len(common) > 1:
            yield put(here, _macro(parts, seed))


def _macro(
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]], seed: int
) -> Estimate:
    """Mean over conditions of the change of the area, resampled by patient over all of them."""
    ends = np.cumsum([len(p[3]) for p in parts])[:-1]
    patients = [s for p in parts for s in p[3]]
    sides = [(mean_area(before, y), mean_area(after, y)) for before, after, y, _ in parts]

    def change(weights: np.ndarray) -> np.ndarray:
        split = np.split(weights, ends, axis=-1)
        steps = np.stack([b(w) - a(w) for (a, b), w in zip(sides, split, strict=True)])
        # A draw may lack a class of a rare condition: the mean is then over the others.
        kept = np.isfinite(steps)
        return np.where(kept, steps, 0).sum(axis=0) / np.maximum(kept.sum(axis=0), 1)

    whole = float(change(np.ones(len(patients))))
    return over_clusters(whole, change, patients, len(patients), seed)
