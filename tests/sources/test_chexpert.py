"""CheXpert: one row per study, counted on the real table, and every way to be broken."""

import gzip

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_labels import real_table
from small import chexpert, only_nast_errors, picture, write_csv

from nast.benchmark.configurations import consistent, eligible
from nast.benchmark.questions import make_questions
from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.items.audit import audit_table
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
    assert source.access == "private"


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


BATCH = "CheXpert-v1.0 batch "


@pytest.mark.parametrize(
    ("table", "folder"),
    [
        ("CheXpert-v1.0-small/train.csv", "CheXpert-v1.0-small/train"),
        ("train.csv", "CheXpert-v1.0-small/train"),
        ("labels/train.csv", "CheXpert-v1.0-small/train"),
        ("labels/new/train.csv", "CheXpert-v1.0-small/train"),
        ("renamed/train.csv", "renamed/train"),
        ("renamed/train.csv", "renamed"),
        ("renamed/train.csv", "renamed/images/CheXpert/train"),
        ("renamed/train.csv", "CheXpert/train"),
        (f"{BATCH}1 (validate & csv)/train.csv", f"{BATCH}2 (train 1)"),
        (f"{BATCH}1 (validate & csv)/train.csv", f"{BATCH}2 (train 1)/{BATCH}2 (train 1)"),
    ],
)
def test_images_are_found_by_the_tail_of_their_paths(tmp_path, table, folder):
    rows = [(FIRST, "AP", {}), (SECOND, "AP", {})]
    file = chexpert(tmp_path / "data" / table, rows)
    wanted = [tmp_path / "data" / folder / p.removeprefix("train/") for p in (FIRST, SECOND)]
    for path in wanted:
        picture(path)
    tables = collect([read_chexpert(file)])
    assert list(map(str, wanted)) == tables.studies["image_path"].to_list()
    assert (tables.report["images"], tables.report["bad_images"]) == (2, {})


def test_patients_lie_in_three_batches(tmp_path):
    rows = [(f"train/patient{n:05}/study1/view1_frontal.jpg", "AP", {}) for n in range(1, 7)]
    file = chexpert(tmp_path / f"{BATCH}1 (validate & csv)" / "train.csv", rows)
    for n, (path, *_) in enumerate(rows[:5]):
        picture(tmp_path / f"{BATCH}{n % 3 + 2} (train {n % 3 + 1})" / path.removeprefix("train/"))
    report = collect([read_chexpert(file)]).report
    assert report["images"] == 5
    assert list(report["bad_images"].values()) == ["missing"]


def test_images_of_another_split_or_site_are_not_taken(tmp_path):
    file = chexpert(tmp_path / "north" / "train.csv", [(FIRST, "AP", {})])
    tail = FIRST.removeprefix("train/")
    picture(tmp_path / "north" / "valid" / tail)
    picture(tmp_path / "south" / "train" / tail)
    assert read_chexpert(file).root is None


def test_the_copy_that_is_called_as_in_the_table_goes_first(tmp_path):
    file = chexpert(tmp_path / "train.csv", [(FIRST, "AP", {}), (SECOND, "AP", {})])
    for folder, path in (("A", FIRST), ("A", SECOND), ("CheXpert-v1.0-small", FIRST)):
        picture(tmp_path / folder / path)
    source = read_chexpert(file)
    assert source.studies["image_path"].to_list() == [f"CheXpert-v1.0-small/{FIRST}", f"A/{SECOND}"]


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
    for name in ("Edema", "No Finding", "Path"):
        broken = chexpert(tmp_path / "b.csv", [(FIRST, "AP", {})])
        broken.write_text(broken.read_text().replace(name, "Other"))
        with pytest.raises(InputError, match=f"b\\.csv, column '{name}'"):
            read_chexpert(broken)
    file.write_bytes(gzip.compress(b"Path\n")[:-3])
    with pytest.raises(InputError, match="a gzip file that ends early"):
        read_chexpert(file)


def test_the_account_says_what_became_of_the_labels(tmp_path):
    folder = "train/patient00001/study1/"
    labels = {"Edema": "1.0", "Fracture": "0.0", "Pneumonia": "-1.0", "No Finding": "1.0"}
    rows = [
        (folder + "view1_frontal.jpg", "AP", labels),
        (folder + "view2_lateral.jpg", "LATERAL", labels),
        (SECOND, "PA", {"Edema": "0"}),
    ]
    source = read_chexpert(chexpert(tmp_path / "t.csv", rows))
    assert source.annotations == {"present": 4, "kept": 3, "set aside: uncertain": 1}


def labelled_studies(file, column, paths, labels=()):
    """Test labels: one row per study, and no view."""
    names = ["No Finding", *CONDITIONS.labelled()]
    cells = [[path, *(dict(labels).get(n, "0.0") for n in names)] for path in paths]
    return write_csv(file, [column, *names], cells)


@pytest.mark.parametrize("column", ["Path", "Study"])
def test_test_labels_name_studies(tmp_path, column):
    paths = [
        "CheXpert-v1.0/test/patient64741/study1",
        "CheXpert-v1.0/test/patient64742/study2/",
        "CheXpert-v1.0/test/patient64743/study1/view1_frontal.jpg",
        "test/patient64744/study1/view1_lateral.jpg",
    ]
    file = labelled_studies(tmp_path / "test_labels.csv", column, paths, {"Edema": "1.0"})
    source = read_chexpert(file)
    assert source.studies.select("study_id", "split", "image_path", "view", "Edema").rows() == [
        ("patient64741_study1", "test", f"{paths[0]}/view1_frontal.jpg", "", "present"),
        ("patient64742_study2", "test", f"{paths[1]}view1_frontal.jpg", "", "present"),
        ("patient64743_study1", "test", paths[2], "", "present"),
        ("patient64744_study1", "test", paths[3], "LATERAL", "present"),
    ]
    assert source.annotations == {"present": 52, "kept": 52, "set aside: uncertain": 0}
    assert source.counts == {"images": 4, "studies": 4}


