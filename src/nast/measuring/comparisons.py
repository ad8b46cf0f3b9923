"""Every model against every other on the same items, corrected for the number of pairs."""

from itertools import combinations
from typing import Any

import polars as pl

from nast.measuring.metrics import by_label, difference_of, item_values, over_seeds
from nast.measuring.significance import holm
from nast.scoring.choice import TieRule

COMPARED = (
    "questions/accuracy",
    "claims/accuracy",
    "retrieval image to text/R@1",
    "retrieval image to text/R@5",
)


def compare_models(
    scores: pl.DataFrame, seed: int = 0, ties: TieRule = "never"
) -> list[dict[str, Any]]:
    """Paired differences of all pairs of models.

    Args:
        scores: `SCORES_SCHEMA` rows of all models; the seeds of a policy count as one model.
        seed: of the bootstrap and the sign flips.
        ties: what a tie for the best option counts as.

    Returns:
        One row per figure and pair, in the order of the scores: `figure`, `model`, `reference`,
        the figure of model minus reference (`value`, `interval`, `n`, `method`), `p` by sign
        flips over clusters, `p_holm` corrected over the pairs of that figure, and `mcnemar`
        where answers are not averaged over seeds.
    """
    tables = {
        (label, metric, form): over_seeds(part)
        for label, rows in by_label(scores)
        for (metric, form), part in item_values(rows, ties).group_by("metric", "form")
        if metric in COMPARED
    }
    labels = [label for label, _ in by_label(scores)]
    figures = sorted({(m, f) for _, m, f in tables}, key=lambda k: (COMPARED.index(k[0]), k[1]))
    rows = []
    for metric, form in figures:
        scored = [label for label in labels if (label, metric, form) in tables]
        found = []
        for reference, model in combinations(scored, 2):
            change = difference_of(
                tables[reference, metric, form], tables[model, metric, form], seed
            )
            if change["n"]:
                found.append(
                    {"figure": f"{metric}/{form}", "model": model, "reference": reference, **change}
                )
        corrected = holm({str(i): r["p"] for i, r in enumerate(found)})
        rows += [{**r, "p_holm": corrected[str(i)]} for i, r in enumerate(found)]
    return rows
