"""The closed reading of silence: by request, where it is sure of its vocabulary, under its name."""

import polars as pl
import pytest
from small import chexpert, nih

from nast.benchmark.build import build_benchmark
from nast.cli import run
from nast.contextual.build import build_contextual
from nast.errors import UsageError
from nast.evaluation import evaluate
from nast.facts.conditions import CONDITIONS
from nast.files import manifest_of, read_table
from nast.models.registry import load_model
from nast.records import METRICS_SCHEMA
from nast.reporting.report import build_report
from nast.sources.collect import build_facts, read_facts
from nast.sources.silence import SOURCE

A, B, C, D = (f"0000000{n}_000.png" for n in range(1, 5))
FIRST, SECOND = (f"train/patient0000{n}/study1/view1_frontal.jpg" for n in (1, 2))


@pytest.fixture
def table(tmp_path):
    """Four films: an edema, a nodule that was adjudicated absent elsewhere, and one of nothing."""
    rows = [
        (A, "Edema", 1),
        (B, "Nodule|Effusion", 2),
        (C, "No Finding", 3),
        (D, "Infiltration", 4),
    ]
    google = [(C, "NO", "NO", "NO", "NO")]
    return nih(tmp_path / "nih", rows, google=google)


def labels_of(folder):
    studies = read_facts(folder).studies
    return {row["study_id"]: row for row in studies.iter_rows(named=True)}


def test_what_is_named_elsewhere_and_not_here_is_absent(table, tmp_path):
    made = build_facts([f"nih-cxr:{table}"], tmp_path / "closed", world="closed")
    found = labels_of(tmp_path / "closed")
    first = found[A.removesuffix(".png")]
    assert (first["Edema"], first["Pleural Effusion"]) == ("present", "absent")
    assert first["Lung Lesion"] == "absent"
    # An edema is an opacity: that the label does not stand there is no denial of it.
    assert first["Lung Opacity"] == "not_mentioned"
    # Fractures are judged in Google's part alone, and the table names no pneumonia: of those its
    # silence says nothing.
    assert {row["Fracture"] for row in found.values()} == {"not_mentioned", "absent"}
    assert first["Fracture"] == "not_mentioned"
    assert {row["Pneumonia"] for row in found.values()} == {"not_mentioned"}
    facts = read_facts(tmp_path / "closed").facts
    silent = facts.filter(source=SOURCE)
    assert set(silent["existence"]) == {"absent"}
    assert made["counts"]["absences read from silence"] == len(silent)
    # An adjudicated denial stays what it is.
    kept = facts.filter(study_id=C.removesuffix(".png"), condition="Pneumothorax")
    assert kept["source"].to_list() == ["nih-adjudicated"]
    assert made["world"] == "closed" and read_facts(tmp_path / "closed").world == "closed"


def test_silence_is_no_denial_unless_it_is_asked_for(table, tmp_path):
    made = build_facts([f"nih-cxr:{table}"], tmp_path / "facts")
    assert labels_of(tmp_path / "facts")[A.removesuffix(".png")]["Lung Lesion"] == "not_mentioned"
    assert "world" not in made and read_facts(tmp_path / "facts").world == "described"
    with pytest.raises(UsageError, match="another configuration"):
        build_facts([f"nih-cxr:{table}"], tmp_path / "facts", world="closed")


def test_what_the_labels_doubt_stays_open(tmp_path):
    rows = [(FIRST, "AP", {"Edema": "-1.0", "Pneumonia": "1.0"}), (SECOND, "AP", {"Edema": "1.0"})]
    table = chexpert(tmp_path / "train.csv", rows)
    build_facts([f"chexpert:{table}"], tmp_path / "closed", world="closed")
    first, second = read_facts(tmp_path / "closed").studies.sort("study_id").iter_rows(named=True)
    assert first["Edema"] == "uncertain" and second["Pneumonia"] == "absent"


def test_a_doubted_finding_keeps_open_what_it_would_imply(tmp_path):
    rows = [(FIRST, "AP", {"Edema": "-1.0"}), (SECOND, "AP", {"Lung Opacity": "1.0"})]
    build_facts(
        [f"chexpert:{chexpert(tmp_path / 'train.csv', rows)}"], tmp_path / "c", world="closed"
    )
    first, _ = read_facts(tmp_path / "c").studies.sort("study_id").iter_rows(named=True)
    assert (first["Edema"], first["Lung Opacity"]) == ("uncertain", "not_mentioned")


