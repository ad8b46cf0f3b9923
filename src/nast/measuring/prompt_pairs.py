"""Prompt pairs "There is X" / "There is no X": areas under the curve, and search for "no X".

POS: s("There is X") for presence. NEG: s("There is no X") for absence; a model that does not hear
"no" has NEG = 1 - POS, below one half. PNC: the softmax of the pair for presence, that is the
difference of the two scores. Cohort search ranks the images by s("There is no X") and looks for
those without X. An area is that of each seed, averaged (decision 24).
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
    """Condition -> its scores, for conditions with both labels; studies in their order.

    Args:
        pairs: `PAIRS_SCHEMA` rows of one setting, data set and prompt set.
    """
    found = {}
    for (name,), part in sorted(pairs.group_by("condition", maintain_order=True)):
        # Not sorted: studies are keyed hashes, and draws must not depend on a local key.
        studies = part.unique("study", maintain_order=True).select("study", "subject", "label")
        present = (studies["label"] == "present").to_numpy()
        if present.all() or not present.any():
            continue
        there, not_there = (_seeds(studies, part.filter(side=s)) for s in ("presence", "denial"))
        found[str(name)] = Sides(there, not_there, present, studies["subject"].to_list())
    return found


def _seeds(studies: pl.DataFrame, scores: pl.DataFrame) -> np.ndarray:
    """The scores of one side in the order of the studies, (seeds, n)."""
    parts = scores.select("seed", "study", "score").group_by("seed", maintain_order=True)
    return np.stack(
        [
            studies.join(part, on="study", how="left", maintain_order="left")["score"].to_numpy()
            for _, part in parts
        ]
    )


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
    """What the second setting may have lost in detecting findings, paired by patient, on the
    studies that both were scored on.

    Args:
        of: the two settings and the data set; `task` is `prompts`.
        first: `PAIRS_SCHEMA` rows of the reference.
        second: of the other.
        seed: of the bootstrap.

    Yields:
        The change of the area per condition, and of its mean over conditions (`condition` is None).
    """
    one = ["prompts", "condition", "study", "side"]
    shared = (
        first.select(one)
        .unique(maintain_order=True)
        .join(second.select(one).unique(), on=one, how="semi", maintain_order="left")
    )
    both = [shared.join(p, on=one, maintain_order="left") for p in (first, second)]
    for prompts, statistic in DETECTION:
        before, after = (sides_of(p.filter(prompts=prompts)) for p in both)
        common = [name for name in before if name in after]
        here = replace(of, reading=prompts, statistic=statistic)
        parts = [
            (before[n].scores(statistic), after[n].scores(statistic), *before[n][2:])
            for n in common
        ]
        for name, part in zip(common, parts, strict=True):
            yield put(replace(here, condition=name), auc_difference(*part, seed))
        if common:
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
