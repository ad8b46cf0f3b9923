"""Scores in memory, and numbers made again from scores on disk without a model."""

import shutil

import polars as pl
import pytest
from built import TableModel, contextual_set, question_set, resealed
from made_up import item, items_of, one
from PIL import Image
from pytest import approx

from nast.cli import run
from nast.errors import InputError, UsageError
from nast.evaluation import METRICS, evaluate, measure_again, metrics, score
from nast.files import manifest_of, read_table, write_table
from nast.folders import identity
from nast.items.table import read_items
from nast.models.registry import load_model
from nast.records import ITEMS_SCHEMA, METRICS_SCHEMA, SCORE_TABLES
from nast.scoring.neutral import neutral_sentences


@pytest.fixture(scope="module")
def model(tiny_clip):
    return load_model(f"hf:{tiny_clip}", "tiny")


@pytest.fixture(scope="module")
def made(model, facts, tmp_path_factory):
    """An evaluation of two data folders, which lie beside each other and may be moved."""
    root = tmp_path_factory.mktemp("root")
    data = [shutil.copytree(f(facts), root / f(facts).name) for f in (question_set, contextual_set)]
    evaluate([model], data, root / "out", ties="negbench", seed=3, margin=0.05)
    return root


@pytest.fixture
def work(made, tmp_path):
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "work")


# In memory.


def test_scores_in_memory_are_those_of_a_folder(model, made, tmp_path):
    scored = score([model], [made / "questions", made / "contextual"], seed=3)
    for name, schema in SCORE_TABLES.items():
        there = made / "out" / f"{name}.parquet"
        rows = getattr(scored, name)
        assert dict(rows.schema) == schema
        assert rows.equals(read_table(there, schema)) if there.exists() else not len(rows)
    found = metrics(scored, ties="negbench", seed=3, margin=0.05)
    assert dict(found.schema) == METRICS_SCHEMA
    assert found.equals(read_table(made / "out" / METRICS, METRICS_SCHEMA))


def test_one_folder_and_its_own_split(model, made):
    scored = score([model], made / "questions", split="train", limit=4)
    questions = read_items(made / "questions").filter(split="train")
    assert set(scored.scores["item_id"]) == set(questions["item_id"].head(12))
    assert scored.items.drop("data").equals(questions.head(12))
    assert not len(scored.hits) and not len(scored.controls)


def test_a_name_that_is_taken_is_refused_in_memory_too(model, made):
    with pytest.raises(UsageError, match="two models"):
        score([model, model], made / "questions")


# Again, from the folder.


