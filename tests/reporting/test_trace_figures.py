"""Figures of a trace, and the numbers behind them."""

import polars as pl
import pytest
from pytest import approx

from nast.files import manifest_of
from nast.layers import AGGREGATIONS
from nast.models.registry import load_model
from nast.reporting.trace_figures import CAPTIONS, draw_trace, trace_counts
from nast.tracing.build import build_trace
from nast.tracing.trace_config import TraceConfig


@pytest.fixture(scope="module")
def drawn(facts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    config = TraceConfig(aggregation="scope")
    build_trace(load_model("phantom"), facts, folder / "trace", config)
    return folder, draw_trace(folder / "trace", folder / "figures")


def test_every_figure_has_its_numbers(drawn):
    folder, paths = drawn
    assert list(paths) == list(CAPTIONS)
    wanted = {f"{n}.{kind}" for n in CAPTIONS for kind in ("svg", "png", "pdf", "csv")}
    assert {p.name for p in (folder / "figures").iterdir()} == wanted
    assert all(p.read_text().count("<svg") == 1 for p in paths.values())


def test_numbers_are_those_of_the_trace(drawn):
    folder, _ = drawn
    cells = pl.read_csv(folder / "figures" / "cte_map.csv")
    trace = pl.read_parquet(folder / "trace" / "trace.parquet")
    cell = {"site": "mlp", "role": "end", "layer": 1}
    per_subset = [
        trace.filter(**cell, subset=s)
        .group_by("condition")
        .agg(pl.col("cte_mean").mean())["cte_mean"]
        .mean()
        for s in trace["subset"].unique()
    ]
    assert cells.filter(**cell)["cte_mean"].item() == approx(sum(per_subset) / 2)
    assert set(pl.read_csv(folder / "figures" / "profiles.csv")["aggregation"]) == set(AGGREGATIONS)
    heads = pl.read_csv(folder / "figures" / "figure5.csv")
    means = heads.group_by("layer").agg(pl.col("selectivity").mean(), pl.col("layer_mean").first())
    assert means["selectivity"].to_list() == approx(means["layer_mean"].to_list())


def test_samples_are_counted_apart_and_merged(tmp_path):
    """Positions and layers repeat a pair's samples; pairs and subsets add theirs."""
    rows = [
        ("p1", "Edema", "negation in caption", 1, 8, 10),
        ("p1", "Edema", "negation in caption", 2, 8, 10),
        ("p2", "Fracture", "negation in caption", 1, 3, 4),
        ("p3", "Edema", "negation in foil", 1, 5, 5),
    ]
    columns = ("pair_id", "condition", "subset", "layer", "n", "n_all")
    pl.DataFrame(rows, columns, orient="row").write_parquet(tmp_path / "trace.parquet")
    assert trace_counts(tmp_path).rows == [
        ("negation in caption", "2", "2", "14", "11"),
        ("negation in foil", "1", "1", "5", "5"),
        ("both", "2", "3", "19", "16"),
    ]


def test_the_counts_are_those_of_the_manifest(drawn):
    folder, _ = drawn
    summary = manifest_of(folder / "trace")["trace"]
    merged = trace_counts(folder / "trace").rows[-1]
    assert merged[0] == "both" and int(merged[1]) == len(summary["conditions"])
    counted = [int(number.replace(",", "")) for number in merged[2:]]
    assert counted == [summary["pairs"], summary["samples"], summary["samples above tau"]]
