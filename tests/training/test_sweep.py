"""Grids: every combination once, resumed, seeds pooled."""

import polars as pl
import pytest
from built import contextual_set
from pytest import approx

from nast.errors import InputError
from nast.training.sweep import read_grid, sweep

GRID = """
objective: [nast, clip]
seed: [0, 1]
lambda: 0.4
steps: 2
captions: 8
claims: 2
validate_every: 1
"""


def test_every_combination(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("lambda: [0.1, 0.9]\nlayers: [uniform, front-2]\nrank: 4\n")
    cells = read_grid(path)
    assert len(cells) == 4 and cells[0] == {"lambda_": 0.1, "layers": "uniform", "rank": 4}


@pytest.mark.parametrize("text", ["", "- 1", "rate: 3", "seed: []", "seed: [0", "\x00"])
def test_no_grid(text, tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"grid\.yaml"):
        read_grid(path)


@pytest.mark.parametrize("line", ["lambda: 3", "objective: siglip", "mode: adam"])
def test_impossible_settings_are_named_before_training(line, tmp_path, facts):
    path = tmp_path / "grid.yaml"
    path.write_text(line)
    with pytest.raises(InputError, match=line.split(":")[0]):
        sweep("phantom", facts, contextual_set(facts), path, tmp_path / "out")


def test_cells_are_trained_once_and_seeds_pooled(tiny_clip, facts, validated_set, tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    steps = []
    out = tmp_path / "out"
    for _ in range(2):
        table = sweep(f"hf:{tiny_clip}", facts, validated_set, path, out, store=tmp_path / "store",
                      report=lambda step, _: steps.append(step))  # fmt: skip
        assert len(steps) == 8, "the second sweep trains nothing"
    assert {p.name for p in out.iterdir() if p.is_dir()} == {
        f"objective={o},seed={s}" for o in ("nast", "clip") for s in (0, 1)
    }
    assert sorted(table["objective"]) == ["clip", "nast"] and table["seeds"].to_list() == [2, 2]
    assert table["validation"].is_sorted(descending=True)
    forms = ["validation negated claims", "validation affirmative claims"]
    assert table["validation"].to_list() == approx(table.select(pl.mean_horizontal(forms))
                                                   .to_series().to_list())  # fmt: skip
    assert pl.read_csv(out / "sweep.csv").shape == table.shape
