"""`protocol: paper` takes every literal choice of the paper: the rows of docs/decisions.md."""

import polars as pl
import pytest

from nast.benchmark.build import build_benchmark
from nast.cli import run
from nast.files import manifest_of, read_json, read_table
from nast.items.table import read_items
from nast.paper.whole import run_paper
from nast.records import CANDIDATES_SCHEMA
from nast.reporting.numbers import cell

RECIPE = """
phantom: {patients: 110, seed: 11}
base: "base=hf:TINY"
protocol: paper
train: {steps: 2, captions: 8, claims: 4}
rows: {NAST: {layers: nast}}
seeds: 1
"""


@pytest.fixture(scope="module")
def literal(tmp_path_factory, tiny_clip):
    folder = tmp_path_factory.mktemp("literal")
    (folder / "recipe.yaml").write_text(RECIPE.replace("TINY", str(tiny_clip)))
    run_paper(folder / "recipe.yaml", folder / "out")
    return folder / "out"


def config(folder):
    return manifest_of(folder)["config"]


def test_the_step_is_a_factor_on_the_gradient_without_floor_or_mean(literal):
    """Rows 1, 2 and 4."""
    run, trace = config(literal / "runs" / "nast-0"), config(literal / "trace")
    assert (run["mode"], run["rule"]) == ("gradient", "paper")
    weights = read_json(literal / "trace" / "layer_weights.json")
    assert (weights["norm"], weights["floor"], weights["renorm"]) == ("minmax", 0.0, "max")
    assert max(weights["scale"]) == 1.0 and min(weights["alpha"]) == 0.0
    assert trace["protocol"] == "paper" and manifest_of(literal / "trace")["trace"]["tau"] is None


def test_the_losses_are_as_printed(literal):
    """Rows 6, 7, 19 and 23: no temperature, negated captions, own caption, no warm-up, g = 1."""
    run = config(literal / "runs" / "nast-0")
    said = {k: run[k] for k in ("claim_scale", "caption_polarity", "targets", "warm_up")}
    assert said == {
        "claim_scale": 1.0,
        "caption_polarity": "negated",
        "targets": "diagonal",
        "warm_up": 0,
    }
    assert manifest_of(literal / "runs" / "nast-0")["g"] == 1.0
    assert [r["g"] for r in manifest_of(literal / "scores")["models"][1:]] == [1.0]


def test_captions_are_ranked_among_the_distinct_ones(literal):
    """Row 8: no candidate lists; right are the image's own captions."""
    lists = read_table(literal / "contextual" / "candidates.parquet", CANDIDATES_SCHEMA)
    assert not len(lists)
    metrics = pl.read_parquet(literal / "metrics.parquet")
    assert "lists" not in set(metrics["reading"].drop_nulls())
    assert config(literal / "scores")["gallery"] == "unique"


def test_the_page_does_not_say_that_words_alone_are_at_chance(literal):
    page = (literal / "report.html").read_text()
    assert "Words alone may do better than chance here" in page
    assert "Words alone are right once" not in page


def test_both_ways_to_choose_conditions_stand_apart(literal):
    """Rows 9, 10 and 11: uniform wrong options, conflicts allowed, no cap on their number."""
    for folder, sampler in (("benchmark", "two_plus_one"), ("benchmark-appendix-b", "appendix_b")):
        made = config(literal / folder)
        assert (made["sampler"], made["distractors"]) == (sampler, "uniform")
        assert made["conflicts"] is True and made["limit"] is None
        assert (literal / "tables" / f"questions-{folder}.csv").is_file()


def test_claims_alter_one_attribute_and_have_five_to_seven_options(literal):
    """Row 9, and section 4.1's K."""
    made = config(literal / "contextual")
    assert (made["construction"], made["k"], made["groups"]) == ("single_flip", "5 to 7", None)
    claims = read_items(literal / "contextual").filter(set="claims", form="negated")
    assert set(claims["options"].list.len()) == {5, 6, 7}
    studies = claims.filter(split="train").group_by("study_id").len()
    assert studies["len"].to_list() == [1] * len(studies), "every study that has one gives one"


def test_table_2_is_made_of_items_that_deny_nothing(literal):
    """Row 18."""
    title = (literal / "tables" / "table2-contextual.md").read_text().splitlines()[0]
    assert "claim sets that deny nothing" in title
    metrics = pl.read_parquet(literal / "metrics.parquet")
    assert metrics["protocol"].drop_nulls().unique().to_list() == ["paper"]
    accuracies = metrics.filter(
        pl.all_horizontal(pl.col("reference", "subset", "condition", "control").is_null()),
        model="base",
        task="choice",
        set="claims",
        statistic="accuracy",
    )
    said = {row["form"]: cell(row) for row in accuracies.iter_rows(named=True)}
    shown = pl.read_csv(literal / "tables" / "table2-contextual.csv")["Claim accuracy"][0]
    assert shown == said["plain"] != said["affirmative"]


def test_evaluate_takes_runs_whole_and_literal_data_alone(literal, facts, tmp_path, capsys):
    """`nast evaluate --protocol paper`, by hand, on the run and the items of the recipe."""
    call = ["evaluate", f"run:{literal / 'runs' / 'nast-0'}", "--protocol", "paper"]
    out = ["-o", str(tmp_path / "scores"), "--limit", "4"]
    assert run([*call, str(literal / "contextual"), *out]) == 0
    assert [r["g"] for r in manifest_of(tmp_path / "scores")["models"]] == [1.0]
    shared = [f"run:{literal / 'runs' / 'nast-0'}@0.5", *call[2:], str(literal / "contextual")]
    assert run(["evaluate", *shared, "-o", str(tmp_path / "half")]) == 2
    assert "leave @0.5 out" in capsys.readouterr().err
    build_benchmark(facts, tmp_path / "usual", limit=2)
    capsys.readouterr()
    assert run([*call, str(tmp_path / "usual"), "-o", str(tmp_path / "other")]) == 2
    said = capsys.readouterr().err
    assert "was built under the protocol default" in said
    assert "nast benchmark build --protocol paper" in said
    assert not (tmp_path / "other").exists()
