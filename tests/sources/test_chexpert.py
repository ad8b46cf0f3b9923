"""CheXpert: one row per study, counted on the real table, and every way to be broken."""

import gzip

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_labels import real_table
from small import chexpert, only_nast_errors, picture

from nast.benchmark.audit import audit_questions
from nast.benchmark.configurations import consistent, eligible
from nast.benchmark.questions import make_questions
from nast.errors import InputError
from nast.sources.chexpert import read_chexpert
from nast.sources.collect import collect

FIRST = "train/patient00001/study1/view1_frontal.jpg"
SECOND = "train/patient00002/study1/view1_frontal.jpg"


def test_a_study_is_its_first_frontal_image(tmp_path):
    folder = "train/patient00001/study1/"
    rows = [
        (folder + "view1_lateral.jpg", "LATERAL", {"Edema": "1.0"}),
        (folder + "view2_frontal.jpg", "AP", {"Edema": "1.0"}),
        (folder + "view3_frontal.jpg", "PA", {"Edema": "1.0"}),
        ("train/patient00001/study2/view1_lateral.jpg", "LATERAL", {"Edema": "-1.0"}),
    ]
    source = read_chexpert(chexpert(tmp_path / "train.csv", rows))
    names = ["subject_id", "study_id", "view", "Edema", "Fracture"]
    assert source.studies.select(names).rows() == [
        ("patient00001", "patient00001_study1", "AP", "present", "not_mentioned"),
        ("patient00001", "patient00001_study2", "LATERAL", "uncertain", "not_mentioned"),
    ]
    assert source.studies["image_path"][0].endswith("study1/view2_frontal.jpg")
    assert source.studies["split"].n_unique() == 1
    assert source.counts == {"images": 4, "studies": 2}
    assert source.policy == "private"


@pytest.mark.parametrize(("part", "split"), [("valid", "validate"), ("test", "test")])
def test_named_splits_are_kept(tmp_path, part, split):
    rows = [(f"{part}/patient{n:05}/study1/view1_frontal.jpg", "AP", {}) for n in range(30)]
    source = read_chexpert(chexpert(tmp_path / "valid.csv", rows))
    assert set(source.studies["split"]) == {split}


def test_train_is_divided_by_patient(tmp_path):
    rows = [(f"train/patient{n:05}/study1/view1_frontal.jpg", "AP", {}) for n in range(300)]
    splits = read_chexpert(chexpert(tmp_path / "train.csv", rows)).studies["split"]
    counts = dict(splits.value_counts().rows())
    assert 210 < counts["train"] < 270
    assert counts["validate"] > 10 and counts["test"] > 10


def test_images_are_looked_for_beside_the_table(tmp_path):
    rows = [(FIRST, "AP", {}), (SECOND, "AP", {})]
    file = chexpert(tmp_path / "CheXpert-v1.0-small" / "train.csv", rows)
    assert read_chexpert(file).root is None
    picture(tmp_path / "CheXpert-v1.0-small" / FIRST)
    report = collect([read_chexpert(file)]).report
    assert report["images"] == 1
    assert list(report["bad_images"].values()) == ["missing"]


def test_one_missing_image_does_not_hide_the_others(tmp_path):
    rows = [(FIRST, "AP", {}), (SECOND, "AP", {})]
    file = chexpert(tmp_path / "CheXpert-v1.0-small" / "train.csv", rows)
    picture(tmp_path / "CheXpert-v1.0-small" / SECOND)
    report = collect([read_chexpert(file)]).report
    assert report["images"] == 1
    assert list(report["bad_images"].values()) == ["missing"]


def test_images_of_a_study_must_agree(tmp_path):
    second = FIRST.replace("view1", "view2")
    file = chexpert(tmp_path / "t.csv", [(FIRST, "AP", {}), (second, "AP", {"Edema": "1.0"})])
    with pytest.raises(InputError, match="row 2: found labels unlike"):
        read_chexpert(file)


@pytest.mark.parametrize("path", ["patient00001/study1/view1.jpg", "train/p1/study1/v.jpg", ""])
def test_another_path_is_refused(tmp_path, path):
    file = chexpert(tmp_path / "t.csv", [(FIRST, "AP", {}), (path, "AP", {})])
    with pytest.raises(InputError, match="row 2, column 'Path'"):
        read_chexpert(file)


def test_broken_tables_are_refused(tmp_path):
    file = chexpert(tmp_path / "t.csv", [(FIRST, "AP", {"Edema": "3"})])
    with pytest.raises(InputError, match=r"t\.csv, row 1, column 'Edema': found '3'"):
        read_chexpert(file)
    file = chexpert(tmp_path / "t.csv", [])
    with pytest.raises(InputError, match="no rows"):
        read_chexpert(file)
    file.write_text(file.read_text().replace("AP/PA", "View"))
    with pytest.raises(InputError, match="column 'AP/PA'"):
        read_chexpert(file)
    file.write_bytes(gzip.compress(b"Path\n")[:-3])
    with pytest.raises(InputError, match="broken gzip"):
        read_chexpert(file)


@settings(max_examples=40, deadline=None)
@given(
    place=st.integers(0, 10**6), junk=st.binary(max_size=6) | st.text(max_size=6).map(str.encode)
)
def test_damage_raises_only_our_errors(tmp_path_factory, place, junk):
    file = chexpert(tmp_path_factory.mktemp("x") / "t.csv", [(FIRST, "AP", {}), (SECOND, "PA", {})])
    data = file.read_bytes()
    file.write_bytes(data[: place % len(data)] + junk + data[place % len(data) :])
    only_nast_errors(lambda: read_chexpert(file))


@pytest.fixture(scope="module")
def real():
    return read_chexpert(real_table("chexpert_train.csv.gz"))


def test_real_sizes(real):
    assert real.counts == {"images": 223_414, "studies": 187_641}
    assert real.studies["subject_id"].n_unique() == 64_540
    assert (real.studies["view"] == "LATERAL").sum() == 16


@pytest.mark.parametrize(
    ("condition", "counts"),
    [
        ("No Finding", (16_627, 0, 0, 171_014)),
        ("Enlarged Cardiomediastinum", (9_020, 15_032, 10_148, 153_441)),
        ("Cardiomegaly", (23_002, 7_712, 6_597, 150_330)),
        ("Lung Opacity", (92_669, 4_949, 4_341, 85_682)),
        ("Consolidation", (12_730, 19_203, 23_976, 131_732)),
        ("Atelectasis", (29_333, 1_007, 29_377, 127_924)),
        ("Pneumothorax", (17_313, 47_006, 2_663, 120_659)),
        ("Pleural Effusion", (75_696, 24_832, 9_419, 77_694)),
        ("Support Devices", (105_831, 5_257, 898, 75_655)),
    ],
)
def test_real_counts(real, condition, counts):
    labels = ("present", "absent", "uncertain", "not_mentioned")
    assert tuple((real.studies[condition] == label).sum() for label in labels) == counts


def test_real_labels_become_questions_that_words_cannot_answer(real):
    passed = eligible(real.studies)
    assert len(passed) == 3_908
    assert passed["subject_id"].n_unique() == 3_570
    assert len(consistent(passed)) == 3_908 - 246
    questions, counts = make_questions(real.studies, limit=250)
    assert counts["eligible studies"] == 3_908
    assert len(questions) > 1_000
    assert questions.group_by("split").agg(pl.col("subject_id").n_unique()).height == 3
    for rows in audit_questions(questions).values():
        assert all(abs(row["accuracy"] - 0.25) < 1e-9 and not row["leaks"] for row in rows)
