"""Two data sets of one kind: figures of their own, never one number."""

import shutil

import polars as pl
import pytest
from built import contextual_set, question_set, resealed
from scripted import says, serving

from nast.errors import UsageError
from nast.evaluation import evaluate
from nast.files import read_json
from nast.folders import identity
from nast.models.registry import load_model
from nast.scoring.chat import chat_model
from nast.scoring.datasets import by_data, kind_of, labels_of, split_label
from nast.scoring.score_file import read_score_file


@pytest.fixture(scope="module")
def models(tiny_clip):
    first, second = (load_model(f"hf:{tiny_clip}", n) for n in ("first", "second"))
    second.key = "f" * 64
    return first, second


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def data(facts, tmp_path_factory):
    """Questions, claim sets, and a second folder of questions with half of the groups."""
    half = tmp_path_factory.mktemp("half") / "half"
    shutil.copytree(question_set(facts), half)
    table = pl.read_parquet(half / "questions.parquet")
    groups = table["group_id"].unique(maintain_order=True).gather_every(2).to_list()
    table.filter(pl.col("group_id").is_in(groups)).write_parquet(half / "questions.parquet")
    resealed(half)
    return [question_set(facts), half, contextual_set(facts)]


@pytest.fixture(scope="module")
def together(models, data, store, tmp_path_factory):
    out = tmp_path_factory.mktemp("together") / "out"
    return evaluate(list(models), data, out, store=store, controls=True), out


def files(out):
    return [read_json(out / f"{n}.json") for n in ("metrics", "comparisons", "no_harm", "controls")]


def test_labels_by_hand():
    one = [("a", "questions", "/a"), ("b", "claims", "/b"), ("b", "captions", "/b")]
    assert labels_of(one) == {"a": "", "b": ""}
    assert labels_of([*one, ("c", "claims", "/c")]) == {
        "a": "data=a/",
        "b": "data=b/",
        "c": "data=c/",
    }
    with pytest.raises(UsageError, match=r"two data sets with claims are called 'b'.*rename one"):
        labels_of([*one, ("b", "claims", "/other/b")])
    assert split_label("data=a b/claims/accuracy") == ("data=a b/", "claims/accuracy")
    assert split_label("claims/accuracy/negated") == ("", "claims/accuracy/negated")
    metrics = {"m": {"data=a/x": 1, "y": 2}, "n": {"data=a/x": 3}}
    assert by_data(metrics) == {"data=a/": {"m": {"x": 1}, "n": {"x": 3}}, "": {"m": {"y": 2}}}
    kinds = {
        "questions/pairs/neither": "questions",
        "claims/accuracy/gap": "claims",
        "retrieval text to image/R@1/negated": "captions",
        "cohort/X/AP": "studies",
        "prompt pairs": "studies",
    }
    assert {figure: kind_of(figure) for figure in kinds} == kinds


def test_each_data_set_has_the_figures_of_a_run_of_its_own(together, models, data, store, tmp_path):
    metrics, compared, harm, controls = files(together[1])
    for folder in data:
        label = f"data={folder.name}/"
        evaluate(list(models), [folder], tmp_path / folder.name, store=store, controls=True)
        alone = files(tmp_path / folder.name)
        for model in alone[0]:
            here = {f: v for f, v in metrics[model].items() if f.startswith(label)}
            assert here == {label + f: v for f, v in alone[0][model].items()}
            there = {f: v for f, v in controls.get(model, {}).items() if f.startswith(label)}
            assert there == {label + f: v for f, v in alone[3].get(model, {}).items()}
        for ours, theirs in ((compared, alone[1]), (harm, alone[2])):
            rows = [r for r in ours if r["figure"].startswith(label)]
            assert rows == [
                {**r, "figure": label + r["figure"]}
                for r in theirs
                if not r["figure"].startswith("neutral ")
            ]
    assert {split_label(f)[0] for figures in metrics.values() for f in figures} == {
        f"data={folder.name}/" for folder in data
    }


def test_the_manifest_names_the_data(together, data):
    found = together[0]["data"]
    assert {name: set(kinds) for name, kinds in found.items()} == {
        data[0].name: {"questions"},
        "half": {"questions"},
        data[2].name: {"claims", "captions"},
    }
    assert found["half"]["questions"] == identity(data[1])
    assert found["half"]["questions"] in together[0]["inputs"].values()


def test_adding_a_model_costs_only_that_model(together, models, data, store, tmp_path, monkeypatch):
    out = tmp_path / "out"
    evaluate([models[0]], data, out, store=store, controls=True)
    monkeypatch.setattr(models[0], "encode_texts", None)
    monkeypatch.setattr(models[0], "encode_images", None)
    # Vectors in memory would have to be made again.
    evaluate([models[1]], data, out, controls=True)
    for name in (
        "scores.parquet",
        "metrics.json",
        "comparisons.json",
        "no_harm.json",
        "controls.json",
        "neutral.parquet",
    ):
        assert (out / name).read_bytes() == (together[1] / name).read_bytes(), name


def test_one_name_for_two_folders_is_refused(models, data, tmp_path):
    second = tmp_path / data[0].name
    shutil.copytree(data[0], second)
    with pytest.raises(UsageError, match="tell them apart by the name of the folder"):
        evaluate([models[0]], [data[0], second], tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_scores_of_a_file_are_not_lent_to_another_data_set(data, tmp_path):
    table = pl.read_parquet(data[0] / "questions.parquet").filter(split="test")
    rows = [
        (i, option, "negated", float(option)) for i in table["question_id"] for option in range(4)
    ]
    file = tmp_path / "other.csv"
    pl.DataFrame(rows, schema=["item", "option", "form", "score"], orient="row").write_csv(file)
    with pytest.raises(UsageError, match="cannot tell them apart"):
        evaluate([read_score_file(f"scores:{file}")], data, tmp_path / "out")


def test_a_margin_that_is_none(models, data, tmp_path):
    with pytest.raises(UsageError, match="--margin is 1"):
        evaluate([models[0]], data, tmp_path / "out", margin=1)


def test_replies_that_choose_nothing_count_for_their_data_set(data, tmp_path):
    """Both data sets have items of one id; only the words of the second are not answered."""
    other = tmp_path / "other"
    shutil.copytree(data[1], other)
    table = pl.read_parquet(other / "questions.parquet")
    table.with_columns(pl.col("negated").list.eval(pl.element() + " indeed")).write_parquet(
        other / "questions.parquet"
    )
    resealed(other)
    out = tmp_path / "out"

    def answer(messages):
        return "no idea" if "indeed" in str(messages) else "A"

    with serving(says(answer)) as (address, _):
        made = evaluate([chat_model(f"chat:{address}#m")], [data[1], other], out, limit=8)
    figures = read_json(out / "metrics.json")["m (letters)"]
    shares = {
        (d, f): figures[f"data={d}/questions/replies/{f}/unparsed"]["value"]
        for d in ("half", "other")
        for f in ("negated", "affirmative")
    }
    assert shares == {
        ("half", "negated"): 0,
        ("half", "affirmative"): 0,
        ("other", "negated"): 1,
        ("other", "affirmative"): 0,
    }
    notes = made["notes"]["m (letters)"]
    assert "data=other/questions unparsed, counted as wrong" in notes
