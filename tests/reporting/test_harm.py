"""The tables of losses and of drift, cell by cell."""

from nast.reporting.harm import harm_tables


def row(figure, value, **more):
    interval = [value - 0.1, value + 0.1]
    return {
        "model": "tuned",
        "reference": "base",
        "figure": figure,
        "value": value,
        "interval": interval,
        "n": 9,
        "method": "by hand",
        **more,
    }


JUDGED = {"margin": 0.02, "verdict": "not shown"}


def test_losses_by_data_set():
    rows = [
        row("data=a/claims/accuracy/affirmative", 0.0, **JUDGED),
        row("data=a/prompt pairs/Edema/POS", 0.0, **JUDGED),
        row("data=b/prompt pairs/mean/POS", -0.5, margin=0.02, verdict="inferior"),
    ]
    first, second = harm_tables(rows)
    assert (first.name, first.data, second.data) == ("harm", "a", "b")
    assert first.header == ("Difference", "Affirmative claims")
    assert first.rows == [("tuned minus base", "+0.000 [-0.100, +0.100], not shown")]
    assert second.rows == [("tuned minus base", "-0.500 [-0.600, -0.400], inferior")]
    assert "above minus 0.02" in first.caption


def test_drift_by_hand():
    rows = [row("neutral radiology/cosine", 0.8), row("neutral general/geometry", 0.7)]
    (table,) = harm_tables(rows)
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
        ("tuned against base", "0.800 [0.700, 0.900]", "-", "-", "-", "-", "0.700 [0.600, 0.800]")
    ]


def test_one_model_alone_has_lost_nothing():
    assert harm_tables([]) == []
