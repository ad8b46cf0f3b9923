"""The demo at the smallest size: every stage, every file, a second call that does nothing."""

import re

import polars as pl
import pytest

from nast.cli import run
from nast.paper import recipe
from nast.records import METRICS_SCHEMA

SMALL = """
phantom: {patients: 110, seed: 11}
base: base=phantom
questions: {limit: 6}
contextual: {groups: 6}
trace: {aggregation: scope}
train: {steps: 3, learning_rate: 2e-3, captions: 32, claims: 20}
seeds: 2
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A demo of a few patients and steps."""
    out = tmp_path_factory.mktemp("demo") / "out"
    patch = pytest.MonkeyPatch()
    recipes = tmp_path_factory.mktemp("recipes")
    (recipes / "demo-quick.yaml").write_text(SMALL)
    (recipes / "demo.yaml").write_text(SMALL.replace("110", "111"))
    patch.setattr(recipe, "RECIPES", recipes)
    assert run(["demo", "--quick", "--out", str(out)]) == 0
    yield out
    patch.undo()


def test_every_file_is_there(finished):
    names = [f"tables/table{i}.{kind}" for i in (1, 2, 3, 4) for kind in ("csv", "md", "tex")]
    names += [f"figures/figure{i}.{kind}" for i in (3, 5) for kind in ("svg", "png")]
    names += ["report.html", "metrics.parquet", "facts/facts.parquet", "trace/layer_weights.json"]
    assert [n for n in names if not (finished / n).stat().st_size] == []
    assert len(list((finished / "runs").iterdir())) == 6


def test_metrics_say_what_they_stand_on(finished):
    metrics = pl.read_parquet(finished / "metrics.parquet")
    assert dict(metrics.schema) == METRICS_SCHEMA
    runs = ["LoRA uniform", "NAST (lr)", "NAST (as printed)"]
    names = ["base", *runs, *(f"{run} @1" for run in runs)]
    assert metrics["model"].drop_nulls().unique(maintain_order=True).to_list() == names
    said = metrics.filter(pl.col("value").is_nan().not_())
    assert said.select("n", "method", "task", "statistic").null_count().sum_horizontal().item() == 0
    claims = metrics.filter(
        pl.all_horizontal(pl.col("reference", "subset", "condition").is_null()),
        model="NAST (lr)",
        set="claims",
        statistic="accuracy",
        form="negated",
    )
    assert claims["seeds"].to_list() == [2] and claims["seed_sd"].item() >= 0


def test_report_is_one_page_in_order(finished):
    page = (finished / "report.html").read_text()
    assert not re.search(r"<link|<script[^>]*\bsrc|<img", page)
    assert "Synthetic data." in page
    rows = re.findall(r"<tr><td>(base|LoRA uniform|NAST \(lr\)|NAST \(as printed\))</td>", page)
    assert rows[:4] == ["base", "LoRA uniform", "NAST (lr)", "NAST (as printed)"]


def test_train_and_test_patients_differ(finished):
    studies = pl.read_parquet(finished / "facts" / "studies.parquet")
    splits = studies.group_by("subject_id").agg(pl.col("split").n_unique())["split"]
    assert splits.max() == 1
    scored = pl.read_parquet(finished / "scores" / "scores.parquet")["subject"].to_list()
    assert not set(scored) & set(studies["subject_id"])


def test_a_second_call_changes_nothing(finished):
    before = {p: p.stat().st_mtime_ns for p in (finished / "runs").rglob("*.safetensors")}
    assert run(["demo", "--quick", "--out", str(finished)]) == 0
    assert {p: p.stat().st_mtime_ns for p in (finished / "runs").rglob("*.safetensors")} == before


def test_another_size_is_refused(finished, capsys):
    assert run(["demo", "--out", str(finished)]) == 2
    assert "phantom belongs to another configuration" in capsys.readouterr().err
