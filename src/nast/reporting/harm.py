"""What a model may have lost against the first one, as tables."""

import polars as pl

from nast.measuring.compare import harm
from nast.measuring.drift import LOWEST
from nast.reporting.joined import Joined, data_sets, of_data
from nast.reporting.numbers import ANY, Row, cell, pick
from nast.reporting.tables import Table

MOVED = {"cosine": "cosine", LOWEST: "5th percentile", "geometry": "geometry"}
Column = dict[str, str | None]


def harm_tables(joined: Joined) -> list[Table]:
    """The table of losses, one per data set, and that of neutral sentences."""
    lost = [
        _lost(joined, of_data(joined.metrics, data))._replace(data=data or "")
        for data in data_sets(joined.metrics)
    ]
    return [t for t in (*lost, _moved(joined.metrics)) if t.rows]


def harm_columns(joined: Joined, part: pl.DataFrame) -> dict[str, Column]:
    """Title -> what stands in the column."""
    choice = {"task": "choice", "statistic": "accuracy"}
    return {
        "Affirmative claims": {**choice, "set": "claims", "form": "affirmative"},
        "Plain claims": {**choice, "set": "claims", "form": "plain"},
        "Affirmative questions": {**choice, "set": "questions", "form": "affirmative"},
        "Affirmative R@1": {**joined.retrieval(part), "statistic": "R@1", "form": "affirmative"},
        "Affirmative R@5": {**joined.retrieval(part), "statistic": "R@5", "form": "affirmative"},
        "AUC of “There is X”": {"reading": "prompt pairs", "statistic": "POS"},
        "AUC, CheXzero prompts": {"reading": "CheXzero prompts", "statistic": "PNC"},
        "AUC, BioViL prompts": {"reading": "BioViL prompts", "statistic": "PNC"},
    }


def _lost(joined: Joined, part: pl.DataFrame) -> Table:
    part = part.filter(pl.col("margin").is_not_null())
    found = {
        title: {(r["model"], r["reference"]): r for r in pick(part, reference=ANY, **column)}
        for title, column in harm_columns(joined, part).items()
    }
    found = {title: rows for title, rows in found.items() if rows}
    pairs = dict.fromkeys(pair for rows in found.values() for pair in rows)
    body = [
        (
            f"{model} minus {reference}",
            *(_verdict(r.get((model, reference))) for r in found.values()),
        )
        for model, reference in pairs
    ]
    caption = (
        "Change in affirmative words; not inferior: the interval stays above minus "
        f"{joined.margin:g}"
    )
    return Table("harm", caption, ("Difference", *found), body)


def _verdict(row: Row | None) -> str:
    if not row:
        return "-"
    # "Not shown" would be read as the absence of harm.
    return f"{cell(row, sign=True)}, {harm(row).replace('not shown', 'not settled')}"


def _moved_cell(row: Row | None) -> str:
    """Of few sentences the fifth percentile is the lowest or the next: no draw can be below it."""
    return f"{row['value']:.3f}" if row and row["statistic"] == LOWEST else cell(row)


def _moved(metrics: pl.DataFrame) -> Table:
    rows = pick(metrics, task="neutral", reference=ANY, subset=ANY)
    groups = list(dict.fromkeys(r["subset"] for r in rows))
    known = {(r["model"], r["reference"], r["subset"], r["statistic"]): r for r in rows}
    pairs = dict.fromkeys((r["model"], r["reference"]) for r in rows)
    body = [
        (
            f"{model} against {reference}",
            *(_moved_cell(known.get((model, reference, g, s))) for g in groups for s in MOVED),
        )
        for model, reference in pairs
    ]
    caption = (
        "Sentences that find and deny nothing: cosine of each before and after, and rank "
        "correlation of the cosines between them"
    )
    header = ("Models", *(f"{group}: {title}" for group in groups for title in MOVED.values()))
    return Table("drift", caption, header, body)
