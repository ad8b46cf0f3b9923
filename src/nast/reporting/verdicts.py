"""The paper's claims, one row each, with a verdict computed from the run.

A verdict needs an interval that excludes its opposite; where a fine-tuned model stands on fewer
than three seeds, there is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from nast.errors import InputError
from nast.files import read_json
from nast.measuring.metrics import (
    by_label,
    clusters_of,
    difference_of,
    item_values,
    over_seeds,
)
from nast.measuring.no_harm import MARGIN
from nast.measuring.no_harm import verdict as harm_of
from nast.measuring.statistics import clustered_mean
from nast.reporting.scored import labels_of
from nast.reporting.tables import Table, cell
from nast.reporting.update_figures import update_shares

NAST = "NAST (lr)"
HARM = {"not inferior": "shown", "inferior": "harm is shown", "not shown": "not shown"}
SEEDS = 3
RUNS = 10
"""Fewer runs cannot show a rank correlation."""
CLAIMS, RECALL = "claims/accuracy", "retrieval image to text/R@1"
HEADER = ("Claim", "Paper", "Here", "Verdict")
Row = tuple[str, ...]
Items = Mapping[str, Mapping[tuple[str, str], pl.DataFrame]]
"""Model -> (metric, form) -> its values by item, averaged over seeds."""


def verdict_table(
    metrics: Mapping[str, Any],
    scores: pl.DataFrame,
    found: Mapping[str, Sequence[Path]],
    margin: float = MARGIN,
) -> Table:
    """Rows for the claims that the finished folders allow, on one data set.

    Args:
        metrics: figures of every model, the base first.
        scores: `SCORES_SCHEMA` rows of all models.
        found: stage -> folders; `trace` and `train` are looked at.
        margin: largest loss of accuracy that counts as no harm.
    """
    items: dict[str, dict[tuple[str, str], pl.DataFrame]] = {
        label: {
            (str(m), str(f)): over_seeds(rows)
            for (m, f), rows in item_values(part).group_by("metric", "form")
            if m in (CLAIMS, RECALL)
        }
        for label, part in by_label(scores)
    }
    rows = [*_bias(metrics), *_early(found.get("trace", []))]
    base = next(iter(metrics), "")
    if NAST in items and base in items and (CLAIMS, "negated") in items[NAST]:
        seeds = metrics[NAST][f"{CLAIMS}/negated"].get("seeds", 1)
        made = [
            *_above(items),
            *_larger(items, base),
            *_no_harm(items, base, margin),
            *_gap(items, base),
        ]
        few = "not judged on fewer than three seeds"
        rows += made if seeds >= SEEDS else [(*row[:3], few) for row in made]
    rows += _concentration(scores, found.get("train", []))
    return Table("verdicts", "The paper's claims in this run", HEADER, rows)


def _bias(metrics: Mapping[str, Any]) -> Iterator[Row]:
    name = next(iter(metrics), "")
    gap = metrics.get(name, {}).get("questions/accuracy/gap")
    if gap and gap["n"]:
        said = f"{name}: affirmative minus negated questions {cell(gap, sign=True)}"
        yield "Affirmative bias", "3.3", said, _sign(gap, "shown", "the opposite is shown")


def _early(folders: Sequence[Path]) -> Iterator[Row]:
    names = labels_of(folders)
    for folder in folders:
        chosen = read_json(folder / "layer_weights.json")
        try:
            scores = np.maximum(np.asarray(chosen["score"], dtype=float), 0)
            chosen["aggregation"]
        except (LookupError, TypeError, ValueError):
            raise InputError(
                folder / "layer_weights.json",
                found="something else",
                expected="the scores of the blocks, as nast trace writes them",
            ) from None
        if not scores.sum():
            continue
        third = len(scores) // 3
        held = float(scores[:third].sum() / scores.sum())
        said = (
            f"blocks 1-{third} of {len(scores)} hold {held:.0%} of the layer score "
            f"({chosen['aggregation']}), the highest is block {int(scores.argmax()) + 1}"
        )
        early = held > third / len(scores) and scores.argmax() < third
        said = f"{names[folder]}: {said}" if len(folders) > 1 else said
        yield "Early layers carry the negation", "4.2", said, "yes" if early else "no"


def _above(items: Items) -> Iterator[Row]:
    others = [m for m in items if not m.startswith("NAST") and (CLAIMS, "negated") in items[m]]
    changes = {m: _change(items, m, CLAIMS, "negated") for m in others}
    changes = {m: c for m, c in changes.items() if c["n"]}
    if not changes:
        return
    said = "; ".join(f"minus {m} {cell(c, sign=True)}" for m, c in changes.items())
    signs = {_sign(c, "shown", "the opposite is shown") for c in changes.values()}
    verdict = signs.pop() if len(signs) == 1 else "not shown for all"
    yield "NAST above every baseline, negated claims", "Table 1", said, verdict


def _larger(items: Items, base: str) -> Iterator[Row]:
    if (RECALL, "negated") not in items[NAST] or (RECALL, "negated") not in items[base]:
        return
    claims, recall = (_change(items, base, m, "negated") for m in (CLAIMS, RECALL))
    if not claims["n"] or not recall["n"]:
        return
    value = claims["value"] - recall["value"]
    # Claim sets and captions are different items: their errors are added as independent ones.
    down = np.hypot(
        claims["value"] - claims["interval"][0], recall["interval"][1] - recall["value"]
    )
    up = np.hypot(claims["interval"][1] - claims["value"], recall["value"] - recall["interval"][0])
    figure = {
        "value": value,
        "interval": [value - float(down), value + float(up)],
        "n": claims["n"],
    }
    said = (
        f"gain in claims {cell(claims, sign=True)}, in R@1 {cell(recall, sign=True)}, "
        f"difference {cell(figure, sign=True)}"
    )
    yield (
        "Larger gains in claims than in retrieval",
        "5.3",
        said,
        _sign(figure, "shown", "the opposite is shown"),
    )


def _no_harm(items: Items, base: str, margin: float) -> Iterator[Row]:
    if (CLAIMS, "affirmative") not in items[NAST]:
        return
    change = _change(items, base, CLAIMS, "affirmative")
    if change["n"]:
        said = f"NAST minus {base}, affirmative claims {cell(change, sign=True)}, margin {margin:g}"
        yield "No harm on affirmatives", "5.4", said, HARM[harm_of(change, margin)]


def _gap(items: Items, base: str) -> Iterator[Row]:
    gaps = {m: _gap_by_item(items[m]) for m in (base, NAST)}
    both = gaps[NAST].join(gaps[base], on=["data", "pair", "group_id", "subject"])
    if not len(both):
        return
    change = (both["value"] - both["value_right"]).to_numpy()
    figure = clustered_mean(change, clusters_of(both)).as_dict()
    parts = {f: _change(items, base, CLAIMS, f) for f in ("negated", "affirmative")}
    said = (
        f"change of the gap {cell(figure, sign=True)}, of negated claims "
        f"{cell(parts['negated'], sign=True)}, of affirmative ones "
        f"{cell(parts['affirmative'], sign=True)}"
    )
    verdict = _sign(figure, "the gap grew", "shown")
    if verdict == "shown" and parts["affirmative"]["interval"][1] < 0:
        verdict = "reduced, but affirmative accuracy fell"
    elif verdict == "shown" and parts["negated"]["interval"][0] <= 0:
        verdict = "reduced, but not by a gain that this data can show"
    yield "Gap reduced by raising negated accuracy", "5.5", said, verdict


def _gap_by_item(values: Mapping[tuple[str, str], pl.DataFrame]) -> pl.DataFrame:
    key = ["data", "pair", "group_id", "subject"]
    empty = pl.DataFrame(schema=dict.fromkeys(key, pl.String) | {"value": pl.Float64})
    affirmative, negated = (values.get((CLAIMS, f), empty) for f in ("affirmative", "negated"))
    both = affirmative.join(negated, on=key)
    return both.select(*key, value=pl.col("value") - pl.col("value_right"))


def _concentration(scores: pl.DataFrame, runs: Sequence[Path]) -> Iterator[Row]:
    """Over single runs: share of the three most updated blocks against negated claim accuracy."""
    values = item_values(scores).filter(metric=CLAIMS, form="negated")
    accuracy = dict(values.group_by("model").agg(pl.col("value").mean()).iter_rows())
    pairs = [
        (
            sum(sorted(update_shares(r)["parameters"], reverse=True)[:3]),
            accuracy[r.name],
        )
        for r in runs
        if r.name in accuracy
    ]
    if len(pairs) < 3 or any(len(set(side)) == 1 for side in zip(*pairs, strict=True)):
        return
    tested = spearmanr(*zip(*pairs, strict=True))
    rho, p = float(tested.statistic), float(tested.pvalue)
    verdict = f"not judged on fewer than {RUNS} runs"
    if len(pairs) >= RUNS:
        verdict = "not shown" if p > 0.05 else "shown" if rho > 0 else "the opposite is shown"
    said = f"rank correlation {rho:+.2f} over {len(pairs)} runs, p {p:.2f}"
    yield "Concentration goes with improvement", "5.6", said, verdict


def _change(items: Items, reference: str, metric: str, form: str) -> dict[str, Any]:
    return difference_of(items[reference][metric, form], items[NAST][metric, form])


def _sign(figure: Mapping[str, Any], above: str, below: str) -> str:
    low, high = figure["interval"]
    return above if low > 0 else below if high < 0 else "not shown"
