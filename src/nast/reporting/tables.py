"""Tables 1-4 of the paper, and the accuracies behind Figure 3: filters and pivots of the metrics.

Table 1: negated queries and claims. Table 2: the same in affirmative words. Table 3: affirmative
minus negated. Their numbers are made in `measuring.overall`, and nothing is computed here but the
shares of Table 4: those of the update in the blocks that the trace puts first (decision 21).
"""

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import NamedTuple

import polars as pl

from nast.measuring.measure import BLIND
from nast.measuring.overall import gap_name
from nast.records import FORMS
from nast.reporting.joined import Joined, data_sets, of_data
from nast.reporting.numbers import CLAIMS, Row, cell, pick
from nast.reporting.runs import MEASURES

TOPS = (3, 5)
"""The k of Table 4."""
UpdateShares = Mapping[str, Sequence[Mapping[str, Sequence[float]]]]
"""Name of a setting -> the update shares of its seeds: measure -> a share per block."""


class Table(NamedTuple):
    """A table ready to be written: name, caption, header, rows of text, and the data set that it
    is about where there are several.
    """

    name: str
    caption: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    data: str = ""

    @property
    def title(self) -> str:
        """The caption with the data set."""
        return f"{self.caption} ({self.data})" if self.data else self.caption


def tables_of(
    joined: Joined, updates: UpdateShares, order: Sequence[int] | None = None
) -> list[Table]:
    """All tables that the metrics allow; of several data sets each has its own.

    Args:
        joined: of one or several evaluations.
        updates: of Table 4.
        order: the blocks by CTE score, of `runs.traced_order`.
    """
    made = []
    for data in data_sets(joined.metrics):
        part = of_data(joined.metrics, data)
        claims = pick(part, form="negated", **CLAIMS)
        items = f" ({claims[0]['n']} claim sets)" if claims else ""
        for table in (
            _table(joined, part, "table1", f"Negated captions and claims{items}", "negated"),
            _affirmative(joined, part, items),
            _table(joined, part, "table3", "Polarity gap: affirmative minus negated", None),
            _choices(joined, part, "questions", "Question accuracy (Figure 3)"),
            _choices(joined, part, "imported", "Accuracy on imported items"),
        ):
            said = f"{table.caption}{silence_said(part)}"
            made.append(table._replace(caption=said, data=data or ""))
    made += [_update_table(updates, order)] if updates else []
    # Tables 1-4, each for every data set, then the questions and other items.
    made.sort(key=lambda t: (not t.name.startswith("table"), t.name != "questions", t.name))
    return [t for t in made if t.rows]


def silence_said(metrics: pl.DataFrame) -> str:
    """What a caption says of data in which silence counts as absence; nothing of other data.

    Args:
        metrics: behind the table.
    """
    closed = metrics.filter(world="closed")["data"].drop_nulls().unique(maintain_order=True)
    known = metrics["data"].drop_nulls().unique()
    named = "" if len(closed) == len(known) else f" in {', '.join(closed)}"
    return f"; closed world: silence counts as absence{named}" if len(closed) else ""


def _affirmative(joined: Joined, part: pl.DataFrame, items: str) -> Table:
    """Table 2: the items of Table 1 in affirmative words; under the paper's protocol other claim
    sets, which deny nothing (decision 18).
    """
    if not (part["protocol"] == "paper").any():
        caption = f"The same in affirmative words{items}"
        return _table(joined, part, "table2", caption, "affirmative")
    caption = "Affirmative captions, and claim sets that deny nothing"
    return _table(joined, part, "table2", caption, "affirmative", "plain")


