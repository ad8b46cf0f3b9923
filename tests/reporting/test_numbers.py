"""Rows of the metrics table, found and put into words."""

import polars as pl
import pytest

from nast.measuring.rows import Metric, table_of
from nast.reporting.numbers import ANY, cell, corrected, minus, pick, sign_of


def row(**columns):
    known = {"task": "choice", "statistic": "accuracy", "value": 0.3, "n": 9, "low": 0.1}
    return Metric(**known | {"high": 0.4} | columns)


@pytest.fixture
def metrics():
    return table_of(
        [
            row(model="a", form="negated"),
            row(model="a", form="negated", condition="Edema"),
            row(model="a", form="negated", subset="denying"),
            row(model="a", form="negated", control="blank image"),
            row(model="b", reference="a", form="negated", p=0.01, p_holm=0.03),
            row(model="c", reference="b", form="negated"),
        ]
    )


def test_a_number_of_one_model_on_all_items(metrics):
    assert len(pick(metrics, model="a")) == 1
    assert [r["condition"] for r in pick(metrics, model="a", condition=ANY)] == ["Edema"]
    assert [r["subset"] for r in pick(metrics, subset=ANY)] == ["denying"]
    assert len(pick(metrics, reference=ANY)) == 2
    assert pick(metrics, model=None) == []


def test_a_model_may_have_any_name():
    """The word for "whatever it is" is no name that a model could have."""
    metrics = table_of([row(model=name, form="negated") for name in ("a", "any", "True")])
    assert [r["model"] for r in pick(metrics, model="any")] == ["any"]
    assert len(pick(metrics, model=ANY)) == 3


def test_a_difference_turns_round(metrics):
    """It stands once in the table, whichever way round it is asked for."""
    there, back = minus(metrics, "b", "a"), minus(metrics, "a", "b")
    assert (there["value"], there["low"], there["high"]) == (0.3, 0.1, 0.4)
    assert (back["value"], back["low"], back["high"]) == (-0.3, -0.4, -0.1)
    assert (back["model"], back["reference"]) == ("a", "b")
    assert (back["p"], back["p_holm"], back["n"]) == (0.01, 0.03, 9)
    assert minus(metrics, "c", "a") is None
    assert minus(metrics, "b", "a", form="affirmative") is None


def test_a_turned_difference_has_no_margin_of_the_other(metrics):
    """A margin is of what may be lost against the first model, which it is no longer."""
    judged = metrics.with_columns(margin=pl.lit(0.01))
    assert minus(judged, "b", "a")["margin"] == 0.01
    assert minus(judged, "a", "b")["margin"] is None


def test_cells():
    found = {"value": 0.41234, "low": 0.38, "high": 0.4471, "n": 3}
    assert cell(found) == "0.412 [0.380, 0.447]"
    assert cell(found, sign=True) == "+0.412 [+0.380, +0.447]"
    assert cell(None) == cell({**found, "n": 0}) == "-"


@pytest.mark.parametrize(
    ("p", "p_holm", "said"),
    [(0.01, 0.03, "p 0.030"), (0.01, None, "p 0.010"), (1e-4, 3e-4, "p < 0.001"), (None, None, "")],
)
def test_the_corrected_p_is_said(p, p_holm, said):
    assert corrected({"p": p, "p_holm": p_holm}) == said


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.1, 0.2, "above"), (-0.2, -0.1, "below"), (-1, 1, "neither"), (0, 1, "neither")],
)
def test_a_sign_needs_an_interval_and_a_p(low, high, word):
    found = {"low": low, "high": high, "p": None, "p_holm": None}
    words = ("above", "below", "neither")
    assert sign_of(found, *words) == word
    assert sign_of({**found, "p": 0.01, "p_holm": 0.04}, *words) == word
    # What holds alone and not after correction is not said.
    assert sign_of({**found, "p": 0.01, "p_holm": 0.06}, *words) == "neither"