@pytest.mark.parametrize("beside", [True, False])
def test_annotations_are_not_read_so(phantom, tmp_path, beside):
    """What CAD-Chest is uncertain of leaves no fact, so that its silence is no absence."""
    sources = [f"mimic-cxr-jpg:{phantom}", f"cad-chest:{phantom / 'cad_disease.json'}"]
    if beside:
        with pytest.raises(UsageError, match="takes one label table"):
            build_facts(sources, tmp_path / "facts", world="closed")
    else:
        assert build_facts(sources[:1], tmp_path / "facts", world="closed")["world"] == "closed"


def test_of_several_data_sets_it_is_refused(table, tmp_path, capsys):
    other = chexpert(tmp_path / "train.csv", [(FIRST, "AP", {"Pneumonia": "1.0"})])
    said = ["facts", f"nih-cxr:{table}", f"chexpert:{other}", "-o", str(tmp_path / "both")]
    assert run([*said, "--world", "closed"]) == 2
    assert "takes one label table (chexpert, mimic-cxr-jpg, nih-cxr)" in capsys.readouterr().err
    with pytest.raises(UsageError, match="choose described or closed"):
        build_facts([f"nih-cxr:{table}"], tmp_path / "no", world="open")


@pytest.fixture(scope="module")
def closed(phantom, tmp_path_factory):
    """Facts, questions, claims and scores of phantom patients in the closed reading."""
    root = tmp_path_factory.mktemp("closed")
    build_facts([f"mimic-cxr-jpg:{phantom}"], root / "facts", world="closed")
    build_benchmark(root / "facts", root / "questions", limit=8)
    build_contextual(root / "facts", root / "claims", groups=8)
    parts = [root / name for name in ("facts", "questions", "claims")]
    evaluate([load_model("base=phantom")], parts, root / "scores")
    build_report([root / "scores"], root / "report")
    return root


def test_items_and_every_number_have_its_name(closed):
    for name in ("questions", "claims"):
        assert manifest_of(closed / name)["world"] == "closed"
        assert "Silence counts as absence" in (closed / name / "README.md").read_text()
        items = pl.read_parquet(closed / name / "items.parquet")
        assert set(items["world"]) == {"closed"}
    metrics = read_table(closed / "scores" / "metrics.parquet", METRICS_SCHEMA)
    assert set(metrics.filter(pl.col("data").is_not_null())["world"]) == {"closed"}
    assert {"choice", "retrieval", "prompts"} <= set(metrics["task"])


def test_every_table_and_the_page_say_so(closed):
    said = "closed world: silence counts as absence"
    for path in (closed / "report" / "tables").glob("table*.md"):
        assert said in path.read_text().splitlines()[0]
    assert said in (closed / "report" / "tables" / "questions.md").read_text()
    assert "<b>Closed world: silence" in (closed / "report" / "report.html").read_text()


def test_of_other_data_nothing_is_said(facts, tmp_path):
    build_benchmark(facts, tmp_path / "questions", limit=8)
    evaluate([load_model("phantom")], [tmp_path / "questions"], tmp_path / "scores")
    build_report([tmp_path / "scores"], tmp_path / "report")
    assert "closed world" not in (tmp_path / "report" / "report.html").read_text().lower()
    metrics = read_table(tmp_path / "scores" / "metrics.parquet", METRICS_SCHEMA)
    assert "closed" not in set(metrics["world"])


def test_no_label_is_lost(closed, phantom, tmp_path):
    """Silence adds absences and changes nothing that was said."""
    build_facts([f"mimic-cxr-jpg:{phantom}"], tmp_path / "facts")
    before, after = read_facts(tmp_path / "facts").studies, read_facts(closed / "facts").studies
    for name in CONDITIONS.labelled():
        changed = before[name] != after[name]
        assert set(before[name].filter(changed)) <= {"not_mentioned"}
        assert set(after[name].filter(changed)) <= {"absent"}
