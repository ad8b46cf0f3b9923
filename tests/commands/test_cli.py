"""Exit codes and messages: 0 done, 1 the work failed, 2 the call was wrong; never a traceback."""

import json

import pytest

from nast.cli import run
from nast.files import read_json


@pytest.fixture
def call(capsys):
    """Run a command line: exit code, standard output, standard error."""

    def _call(*arguments):
        code = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return _call


def one_line(err):
    assert err.startswith("nast: ")
    assert err.count("\n") == 1
    return err


def test_help_and_version(call):
    code, out, _ = call("--help")
    assert code == 0
    assert "Start with: nast demo" in " ".join(out.split())
    assert call("--version")[0] == 0
    assert call("models", "list")[1].startswith("phantom ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["facts", "-o", "{out}"], "give sources and a folder"),
        (["facts", "picture:x", "-o", "{out}"], "is not a source; write one of mimic-cxr-jpg"),
        (["trace", "gpt", "{facts}", "-o", "{out}"], "'gpt' is not a model; write one of phantom"),
        (["models", "check", "nothing"], "'nothing' is not a model"),
        (["evaluate", "gpt", "{facts}", "-o", "{out}"], "'gpt' is not a model"),
        (["evaluate", "hf:x", "{tmp}/gone", "-o", "{out}"], "one finished data folder"),
        (["evaluate", "hf:x", "{facts}", "--split", "no", "-o", "{out}"], "--split is 'no'"),
        (["trace", "hf:x", "{facts}", "--beta", "-1", "-o", "{out}"], "must be at least 0"),
        (["trace", "hf:x", "{facts}", "--aggregation", "x", "-o", "{out}"], "cue, scope, drop"),
        (
            ["train", "hf:x", "a", "b", "--mode", "adam", "-o", "{out}"],
            'Choose from: "lr", "gradient"',
        ),
        (["contextual", "build", "{facts}", "--k", "9", "-o", "{out}"], "5 to 7 claims"),
        (["benchmark", "build", "{tmp}/gone", "-o", "{out}"], "give a folder of nast facts"),
        (["phantom-pretrain", "{out}", "--negation-rate", "2"], "must be from 0 to 1"),
        (["models", "list", "--config", "{tmp}/gone.yaml"], "--config needs a YAML file"),
        (["models", "list", "--config"], "--config needs a YAML file"),
    ],
)
def test_wrong_calls_exit_2(call, arguments, message, facts, tmp_path):
    place = {"out": tmp_path / "out", "facts": facts, "tmp": tmp_path}
    code, _, err = call(*(a.format(**place) for a in arguments))
    assert code == 2
    assert message in one_line(err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], 'Unknown command "frobnicate"'),
        (["benchmark", "frobnicate"], "frobnicate"),
        (["trace", "phantom", "{tmp}", "--speed", "3", "-o", "{out}"], "--speed"),
        (["trace", "phantom", "{tmp}", "--beta", "high", "-o", "{out}"], "--beta"),
        (["trace", "phantom"], "facts"),
    ],
)
def test_what_the_parser_refuses_exits_2(call, arguments, message, tmp_path):
    place = {"out": tmp_path / "out", "tmp": tmp_path}
    code, _, err = call(*(a.format(**place) for a in arguments))
    assert code == 2
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["facts", "chexpert:{tmp}/gone.csv", "-o", "{out}"], "gone.csv: found no such file"),
        (["facts", "mimic-cxr-jpg:{tmp}/gone", "-o", "{out}"], "gone"),
        (["models", "check", "hf:{tmp}/gone"], "no such folder"),
        (["models", "check", "run:{tmp}/gone"], "no manifest.json"),
        (["benchmark", "audit", "{tmp}/unfinished"], "no manifest.json"),
        (["trace", "hf:{model}", "{tmp}/unfinished", "-o", "{out}"], "no manifest.json"),
        (["report", "{tmp}/unfinished", "-o", "{out}"], "no manifest.json"),
        (["train", "hf:{model}", "{facts}", "{tmp}/unfinished", "-o", "{out}"], "no manifest.json"),
        (
            ["train", "hf:{model}", "{facts}", "x", "--layers", "{tmp}/w.json", "-o", "{out}"],
            "w.json: found no such file",
        ),
    ],
)
def test_work_that_fails_exits_1(call, arguments, message, facts, tiny_clip, tmp_path):
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "run.yaml").write_text("{}")
    place = {"out": tmp_path / "out", "facts": facts, "tmp": tmp_path, "model": tiny_clip}
    code, _, err = call(*(a.format(**place) for a in arguments))
    assert code == 1
    assert message in one_line(err.splitlines(keepends=True)[-1])
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_unfinished_data_is_not_taken_for_a_model(call, tiny_clip, facts, tmp_path):
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions" / "run.yaml").write_text("{}")
    code, _, err = call(
        "evaluate", f"hf:{tiny_clip}", facts, tmp_path / "questions", "-o", tmp_path / "out"
    )
    assert code == 1
    assert "no manifest.json" in one_line(err)


