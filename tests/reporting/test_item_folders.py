"""Audits, examples and traces in a report: those of what was scored, each under its own name."""

import re
import shutil

import numpy as np
import polars as pl
import pytest
from built import contextual_set, question_set, resealed
from evaluated import data_folder, evaluated

from nast.files import read_json, write_json
from nast.folders import identity
from nast.reporting.item_folders import short_names
from nast.reporting.report import build_report
from nast.stages import stage

LAYERS, HEADS = 6, 2


@pytest.fixture
def finished(items, scores, records, tmp_path):
    """Makes a folder as `nast evaluate` leaves it, which says that it scored some folders too."""

    def make_folder(name="scores", phantom=False, **data):
        own = data_folder(tmp_path / f"data of {name}", items)
        kinds = {kind: identity(folder) for kind, folder in data.items()}
        known = {"d": {"claims": identity(own), "questions": identity(own), **kinds}}
        said = {"data": known, "phantom": phantom}
        return evaluated(tmp_path / name, [own], records, said, scores=scores)

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
                "pair_id": "p",
                "n": 4,
                "n_all": 5,
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


def test_the_audit_of_other_items_is_left_out_and_named(facts, finished, tmp_path):
    scored = question_set(facts)
    other = tmp_path / "other"
    shutil.copytree(scored, other)
    audit = read_json(scored / "audit.json")
    for rows in audit.values():
        for row in rows:
            row |= {"accuracy": 0.987}
    write_json(other / "audit.json", audit)
    questions = pl.read_parquet(other / "items.parquet")
    questions.head(4).write_parquet(other / "items.parquet")
    resealed(other)
    place = finished(questions=scored)
    page = page_of([place, other, scored, contextual_set(facts)], tmp_path / "a")
    assert "0.987" not in page
    assert re.search(r"the audit of\s+other, contextual", page)
    assert page.count("<td>questions, ") == 3
    assert "<td>claim sets" not in page
    # An item is shown from what was scored too.
    assert "An item:" in page
    page = page_of([place, other], tmp_path / "b")
    assert "An item:" not in page and "Best blind baseline" not in page


def test_the_audit_is_found_by_content_and_not_by_name(facts, finished, tmp_path):
    scored = question_set(facts)
    place = finished(questions=scored)
    moved = tmp_path / "moved" / "else"
    shutil.copytree(scored, moved)
    page = page_of([place, moved], tmp_path / "out")
    assert page.count("<td>questions, ") == 3 and "Left out" not in page


def test_every_trace_has_its_figures_under_its_name(finished, tmp_path):
    traces = [trace(tmp_path / "a" / "trace", 1), trace(tmp_path / "b" / "trace", 5)]
    out = tmp_path / "out"
    # The same folder twice is one folder.
    page = page_of([finished(), *traces, traces[0]], out)
    for name in ("a/trace", "b/trace"):
        assert f"<b>Figure 5 ({name}).</b>" in page
        assert f">{name}: blocks 1-2 of 6 hold" in page
    assert page.count("<b>Causal tracing effect (") == 2
    tables = [(out / "figures" / f"trace-{n}" / "profiles.csv").read_text() for n in (1, 2)]
    assert tables[0] != tables[1]
    page = page_of([finished(), traces[1]], tmp_path / "one")
    assert "<b>Figure 5.</b>" in page and ">blocks 1-2 of 6 hold" in page
    assert (tmp_path / "one" / "figures" / "profiles.csv").read_text() == tables[1]


def test_only_scored_patients_make_a_report_synthetic(finished, facts, tmp_path):
    drawn = "Every patient, image and finding below is drawn"
    assert drawn not in page_of([finished(), contextual_set(facts)], tmp_path / "a")
    assert drawn in page_of([finished("other", phantom=True)], tmp_path / "b")


def test_the_page_says_how_many_claims_a_set_has(finished, tmp_path):
    assert "<dd>Claim sets: 5 claims, one of them true" in page_of([finished()], tmp_path / "out")


def test_labels_are_as_long_as_they_must_be(tmp_path):
    names = ("x/scores", "y/scores", "z")
    found = short_names([tmp_path / name for name in names])
    assert list(found.values()) == ["x/scores", "y/scores", f"{tmp_path.name}/z"]
    assert list(short_names([tmp_path / "x", tmp_path / "y"]).values()) == ["x", "y"]
    assert short_names([]) == {}
