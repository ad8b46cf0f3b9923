"""The explorer of a trace: its numbers are those of the trace, and its steps those of training."""

import json
import warnings

import numpy as np
import polars as pl
import pytest
from browsing import browser
from pytest import approx

from nast.benchmark.build import build_benchmark
from nast.evaluation import evaluate
from nast.files import read_json, read_table
from nast.layers import layer_weights
from nast.models.registry import load_model
from nast.reporting.explorer import cte_by_condition, explored_traces
from nast.reporting.report import build_report
from nast.tracing.build import build_trace
from nast.tracing.cte import TRACE_SCHEMA
from nast.tracing.plots import cte_cells
from nast.tracing.trace_config import TraceConfig


@pytest.fixture(scope="module")
def traced(facts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer") / "trace"
    build_trace(load_model("phantom"), facts, folder, TraceConfig(aggregation="scope"))
    return folder


def rows(values):
    """Rows of one site, role and layer: (pair, condition, subset, value, samples)."""
    columns = ("pair_id", "condition", "subset", "cte_mean", "n")
    made = [
        dict(zip(columns, row, strict=True)) | {"site": "residual", "layer": 1, "role": "cue"}
        for row in values
    ]
    return pl.DataFrame(made, schema_overrides={"cte_mean": pl.Float64})


def test_a_cell_by_hand():
    """Means over pairs, then conditions, then subsets; the samples of the pairs are added."""
    found = cte_by_condition(
        rows(
            [
                ("1", "Edema", "one", 0.2, 3),
                ("2", "Edema", "one", 0.4, 5),
                ("3", "Fracture", "one", 0.9, 2),
                ("4", "Edema", "two", 0.1, 7),
                ("5", "Fracture", "two", None, 0),
            ]
        )
    )
    # one: (0.3 + 0.9) / 2 = 0.6; two: 0.1; together 0.35.
    ((layer, value, low, high, n),) = found["all"]["residual"]["cue"]
    assert (layer, value, n) == (1, 0.35, 17)
    # Draws of two conditions: both of one of them, or one of each.
    assert low == approx(0.2) and high == approx(0.9)
    assert found["Edema"]["residual"]["cue"] == [[1, 0.2, None, None, 15]]
    assert found["Fracture"]["residual"]["cue"] == [[1, 0.9, None, None, 2]]


def test_the_map_of_all_conditions_is_the_figure(traced):
    (made,) = explored_traces([traced], {})
    cells = cte_cells(read_table(traced / "trace.parquet", TRACE_SCHEMA))
    known = {tuple(row[:3]): row[3] for row in cells.rows()}
    shown = {
        (site, role, cell[0]): cell
        for site, by_role in made["cells"]["all"].items()
        for role, found in by_role.items()
        for cell in found
    }
    assert shown.keys() == known.keys() and len(known) > 50
    for key, (_, value, low, high, n) in shown.items():
        # Three digits are shown.
        assert value == approx(known[key], abs=6e-4)
        assert low - 1e-9 <= value <= high + 1e-9 and n > 0
    assert set(made["roles"]) == set(cells["role"])
    assert made["own"] == approx([1 / len(made["own"])] * len(made["own"]), abs=1e-4)
    assert not made["measured"] and made["followed"] == {}


def test_steps_in_the_page_are_those_of_training(facts, traced, tmp_path):
    build_benchmark(facts, tmp_path / "questions", limit=4)
    evaluate([load_model("phantom")], [tmp_path / "questions"], tmp_path / "scores")
    build_report([tmp_path / "scores", traced], tmp_path / "report")
    rule = read_json(traced / "layer_weights.json")
    (made,) = explored_traces([traced], {})
    with browser() as chromium:
        page = chromium.open(tmp_path / "report" / "report.html")
        for profile in made["profiles"]:
            for beta in ("0", "0.5", "1", "2.5"):
                page.select_option("#t-profile", profile)
                page.locator("#t-beta").fill(beta)
                lines = page.locator("#t-steps tbody tr").all_inner_texts()
                shown = np.array([[float(t) for t in line.split("\t")[2:4]] for line in lines])
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    scores = made["profiles"][profile]
                    wanted = layer_weights(scores, beta=float(beta), floor=rule["floor"])
                # Two digits are shown.
                assert shown[:, 0] == approx(np.array(wanted.alpha), abs=0.0051)
                assert shown[:, 1] == approx(np.array(wanted.scale), abs=0.0051)
        page.select_option("#t-condition", "Edema")
        cell = page.locator("#t-map tbody tr", has_text="cue").last.locator("td").first
        cell.focus()
        assert "cue, embedding: 1.000; " in page.inner_text("#t-says")
        assert chromium.faults == []


def test_what_a_trace_says_is_plain_text(traced):
    json.dumps(explored_traces([traced], {}), allow_nan=False)