def test_folder_of_another_configuration(call, facts, tmp_path):
    arguments = ["benchmark", "build", facts, "--limit", "2", "-o", tmp_path / "out"]
    code, out, _ = call(*arguments)
    assert code == 0
    assert "words alone are at chance" in out
    assert call(*arguments)[0] == 0
    code, _, err = call(*arguments, "--seed", "1")
    assert code == 2
    assert "--fresh" in one_line(err)
    assert call(*arguments, "--seed", "1", "--fresh")[0] == 0
    code, out, _ = call("benchmark", "audit", tmp_path / "out")
    assert code == 0
    assert "chance 0.250" in out
    assert "LEAKS" not in out


def test_config_file_gives_defaults(call, facts, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(f"limit: 2\nseed: 5\nout: {tmp_path / 'out'}\n")
    assert call("benchmark", "build", facts, "--config", config)[0] == 0
    made = read_json(tmp_path / "out" / "manifest.json")["config"]
    assert (made["limit"], made["seed"]) == (2, 5)
    arguments = ["--seed", "6", "-o", tmp_path / "other"]
    assert call("benchmark", "build", facts, "--config", config, *arguments)[0] == 0
    made = read_json(tmp_path / "other" / "manifest.json")["config"]
    assert (made["limit"], made["seed"]) == (2, 6)


def test_config_of_one_call_does_not_last(call, facts, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text("limit: 2\n")
    assert call("benchmark", "build", facts, "--config", config, "-o", tmp_path / "a")[0] == 0
    assert call("benchmark", "build", facts, "-o", tmp_path / "b")[0] == 0
    assert read_json(tmp_path / "b" / "manifest.json")["config"]["limit"] is None


@pytest.mark.parametrize("text", ["speed: 3\n", "limit: many\n", "- 1\n- 2\n", "limit: [\n"])
def test_bad_config_file_exits_2(call, facts, tmp_path, text):
    config = tmp_path / "c.yaml"
    config.write_text(text)
    code, _, err = call("benchmark", "build", facts, "--config", config, "-o", tmp_path / "out")
    assert code == 2
    assert err
    assert "Traceback" not in err


def test_check_and_trace_of_a_model(call, tiny_clip, facts, tmp_path):
    code, out, _ = call("models", "check", f"hf:{tiny_clip}")
    assert code == 0
    assert "ok     patching own states changes nothing" in out
    assert out.endswith("verdict: fit for use\n")
    code, out, _ = call("trace", f"hf:{tiny_clip}", facts, "--beta", "0.5", "-o", tmp_path / "t")
    assert code == 0
    assert len([x for x in out.splitlines() if x.startswith("block ")]) == 4
    data = json.loads((tmp_path / "t" / "layer_weights.json").read_text())
    assert data["beta"] == 0.5
    _, out, _ = call("trace", f"hf:{tiny_clip}", facts, "--failing", "-o", tmp_path / "f")
    trace = json.loads((tmp_path / "f" / "layer_weights.json").read_text())["trace"]
    assert 0 < trace["samples"] < trace["failing samples of"] == data["trace"]["samples"]
    assert f"(the failing ones of {data['trace']['samples']})" in out


def test_evaluate_prints_prompt_pairs(call, tiny_clip, facts, tmp_path):
    code, out, _ = call("evaluate", f"hf:{tiny_clip}", facts, "-o", tmp_path / "s")
    assert code == 0
    assert "tiny  facts, Edema, POS: 0." in out
    assert (tmp_path / "s" / "pairs.parquet").is_file()