def _table(
    joined: Joined,
    part: pl.DataFrame,
    name: str,
    caption: str,
    form: str | None,
    claims: str | None = None,
) -> Table:
    """R@1, R@5 and claim accuracy of every model in one form; their gaps for None.

    Args:
        joined: for the order of the models.
        part: metrics of one data set.
        name: of the table.
        caption: of the table.
        form: of captions, lists and claim sets.
        claims: another form of the claim sets.
    """

    def found(statistic: str, **columns: str | None) -> list[Row]:
        named = statistic if form else gap_name(statistic)
        return pick(part, **{"statistic": named, "form": form, **columns})

    made = {
        "R@1": found("R@1", **joined.retrieval(part)),
        "R@5": found("R@5", **joined.retrieval(part)),
        "Claim accuracy": found("accuracy", task="choice", set="claims", form=claims or form),
    }
    columns = {title: {r["model"]: r for r in some} for title, some in made.items()}
    rows = [
        (model, *(cell(c.get(model), sign=form is None) for c in columns.values()))
        for model in joined.models
        if any(model in c for c in columns.values())
    ]
    blind = [found(s, control=BLIND, **joined.retrieval(part)) for s in ("R@1", "R@5")]
    if rows and any(blind):
        cells = (cell(r[0] if r else None, sign=form is None) for r in blind)
        rows.append(("blind", *cells, "-"))
    guesses = [
        next((r["chance"] for r in c.values() if r["chance"]), None) for c in columns.values()
    ]
    if any(guesses):
        rows.append(("chance", *(f"{guess:.3f}" if guess else "-" for guess in guesses)))
    return _without_empty(Table(name, caption, ("Model", *columns), rows))


def _without_empty(table: Table) -> Table:
    """The table without columns of which nothing is known."""
    body = list(zip(*table.rows, strict=True)) if table.rows else []
    kept = [n for n, column in enumerate(body) if set(column) != {"-"}]
    header = tuple(table.header[n] for n in kept) if body else table.header
    return table._replace(header=header, rows=[tuple(row[n] for n in kept) for row in table.rows])


def _choices(joined: Joined, part: pl.DataFrame, name: str, caption: str) -> Table:
    """Accuracy on a set of items of every model, in each form that some item has, and the gap
    of those with both.
    """
    found = pick(part, task="choice", set=name, statistic="accuracy")
    forms = [form for form in FORMS if any(r["form"] == form for r in found)]
    columns = [{r["model"]: r for r in found if r["form"] == form} for form in forms]
    gaps = {r["model"]: r for r in pick(part, task="choice", set=name, statistic="gap")}
    rows = [
        (
            model,
            *(cell(c.get(model)) for c in columns),
            *([cell(gaps.get(model), sign=True)] if gaps else []),
        )
        for model in joined.models
        if any(model in c for c in columns)
    ]
    guess = "".join({f", chance {r['chance']:.3f}": None for r in found if r["chance"]})
    header = ("Model", *(form.capitalize() for form in forms), *(["Gap"] if gaps else []))
    return Table(name, f"{caption}{guess}", header, rows)


def _update_table(updates: UpdateShares, order: Sequence[int] | None) -> Table:
    """The share of the update in the k blocks with the highest CTE score, and in the k blocks that
    were updated most.
    """
    rows = []
    for name, seeds in updates.items():
        for measure, title in MEASURES.items():
            ranked = [(k, by) for by in ([order, None] if order else [None]) for k in TOPS]
            cells = [[100 * held_by(s[measure], k, by) for s in seeds] for k, by in ranked]
            rows.append((name, title, *map(_mean_and_spread, cells)))
    tops = [f"top {k} by CTE" for k in TOPS] if order else []
    header = ("Model", "Measure", *tops, *(f"{k} most updated" for k in TOPS))
    return Table("table4", "Share of the update, per cent (± sd over seeds)", header, rows)


def held_by(shares: Sequence[float], k: int, order: Sequence[int] | None = None) -> float:
    """The share of the whole that k blocks hold: the first of an order, or the largest ones."""
    ranked = range(len(shares)) if order is None else order
    first = list(ranked) if order is not None else sorted(ranked, key=lambda b: -shares[b])
    return sum(shares[block] for block in first[:k])


def _mean_and_spread(values: Sequence[float]) -> str:
    spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{spread}"
