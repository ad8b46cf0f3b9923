"""nast train: what the options decide, and what is said before the first step."""

import json

import pytest

import nast.cli
import nast.training.grid
from nast.training.interpolation import FACTORS
from nast.training.train_config import PUBLISHED


@pytest.fixture
def call(tiny_clip, tmp_path, monkeypatch, capsys):
    """Runs nast train up to the training; returns exit code, weights, settings and words."""
    weights = tmp_path / "w.json"
    weights.write_text(json.dumps({"alpha": [1, 0.5, 0, 0.1], "scale": [2.5, 1.25, 0, 0.25]}))
    seen = {}

    def build(*given, **_):
        seen.update(weights=given[5], config=given[6], said=capsys.readouterr().out)
        return {"losses": [], "validation": []}

    monkeypatch.setattr("nast.training.run.build_run", build)

    def run(*options):
        seen.clear()
        arguments = ["train", f"hf:{tiny_clip}", "facts", "claims", "-o", str(tmp_path / "out")]
        code = nast.cli.run([*arguments, *(o.format(w=weights, tmp=tmp_path) for o in options)])
        return code, seen, capsys.readouterr().err

    return run


def test_blocks_without_lora_are_named_before_the_first_step(call):
    code, seen, _ = call("--layers", "{w}", "--learning-rate", "1e-3")
    assert code == 0
    assert seen["said"].splitlines()[:4] == [
        "block  1  alpha 1.000  learning rate 2.50e-03",
        "block  2  alpha 0.500  learning rate 1.25e-03",
        "block  3  alpha 0.000  learning rate 0.00e+00  no LoRA",
        "block  4  alpha 0.100  learning rate 2.50e-04",
    ]
    assert "seed 0" in seen["said"] and "lora attention" in seen["said"]


def test_gradient_mode_leaves_the_rates(call):
    _, seen, _ = call("--layers", "{w}", "--learning-rate", "1e-3", "--mode", "gradient")
    lines = [line.split() for line in seen["said"].splitlines()[:4]]
    assert [line[6] for line in lines] == ["1.00e-03"] * 4
    assert [line[7:] for line in lines] == [
        ["gradient", "x", "2.500"],
        ["gradient", "x", "1.250"],
        ["no", "LoRA"],
        ["gradient", "x", "0.250"],
    ]


@pytest.mark.parametrize("lora", ["attention", "mlp", "all"])
def test_lora(call, lora):
    _, seen, _ = call("--lora", lora)
    assert seen["config"].lora == lora
    assert seen["weights"].scale == [1, 1, 1, 1]


def test_the_papers_choices_at_once(call, tmp_path):
    trace = {"score": [0.1, 0.9, 0.5, 0.3], "alpha": [1] * 4, "scale": [1] * 4}
    (tmp_path / "layer_weights.json").write_text(json.dumps(trace))
    _, seen, _ = call("--trace", "{tmp}", "--protocol", "paper")
    config = seen["config"]
    assert (config.mode, config.targets, config.caption_polarity, config.claim_scale) == (
        "gradient",
        "diagonal",
        "negated",
        1.0,
    )
    assert seen["weights"].scale == pytest.approx([0, 1, 0.5, 0.25])


@pytest.mark.parametrize("objective", PUBLISHED)
def test_settings_of_the_rivals_authors(call, objective):
    _, seen, _ = call("--objective", objective, "--published", "--steps", "7")
    found = {name: getattr(seen["config"], name) for name in PUBLISHED[objective]}
    assert found == PUBLISHED[objective] and seen["config"].steps == 7
    _, seen, _ = call("--objective", objective, "--published", "--learning-rate", "0.5")
    assert seen["config"].learning_rate == 0.5, "what is given goes first"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lora", "vision"], "choose one of attention, mlp, all"),
        (["--published"], "published is for objective negclip, conclip, negbench"),
        (["--layers", "gradnorm"], "--layers gradnorm follows a trace; say --trace FOLDER"),
        (["--protocol", "paper"], "--protocol paper follows a trace; say --trace FOLDER"),
        (["--patience", "2"], "patience is 2 without a validation to wait for"),
        (["--steps", "0"], "steps is 0; it must be 1 or more"),
        (["--rank", "0"], "rank is 0"),
        (["--lambda", "1.5"], "lambda is 1.5; it must be 0 to 1"),
        (["--learning-rate", "-1"], "learning_rate is -1"),
        (["--steps", "5", "--validate-every", "6"], "end before its first validation"),
        (["--grid", "x.yaml", "--log", "wandb"], "all settings stand in its file"),
        (["--grid", "x.yaml", "--beta", "0"], "all settings stand in its file"),
        (["--grid", "x.yaml", "--protocol", "paper"], "all settings stand in its file"),
        (
            ["--grid", "x.yaml", "--objective", "negclip", "--published"],
            "all settings stand in its file",
        ),
    ],
)
def test_wrong_calls(call, options, message):
    code, seen, error = call(*options)
    assert code == 2 and not seen
    assert message in " ".join(error.split())


def test_a_run_and_a_grid_to_the_end(tiny_clip, facts, validated_set, tmp_path, capsys):
    call = ["train", f"hf:{tiny_clip}", facts, validated_set, "--vectors", tmp_path / "vectors"]
    small = ["--captions", 4, "--claims", 1, "--steps", 4, "--validate-every", 1, "--patience", 1]
    out, grid = tmp_path / "run", tmp_path / "grid.yaml"
    assert (
        nast.cli.run([str(a) for a in (*call, *small, "--learning-rate", "1e-9", "-o", out)]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"run:{out}"
    steps = [line for line in lines if line.startswith("step")]
    assert [line.split()[:2] for line in steps] == [["step", n] for n in "1212"], (
        "losses of the first and the last step, then validations: so small a step changes nothing"
    )
    assert "validation negated claims" in steps[-1]
    curve = [line for line in lines if line.startswith("g ")]
    assert len(curve) == len(FACTORS) + 1, "those, and a tenth above the base"
    assert curve[0].endswith("<- chosen"), "nothing changed: g = 0"
    assert "g = 0, which is the base" in lines[-2]

    grid.write_text("lambda: [0, 1]\nlearning_rate: 1e-3\nsteps: 1\ncaptions: 4\nclaims: 1\n")
    gridded = [str(a) for a in (*call[:4], "--grid", grid, "-o", tmp_path / "runs")]
    assert nast.cli.run(gridded) == 0
    assert capsys.readouterr().out.count("lambda_ ") == 2
    assert (tmp_path / "runs" / "vectors").is_dir(), "one folder for all cells"
    grid.write_text(grid.read_text().replace("captions: 4", "captions: 5"))
    assert nast.cli.run(gridded) == 2
    assert nast.cli.run([*gridded, "--fresh"]) == 0
