"""An argument that is neither a model nor data is named, with the likely mend."""

import pytest
from built import contextual_set, question_set

from nast.cli import run
from nast.commands.arguments import NAMES, PREFIXES, is_model, loadable, part_models
from nast.errors import UsageError
from nast.stages import stage


@pytest.fixture
def said(capsys):
    """The one line of a wrong call."""

    def call(*arguments):
        assert run([str(a) for a in arguments]) == 2
        err = capsys.readouterr().err
        assert err.startswith("nast: ") and err.count("\n") == 1
        return err

    return call


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with questions, a model's folder, and a run."""
    monkeypatch.chdir(tmp_path)
    stage(tmp_path / "questions", {"stage": "benchmark"}, [], lambda out: {})
    stage(tmp_path / "tuned", {"stage": "train"}, [], lambda out: {})
    (tmp_path / "my-clip").mkdir()
    (tmp_path / "my-clip" / "config.json").write_text("{}")
    (tmp_path / "towers").mkdir()
    (tmp_path / "towers" / "SPEC.yaml").write_text("")
    (tmp_path / "others.csv").write_text("item,option,score\n")
    (tmp_path / "weights.pt").write_bytes(b"")
    return tmp_path


def test_what_is_written_as_a_model_is_what_can_be_loaded():
    from nast.models.registry import KINDS

    assert {kind.partition(":")[0] for kind in KINDS} == {*NAMES, *PREFIXES}
    assert all(is_model(name) for name in NAMES)
    assert not is_model("./phantom") and not is_model("hf") and not is_model("C:/data")
    assert is_model("base=phantom") and is_model("My run=run:a=b") and is_model("pad:hf:a=b")
    assert not is_model("a=b") and not is_model("v1.0=phantom") and not is_model("=phantom")


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (["my-clip", "questions"], "'my-clip' is not a folder of data; write hf:my-clip for"),
        (["tuned", "questions"], "'tuned' is not a folder of data; write run:tuned for the model"),
        (["towers", "questions"], "write two-tower:towers/SPEC.yaml for the model in it"),
        (
            ["phantom", "qestions"],
            "'qestions' is not a model, and no folder is there; did you mean questions?",
        ),
        (["phantom", "./questios"], "did you mean questions?"),
        (
            ["phantm", "questions"],
            "'phantm' is not a model, and no folder is there; did you mean phantom?",
        ),
        (["opencilp:ViT-B-32:x.pt", "questions"], "did you mean openclip:ViT-B-32:x.pt?"),
        (["others.csv", "questions"], "write scores:others.csv for that file"),
        (["weights.pt", "questions"], "write openclip:ARCH:weights.pt for that file"),
        (["http://127.0.0.1:8000/v1", "questions"], "write chat:http://127.0.0.1:8000/v1#NAME"),
        (["gone/away", "questions"], "'gone/away' is not a model, and no folder is there; give"),
        (
            ["v1.0=phantom", "questions"],
            "in NAME=MODEL a name is not empty and has no colon, slash",
        ),
        (["=phantom", "questions"], "in NAME=MODEL a name is not empty"),
        (["Mine=phantm", "questions"], "in NAME=MODEL 'phantm' is not a model"),
        (["questions"], "give at least one model and one finished data folder"),
        (["phantom"], "give at least one model and one finished data folder"),
        ([], "give at least one model and one finished data folder"),
    ],
)
def test_evaluate_names_what_is_neither(arguments, mend, said, place):
    assert mend in said("evaluate", *arguments, "-o", "out")
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    "call",
    [
        ["trace", "my-clip", "f", "-o", "out"],
        ["train", "my-clip", "f", "c", "-o", "out"],
        ["embed", "my-clip", "questions", "--vectors", "out"],
        ["models", "check", "my-clip"],
        ["models", "export", "my-clip", "--to", "hf", "-o", "out"],
    ],
)
def test_every_command_with_a_model_says_how_its_folder_is_written(call, said, place):
    assert "'my-clip' is not a model; write hf:my-clip for the model in it; write one" in said(
        *call
    )
    assert not (place / "out").exists()


def test_a_name_of_a_model_is_the_model_beside_a_folder_of_that_name(said, place):
    (place / "questions").rename(place / "phantom")
    assert part_models(["phantom", "./phantom"])[0] == ["phantom"]
    assert "write ./phantom for the folder; give" in said("evaluate", "phantom", "-o", "out")
    with pytest.raises(UsageError, match="'pantom' is not"):
        part_models(["phantom", "pantom"])


def test_evaluate_phantom_beside_a_folder_of_that_name(facts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phantom").symlink_to(question_set(facts))
    assert run(["evaluate", "phantom", "./phantom", "--limit", "4", "-o", "out"]) == 0
    assert run(["evaluate", "phantom", str(contextual_set(facts)), "--limit", "5", "-o", "b"]) == 0


@pytest.mark.parametrize(
    "options",
    [
        ["evaluate", "phantom", "d", "--seed", "-1"],
        ["evaluate", "phantom", "d", "--limit", "0"],
        ["evaluate", "phantom", "d", "--max-bad", "-1"],
        ["evaluate", "phantom", "d", "--margin", "1"],
        ["evaluate", "phantom", "d", "--margin", "nan"],
        ["trace", "phantom", "d", "--beta", "-1"],
        ["trace", "phantom", "d", "--beta", "inf"],
        ["trace", "phantom", "d", "--floor", "1.5"],
        ["trace", "phantom", "d", "--seed", "-3"],
        ["train", "phantom", "d", "e", "--beta", "nan"],
        ["train", "phantom", "d", "e", "--seed", "-1"],
        ["train", "phantom", "d", "e", "--steps", "0"],
        ["train", "phantom", "d", "e", "--captions", "1"],
        ["train", "phantom", "d", "e", "--claims", "0"],
        ["train", "phantom", "d", "e", "--rank", "0"],
        ["train", "phantom", "d", "e", "--learning-rate", "nan"],
        ["train", "phantom", "d", "e", "--lambda", "2"],
        ["train", "phantom", "d", "e", "--patience", "-1"],
        ["train", "phantom", "d", "e", "--validate-every", "-1"],
        ["benchmark", "export", "d", "--to", "csv", "--limit", "0"],
        ["benchmark", "export", "d", "--to", "csv", "--seed", "-1"],
        ["benchmark", "export", "d", "--to", "word"],
        ["benchmark", "import", "d", "--source", "word"],
        ["benchmark", "import", "d", "--source", "aro", "--access", "free"],
        ["benchmark", "review", "export", "d", "--questions", "0"],
        ["benchmark", "review", "export", "d", "--seed", "-1"],
        ["benchmark", "review", "import", "d", "e", "--seed", "-1"],
        ["embed", "phantom", "d", "--split", "none"],
        ["models", "export", "phantom", "--to", "word"],
    ],
    ids=lambda options: "".join(options[:2]) + "=".join(options[-2:]),
)
def test_a_number_out_of_range_is_one_line(options, said, place):
    last = ["--vectors", "out"] if options[0] == "embed" else ["-o", "out"]
    line = said(*options, *last)
    assert options[-2] in line or options[-2].strip("-").replace("-", "_") in line
    assert not (place / "out").exists()


def test_a_mend_is_never_what_was_given():
    with pytest.raises(UsageError) as told:
        loadable("scores:x")
    assert "did you mean" not in str(told.value)
