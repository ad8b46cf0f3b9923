"""Audits, examples and traces in a report: those of what was scored, each under its own name."""

import re
import shutil

import numpy as np
import polars as pl
import pytest
from built import contextual_set, question_set, resealed

from nast.files import read_json, write_json, write_table
from nast.folders import identity, stage
from nast.records import SCORES_SCHEMA
from nast.reporting.report import build_report
from nast.reporting.scored import claims_per_set, labels_of

LAYERS, HEADS = 6, 2


@pytest.fixture
def evaluated(scores, metrics, tmp_path):
    """Makes a folder as `nast evaluate` leaves it, of some folders of items."""

    def make_folder(name="scores", phantom=False, **data):
        def make(out):
            write_table(out / "scores.parquet", scores, SCORES_SCHEMA)
            write_json(out / "metrics.json", metrics)
            write_json(out / "no_harm.json", [])
            kinds = {kind: identity(folder) for kind, folder in data.items()}
            return {
                "counts": {},
                "data": {"d": {"claims": "1", "questions": "1", **kinds}},
                "phantom": phantom,
            }

        models = dict.fromkeys(metrics, "key")
        config = {"stage": "evaluate", "models": models, "margin": 0.01, "name": name}
        stage(tmp_path / name, config, [], make)
        return tmp_path / name

    return make_folder


def trace(folder, peak):
    """A folder as `nast trace` leaves it, whose profile is highest at one block."""
    score = [1.0 if block == peak else 0.1 for block in range(1, LAYERS + 1)]

    def make(out):
        sites = [
            {
                "site": site,
                "role": "cue",
                "layer": layer,
                "subset": "s",
                "condition": "Edema",
                "cte_mean": 1.0 / (1 + abs(layer - peak)),
            }
            for site in ("residual", "attention", "mlp")
            for layer in range(LAYERS + 1)
        ]
        pl.DataFrame(sites).write_parquet(out / "trace.parquet")
        rows = [
            {
                "aggregation": a,
                "condition": "all",
                "subset": "both",
                "layer": block,
                "score": s,
                "low": s - 0.05,
                "high": s + 0.05,
            }
            for a in ("cue", "attention")
            for block, s in enumerate(score, 1)
        ]
        pl.DataFrame(rows).write_parquet(out / "layer_scores.parquet")
        grid = np.ndindex(LAYERS, HEADS)
        heads = [{"layer": i + 1, "head": h, "selectivity": score[i]} for i, h in grid]
        pl.DataFrame(heads).write_parquet(out / "attention.parquet")
        write_json(out / "layer_weights.json", {"score": score, "aggregation": "cue"})
        return {"counts": {}}

    stage(folder, {"stage": "trace", "model": f"model {peak}"}, [], make)
    return folder


def page_of(folders, out):
    build_report(folders, out)
    return (out / "report.html").read_text()


def test_the_audit_of_other_items_is_left_out_and_named(facts, evaluated, tmp_path):
    scored = question_set(facts)
    other = tmp_path / "other"
    shutil.copytree(scored, other)
    audit = read_json(scored / "audit.json")
    for rows in audit.values():
        for row in rows:
            row |= {"accuracy": 0.987}
    write_json(other / "audit.json", audit)
    questions = pl.read_parquet(other / "questions.parquet")
    questions.head(4).write_parquet(other / "questions.parquet")
    resealed(other)
    place = evaluated(questions=scored)
    page = page_of([place, other, scored, contextual_set(facts)], tmp_path / "a")
    assert "0.987" not in page
    assert re.search(r"the audit of\s+other, contextual", page)
    assert page.count("<td>questions, ") == 3
    assert "<td>claim sets" not in page
    # An item is shown from what was scored too.
    assert "An item:" in page
    page = page_of([place, other], tmp_path / "b")
    assert "An item:" not in page and "Best blind baseline" not in page


def test_the_audit_is_found_by_content_and_not_by_name(facts, evaluated, tmp_path):
    scored = question_set(facts)
    place = evaluated(questions=scored)
    moved = tmp_path / "moved" / "else"
    shutil.copytree(scored, moved)
    page = page_of([place, moved], tmp_path / "out")
    assert page.count("<td>questions, ") == 3 and "Left out" not in page


def test_every_trace_has_its_figures_under_its_name(evaluated, tmp_path):
    traces = [trace(tmp_path / "a" / "trace", 1), trace(tmp_path / "b" / "trace", 5)]
    out = tmp_path / "out"
    # The same folder twice is one folder.
    page = page_of([evaluated(), *traces, traces[0]], out)
    for name in ("a/trace", "b/trace"):
        assert f"<b>Figure 5 ({name}).</b>" in page
        assert f"<td>{name}: blocks 1-2 of 6 hold" in page
    assert page.count("<b>Causal tracing effect (") == 2
    tables = [(out / "figures" / f"trace-{n}" / "profiles.csv").read_text() for n in (1, 2)]
    assert tables[0] != tables[1]
    page = page_of([evaluated(), traces[1]], tmp_path / "one")
    assert "<b>Figure 5.</b>" in page and "<td>blocks 1-2 of 6 hold" in page
    assert (tmp_path / "one" / "figures" / "profiles.csv").read_text() == tables[1]


def test_only_scored_patients_make_a_report_synthetic(evaluated, facts, tmp_path):
    drawn = "Every patient, image and finding below is drawn"
    assert drawn not in page_of([evaluated(), contextual_set(facts)], tmp_path / "a")
    assert drawn in page_of([evaluated("other", phantom=True)], tmp_path / "b")


def test_the_claims_of_a_set_are_counted(scores, evaluated, tmp_path):
    assert claims_per_set(scores) == "5"
    wide = scores.filter(task="claims").with_columns(option=pl.col("option") * 2)
    assert claims_per_set(pl.concat([scores, wide.with_columns(data=pl.lit("w"))])) == "5 to 9"
    assert claims_per_set(scores.filter(task="questions")) == ""
    assert "<dd>5 claims, one of them true" in page_of([evaluated()], tmp_path / "out")


def test_labels_are_as_long_as_they_must_be(tmp_path):
    names = ("x/scores", "y/scores", "z")
    found = labels_of([tmp_path / name for name in names])
    assert list(found.values()) == ["x/scores", "y/scores", f"{tmp_path.name}/z"]
    assert list(labels_of([tmp_path / "x", tmp_path / "y"]).values()) == ["x", "y"]
    assert labels_of([]) == {}
