"""Numbers outside their range: refused at once, in one line that says what would be right."""

import pytest

from nast.benchmark.build import build_benchmark
from nast.cli import run
from nast.contextual.build import build_contextual
from nast.errors import UsageError
from nast.language.write.writer import WriterOptions

HUGE = 10**30
WRONG = {
    "facts x:y": {"--max-bad": [-1]},
    "benchmark build": {
        "--uses": [0, -1],
        "--per-study": [0, -4],
        "--limit": [0, -1],
        "--seed": [-1, 2**63, HUGE],
    },
    "contextual build": {
        "--k": [0, -1, 99, HUGE],
        "--groups": [0, -5],
        "--per-study": [0],
        "--paraphrases": [0, 1000, -1],
        "--seed": [-1],
    },
    "phantom": {"--patients": [0, -1, 10**9], "--seed": [-1], "--workers": [0, -2]},
    "phantom-pretrain": {
        "--negation-rate": [-0.1, 1.1, "nan", "inf"],
        "--image-steps": [0],
        "--steps": [0, -10],
        "--patients": [0],
    },
}
CALLS = [
    (command, option, value)
    for command, options in WRONG.items()
    for option, values in options.items()
    for value in values
]


@pytest.mark.parametrize(("command", "option", "value"), CALLS)
def test_numbers_outside_their_range_are_refused(command, option, value, tmp_path, capsys):
    """Before anything is read: the sources do not exist."""
    out = tmp_path / "out"
    build = ["chexpert:gone.csv"] if command.endswith("build") else []
    place = [str(out)] if command.startswith("phantom") else ["-o", str(out)]
    assert run([*command.split(), *build, *place, option, str(value)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("nast: ") and told.err.count("\n") == 1
    name = option.strip("-")
    assert any(form in told.err for form in (f"for {option}.", f"{name} is {value}"))
    assert "for example" in told.err or "claims" in told.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "option", [{"groups": 0}, {"per_study": 0}, {"paraphrases": 99}, {"k": 99}, {"seed": -1}]
)
def test_the_library_refuses_them_too(facts, tmp_path, option):
    (name,) = option
    with pytest.raises(UsageError, match=f"^{name} is "):
        build_contextual(facts, tmp_path / "out", **option)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", [{"limit": 0}, {"limit": -3}, {"seed": -1}])
def test_a_benchmark_of_nothing_is_refused(facts, tmp_path, option):
    with pytest.raises(UsageError, match=r"it must be .*, for example"):
        build_benchmark(facts, tmp_path / "out", **option)
    assert not (tmp_path / "out").exists()


def test_a_range_holds_for_a_file_of_options_too(tmp_path, capsys):
    config = tmp_path / "c.yaml"
    config.write_text("per_study: 0\n")
    code = run(
        [
            "contextual",
            "build",
            "chexpert:gone.csv",
            "-o",
            str(tmp_path / "out"),
            "--config",
            str(config),
        ]
    )
    err = capsys.readouterr().err
    assert code == 2
    assert "at least 1, for example" in err and err.count("\n") == 1


@pytest.mark.parametrize("value", ["1.5", "2.0000001", "1e3", ".5", "nan", "ten", ""])
@pytest.mark.parametrize(
    "call",
    [["phantom", "{out}", "--patients"], ["train", "phantom", "a", "b", "-o", "{out}", "--steps"]],
)
def test_whole_numbers_are_not_rounded(call, value, tmp_path, capsys):
    assert run([*(a.format(out=tmp_path / "out") for a in call), value]) == 2
    assert "whole number" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "option", [["--endpoint", "gpt-5.1"], ["--key-variable", "KEY"], ["--loopback-stays"]]
)
@pytest.mark.parametrize("command", ["benchmark", "contextual"])
def test_options_of_a_language_model_without_one_are_refused(
    facts, tmp_path, command, option, capsys
):
    """Templates would write, and the user would take them for the model's."""
    called = [command, "build", str(facts), *option, "-o", str(tmp_path / "out")]
    assert run(called) == 2
    assert "are for --realiser llm" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("endpoint", ["https://server.example/v1#m", "gpt-5.1"])
def test_the_key_of_a_server_is_taken_from_the_variable_that_is_named(endpoint, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "nast.language.write.llm.server.server_model", lambda where, *_, **__: asked.append(where)
    )
    WriterOptions("llm", [endpoint], key_variable="KEY_OF_OURS").model([])
    WriterOptions("llm", [endpoint]).model([])
    assert asked[0].key_variable == "KEY_OF_OURS"
    assert asked[1].key_variable == (None if "#" in endpoint else "OPENAI_API_KEY")
