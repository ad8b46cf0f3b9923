"""Tables 1-4 as filters of the metrics."""

import pytest
from made_up import answered, one, scored
from pytest import approx

from nast.measuring.measure import measure
from nast.reporting.joined import Joined, join_evaluations
from nast.reporting.numbers import cell
from nast.reporting.runs import by_setting, update_shares
from nast.reporting.tables import held_by, tables_of

CLAIMS = {"task": "choice", "set": "claims", "statistic": "accuracy"}


@pytest.fixture
def tables(evaluation, runs):
    joined = join_evaluations([evaluation])
    named = by_setting(runs, joined.runs)
    updates = {name: [update_shares(run) for run in seeds] for name, seeds in named.items()}
    return {t.name: t for t in tables_of(joined, updates)}


def number(text):
    return float(text.split()[0])


def test_table_3_is_table_2_minus_table_1(tables):
    negated, affirmative, gap = (
        {r[0]: number(r[-1]) for r in tables[name].rows if r[0] != "chance"}
        for name in ("table1", "table2", "table3")
    )
    assert list(gap) == ["base", "LoRA uniform", "NAST (lr)"]
    for model in gap:
        assert gap[model] == approx(affirmative[model] - negated[model], abs=1.1e-3)


def test_values_are_those_of_the_metrics(tables, metrics):
    for row in tables["table1"].rows[:-1]:
        assert row[-1] == cell(one(metrics, model=row[0], form="negated", **CLAIMS))
    assert tables["table1"].rows[-1] == ("chance", "0.200")
    assert tables["table1"].caption == "Negated captions and claims (40 claim sets)"
    found = one(metrics, model="base", task="choice", set="questions", statistic="gap")
    assert tables["questions"].rows[0][-1] == cell(found, sign=True)


def test_update_shares_by_hand(tables):
    rows = {r[:2]: r[2:] for r in tables["table4"].rows}
    assert tables["table4"].header[2:] == ("3 most updated", "5 most updated")
    assert rows["LoRA uniform", "parameters"] == ("25.0 ± 0.0", "41.7 ± 0.0")
    assert rows["NAST (lr)", "parameters"] == ("100.0", "100.0")


def test_the_first_blocks_of_the_trace_are_not_the_most_updated_ones():
    assert held_by([0.1, 0.6, 0.3], 2) == approx(0.9)
    assert held_by([0.1, 0.6, 0.3], 2, [0, 2, 1]) == approx(0.4)
    shares = {name: [0.1, 0.2, 0.3, 0.4] for name in ("parameters", "product", "gradient")}
    nothing = Joined(measure(scored()), "unique", 0.01, {}, {}, "")
    (made,) = tables_of(nothing, {"m": [shares, shares]}, [0, 3, 1, 2])
    assert made.header[2:4] == ("top 3 by CTE", "top 5 by CTE")
    assert made.rows[0] == (
        "m",
        "parameters",
        "70.0 ± 0.0",
        "100.0 ± 0.0",
        "90.0 ± 0.0",
        "100.0 ± 0.0",
    )


def test_order(tables):
    assert list(tables) == ["table1", "table2", "table3", "table4", "questions"]


def test_one_ranking_for_all_images_has_a_row():
    import polars as pl
    from made_up import hits_of

    queries = {(f"q{n}", form): n % 2 == 0 for n in range(4) for form in ("negated", "affirmative")}
    items, scores = answered([(1, 1)] * 4)
    hits = pl.concat([hits_of(queries), hits_of(dict.fromkeys(queries, False), None)])
    joined = Joined(measure(scored(items, scores, hits=hits)), "unique", 0.01, {}, {}, "4")
    first, *_ = tables_of(joined, {})
    rows = {row[0]: row[1:] for row in first.rows}
    assert list(rows) == ["m", "blind", "chance"]
    assert [number(c) for c in rows["m"][:2]] == [0.5, 0.5]
    assert number(rows["blind"][0]) == 0 and rows["blind"][2] == "-"


def test_nothing_scored_makes_no_table():
    assert tables_of(Joined(measure(scored()), "unique", 0.01, {}, {}, ""), {}) == []
