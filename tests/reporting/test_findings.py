"""Sentences about a run, and who is better than whom."""

import polars as pl
import pytest
from made_up import one

from nast.reporting.findings import compared_pairs, comparison_table, findings
from nast.reporting.joined import Joined, join_evaluations

CLAIMS = {"task": "choice", "set": "claims", "statistic": "accuracy", "form": "negated"}


@pytest.fixture
def joined(evaluation):
    return join_evaluations([evaluation])


def test_findings_by_hand(joined, metrics):
    said = findings(joined, metrics)
    base = one(metrics, model="base", **CLAIMS)["value"]
    assert said[0].startswith("base, claim sets: ")
    assert f"{base:.3f} with negations (chance 0.200)" in said[0]
    assert "an affirmative bias" in said[0]
    better = one(metrics, model="NAST (lr)", **CLAIMS)["value"]
    uniform = one(metrics, model="LoRA uniform", **CLAIMS)["value"]
    row = one(metrics, model="NAST (lr)", reference="LoRA uniform", **CLAIMS)
    assert row["value"] == pytest.approx(better - uniform)
    start = f"NAST (lr) minus LoRA uniform: negated claims {row['value']:+.3f} ["
    assert said[-1].startswith(start)
    assert ": not judged on fewer than three seeds; affirmative claims" in said[-1]


def with_seeds(metrics, seeds, model):
    count = pl.when(pl.col("model") == model).then(pl.lit(seeds, pl.Int64)).otherwise("seeds")
    return metrics.with_columns(seeds=count)


def test_a_verdict_needs_three_seeds_of_every_trained_model(joined, metrics):
    three = with_seeds(with_seeds(metrics, 3, "NAST (lr)"), 3, "LoRA uniform")
    last = findings(joined, three)[-1]
    assert "not judged" not in last and "affirmative claims" in last
    for name in ("NAST (lr)", "LoRA uniform"):
        assert "not judged" in findings(joined, with_seeds(three, 2, name))[-1]


def test_pretrained_models_are_judged_without_seeds(metrics):
    pretrained = Joined(metrics, "unique", 0.01, {}, {}, "5")
    said = findings(pretrained, metrics)
    assert [s.split(":")[0] for s in said] == [
        "base, claim sets",
        "base, questions",
        "LoRA uniform minus base",
        "NAST (lr) minus base",
    ]
    assert "not judged" not in " ".join(said)
    assert ": better; affirmative claims" in said[-1]


def test_who_is_compared_with_whom(joined):
    assert compared_pairs(joined) == [
        ("LoRA uniform", "base"),
        ("NAST (lr)", "base"),
        ("NAST (lr)", "LoRA uniform"),
    ]
    assert compared_pairs(Joined(joined.metrics.clear(), "unique", 0.01, {}, {}, "")) == []


def test_the_table_has_the_corrected_p(joined, metrics):
    table = comparison_table(joined, metrics)
    row = one(metrics, model="NAST (lr)", reference="base", **CLAIMS)
    assert row["p_holm"] > row["p"]
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p {row['p_holm']:.3f}"
    cells = dict(zip(table.header, table.rows[1], strict=True))
    assert cells["Difference"] == "NAST (lr) minus base"
    assert cells["claims, negated"].endswith(f"], {p}")
    assert cells["questions, omitted"] == "-"
