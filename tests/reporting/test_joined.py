"""Evaluations side by side: what belongs together is compared, what does not is refused."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from built import resealed
from evaluated import data_folder, evaluated, record
from made_up import hits_of, one

from nast.errors import InputError, UsageError
from nast.files import read_table
from nast.measuring.measure import measure
from nast.measuring.read import read_scored
from nast.records import METRICS_SCHEMA
from nast.reporting.joined import data_sets, join_evaluations, of_data
from nast.reporting.report import build_report

CLAIMS = {"task": "choice", "set": "claims", "statistic": "accuracy", "form": "negated"}
BASE = [record("base", key="0")]
TUNED = [record("tuned", key="1")]


def metrics_of(folder):
    return read_table(folder / "metrics.parquet", METRICS_SCHEMA)


def of_model(scores, model, name=None):
    return scores.filter(model=model).with_columns(
        model=pl.lit(name or model), seed=pl.lit(None, pl.Int64)
    )


@pytest.fixture
def half(items):
    return items.filter(pl.col("subject_id").is_in([f"p{i}" for i in range(20)]))


@pytest.fixture
def two(items, half, scores, records, tmp_path):
    """The same models on two data sets; the second has half of the items."""
    some = scores.join(half, on="item_id", how="semi")
    data = [data_folder(tmp_path / "x_1", items), data_folder(tmp_path / "y", half)]
    return [
        evaluated(tmp_path / "first", data[:1], records, scores=scores),
        evaluated(tmp_path / "second", data[1:], records, scores=some, asked={"margin": 0.005}),
    ]


def test_one_model_on_two_data_sets(two):
    joined = join_evaluations(two)
    assert data_sets(joined.metrics) == ["x_1", "y"]
    assert joined.models == ["base", "LoRA uniform", "NAST (lr)"]
    assert joined.margin == 0.005
    margins = joined.metrics["margin"].drop_nulls().unique().to_list()
    assert margins == [0.005]
    for data, folder in zip(("x_1", "y"), two, strict=True):
        alone = metrics_of(folder).drop("margin")
        assert of_data(joined.metrics, data).drop("margin").equals(alone)
    sizes = [one(joined.metrics, model="base", data=d, **CLAIMS)["n"] for d in ("x_1", "y")]
    assert sizes == [40, 20]
    assert of_data(joined.metrics, None) is joined.metrics


def test_other_sets_join_in_one_table(items, scores, records, tmp_path):
    folders = []
    for name in ("claims", "questions"):
        data = data_folder(tmp_path / name, items.filter(set=name))
        part = scores.filter(set=name)
        folders.append(evaluated(tmp_path / f"of {name}", [data], records, scores=part))
    joined = join_evaluations(folders)
    assert data_sets(joined.metrics) == [None]
    alone = pl.concat(map(metrics_of, folders))
    assert joined.metrics.sort(pl.all()).equals(alone.sort(pl.all()))


def test_models_of_two_evaluations_are_compared_with_each_other(items, scores, tmp_path):
    data = data_folder(tmp_path / "d", items)
    parts = {"base": of_model(scores, "base"), "tuned": of_model(scores, "NAST (lr)", "tuned")}
    folders = [
        evaluated(tmp_path / name, [data], said, scores=parts[name])
        for name, said in (("base", BASE), ("tuned", TUNED))
    ]
    both = evaluated(
        tmp_path / "both", [data], [*BASE, *TUNED], scores=pl.concat(list(parts.values()))
    )
    joined = join_evaluations(folders)
    assert joined.metrics.equals(metrics_of(both))
    row = one(joined.metrics, model="tuned", reference="base", **CLAIMS)
    assert row["p_holm"] is not None and row["value"] > 0
    # The first folder's model is the reference.
    turned = join_evaluations(folders[::-1])
    assert turned.models == ["tuned", "base"]
    other = one(turned.metrics, model="base", reference="tuned", **CLAIMS)
    assert other["value"] == -row["value"]


def test_seeds_of_two_evaluations_are_one_setting(items, scores, tmp_path):
    data = data_folder(tmp_path / "d", items)
    folders = [
        evaluated(
            tmp_path / f"seed {seed}",
            [data],
            [record("run", seed, f"run {seed}", f"{seed}")],
            scores=of_model(scores, model, "run").with_columns(seed=pl.lit(seed, pl.Int64)),
        )
        for seed, model in enumerate(("base", "NAST (lr)"))
    ]
    joined = join_evaluations(folders)
    row = one(joined.metrics, model="run", **CLAIMS)
    single = [one(metrics_of(f), model="run", **CLAIMS)["value"] for f in folders]
    assert (row["seeds"], row["value"]) == (2, pytest.approx(sum(single) / 2))
    assert joined.runs == {"run 0": "run", "run 1": "run"}


def test_data_may_have_moved(items, scores, tmp_path):
    data = data_folder(tmp_path / "d", items)
    folders = [
        evaluated(tmp_path / name, [data], said, scores=of_model(scores, "base", name))
        for name, said in (("base", BASE), ("tuned", TUNED))
    ]
    wanted = join_evaluations(folders).metrics
    (tmp_path / "else").mkdir()
    moved = shutil.move(data, tmp_path / "else" / "d")
    with pytest.raises(InputError, match="no data set d where it was"):
        join_evaluations(folders)
    assert join_evaluations(folders, [tmp_path / "else" / "d"]).metrics.equals(wanted)
    # One evaluation alone needs its data no longer.
    assert len(join_evaluations(folders[:1]).metrics)
    resealed(moved, config={"stage": "benchmark", "name": "another"})
    with pytest.raises(InputError, match="as it was"):
        join_evaluations(folders, [tmp_path / "else" / "d"])


def test_data_are_known_by_what_they_hold(items, half, scores, tmp_path, monkeypatch):
    """By another path, beside another folder of their name, or with items that nobody scored."""
    data = data_folder(tmp_path / "d", items)
    link = tmp_path / "called"
    link.symlink_to(data)
    folders = [
        evaluated(tmp_path / name, [link], said, scores=of_model(scores, "base", name))
        for name, said in (("base", BASE), ("tuned", TUNED))
    ]
    wanted = join_evaluations(folders).metrics
    assert set(wanted["data"]) == {"called"}
    monkeypatch.chdir(tmp_path)
    other = data_folder(tmp_path / "else" / "called", half)
    for beside in ([Path("d")], [link, Path("called")], [other], [tmp_path / "d", other]):
        assert join_evaluations(folders, beside).metrics.equals(wanted)


def test_items_that_nobody_scored_are_not_measured(items, half, scores, tmp_path):
    """Items that cannot be scored leave an evaluation with their groups, and stay in the data."""
    data = data_folder(tmp_path / "d", items)
    some = scores.join(half, on="item_id", how="semi")
    controls = some.with_columns(control=pl.lit("blank image"))
    place = evaluated(tmp_path / "e", [data], BASE, scores=some, controls=controls)
    again = read_scored([place])
    assert set(again.items["item_id"]) == set(half["item_id"])
    assert measure(again).equals(metrics_of(place))


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
        "Differences of accuracy, paired by item; p corrected over all pairs (Holm) (x_1)",
    ):
        assert title in page
    assert "<li>x_1: base, claim sets: " in page and "<li>y: base, claim sets: " in page
    assert ", margin 0.5</td>" in page
    tex = (tmp_path / "out" / "tables" / "table1-x_1.tex").read_text()
    assert r"\caption{Negated captions and claims (40 claim sets) (x\_1)}" in tex
    assert metrics_of(tmp_path / "out").equals(join_evaluations(two).metrics)


def test_a_model_twice_on_the_same_data(two, tmp_path):
    shutil.copytree(two[0], tmp_path / "again")
    with pytest.raises(UsageError, match=r"base.* in two evaluations of the same data"):
        build_report([*two, tmp_path / "again"], tmp_path / "out")


def test_one_name_for_two_data_sets(two, items, scores, records, tmp_path):
    data = data_folder(tmp_path / "else" / "y", items)
    other = evaluated(tmp_path / "other", [data], records, scores=scores)
    with pytest.raises(UsageError, match=r"different data sets with claims .* called 'y'; rename"):
        join_evaluations([*two, other])


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"ties": "negbench", "limit": 3}, "limit, ties"),
        ({"gallery": "full"}, "gallery"),
        ({"split": "all"}, "split"),
        ({"seed": 1}, "seed"),
    ],
)
def test_two_settings(two, items, scores, tmp_path, asked, named):
    data = data_folder(tmp_path / "z", items)
    other = evaluated(
        tmp_path / "other", [data], BASE, scores=of_model(scores, "base"), asked=asked
    )
    with pytest.raises(UsageError, match=f"were scored with another {named}; report them apart"):
        join_evaluations([*two, other])


def test_one_name_for_two_models(items, scores, tmp_path):
    def two_of(kind, **more):
        return [
            evaluated(
                tmp_path / kind / key,
                [data_folder(tmp_path / name, items)],
                [record("base", key=key, **more)],
                scores=of_model(scores, "base"),
            )
            for key, name in (("a", "x"), ("b", "y"))
        ]

    with pytest.raises(UsageError, match=r"base is one model in .*NAME=MODEL"):
        join_evaluations(two_of("encoders", specification="hf:base"))
    # A file of scores is another one for every data set.
    assert data_sets(join_evaluations(two_of("files")).metrics) == ["x", "y"]


def test_one_ranking_for_all_images_stands_once(items, scores, tmp_path):
    data = data_folder(tmp_path / "d", items)
    queries = {(f"q{n}", form): n % 2 == 0 for n in range(4) for form in ("negated", "affirmative")}
    folders = [
        evaluated(
            tmp_path / name,
            [data],
            said,
            scores=of_model(scores, "base", name),
            hits=pl.concat([hits_of(queries, name), hits_of(queries, None)]),
        )
        for name, said in (("base", BASE), ("tuned", TUNED))
    ]
    rows = join_evaluations(folders).metrics.filter(statistic="R@1", form="negated")
    assert rows.filter(pl.col("control").is_not_null()).select("model", "n").rows() == [(None, 4)]


def test_the_claims_of_a_set_are_counted(evaluation, scores, items, records, tmp_path):
    assert join_evaluations([evaluation]).claims == "5"
    questions = scores.filter(set="questions")
    data = data_folder(tmp_path / "q", items.filter(set="questions"))
    place = evaluated(tmp_path / "scores", [data], records, scores=questions)
    assert join_evaluations([place]).claims == ""
    wide = items.filter(set="claims").with_columns(options=pl.lit([str(n) for n in range(9)]))
    some = scores.filter(set="claims").with_columns(option=pl.col("option") * 2)
    data = data_folder(tmp_path / "w", wide)
    place = evaluated(tmp_path / "wide", [data], records, scores=some)
    assert join_evaluations([evaluation, place]).claims == "5 to 9"
