"""Evaluations side by side: what belongs together is joined, what does not is refused."""

import shutil

import polars as pl
import pytest

from nast.errors import InputError, UsageError
from nast.files import read_json, write_json, write_table
from nast.folders import stage
from nast.measuring.metrics import by_label, metrics_of
from nast.measuring.no_harm import no_harm
from nast.records import SCORES_SCHEMA
from nast.reporting.evaluations import join_evaluations
from nast.reporting.report import build_report

KINDS = {"claims": "1", "questions": "1"}


def evaluated(folder, scores, data, specifications=(), **settings):
    """A folder as `nast evaluate` leaves it, of one data set."""
    scores = scores.with_columns(data=pl.lit(next(iter(data))))
    found = {name: metrics_of(part) for name, part in by_label(scores)}

    def make(out):
        write_table(out / "scores.parquet", scores, SCORES_SCHEMA)
        write_json(out / "metrics.json", found)
        write_json(out / "no_harm.json", no_harm(scores))
        return {"counts": {}, "data": data, "specifications": {n: {} for n in specifications}}

    config = {"stage": "evaluate", "models": {"base": "key"}, "margin": 0.01} | settings
    stage(folder, config, [], make)
    return folder


@pytest.fixture
def two(scores, tmp_path):
    """The same models on two data sets; the second knows half of the items."""
    half = scores.filter(pl.col("subject").is_in([f"p{i}" for i in range(20)]))
    return [
        evaluated(tmp_path / "first", scores, {"x_1": KINDS}),
        evaluated(tmp_path / "second", half, {"y": KINDS}, margin=0.005),
    ]


def test_one_model_on_two_data_sets(two):
    joined = join_evaluations(two)
    assert [p.data for p in joined.parts] == ["x_1", "y"]
    assert joined.margin == 0.005
    for part, folder in zip(joined.parts, two, strict=True):
        alone = read_json(folder / "metrics.json")
        assert part.metrics == alone
        assert list(part.metrics) == ["base", "LoRA uniform", "NAST (lr)"]
        assert set(part.scores["data"]) == {part.data}
        for model, figures in alone.items():
            assert {f"data={part.data}/{n}": f for n, f in figures.items()}.items() <= (
                joined.metrics[model].items()
            )
    sizes = [p.metrics["base"]["claims/accuracy/negated"]["n"] for p in joined.parts]
    assert sizes == [40, 20]
    assert {r["figure"] for r in joined.harm} >= {
        "data=x_1/claims/accuracy/affirmative",
        "data=y/claims/accuracy/affirmative",
    }


def test_other_kinds_of_data_join_under_plain_names(scores, tmp_path):
    claims = evaluated(tmp_path / "c", scores.filter(task="claims"), {"c": {"claims": "1"}})
    questions = evaluated(
        tmp_path / "q", scores.filter(task="questions"), {"q": {"questions": "1"}}
    )
    joined = join_evaluations([claims, questions])
    assert [p.data for p in joined.parts] == [""]
    wanted = metrics_of(scores.filter(model="base"))
    assert set(joined.metrics["base"]) == set(wanted)


def test_report_has_each_table_once_per_data_set(two, tmp_path):
    build_report(two, tmp_path / "out")
    names = {p.name for p in (tmp_path / "out" / "tables").iterdir() if p.suffix == ".csv"}
    tables = ("table1", "table2", "table3", "questions", "verdicts", "harm")
    assert names == {f"{table}-{data}.csv" for data in ("x_1", "y") for table in tables}
    page = (tmp_path / "out" / "report.html").read_text()
    for title in (
        "Negated captions and claims (40 claim sets) (x_1)",
        "Negated captions and claims (20 claim sets) (y)",
        "Figure 3 (y)",
        "Differences of accuracy, paired by item (x_1)",
    ):
        assert title in page
    assert "<li>x_1: base, claim sets: " in page and "<li>y: base, claim sets: " in page
    assert ", margin 0.005</td>" in page
    tex = (tmp_path / "out" / "tables" / "table1-x_1.tex").read_text()
    assert r"\caption{Negated captions and claims (40 claim sets) (x\_1)}" in tex
    assert read_json(tmp_path / "out" / "metrics.json") == join_evaluations(two).metrics


def test_a_model_twice_on_the_same_data(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "again")
    with pytest.raises(UsageError, match=r"base.* in two evaluations of the same data"):
        build_report([*two, tmp_path / "again"], tmp_path / "out")


def test_one_name_for_two_data_sets(two, scores, tmp_path):
    other = evaluated(tmp_path / "other", scores, {"y": {"claims": "2"}})
    with pytest.raises(UsageError, match=r"different data sets with claims .* called 'y'; rename"):
        join_evaluations([*two, other])


def test_one_data_set_under_two_settings(two, scores, tmp_path):
    other = evaluated(tmp_path / "other", scores, {"y": KINDS}, protocol="negbench", limit=3)
    with pytest.raises(UsageError, match="'y' with another limit, protocol"):
        join_evaluations([*two, other])


def test_one_name_for_two_models(scores, tmp_path):
    first = evaluated(tmp_path / "a", scores, {"x": KINDS}, ["base"])
    second = evaluated(tmp_path / "b", scores, {"y": KINDS}, ["base"], models={"base": "other"})
    with pytest.raises(UsageError, match="base is one model in"):
        join_evaluations([first, second])
    # A file of scores is another one for every data set.
    third = evaluated(tmp_path / "c", scores, {"y": KINDS}, models={"base": "other"})
    assert len(join_evaluations([first, third]).parts) == 2


def test_a_folder_that_does_not_name_its_data(tmp_path):
    stage(tmp_path / "old", {"stage": "evaluate"}, [], lambda out: {"counts": {}})
    with pytest.raises(InputError, match="run nast evaluate again"):
        join_evaluations([tmp_path / "old"])
