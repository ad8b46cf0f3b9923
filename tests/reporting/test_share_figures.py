"""The curves of shares: numbers from manifests, and a picture of them."""

import polars as pl
from matplotlib.axes import Axes

from nast.reporting.share_figures import draw_curves, share_curves
from nast.stages import stage


def run(folder, seed, chosen, curve):
    config = {"stage": "train", "objective": "nast", "layers": "uniform", "seed": seed}
    rows = [
        {"g": g, "repaired": repaired, "loss": loss, "half_width": 0.01, "worst": loss}
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


def test_the_mean_is_of_shares_that_all_seeds_have_looked_at(tmp_path, monkeypatch):
    drawn, own = [], Axes.plot

    def plot(self, x, *rest, **more):
        drawn.append((list(x), rest))
        return own(self, x, *rest, **more)

    monkeypatch.setattr(Axes, "plot", plot)
    curve = [(0.0, 0.4, 0.0), (0.5, 0.6, -0.01), (1.0, 0.7, 0.05)]
    near = [*curve[:1], (0.4, 0.9, 0.0), *curve[1:]]
    runs = [run(tmp_path / str(n), n, 0.5, rows) for n, rows in enumerate((curve, near))]
    draw_curves({"m": runs}, tmp_path / "figures")
    lines = [x for x, rest in drawn if len(rest) == 1]
    assert lines == [[0.0, 0.5, 1.0]] * 2


def test_runs_that_chose_nothing_have_no_picture(tmp_path):
    assert draw_curves({"m": [run(tmp_path / "a", 0, 1.0, [])]}, tmp_path / "figures") is None
    assert not (tmp_path / "figures").exists()
