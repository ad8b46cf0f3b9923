"""806 real NIH radiographs through the whole scoring path; a phantom model is at chance."""

import polars as pl
import pytest
from made_up import one

from nast.cli import run


@pytest.fixture(scope="module")
def metrics(real_nih, tmp_path_factory):
    """Prompt pairs on the adjudicated labels and left/right claims on the boxes."""
    work = tmp_path_factory.mktemp("nih")
    facts, sides, out = (str(work / n) for n in ("facts", "sides", "scores"))
    assert run(["facts", f"nih-cxr:{real_nih}", "-o", facts]) == 0
    assert run(["contextual", "build", facts, "-o", sides, "--construction", "sides"]) == 0
    assert run(["evaluate", "phantom", facts, sides, "-o", out, "--split", "all"]) == 0
    return pl.read_parquet(work / "scores" / "metrics.parquet").filter(model="phantom")


def test_prompt_pairs_are_at_chance_and_say_so(metrics):
    pairs = metrics.filter(task="prompts", reading="prompt pairs", statistic="POS")
    assert set(pairs["condition"]) == {"Fracture", "Lung Lesion", "Lung Opacity", "Pneumothorax"}
    areas = metrics.filter(pl.col("statistic").is_in(["POS", "NEG", "PNC"]), reading="prompt pairs")
    assert len(areas) == 4 * 3
    for row in areas.to_dicts():
        assert row["low"] < 0.5 < row["high"], row


def test_sides_are_at_chance_and_say_so(metrics):
    claims = one(metrics, task="choice", set="claims", statistic="accuracy", form="affirmative")
    assert claims["chance"] == 0.5 and claims["low"] < 0.5 < claims["high"]
    assert claims["n"] == 32
