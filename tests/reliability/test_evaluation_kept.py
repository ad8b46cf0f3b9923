"""A finished result stands until a new one is whole; what is scored depends on the data alone."""

import asyncio
import json
import shutil
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import polars as pl
import pytest
from finished import contents, lost, right_scores, score_file
from PIL import Image
from safetensors.torch import load_file, save_file

from nast.cli import run
from nast.reporting.numbers import pick

SLEEP = asyncio.sleep


# Another evaluation begins anew in the folder of a finished one, and fails.


@pytest.fixture(scope="module")
def evaluated(questions, tmp_path_factory):
    """A finished evaluation of a file of scores; copy it."""
    folder = tmp_path_factory.mktemp("evaluated")
    model = score_file(right_scores(questions), folder / "good.csv")
    if run(["evaluate", model, str(questions), "-o", str(folder / "out")]):
        raise RuntimeError("no evaluation to begin with")
    return folder / "out"


@pytest.fixture
def result(evaluated, tmp_path):
    return shutil.copytree(evaluated.parent, tmp_path / "there") / evaluated.name


@pytest.fixture
def refusing():
    """The address of a server that refuses every request."""

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


def foreign(rows):
    """Scores of other items."""
    return rows.with_columns(item="other " + pl.col("item"))


def one_option_more(rows):
    """Scores of an option that no item has."""
    return pl.concat([rows, rows.head(1).with_columns(option=pl.lit(99, rows["option"].dtype))])


@pytest.mark.parametrize("bad", [foreign, one_option_more])
def test_a_bad_file_of_scores_costs_nothing(refused, result, questions, tmp_path, bad):
    before = contents(result)
    model = score_file(bad(right_scores(questions)), tmp_path / "bad.csv")
    refused("evaluate", model, questions, "--fresh", "-o", result)
    assert lost(before, result) == []


def at_once(_):
    """Waiting for a server takes no time."""
    return SLEEP(0)


def interrupted(_):
    """Ctrl-C while a server is waited for."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("waiting", [at_once, interrupted])
def test_a_server_that_is_gone_costs_nothing(refused, result, questions, monkeypatch, waiting):
    monkeypatch.setattr(asyncio, "sleep", waiting)
    before = contents(result)
    # No program listens on the port of "discard".
    refused(
        "evaluate",
        "chat:http://127.0.0.1:9/v1#gone",
        questions,
        "--loopback-stays",
        "--fresh",
        "-o",
        result,
    )
    assert lost(before, result) == []


def test_a_server_that_refuses_costs_nothing(refused, result, questions, refusing):
    before = contents(result)
    refused(
        "evaluate",
        f"chat:{refusing}#strict",
        questions,
        "--loopback-stays",
        "--fresh",
        "-o",
        result,
    )
    assert lost(before, result) == []


def test_weights_that_are_no_numbers_cost_nothing(refused, result, questions, tiny_clip, tmp_path):
    before = contents(result)
    broken = shutil.copytree(tiny_clip, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights["text_projection.weight"] *= float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    refused("evaluate", f"hf:{broken}", questions, "--fresh", "-o", result)
    assert lost(before, result) == []


# Another stage begins anew with --fresh, and the new work fails.


def facts_that_fail(done, made, out):
    source = shutil.copytree(made["phantom"], out.parent / "tree")
    done("facts", f"mimic-cxr-jpg:{source}", "-o", out)
    table = next(source.glob("*chexpert.csv*"))
    table.write_bytes(table.read_bytes()[:200])
    return "facts", f"mimic-cxr-jpg:{source}"


def questions_that_leak(done, made, out):
    done("benchmark", "build", made["facts"], "-o", out)
    return (
        "benchmark",
        "build",
        made["facts"],
        "--sampler",
        "two_plus_one",
        "--distractors",
        "uniform",
    )


def claims_that_leak(done, made, out):
    done("contextual", "build", made["facts"], "-o", out)
    return "contextual", "build", made["facts"], "--construction", "single_flip"


def items_cut_short(done, made, out):
    items, command = imported(out.parent, {"1": ("a dog", "no dog")})
    done(*command, "-o", out)
    items.write_bytes(items.read_bytes()[:-5])
    return command


def evaluation_of_nothing(done, made, out):
    shutil.copytree(made["evaluated"], out)
    rows = foreign(right_scores(made["questions"]))
    return "evaluate", score_file(rows, out.parent / "bad.csv"), made["questions"]


def report_that_cannot_be_joined(done, made, out):
    done("report", made["evaluated"], "-o", out)
    return "report", made["evaluated"], shutil.copytree(made["evaluated"], out.parent / "twin")


def trace_without_images(done, made, out):
    tree, facts = shutil.copytree(made["phantom"], out.parent / "tree"), out.parent / "facts"
    sources = [f"mimic-cxr-jpg:{tree}", f"cad-chest:{tree / 'cad_disease.json'}"]
    done("facts", *sources, "-o", facts)
    done("trace", "phantom", facts, "-o", out)
    shutil.rmtree(tree / "files")
    return "trace", "phantom", facts, "--beta", "0.25"


def imported(folder, items):
    """A file of pairs (right, wrong) on one image, and the command that imports it."""
    Image.new("L", (8, 8)).save(folder / "x.png")
    names = ("caption", "negative_caption")
    rows = {
        key: {"filename": "x.png", **dict(zip(names, pair, strict=True))}
        for key, pair in items.items()
    }
    file = folder / "items.json"
    file.write_text(json.dumps(rows))
    return file, ("benchmark", "import", file, "--source", "sugar-crepe", "--image-root", folder)


@pytest.mark.parametrize(
    "work",
    [
        facts_that_fail,
        questions_that_leak,
        claims_that_leak,
        items_cut_short,
        evaluation_of_nothing,
        report_that_cannot_be_joined,
        trace_without_images,
    ],
)
def test_work_that_begins_anew_and_fails_leaves_the_old_result(
    done, refused, phantom, facts, questions, evaluated, work, tmp_path
):
    made = {"phantom": phantom, "facts": facts, "questions": questions, "evaluated": evaluated}
    command = work(done, made, tmp_path / "out")
    before = contents(tmp_path / "out")
    refused(*command, "--fresh", "-o", tmp_path / "out")
    assert lost(before, tmp_path / "out") == []


# What is scored.


@pytest.fixture
def own_data(done, phantom, tmp_path):
    """Questions of a tree of this test's own, in which an image can be broken."""
    tree = shutil.copytree(phantom, tmp_path / "tree")
    done("facts", f"mimic-cxr-jpg:{tree}", "-o", tmp_path / "facts")
    done("benchmark", "build", tmp_path / "facts", "--limit", 5, "-o", tmp_path / "questions")
    return tmp_path / "questions"