def test_images_of_test_labels_are_found(tmp_path):
    paths = [f"CheXpert-v1.0/test/patient6474{n}/study1" for n in range(2)]
    file = labelled_studies(tmp_path / "CheXpert-v1.0" / "test_labels.csv", "Study", paths)
    for path in paths:
        picture(tmp_path / path / "view1_frontal.jpg")
    report = collect([read_chexpert(file)]).report
    assert (report["images"], report["bad_images"]) == (2, {})


def test_columns_are_found_by_name(tmp_path):
    rows = [(FIRST, "AP", {"Edema": "1.0"}), (SECOND, "LATERAL", {"Fracture": "0.0"})]
    file = chexpert(tmp_path / "t.csv", rows)
    first = read_chexpert(file).studies
    table = pl.read_csv(file, infer_schema=False)
    table.select(*sorted(table.columns, reverse=True), Reader=pl.lit("x")).write_csv(file)
    assert read_chexpert(file).studies.equals(first)


def test_studies_keep_the_order_of_the_file(tmp_path):
    """Also where a study's rows are apart, and its frontal image is the last of them."""
    places = [
        (2, 1, 1, "LATERAL"),
        (1, 2, 1, "AP"),
        (3, 1, 1, "PA"),
        (1, 1, 1, "AP"),
        (2, 1, 2, "AP"),
        (1, 2, 2, "LATERAL"),
    ]
    rows = [(f"train/patient0000{p}/study{s}/view{v}.jpg", view, {}) for p, s, v, view in places]
    studies = read_chexpert(chexpert(tmp_path / "t.csv", rows)).studies
    assert [i.removeprefix("patient0000") for i in studies["study_id"]] == [
        "2_study1",
        "1_study2",
        "3_study1",
        "1_study1",
    ]
    assert studies["view"].to_list() == ["AP", "AP", "PA", "AP"]


def test_studies_of_a_patient_are_not_mixed(tmp_path):
    rows = [
        ("train/patient00001/study1/view1_frontal.jpg", "AP", {"Edema": "1.0"}),
        ("train/patient00001/study2/view1_frontal.jpg", "AP", {"Edema": "0.0"}),
        ("train/patient00001/study11/view1_frontal.jpg", "AP", {"Edema": "-1.0"}),
    ]
    studies = read_chexpert(chexpert(tmp_path / "t.csv", rows)).studies
    assert studies["Edema"].to_list() == ["present", "absent", "uncertain"]
    assert studies["subject_id"].n_unique() == studies["split"].n_unique() == 1


@pytest.mark.parametrize(
    "path",
    [
        "../CheXpert/train/patient00001/study1/v.jpg",
        "/" + FIRST,
        "a/../train/patient00001/study1/v.jpg",
        "C:/" + FIRST,
    ],
)
def test_paths_outside_the_folder_are_refused(tmp_path, path):
    file = labelled_studies(tmp_path / "t.csv", "Path", [FIRST, path])
    with pytest.raises(InputError, match=r"row 2, column 'Path': found an absolute path, or one"):
        read_chexpert(file)


def test_an_image_stands_once(tmp_path):
    file = chexpert(tmp_path / "t.csv", [(FIRST, "AP", {}), (SECOND, "AP", {}), (SECOND, "AP", {})])
    with pytest.raises(InputError, match="row 3: found the same Path as row 2"):
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
        ("Lung Lesion", (6_856, 752, 1_071, 178_962)),
        ("Edema", (48_905, 15_667, 11_571, 111_498)),
        ("Consolidation", (12_730, 19_203, 23_976, 131_732)),
        ("Pneumonia", (4_576, 1_833, 15_658, 165_574)),
        ("Atelectasis", (29_333, 1_007, 29_377, 127_924)),
        ("Pneumothorax", (17_313, 47_006, 2_663, 120_659)),
        ("Pleural Effusion", (75_696, 24_832, 9_419, 77_694)),
        ("Pleural Other", (2_441, 206, 1_771, 183_223)),
        ("Fracture", (7_270, 1_949, 484, 177_938)),
        ("Support Devices", (105_831, 5_257, 898, 75_655)),
    ],
)
def test_real_counts(real, condition, counts):
    labels = ("present", "absent", "uncertain", "not_mentioned")
    assert tuple((real.studies[condition] == label).sum() for label in labels) == counts


def test_real_account(real):
    """The sums of the 13 rows above: present and absent, and uncertain."""
    assert real.annotations == {
        "present": 699_021,
        "kept": 581_047,
        "set aside: uncertain": 117_974,
    }


def test_real_labels_become_questions_that_words_cannot_answer(real):
    passed = eligible(real.studies)
    assert len(passed) == 3_908
    assert passed["subject_id"].n_unique() == 3_570
    assert len(consistent(passed)) == 3_908 - 246
    questions, counts = make_questions(real.studies, limit=250)
    assert counts["eligible studies"] == 3_908
    assert counts["questions"] > 1_000
    assert questions.group_by("split").agg(pl.col("subject_id").n_unique()).height == 3
    for rows in audit_table(questions).values():
        assert all(abs(row["accuracy"] - 0.25) < 1e-9 and not row["leaks"] for row in rows)
