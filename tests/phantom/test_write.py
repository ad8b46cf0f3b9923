"""The phantom tree: equal bytes, the formats of the real files, labels that keep to the truth."""

import gzip
import json

import polars as pl
import pytest
from PIL import Image

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, NO_FINDING
from nast.phantom.write import CAD_NAMES, build_phantom, write_phantom
from nast.sources.cad_chest import DISEASES, read_cad_chest
from nast.sources.mimic_cxr_jpg import read_mimic_cxr_jpg

CONTRADICTION = {"present": "absent", "absent": "present"}


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_equal_seeds_give_equal_bytes_on_any_number_of_workers(tmp_path):
    for name, seed, workers in (("a", 1, 1), ("b", 1, 2), ("c", 2, 2)):
        write_phantom(tmp_path / name, 4, seed, workers)
    first, second, other = (contents(tmp_path / name) for name in "abc")
    assert first == second
    assert sum(p.suffix == ".jpg" for p in first) >= 4
    assert not {p for p in first if p.suffix == ".jpg"} & set(other)


@pytest.fixture(scope="module")
def truth(phantom):
    table = pl.read_parquet(phantom / "truth.parquet")
    return {(s, c): e for s, c, e in table.select("study_id", "condition", "existence").rows()}


def test_the_tree_is_in_mimics_format(phantom):
    source = read_mimic_cxr_jpg(phantom)
    assert source.phantom and source.access == "open"
    assert source.studies["subject_id"].str.contains(r"^9\d{7}$").all()
    assert source.studies["subject_id"].n_unique() == 60
    for path in source.studies["image_path"]:
        assert (phantom / path).is_file()
    with Image.open(phantom / source.studies["image_path"][0]) as image:
        assert (image.size, image.mode, image.format) == ((224, 224), "L", "JPEG")
    names = (phantom / "IMAGE_FILENAMES").read_text().split()
    assert sorted(names) == sorted(str(p.relative_to(phantom)) for p in phantom.rglob("*.jpg"))
    assert len(names) > len(source.studies)


def test_splits_are_by_patient(phantom):
    data = gzip.decompress((phantom / "mimic-cxr-2.0.0-split.csv.gz").read_bytes())
    rows = pl.read_csv(data)
    splits = rows.group_by("subject_id").agg(pl.col("split").n_unique())
    assert len(splits) == 60
    assert splits["split"].max() == 1
    assert set(rows["split"]) == {"train", "validate", "test"}


def test_labels_keep_to_the_truth(phantom, truth):
    studies = read_mimic_cxr_jpg(phantom).studies
    seen = set()
    for row in studies.iter_rows(named=True):
        for name in CONDITIONS.labelled():
            assert row[name] != CONTRADICTION[truth[row["study_id"], name]]
            seen.add(row[name])
        if row[NO_FINDING] == "present":
            assert not any(
                truth[row["study_id"], c] == "present"
                for c in set(CONDITIONS.labelled()) - {"Support Devices"}
            )
    assert seen == {"present", "absent", "uncertain", "not_mentioned"}


def test_cad_keeps_to_the_truth(phantom):
    table = pl.read_parquet(phantom / "truth.parquet").rows(named=True)
    truth = {(r["study_id"], r["condition"]): r for r in table}
    facts = read_cad_chest(phantom / "cad_disease.json").facts
    for fact in facts.iter_rows(named=True):
        true = truth[fact["study_id"], fact["condition"]]
        assert fact["existence"] == true["existence"]
        for name in ("zone", "severity"):
            assert fact[name] in (None, true[name])
        assert fact["side"] in (None, true["side"]) or true["side"] == "bilateral"
    assert facts["severity"].n_unique() == 4
    assert facts["side"].n_unique() == 4


def test_implied_parents_are_never_denied(phantom, truth):
    studies = read_mimic_cxr_jpg(phantom).studies
    facts = read_cad_chest(phantom / "cad_disease.json").facts
    denied = set(facts.filter(existence="absent").select("study_id", "condition").rows())
    checked = 0
    for row in studies.iter_rows(named=True):
        for name in CONDITIONS.labelled():
            condition = CONDITIONS[name]
            if truth[row["study_id"], name] != "present":
                continue
            for parent in condition.parents:
                assert row[parent] != "absent"
                assert (row["study_id"], parent) not in denied
                checked += 1
    assert checked > 50


def test_cad_has_the_quirks_of_the_real_file(phantom):
    records = json.loads((phantom / "cad_disease.json").read_text())
    entities = [(name, e) for r in records for name, e in r["entity"].items()]
    assert set(CONDITIONS.labelled()) - set(CAD_NAMES) == {
        "Enlarged Cardiomediastinum",
        "Lung Lesion",
        "Support Devices",
    }
    assert {name for name, _ in entities} <= set(DISEASES)
    assert any(e["probability"] == "no " for _, e in entities)
    assert any(e["probability_score"] == 2 for _, e in entities)
    assert any("location2" in e for _, e in entities)
    assert any("location2" not in e for _, e in entities)
    assert all(
        e["location"] is e["level"] is None for _, e in entities if e["probability_score"] == -3
    )


def test_at_least_one_patient(tmp_path):
    with pytest.raises(UsageError, match="0 patients"):
        build_phantom(tmp_path / "out", 0, 1)
    assert not (tmp_path / "out").exists()
