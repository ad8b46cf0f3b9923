"""The tables of losses and of drift, cell by cell."""

from nast.measuring.drift import LOWEST
from nast.measuring.prompt_pairs import HEADLINE
from nast.measuring.rows import Metric, table_of
from nast.reporting.harm import harm_tables
from nast.reporting.joined import Joined


def row(value, **columns):
    ends = {"low": value - 0.1, "high": value + 0.1}
    return Metric(model="tuned", reference="base", value=value, n=9, **ends | columns)


def joined(*rows):
    return Joined(table_of(rows), "unique", 0.02, {}, {}, "")


AFFIRMATIVE = {"task": "choice", "set": "claims", "statistic": "accuracy", "form": "affirmative"}
POS = {"task": "prompts", "reading": HEADLINE, "statistic": "POS"}


def test_losses_by_data_set():
    first, second = harm_tables(
        joined(
            row(0.0, data="a", margin=0.02, **AFFIRMATIVE),
            # Of a condition alone, and of negated claims: not in the table.
            row(0.0, data="a", margin=0.02, condition="Edema", **POS),
            row(0.5, data="a", **AFFIRMATIVE | {"form": "negated"}),
            row(0.1, data="b", margin=0.02, low=0.05, **AFFIRMATIVE),
            row(-0.5, data="b", margin=0.02, **POS),
        )
    )
    assert (first.name, first.data, second.data) == ("harm", "a", "b")
    assert first.header == ("Difference", "Affirmative claims")
    assert first.rows == [("tuned minus base", "+0.000 [-0.100, +0.100], not settled")]
    assert second.header == ("Difference", "Affirmative claims", "AUC of “There is X”")
    assert second.rows == [
        (
            "tuned minus base",
            "+0.100 [+0.050, +0.200], not inferior",
            "-0.500 [-0.600, -0.400], inferior",
        )
    ]
    assert "above minus 0.02" in first.caption


def test_drift_by_hand():
    (table,) = harm_tables(
        joined(
            row(0.8, task="neutral", subset="radiology", statistic="cosine"),
            row(0.4, task="neutral", subset="radiology", statistic=LOWEST),
            row(0.7, task="neutral", subset="general", statistic="geometry"),
        )
    )
    assert table.name == "drift" and table.data == ""
    assert table.header == (
        "Models",
        "radiology: cosine",
        "radiology: 5th percentile",
        "radiology: geometry",
        "general: cosine",
        "general: 5th percentile",
        "general: geometry",
    )
    assert table.rows == [
        (
            "tuned against base",
            "0.800 [0.700, 0.900]",
            "0.400",
            "-",
            "-",
            "-",
            "0.700 [0.600, 0.800]",
        )
    ]


def test_one_model_alone_has_lost_nothing():
    assert harm_tables(joined()) == []
