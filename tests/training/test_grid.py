"""Grids: every combination once, resumed, seeds pooled."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from built import contextual_set
from pytest import approx

from nast.errors import InputError
from nast.files import manifest_of, write_json, write_table
from nast.layers import layer_weights, uniform
from nast.tracing.aggregate import LAYER_SCORES_SCHEMA, PAIR_SCORES_SCHEMA, layer_scores
from nast.training.grid import LAYER_KEYS, read_grid, train_grid
from nast.training.train_config import TrainConfig

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


def test_a_list_of_grids_is_the_cells_of_each(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(
        "- {layers: [uniform, nast], seed: [0, 1], validate_every: 2}\n"
        "- {layers: nast, mode: gradient}\n"
    )
    cells = read_grid(path)
    assert [tuple(c.values()) for c in cells] == [
        ("uniform", 0, 2, "lr"),
        ("uniform", 1, 2, "lr"),
        ("nast", 0, 2, "lr"),
        ("nast", 1, 2, "lr"),
        ("nast", 0, None, "gradient"),
    ]
    assert {tuple(c) for c in cells} == {("layers", "seed", "validate_every", "mode")}


@pytest.mark.parametrize(
    "name, cells",
    [
        ("phantom_grid", 18),
        ("lambda", 12),
        ("rates_minilm", 4),
    ],
)
def test_the_grids_of_the_results_page(name, cells):
    grid = Path(__file__).parents[2] / "benchmarks" / f"{name}.yaml"
    read = read_grid(grid)
    assert len({str(cell) for cell in read}) == len(read) == cells
    for cell in read:
        assert cell.get("layers", "uniform") in {"uniform", "nast", "front-4", "reversed", "random"}
        TrainConfig(**{k: v for k, v in cell.items() if k not in LAYER_KEYS})


@pytest.mark.parametrize(
    "text", ["", "[]", "- []", "- {rate: 3}", "- 1", "rate: 3", "seed: []", "seed: [0", "\x00"]
)
def test_no_grid(text, tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"grid\.yaml"):
        read_grid(path)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("steps: [a]", r"line 1, key 'steps\.0': found 'a', expected a whole number"),
        ("steps: {a: 1}", "found a mapping, expected a whole number"),
        ("steps: true", "found true, expected a whole number"),
        ("rank: 2.5", "found 2.5, expected a whole number"),
        ("lambda: [[0.5]]", "found a list of 1, expected a number"),
        ("layers: [3]", "found 3, expected a word"),
        ("mode: [null]", "found nothing, expected a word"),
        ("beta: x", "found 'x', expected 0 or more"),
        ("beta: -1", "found -1, expected 0 or more"),
        ("steps: 2020-99-99", "found no YAML"),
        ("seed: !!python/object/apply:os.getpid []", "line 1: found a tag"),
    ],
)
def test_a_value_of_another_kind(text, found, tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=found):
        read_grid(path)


def test_numbers_as_yaml_reads_them(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("steps: 1e2\nlearning_rate: 1e-3\nclaim_scale: null")
    (cell,) = read_grid(path)
    assert cell == {"steps": 100, "learning_rate": 1e-3}, "what is blank is not said"
    assert isinstance(cell["steps"], int)


@pytest.mark.parametrize(
    "line",
    [
        "lambda: 3",
        "seed: -1",
        "objective: siglip",
        "mode: adam",
        "lora: vision",
        "validate_every: 0",
        "steps: 3\nvalidate_every: 4",
    ],
)
def test_impossible_settings_are_named_before_training(line, tmp_path, facts):
    path = tmp_path / "grid.yaml"
    path.write_text(line)
    with pytest.raises(InputError, match=line.split(":")[0]):
        train_grid("phantom", facts, contextual_set(facts), path, tmp_path / "out")


def test_two_files_of_one_name_are_refused_before_training(tmp_path, facts, tiny_clip):
    for name in "ab":
        write_json(tmp_path / name / "w.json", asdict(uniform(4)))
    path = tmp_path / "grid.yaml"
    path.write_text(f"layers: [{tmp_path}/a/w.json, {tmp_path}/b/w.json]\n")
    with pytest.raises(InputError, match="tell apart"):
        train_grid(f"hf:{tiny_clip}", facts, contextual_set(facts), path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_layers_and_sharpness_come_from_one_trace(tiny_clip, facts, tmp_path, monkeypatch):
    """Every profile of a trace at every beta, without any training."""
    path, trace, seen = tmp_path / "grid.yaml", tmp_path / "trace", {}
    path.write_text("layers: [uniform, cue, gradnorm]\nbeta: [0, 2]\nrank: [2, 4]\n")
    scores = {"cue": [0.9, 0.6, 0.3, 0.0], "gradnorm": [0.1, 0.2, 0.3, 0.4]}
    rows = [
        (name, condition, "negation in caption", block, score, None, None)
        for name, profile in scores.items()
        for condition in "abcdef"
        for block, score in enumerate(profile, 1)
    ]
    pairs = pl.DataFrame(rows, schema=PAIR_SCORES_SCHEMA, orient="row")
    write_table(trace / "layer_scores.parquet", layer_scores(pairs), LAYER_SCORES_SCHEMA)
    known = {"score": scores["cue"], "alpha": [1] * 4, "scale": [1] * 4, "floor": 0.1}
    (trace / "layer_weights.json").write_text(json.dumps(known))

    def build(*given, **_):
        seen[given[4].name] = (given[5].scale, given[6].rank)
        return {"validation": [{"step": 1, "validation negated claims": 0.5}]}

    monkeypatch.setattr("nast.training.grid.build_run", build)
    train_grid(f"hf:{tiny_clip}", facts, tmp_path / "claims", path, tmp_path / "out", trace=trace)
    assert len(seen) == 10, "uniform steps have no sharpness"
    for name, profile in scores.items():
        for rank in (2, 4):
            assert seen[f"layers={name},beta=0,rank={rank}"] == (approx([1] * 4), rank)
            sharp = layer_weights(profile, beta=2, floor=0.1).scale
            assert seen[f"layers={name},beta=2,rank={rank}"] == (approx(sharp), rank)


def test_cells_are_trained_once_and_seeds_pooled(tiny_clip, facts, validated_set, tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    steps = []
    out = tmp_path / "out"
    for _ in range(2):
        table = train_grid(
            f"hf:{tiny_clip}",
            facts,
            validated_set,
            path,
            out,
            vectors=tmp_path / "vectors",
            report=lambda step, _: steps.append(step),
        )
        assert len(steps) == 8, "the second time trains nothing"
    assert {p.name for p in out.iterdir() if p.is_dir()} == {
        f"objective={o},seed={s}" for o in ("nast", "clip") for s in (0, 1)
    }
    assert sorted(table["objective"]) == ["clip", "nast"] and table["seeds"].to_list() == [2, 2]
    assert table["validation"].is_sorted(descending=True)
    for row in table.iter_rows(named=True):
        made = [manifest_of(out / f"objective={row['objective']},seed={s}") for s in (0, 1)]
        chosen = [next(r for r in m["curve"] if r["g"] == m["g"]) for m in made]
        assert row["validation"] == approx(np.mean([r["repaired"] for r in chosen]))
        assert row["loss"] == approx(np.mean([r["loss"] for r in chosen]))
        assert row["g"] == approx(np.mean([m["g"] for m in made]))
    assert pl.read_csv(out / "grid.csv").shape == table.shape
