"""The paper's claims, one row each, with a verdict computed from the metrics.

A verdict needs an interval that excludes its opposite, and a p that holds after correction for the
number of comparisons; where a fine-tuned model stands on fewer than three seeds, there is none.
Models that were not trained here are judged as they are.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from nast.measuring.compare import harm
from nast.reporting.item_folders import short_names
from nast.reporting.joined import Joined
from nast.reporting.numbers import (
    CLAIMS,
    Row,
    cell,
    corrected,
    minus,
    of_any_seed,
    pick,
    seed_interval,
    sign_of,
)
from nast.reporting.runs import CONTROL, traced_scores
from nast.reporting.tables import Table, UpdateShares, held_by

HARM = {"not inferior": "shown", "inferior": "harm is shown", "not shown": "not settled"}
SEEDS = 3
THESE = "for these seeds"
"""Of a verdict that the items show, where the seeds differ too much to say it of another one."""
FEW = "not judged on fewer than three seeds"
FEWEST, SETTINGS = 3, 10
"""Settings without which a rank correlation is not computed, and not judged."""
HEADER = ("Claim", "Paper", "Here", "Verdict")
Line = tuple[str, str, str, str]


def verdict_table(
    joined: Joined,
    metrics: pl.DataFrame,
    traces: Sequence[Path],
    updates: UpdateShares,
    order: Sequence[int] | None = None,
) -> Table:
    """Rows for the claims that the finished folders allow, on one data set.

    Args:
        joined: what was evaluated.
        metrics: of the data set.
        traces: folders of `nast trace`.
        updates: name of a setting -> the update shares of its seeds.
        order: the blocks by CTE score, of `runs.traced_order`.
    """
    base, *others = joined.models or [""]
    rows: list[tuple[str, ...]] = [*_bias(metrics, base), *_early(traces)]
    for name in others:
        if not is_repair(joined, name):
            continue
        own = pick(metrics, model=name, form="negated", **CLAIMS)
        if not own:
            continue
        made = [
            *_above(joined, metrics, name),
            *_larger(joined, metrics, name, base),
            *_no_harm(metrics, name, base),
            *_gap(metrics, name, base),
        ]
        rows += made if own[0]["seeds"] >= SEEDS else [(*row[:3], FEW) for row in made]
    rows += concentration(metrics, updates, order)
    return Table("verdicts", "The paper's claims in this run", HEADER, rows)


def is_repair(joined: Joined, name: str) -> bool:
    """Whether a setting is the paper's repair, whose steps follow a trace, and not a control.

    Another share of its change than the chosen one stands beside it and is not judged.
    """
    if name not in joined.settings:
        return False
    run = joined.trained.get(name)
    return run is not None and run["objective"] == "nast" and not CONTROL.fullmatch(run["layers"])


def said_of(row: Row) -> str:
    """A difference in words: value and interval over items, corrected p, and the interval over
    seeds where there are several (decision 24).
    """
    parts = [cell(row, sign=True)]
    parts += [corrected(row)] if corrected(row) else []
    ends = seed_interval(row)
    if ends:
        parts.append(f"over {row['seeds']} seeds [{ends[0]:+.3f}, {ends[1]:+.3f}]")
    return ", ".join(parts)


def _seeded(verdict: str, row: Row) -> str:
    """A verdict on items, which may not hold for a seed that was not trained."""
    return verdict if verdict == "not shown" or of_any_seed(row) else f"{verdict} {THESE}"


def _bias(metrics: pl.DataFrame, base: str) -> Iterator[Line]:
    found = pick(metrics, model=base, task="choice", set="questions", statistic="gap", form=None)
    if found and found[0]["n"]:
        said = f"{base}: affirmative minus negated questions {cell(found[0], sign=True)}"
        verdict = sign_of(found[0], "shown", "the opposite is shown", "not shown")
        yield "Affirmative bias", "3.3", said, verdict


def _early(folders: Sequence[Path]) -> Iterator[Line]:
    names = short_names(folders)
    for folder in folders:
        scores, profile = traced_scores(folder)
        scores = np.maximum(scores, 0)
        if not scores.sum():
            continue
        third = len(scores) // 3
        held = float(scores[:third].sum() / scores.sum())
        said = (
            f"blocks 1-{third} of {len(scores)} hold {held:.0%} of the layer score "
            f"({profile}), the highest is block {int(scores.argmax()) + 1}"
        )
        early = held > third / len(scores) and scores.argmax() < third
        said = f"{names[folder]}: {said}" if len(folders) > 1 else said
        yield "Early layers carry the negation", "4.2", said, "yes" if early else "no"


def _above(joined: Joined, metrics: pl.DataFrame, name: str) -> Iterator[Line]:
    """Against every model that is not a form of the same repair."""
    changes = {}
    for other in joined.models:
        change = minus(metrics, name, other, form="negated", **CLAIMS)
        # Another share of the repair is no baseline of it.
        if change and not is_repair(joined, other.rpartition(" @")[0] or other):
            changes[other] = change
    if not changes:
        return
    said = f"{name} " + "; ".join(f"minus {m} {said_of(c)}" for m, c in changes.items())
    signs = {
        _seeded(sign_of(c, "shown", "the opposite is shown", "not shown"), c)
        for c in changes.values()
    }
    verdict = signs.pop() if len(signs) == 1 else "not shown for all"
    yield "NAST above every baseline, negated claims", "Table 1", said, verdict


def _larger(joined: Joined, metrics: pl.DataFrame, name: str, base: str) -> Iterator[Line]:
    claims = minus(metrics, name, base, form="negated", **CLAIMS)
    recall = minus(
        metrics, name, base, form="negated", statistic="R@1", **joined.retrieval(metrics)
    )
    if not claims or not recall:
        return
    value = claims["value"] - recall["value"]
    # Claims and candidate lists are different items: their errors are added as independent ones.
    down = np.hypot(claims["value"] - claims["low"], recall["high"] - recall["value"])
    up = np.hypot(claims["high"] - claims["value"], recall["value"] - recall["low"])
    row = {**claims, "value": value, "low": value - down, "high": value + up}
    row |= {"p": None, "p_holm": None}
    said = (
        f"{name}: gain in claims {cell(claims, sign=True)}, in R@1 {cell(recall, sign=True)}, "
        f"difference {cell(row, sign=True)}"
    )
    verdict = sign_of(row, "shown", "the opposite is shown", "not shown")
    yield "Larger gains in claims than in retrieval", "5.3", said, verdict


def _no_harm(metrics: pl.DataFrame, name: str, base: str) -> Iterator[Line]:
    change = minus(metrics, name, base, form="affirmative", **CLAIMS)
    if change and change["margin"] is not None:
        said = (
            f"{name} minus {base}, affirmative claims {said_of(change)}, "
            f"margin {change['margin']:.3f}"
        )
        verdict, ends = HARM[harm(change)], seed_interval(change)
        if verdict == "shown" and ends and ends[0] <= -change["margin"]:
            verdict = f"{verdict} {THESE}"
        yield "No harm on affirmatives", "5.4", said, verdict


def _gap(metrics: pl.DataFrame, name: str, base: str) -> Iterator[Line]:
    change = minus(metrics, name, base, form=None, **{**CLAIMS, "statistic": "gap"})
    parts = {
        form: minus(metrics, name, base, form=form, **CLAIMS) for form in ("negated", "affirmative")
    }
    negated, affirmative = parts["negated"], parts["affirmative"]
    if not change or not negated or not affirmative:
        return
    said = (
        f"{name}: change of the gap {said_of(change)}, of negated claims "
        f"{cell(negated, sign=True)}, of affirmative ones {cell(affirmative, sign=True)}"
    )
    verdict = sign_of(change, "the gap grew", "shown", "not shown")
    if verdict == "shown" and affirmative["high"] < 0:
        verdict = "reduced, but affirmative accuracy fell"
    elif verdict == "shown" and negated["low"] <= 0:
        verdict = "reduced, but not by a gain that this data can show"
    elif verdict == "shown":
        verdict = _seeded(verdict, change)
    yield "Gap reduced by raising negated accuracy", "5.5", said, verdict


def concentration(
    metrics: pl.DataFrame, updates: UpdateShares, order: Sequence[int] | None
) -> Iterator[Line]:
    """Over settings: share of the three blocks of the highest CTE score (of the most updated ones
    without a trace) against negated claim accuracy.

    Seeds of one setting are no independent runs: both are averaged over them first.
    """
    accuracy = {r["model"]: r["value"] for r in pick(metrics, form="negated", **CLAIMS)}
    pairs = [
        (
            float(np.mean([held_by(s["parameters"], 3, order) for s in seeds])),
            accuracy[name],
        )
        for name, seeds in updates.items()
        if name in accuracy
    ]
    if len(pairs) < FEWEST or any(len(set(side)) == 1 for side in zip(*pairs, strict=True)):
        return
    tested = spearmanr(*zip(*pairs, strict=True))
    rho, p = float(tested.statistic), float(tested.pvalue)
    verdict = f"not judged on fewer than {SETTINGS} settings"
    if len(pairs) >= SETTINGS:
        verdict = "not shown" if p > 0.05 else "shown" if rho > 0 else "the opposite is shown"
    said = f"rank correlation {rho:+.2f} over {len(pairs)} settings"
    said += f", p {p:.2f}" if len(pairs) >= SETTINGS else ""
    yield "Concentration goes with improvement", "5.6", said, verdict
