"""Run folders are seeds of a setting by what their manifests say, whatever they are called."""

import pytest

from nast.errors import InputError
from nast.files import write_json
from nast.folders import identity
from nast.reporting.runs import by_setting, depth, even_steps, traced_order, update_shares
from nast.stages import stage


def run(folder, seed, layers="uniform", **config):
    asked = {"stage": "train", "objective": "nast", "layers": layers, "mode": "lr", "steps": 9}
    shares = {name: [0.5, 0.5] for name in ("parameters", "product", "gradient")}

    def make(out):
        write_json(out / "updates.json", shares)
        return {"counts": {}}

    stage(folder, {**asked, "seed": seed, **config}, [], make)
    return folder


def test_seeds_of_a_setting(tmp_path):
    runs = [
        run(tmp_path / "x", 0),
        run(tmp_path / "LoRA uniform#7", 1),
        run(tmp_path / "uniform", 0, "nast/cue"),
        run(tmp_path / "z", 1, objective="negclip"),
    ]
    assert by_setting(runs, {}) == {
        "LoRA uniform": runs[:2],
        "NAST (lr)": [runs[2]],
        "NegCLIP (retrained)": [runs[3]],
    }


def test_a_run_has_the_name_that_it_was_scored_under(tmp_path):
    runs = [run(tmp_path / "x", 0), run(tmp_path / "y", 0, "nast/cue")]
    assert by_setting(runs, {identity(runs[1]): "ours"}) == {
        "LoRA uniform": [runs[0]],
        "ours": [runs[1]],
    }


def test_two_settings_of_one_name_are_told_apart(tmp_path):
    runs = [run(tmp_path / "x", 0), run(tmp_path / "y", 0, steps=50), run(tmp_path / "z", 1)]
    assert by_setting(runs, {}) == {
        "LoRA uniform, steps 9": [runs[0], runs[2]],
        "LoRA uniform, steps 50": [runs[1]],
    }


def test_what_others_are_held_against(tmp_path):
    """Even steps are known by the manifest; a rival's objective is no such setting."""
    runs = {
        "ours": [run(tmp_path / "x", 0)],
        "not uniform": [run(tmp_path / "y", 0, "nast/cue")],
        "rival": [run(tmp_path / "z", 0, objective="negclip")],
    }
    assert even_steps(runs) == {"ours"}


def test_shares_that_are_none_are_refused(tmp_path):
    place = run(tmp_path / "x", 0)
    assert depth(place) == 2
    assert update_shares(place, ["parameters"]) == {"parameters": [0.5, 0.5]}
    with pytest.raises(InputError, match="expected a share per block and measure"):
        update_shares(place, ["parameters", "else"])
    for wrong in ([1], {"parameters": ["a"]}, {"parameters": 1}):
        write_json(tmp_path / "y" / "updates.json", wrong)
        with pytest.raises(InputError, match="something else"):
            update_shares(tmp_path / "y", ["parameters"])


def traced(folder, scores):
    def make(out):
        write_json(out / "layer_weights.json", {"score": scores, "aggregation": "cue"})
        return {"counts": {}}

    stage(folder, {"stage": "trace"}, [], make)
    return folder


def test_the_trace_in_force_is_the_runs_own_or_the_only_one(tmp_path):
    first = traced(tmp_path / "a", [0.1, 0.5, 0.3])
    runs = [run(tmp_path / "x", 0)]
    assert traced_order([], runs) is None
    assert traced_order([first], runs) == [1, 2, 0]
    second = tmp_path / "b"

    def make(out):
        write_json(out / "layer_weights.json", {"score": [0.9, 0.1, 0.1], "aggregation": "cue"})
        return {"counts": {}}

    stage(second, {"stage": "trace", "seed": 1}, [], make)
    assert traced_order([first, second], runs) is None
    following = tmp_path / "y"
    asked = {"stage": "train", "objective": "nast", "layers": "nast/cue", "seed": 0}
    stage(following, asked, [second], lambda out: {"counts": {}})
    assert traced_order([first, second], [*runs, following]) == [0, 1, 2]
