"""The curves of shares: numbers from manifests, and a picture of them."""

import polars as pl

from nast.reporting.share_figures import draw_curves, share_curves
from nast.stages import stage


def run(folder, seed, chosen, curve):
    config = {"stage": "train", "objective": "nast", "layers": "uniform", "seed": seed}
    rows = [
        {"g": g, "repaired": repaired, "loss": loss, "half_width": 0.01}
        for g, repaired, loss in curve
    ]
    stage(folder, config, [], lambda out: {"counts": {}, "g": chosen, "curve": rows})
    return folder


def test_numbers_and_picture(tmp_path):
    curve = [(0.0, 0.4, 0.0), (0.5, 0.6, -0.01), (1.0, 0.7, 0.05)]
    runs = [run(tmp_path / str(seed), seed, 0.5, curve) for seed in (0, 1)]
    table = share_curves({"LoRA $uniform": runs})
    assert table.filter(pl.col("g") == pl.col("chosen"))["repaired"].to_list() == [0.6, 0.6]
    assert len(table) == 6 and set(table["seed"]) == {0, 1}
    path = draw_curves({"LoRA $uniform": runs}, tmp_path / "figures")
    assert {p.name for p in path.parent.iterdir()} == {
        f"shares.{kind}" for kind in ("svg", "png", "pdf", "csv")
    }
    assert pl.read_csv(path.with_suffix(".csv"))["loss"].to_list() == table["loss"].to_list()


def test_runs_that_chose_nothing_have_no_picture(tmp_path):
    assert draw_curves({"m": [run(tmp_path / "a", 0, 1.0, [])]}, tmp_path / "figures") is None
    assert not (tmp_path / "figures").exists()