@pytest.fixture
def no_model(monkeypatch):
    def fails(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("nast.models.registry.load_model", fails)
    monkeypatch.setattr("nast.models.contract.DualEncoder.encode_texts", fails)
    monkeypatch.setattr("nast.models.contract.DualEncoder.encode_images", fails)


def test_the_same_numbers_from_the_scores(made, work, model, no_model):
    before = (made / "out" / METRICS).read_bytes()
    (work / "out" / METRICS).write_bytes(b"gone wrong")
    found = measure_again(work / "out", [work / "questions", work / "contextual"])
    assert (work / "out" / METRICS).read_bytes() == before
    assert found.equals(read_table(work / "out" / METRICS, METRICS_SCHEMA))
    # The folder is whole again: the same call has nothing to do.
    data = [work / "questions", work / "contextual"]
    evaluate([model], data, work / "out", ties="negbench", seed=3, margin=0.05)
    assert (work / "out" / METRICS).read_bytes() == before


def test_on_the_command_line(made, work, no_model, capsys):
    (work / "out" / METRICS).unlink()
    assert run(["evaluate", "--metrics-only", "-o", str(work / "out")]) == 0
    assert (work / "out" / METRICS).read_bytes() == (made / "out" / METRICS).read_bytes()
    assert "tiny" in capsys.readouterr().out
    assert run(["evaluate", "--metrics-only", "-o", str(work / "questions")]) == 1
    assert "no evaluation" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--ties", "aro"], ["--seed", "1"], ["--fresh"]])
def test_options_that_would_do_nothing_are_refused(made, option, capsys):
    assert run(["evaluate", "--metrics-only", *option, "-o", str(made / "out")]) == 2
    assert "leave the other options out" in capsys.readouterr().err


def test_data_that_moved_are_given(made, work, no_model):
    (work / "moved").mkdir()
    for name in ("questions", "contextual"):
        shutil.move(work / name, work / "moved" / name)
    with pytest.raises(InputError, match=r"no data set contextual, questions where it was"):
        measure_again(work / "out")
    with pytest.raises(InputError, match=r"no data set contextual where it was"):
        measure_again(work / "out", [work / "moved" / "questions"])
    # They are known by what they hold, whatever they are called now.
    shutil.move(work / "moved" / "questions", work / "moved" / "mine")
    measure_again(work / "out", [work / "moved" / "mine", work / "moved" / "contextual"])
    assert (work / "out" / METRICS).read_bytes() == (made / "out" / METRICS).read_bytes()


@pytest.mark.parametrize("finished", [True, False])
def test_items_that_were_changed_are_refused(work, no_model, finished):
    before = (work / "out" / METRICS).read_bytes()
    path = work / "questions" / "items.parquet"
    rows = read_items(work / "questions")
    write_table(path, rows.with_columns(answer=(pl.col("answer") + 1) % 4), ITEMS_SCHEMA)
    if finished:
        resealed(work / "questions")
    with pytest.raises(InputError):
        measure_again(work / "out")
    assert (work / "out" / METRICS).read_bytes() == before


# Names and seeds.


@pytest.fixture
def group(tmp_path):
    """A finished folder of four items, whose images answer to one option each."""
    folder = tmp_path / "data" / "four"
    folder.mkdir(parents=True)
    for i, n in enumerate("abcd"):
        Image.new("L", (8, 8), 40 * i).save(folder / f"{n}.png")
    rows = items_of(
        item(
            f"q{i}",
            answer=i,
            options=[f"no {m}" for m in "abcd"],
            group_id="g",
            subject_id=f"p{i}",
            split="test",
            image_path=str(folder / f"{n}.png"),
        )
        for i, n in enumerate("abcd")
    )
    write_table(folder / "items.parquet", rows.drop("data"), ITEMS_SCHEMA)
    return resealed(folder)


def seeing(right, name="NAST (lr)", seed=None):
    """A model that is right of so many images; of the others it takes the first option."""

    class Texts(dict):
        def __missing__(self, text):
            return [1, 1, 1, 1]

    axes = {n: [float(i == j) for j in range(4)] for i, n in enumerate("abcd")}
    texts = Texts({f"no {n}": axis for n, axis in axes.items()})
    images = {f"{n}.png": axes[n if i < right else "a"] for i, n in enumerate("abcd")}
    found = TableModel(texts, images, name, seed)
    found.key = f"{right}" * 64
    return found


def test_seeds_of_one_setting_are_one_row(group, tmp_path):
    models = [seeing(4, "base"), seeing(4, seed=0), seeing(2, seed=1), seeing(3, seed=2)]
    made = evaluate(models, [group], tmp_path / "out")
    scores = read_table(tmp_path / "out" / "scores.parquet", SCORE_TABLES["scores"])
    assert set(scores.select("model", "seed").rows()) == {
        ("base", None),
        *(("NAST (lr)", s) for s in range(3)),
    }
    assert len(scores) == 4 * 4 * 4
    found = read_table(tmp_path / "out" / METRICS, METRICS_SCHEMA)
    of = {"task": "choice", "statistic": "accuracy", "form": "negated"}
    pooled = one(found, model="NAST (lr)", **of)
    assert (pooled["value"], pooled["seeds"], pooled["n"]) == (
        approx((1 + 2 / 4 + 3 / 4) / 3),
        3,
        4,
    )
    assert pooled["seed_sd"] == approx(0.25)
    assert one(found, model="base", **of)["seed_sd"] is None
    assert one(found, model="NAST (lr)", reference="base", **of)["value"] == approx(-0.25)
    assert [(m["name"], m["seed"]) for m in made["models"]] == [
        ("base", None),
        *(("NAST (lr)", s) for s in range(3)),
    ]


def test_runs_of_one_setting_are_its_seeds_whatever_their_folders_are_called(
    made, facts, tiny_clip, tmp_path
):
    train = ["train", f"hf:{tiny_clip}", str(facts), str(made / "contextual"), "--steps", "1"]
    train += ["--layers", "uniform", "--captions", "4", "--claims", "1"]
    for seed, name in enumerate(("some", "where")):
        assert run([*train, "--seed", str(seed), "-o", str(tmp_path / name)]) == 0
    call = ["evaluate", f"base=hf:{tiny_clip}"]
    call += [f"run:{tmp_path / name}" for name in ("where", "some")]
    assert run([*call, str(made / "questions"), "--limit", "4", "-o", str(tmp_path / "out")]) == 0
    scores = read_table(tmp_path / "out" / "scores.parquet", SCORE_TABLES["scores"])
    found = scores.select("model", "seed").unique(maintain_order=True).rows()
    assert found == [("base", None), ("LoRA uniform", 1), ("LoRA uniform", 0)]
    numbers = read_table(tmp_path / "out" / METRICS, METRICS_SCHEMA)
    row = one(numbers, model="LoRA uniform", task="choice", statistic="accuracy", form="negated")
    chosen = [manifest_of(tmp_path / name)["g"] for name in ("some", "where")]
    assert (row["seeds"], row["g"]) == (2, sum(chosen) / 2)
    records = manifest_of(tmp_path / "out")["models"]
    assert [r.get("run", {}).get("identity") for r in records] == [
        None,
        *(identity(tmp_path / name) for name in ("where", "some")),
    ]
    again = [*call, f"run:{tmp_path / 'some'}", str(made / "questions")]
    assert run([*again, "-o", str(tmp_path / "twice")]) == 2


def test_two_models_of_one_name_and_seed_are_refused(group, tmp_path):
    with pytest.raises(UsageError, match=r"NAST \(lr\) with seed 1 stands for two models"):
        evaluate([seeing(4, seed=1), seeing(2, seed=1)], [group], tmp_path / "out")
    evaluate([seeing(4, seed=1), seeing(2)], [group], tmp_path / "out")


def test_scores_of_one_item_do_not_depend_on_who_else_is_scored(group, tmp_path):
    alone = score([seeing(2)], group).scores
    beside = score([seeing(4, "base"), seeing(2)], group).scores
    assert beside.filter(model="NAST (lr)").equals(alone)


def test_a_name_is_given_on_the_command_line(made, tmp_path, capsys):
    """NAME=MODEL; without a name a file of scores is called as the file is."""
    rows = (
        read_items(made / "questions").filter(split="test").select("item_id", "options", "answer")
    )
    rows = rows.with_columns(option=pl.int_ranges(pl.col("options").list.len()))
    rows = rows.explode("option", "options").select(
        item="item_id", option="option", score=(pl.col("option") == pl.col("answer")).cast(float)
    )
    rows.write_csv(tmp_path / "a.csv")
    spec, data = f"scores:{tmp_path / 'a.csv'}", str(made / "questions")
    out = tmp_path / "out"
    assert run(["evaluate", f"Our model={spec}", spec, data, "-o", str(out)]) == 0
    assert "Our model" in capsys.readouterr().out
    scores = pl.read_parquet(out / "scores.parquet")
    assert scores["model"].unique(maintain_order=True).to_list() == ["Our model", "a"]
    assert run(["evaluate", f"a={spec}", spec, data, "-o", str(tmp_path / "b")]) == 2
    assert "NAME=MODEL" in capsys.readouterr().err
    assert run(["evaluate", f"chance={spec}", data, "-o", str(tmp_path / "b")]) == 2
    assert "'chance'" in capsys.readouterr().err


def test_a_model_is_named_on_the_command_line(made, tiny_clip, tmp_path):
    call = ["evaluate", f"Mine=hf:{tiny_clip}", str(made / "questions"), "--limit", "4"]
    assert run([*call, "-o", str(tmp_path / "out")]) == 0
    assert set(pl.read_parquet(tmp_path / "out" / "scores.parquet")["model"]) == {"Mine"}


def test_neutral_sentences_need_no_item(group):
    """Every encoder has vectors of them, whatever it is scored on."""
    scored = score([seeing(4)], group)
    assert len(scored.neutral) == sum(map(len, neutral_sentences().values()))


def test_what_was_left_out_stays_out(work, model, tmp_path):
    """A group without a readable image is no part of the numbers, the second time either."""
    rows = read_items(work / "questions")
    lost = rows.filter(split="test")["image_path"][0]
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    rows = rows.with_columns(pl.col("image_path").replace({lost: str(bad)}))
    write_table(work / "questions" / "items.parquet", rows, ITEMS_SCHEMA)
    resealed(work / "questions")
    data = [work / "questions", work / "contextual"]
    evaluate([model], data, tmp_path / "out", max_bad=1, controls=True)
    before = (tmp_path / "out" / METRICS).read_bytes()
    first = read_table(tmp_path / "out" / METRICS, METRICS_SCHEMA)
    assert measure_again(tmp_path / "out").equals(first)
    assert (tmp_path / "out" / METRICS).read_bytes() == before