def image_of_one_item(data):
    table = pl.read_parquet(data / "items.parquet").filter(split="test", form="negated")
    times = table["image_path"].value_counts().sort("count", "image_path")
    return Path(times["image_path"][0])


def gone(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize("harm", [gone, cut])
def test_an_image_that_cannot_be_read_is_refused_to_every_model(
    call, refused, own_data, tiny_clip, tmp_path, harm
):
    model = score_file(right_scores(own_data), tmp_path / "other.csv")
    harm(image_of_one_item(own_data))
    refused("evaluate", f"hf:{tiny_clip}", own_data, "-o", tmp_path / "scores")
    code, _, err = call("evaluate", model, own_data, "-o", tmp_path / "scores")
    assert code == 1 and "cannot be read" in err


def test_the_number_of_items_is_that_of_the_data(done, own_data, tiny_clip, tmp_path):
    encoder, other = f"hf:{tiny_clip}", score_file(right_scores(own_data), tmp_path / "other.csv")
    cut(image_of_one_item(own_data))
    found = {}
    for order in ([encoder, other], [other, encoder], [other], [encoder]):
        out = tmp_path / f"out {len(found)}"
        done("evaluate", *order, own_data, "--max-bad", 1, "-o", out)
        metrics = pl.read_parquet(out / "metrics.parquet")
        rows = pick(metrics, task="choice", statistic="accuracy", form="negated")
        found |= {(out.name, row["model"]): row["n"] for row in rows}
    assert len(set(found.values())) == 1, found


def test_two_equal_options_are_refused_to_every_model(call, done, refused, tiny_clip, tmp_path):
    items = {str(i): (f"a dog {i}", "no dog") for i in range(6)} | {"3": ("no dog", "no dog")}
    data = tmp_path / "data"
    done(*imported(tmp_path, items)[1], "--equal-options", "-o", data)
    refused("evaluate", f"hf:{tiny_clip}", data, "-o", tmp_path / "scores")
    model = score_file(right_scores(data), tmp_path / "other.csv")
    code, _, err = call("evaluate", model, data, "-o", tmp_path / "scores")
    assert code == 1 and "two equal options" in err


# Names.


@pytest.mark.parametrize("name", ["blind", "chance"])
def test_names_of_rows_that_are_no_model_are_refused(call, claims, tmp_path, name):
    """`blind` is the ranking without an image, `chance` the last row of every table."""
    model = score_file(right_scores(claims), tmp_path / f"{name}.csv")
    code, _, err = call("evaluate", model, claims, "-o", tmp_path / "scores")
    assert code == 2 and f"'{name}'" in err


@pytest.mark.parametrize("names", [("m#0", "m#1"), ("m", "m#7")])
def test_two_models_are_not_taken_for_seeds_of_one(call, claims, tmp_path, names):
    """Only runs that say so are seeds of one setting: files that are called so are not."""
    right = right_scores(claims)
    wrong = right.with_columns(score=-pl.col("score"))
    models = [
        score_file(rows, tmp_path / f"{name}.csv")
        for rows, name in zip((right, wrong), names, strict=True)
    ]
    code, _, _ = call("evaluate", *models, claims, "-o", tmp_path / "scores")
    assert code == 0
    metrics = pl.read_parquet(tmp_path / "scores" / "metrics.parquet")
    rows = pick(metrics, task="choice", statistic="accuracy", form="negated")
    assert {row["model"]: (row["value"], row["seeds"]) for row in rows} == {
        names[0]: (1, 1),
        names[1]: (0, 1),
    }
