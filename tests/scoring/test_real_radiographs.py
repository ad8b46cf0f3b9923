"""806 real NIH radiographs through the whole scoring path; a phantom model is at chance."""

import json

import pytest

from nast.cli import run


@pytest.fixture(scope="module")
def scores(real_nih, tmp_path_factory):
    """Prompt pairs on the adjudicated labels and left/right claims on the boxes."""
    work = tmp_path_factory.mktemp("nih")
    facts, sides, out = (str(work / n) for n in ("facts", "sides", "scores"))
    assert run(["facts", f"nih-cxr:{real_nih}", "-o", facts]) == 0
    assert run(["contextual", "build", facts, "-o", sides, "--construction", "sides"]) == 0
    assert run(["evaluate", "phantom", facts, sides, "-o", out, "--split", "all"]) == 0
    return json.loads((work / "scores" / "metrics.json").read_text())["phantom"]


def test_prompt_pairs_are_at_chance_and_say_so(scores):
    pairs = {n: f for n, f in scores.items() if n.startswith("prompt pairs")}
    assert {n.split("/")[1] for n in pairs} == {
        "Fracture",
        "Lung Lesion",
        "Lung Opacity",
        "Pneumothorax",
    }
    for name, figure in pairs.items():
        low, high = figure["interval"]
        assert low < 0.5 < high, (name, figure)


def test_sides_are_at_chance_and_say_so(scores):
    claims = scores["claims/accuracy/affirmative"]
    low, high = claims["interval"]
    assert claims["chance"] == 0.5 and low < 0.5 < high
    assert claims["n"] == 32
