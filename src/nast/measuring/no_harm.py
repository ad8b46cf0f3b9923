"""What a fine-tuned model may have lost: detection of findings and everything in plain words.

Non-inferiority: the paired 95 % interval of the loss must stay above minus the margin, which is
stated beforehand. "No significant loss" is not enough: a small sample never has one.
"""

from typing import Any

import numpy as np
import polars as pl

from nast.measuring.areas import areas, auc_difference, levels_of, over_clusters
from nast.measuring.metrics import by_label, difference_of, item_values, over_seeds
from nast.scoring.prompt_pairs import sides
from nast.scoring.prompt_sets import SETS

MARGIN = 0.01
"""One point of AUC, recall or accuracy, where nothing else is asked for."""
PLAIN = (
    "claims/accuracy",
    "questions/accuracy",
    "retrieval image to text/R@1",
    "retrieval image to text/R@5",
)
AREAS = (("prompt pairs", "POS"), ("CheXzero prompts", "PNC"), ("BioViL prompts", "PNC"))
"""POS must be among them: PNC can rise through better negatives while detection falls."""


def no_harm(scores: pl.DataFrame, seed: int = 0, margin: float = MARGIN) -> list[dict[str, Any]]:
    """Every model against the first one that was scored.

    Args:
        scores: `SCORES_SCHEMA` rows; the seeds of a policy count as one model.
        seed: of the bootstrap.
        margin: largest loss that counts as none.

    Returns:
        One row per model and figure: `model`, `reference`, `figure`, the paired difference
        (`value`, `interval`, `n`, `method`), `margin` and `verdict`: "not inferior", "inferior"
        or "not shown". Figures: the affirmative form of claims, questions and retrieval; POS of
        "There is X", PNC of CheXzero's and BioViL's prompts, per condition and as their mean.
    """
    labels = dict(by_label(scores))
    reference = next(iter(labels), "")
    rows = []
    for model in labels:
        if model != reference:
            pair = labels[reference], labels[model]
            found = {**_plain(*pair, seed), **_areas(*pair, seed)}
            rows += [
                {
                    "model": model,
                    "reference": reference,
                    "figure": name,
                    **figure,
                    "margin": margin,
                    "verdict": verdict(figure, margin),
                }
                for name, figure in found.items()
                if figure["n"]
            ]
    return rows


def verdict(figure: dict[str, Any], margin: float) -> str:
    """What the interval of a difference says about a loss of more than the margin."""
    low, high = figure["interval"]
    return "not inferior" if low > -margin else "inferior" if high < -margin else "not shown"


def _plain(first: pl.DataFrame, second: pl.DataFrame, seed: int) -> dict[str, dict[str, Any]]:
    before, after = (item_values(s).filter(form="affirmative") for s in (first, second))
    return {
        f"{metric}/affirmative": difference_of(
            over_seeds(before.filter(metric=metric)), over_seeds(after.filter(metric=metric)), seed
        )
        for metric in PLAIN
        if metric in set(before["metric"]) & set(after["metric"])
    }


def _areas(first: pl.DataFrame, second: pl.DataFrame, seed: int) -> dict[str, dict[str, Any]]:
    figures: dict[str, dict[str, Any]] = {}
    for task, kind in AREAS:
        found = [dict((s[0], s[1:]) for s in sides(_mean(p, task))) for p in (first, second)]
        common = [n for n in found[0] if n in found[1]]
        for name in common:
            *scores, present, patients = _both(found, name, kind)
            change = auc_difference(scores[0], scores[1], present, patients, seed)
            figures[f"{task}/{name}/{kind}"] = change.as_dict()
        if len(common) > 1:
            figures[f"{task}/mean/{kind}"] = _macro(found, common, kind, seed)
    return figures


def _both(
    found: list[Any], name: str, kind: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Scores of both models for presence, the labels and the patients of one condition."""
    there, not_there, present, patients = found[0][name]
    after, not_after, *_ = found[1][name]
    pair = (there, after) if kind == "POS" else (there - not_there, after - not_after)
    return *pair, present, patients


def _mean(scores: pl.DataFrame, task: str) -> pl.DataFrame:
    """Scores of one set, averaged over the seeds of a policy."""
    assert task in SETS
    key = ["item_id", "subject", "group_id", "option", "answer"]
    return scores.filter(task=task).group_by(key, maintain_order=True).agg(pl.col("score").mean())


def _macro(found: list[Any], names: list[str], kind: str, seed: int) -> dict[str, Any]:
    """Mean over conditions of the change of the AUC, resampled by patient over all of them."""
    parts = [_both(found, name, kind) for name in names]
    ends = np.cumsum([len(p[3]) for p in parts])[:-1]
    patients = [s for p in parts for s in p[3]]

    levels = [(levels_of(a), levels_of(b), y) for a, b, y, _ in parts]

    def change(weights: np.ndarray) -> np.ndarray:
        steps = np.stack(
            [
                areas(after, y, w) - areas(before, y, w)
                for (before, after, y), w in zip(
                    levels, np.split(weights, ends, axis=-1), strict=True
                )
            ]
        )
        # A draw may lack a class of a rare condition: the mean is then over the others.
        kept = np.isfinite(steps)
        return np.where(kept, steps, 0).sum(axis=0) / np.maximum(kept.sum(axis=0), 1)

    whole = float(change(np.ones(len(patients))))
    return over_clusters(whole, change, patients, len(patients), seed).as_dict()
