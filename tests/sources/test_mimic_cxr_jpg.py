"""MIMIC-CXR-JPG tables: labels, the image that stands for a study, and every way to be broken."""

import gzip

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import LABELS, mimic, only_nast_errors, write_csv

from nast.errors import InputError, UsageError
from nast.sources.collect import collect
from nast.sources.mimic_cxr_jpg import read_mimic_cxr_jpg
from nast.sources.source import conserved

STUDY = {"subject": 10000032, "study": 50414267, "split": "train"}
OTHER = {"subject": 11000033, "study": 51000001, "split": "test"}


def table(root, name):
    return root / f"mimic-cxr-2.0.0-{name}.csv"


def test_labels_keep_their_four_values(tmp_path):
    labels = {"Edema": "1.0", "Fracture": "0.0", "Pneumonia": "-1.0", "Cardiomegaly": "1"}
    source = read_mimic_cxr_jpg(mimic(tmp_path, [STUDY | {"labels": labels}, OTHER]))
    first, second = source.studies.iter_rows(named=True)
    assert first["Edema"] == first["Cardiomegaly"] == "present"
    assert first["Fracture"] == "absent"
    assert first["Pneumonia"] == "uncertain"
    assert {second[name] for name in LABELS} == {"not_mentioned"}
    assert (first["subject_id"], first["study_id"], first["split"]) == (
        "10000032",
        "50414267",
        "train",
    )
    assert source.access == "credentialed" and not source.phantom
    assert source.facts is None and source.root is None


@pytest.mark.parametrize(
    ("views", "chosen"),
    [
        ([("a", "LATERAL", 99), ("b", "AP", 10)], "b"),
        ([("a", "AP", 99), ("b", "PA", 10)], "b"),
        ([("a", "PA", 10), ("b", "PA", 99)], "b"),
        ([("b", "PA", 10), ("a", "PA", 10)], "a"),
        ([("a", "LATERAL", 10), ("b", "LL", 99)], "b"),
        ([("b", "PA", 10), ("a", "PA", "")], "b"),
    ],
)
def test_one_image_stands_for_a_study(tmp_path, views, chosen):
    source = read_mimic_cxr_jpg(mimic(tmp_path, [STUDY | {"views": views}]))
    assert source.studies["image_path"].to_list() == [f"files/p10/p10000032/s50414267/{chosen}.jpg"]
    assert source.studies["view"][0] == dict((d, v) for d, v, _ in views)[chosen]


def test_gzip_and_plain_tables_are_the_same(tmp_path):
    plain = read_mimic_cxr_jpg(mimic(tmp_path, [STUDY, OTHER]))
    for name in ("chexpert", "metadata", "split"):
        path = table(tmp_path, name)
        path.with_suffix(".csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert read_mimic_cxr_jpg(tmp_path).studies.equals(plain.studies)


def test_what_is_left_out_is_counted(tmp_path):
    labels = {"Edema": "1", "Fracture": "0", "Pneumonia": "-1.0", "No Finding": "1"}
    root = mimic(
        tmp_path,
        [
            STUDY | {"labels": labels},
            OTHER | {"labels": None, "views": [("a", "LL", 10), ("b", "", 10)]},
            OTHER | {"study": 51000002},
        ],
    )
    names = ["subject_id", "study_id", *LABELS]
    cells = {"subject_id": "12", "study_id": "59999999", "Edema": "1", "Pneumonia": "-1"}
    with open(table(root, "chexpert"), "a") as file:
        file.write(",".join(cells.get(n, "") for n in names) + "\n")
    path = table(root, "split")
    path.write_text("".join(x for x in path.read_text().splitlines(True) if not x.startswith("b,")))
    source = read_mimic_cxr_jpg(root)
    assert source.counts == {
        "studies": 2,
        "studies without a label row": 1,
        "studies without any label": 1,
        "label rows without images": 1,
        "images": 4,
        "images without a split": 1,
        "studies without a frontal image": 1,
    }
    assert source.annotations == {
        "present": 5,
        "kept": 2,
        "set aside: uncertain": 1,
        "set aside: study without images": 2,
    }


@pytest.mark.parametrize("value", ["2", "0.5", "yes", "NaN", "1.00"])
def test_another_label_is_named_with_its_place(tmp_path, value):
    root = mimic(tmp_path, [STUDY, OTHER | {"labels": {"Pneumonia": value}}])
    with pytest.raises(InputError) as error:
        read_mimic_cxr_jpg(root)
    text = str(error.value)
    shown = repr(value) if len(value) < 4 else "text of 4 characters"
    assert f"chexpert.csv, row 2, column 'Pneumonia': found {shown}" in text
    assert "expected 1, 0, -1 or blank" in text
    assert (error.value.row, error.value.column) == (2, "Pneumonia")


@pytest.mark.parametrize(
    ("name", "column"),
    [("chexpert", "Edema"), ("metadata", "ViewPosition"), ("split", "split")],
)
def test_a_missing_column_is_named(tmp_path, name, column):
    path = table(mimic(tmp_path, [STUDY]), name)
    path.write_text(path.read_text().replace(column, "Other", 1))
    with pytest.raises(InputError, match=f"{name}.csv, column '{column}'"):
        read_mimic_cxr_jpg(tmp_path)


@pytest.mark.parametrize("name", ["chexpert", "metadata", "split"])
def test_a_missing_table_is_named(tmp_path, name):
    table(mimic(tmp_path, [STUDY]), name).unlink()
    expected = rf"found no such file, expected mimic-cxr-2\.\?\.0-{name}\.csv of MIMIC-CXR-JPG 2\.0"
    with pytest.raises(InputError, match=expected):
        read_mimic_cxr_jpg(tmp_path)


def test_a_study_stands_once(tmp_path):
    path = table(mimic(tmp_path, [STUDY, OTHER]), "chexpert")
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(InputError, match=r"row 3: found the same study_id as row 1"):
        read_mimic_cxr_jpg(tmp_path)


def test_a_patient_in_two_splits_is_refused_without_its_id(tmp_path):
    root = mimic(tmp_path, [STUDY, OTHER | {"subject": STUDY["subject"]}])
    with pytest.raises(InputError, match=r"1 patients in two splits \(test and train\)") as error:
        read_mimic_cxr_jpg(root)
    assert str(STUDY["subject"]) not in str(error.value).replace(str(tmp_path), "")


def test_another_split_is_refused(tmp_path):
    root = mimic(tmp_path, [STUDY, OTHER | {"split": "dev"}])
    with pytest.raises(InputError, match=r"split.csv, row 2, column 'split': found 'dev'"):
        read_mimic_cxr_jpg(root)


def test_a_cut_gzip_is_refused(tmp_path):
    path = table(mimic(tmp_path, [STUDY, OTHER]), "chexpert")
    whole = gzip.compress(path.read_bytes())
    for cut in (2, 5, 12, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match="a gzip file that ends early"):
            read_mimic_cxr_jpg(tmp_path)


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    path = table(mimic(tmp_path, [STUDY]), "metadata")
    path.write_bytes(path.read_bytes() + b"\xff\xfe,1,1,PA,1,1\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_mimic_cxr_jpg(tmp_path)


@pytest.mark.parametrize(
    ("views", "view"),
    [
        ([("a", "", 99), ("b", "AP", 10)], "AP"),
        ([("a", "PA LLD", 99), ("b", "LL", 10)], "PA LLD"),
        ([("a", "AP AXIAL", 99), ("b", "AP", 10)], "AP"),
        ([("a", "SWIMMERS", 10), ("b", "", 99)], ""),
        ([("a", "pa", 10), ("b", "LAO", 10)], "pa"),
    ],
)
def test_odd_views_come_after_frontal_ones(tmp_path, views, view):
    source = read_mimic_cxr_jpg(mimic(tmp_path, [STUDY | {"views": views}]))
    assert source.studies["view"].to_list() == [view]
    assert source.counts["studies without a frontal image"] == (view not in ("PA", "AP"))


def test_sizes_are_areas_and_may_be_missing(tmp_path):
    views = [
        ("a", "PA", ""),
        ("b", "PA", 9),
        ("c", "PA", 100),
        ("d", "PA", "99.0"),
        ("e", "PA", "x"),
    ]
    source = read_mimic_cxr_jpg(mimic(tmp_path, [STUDY | {"views": views}]))
    assert source.studies["image_path"][0].endswith("/c.jpg")


def test_the_larger_area_wins_not_the_longer_side(tmp_path):
    root = mimic(tmp_path, [STUDY | {"views": [("a", "PA", 100), ("b", "PA", 20)]}])
    path = table(root, "metadata")
    path.write_text(path.read_text().replace(",100,10\n", ",100,1\n").replace(",20,10", ",20,20"))
    assert read_mimic_cxr_jpg(root).studies["image_path"][0].endswith("/b.jpg")


def test_studies_are_in_the_order_of_their_ids(tmp_path):
    studies = [STUDY | {"subject": s, "study": t} for s, t in ((19, 53), (12, 55), (12, 54))]
    source = read_mimic_cxr_jpg(mimic(tmp_path, studies))
    assert source.studies["study_id"].to_list() == ["54", "55", "53"]


def test_columns_are_found_by_name(tmp_path):
    """The real label tables are alphabetical, and the real metadata has more columns."""
    labels = {"Edema": "1.0", "Pleural Other": "0.0"}
    first = read_mimic_cxr_jpg(mimic(tmp_path, [STUDY | {"labels": labels}, OTHER]))
    for name in ("chexpert", "metadata", "split"):
        rows = pl.read_csv(table(tmp_path, name), infer_schema=False)
        order = sorted(rows.columns, reverse=name != "chexpert")
        rows.select(pl.lit("x").alias("StudyDate"), *order).write_csv(table(tmp_path, name))
    again = read_mimic_cxr_jpg(tmp_path)
    assert again.studies.equals(first.studies)
    assert again.annotations == first.annotations


def test_labels_of_the_other_labeler(tmp_path):
    root = mimic(tmp_path, [STUDY | {"labels": {"Edema": "1"}}])
    negbio = table(root, "chexpert").read_text().replace(",1,", ",0,")
    table(root, "negbio").write_text(negbio)
    assert read_mimic_cxr_jpg(root).studies["Edema"].to_list() == ["present"]
    source = read_mimic_cxr_jpg(root, "negbio")
    assert source.studies["Edema"].to_list() == ["absent"]
    assert source.files[0].name == "mimic-cxr-2.0.0-negbio.csv"
    with pytest.raises(UsageError, match="'gpt' is not a labeler; choose one of chexpert, negbio"):
        read_mimic_cxr_jpg(root, "gpt")


def test_labels_of_radiologists(tmp_path):
    """2.1.0's test labels have no subject ids, and another name for lung opacity."""
    root = mimic(tmp_path, [STUDY | {"split": "test", "labels": {"Edema": "1"}}, OTHER])
    cells = {"Airspace Opacity": "1", "Edema": "0", "Fracture": "-1.0"}
    names = sorted("Airspace Opacity" if n == "Lung Opacity" else n for n in LABELS)
    header = ["study_id", *names]
    path = root / "mimic-cxr-2.1.0-test-set-labeled.csv"
    write_csv(path, header, [[STUDY["study"], *(cells.get(n, "") for n in names)]])
    source = read_mimic_cxr_jpg(root, "radiologist")
    (study,) = source.studies.iter_rows(named=True)
    assert (study["subject_id"], study["study_id"]) == ("10000032", "50414267")
    assert (study["Lung Opacity"], study["Edema"], study["Fracture"]) == (
        "present",
        "absent",
        "uncertain",
    )
    assert "Airspace Opacity" not in study
    assert source.counts["studies without a label row"] == 1
    assert source.annotations == {
        "present": 3,
        "kept": 2,
        "set aside: uncertain": 1,
        "set aside: study without images": 0,
    }
    path.unlink()
    with pytest.raises(
        InputError, match=r"expected mimic-cxr-2\.\?\.0-test-set-labeled.csv of .*2\.1"
    ):
        read_mimic_cxr_jpg(root, "radiologist")


def test_tables_of_either_release_may_be_named_so(tmp_path):
    root = mimic(tmp_path, [STUDY])
    plain = read_mimic_cxr_jpg(root).studies
    for name in ("chexpert", "metadata", "split"):
        table(root, name).rename(root / f"mimic-cxr-2.1.0-{name}.csv")
    assert read_mimic_cxr_jpg(root).studies.equals(plain)


@pytest.mark.parametrize("dicom", ["../x", "a/../../x", "/etc/x", "C:x", r"..\x", r"\\host\x"])
def test_images_outside_the_tree_are_refused(tmp_path, dicom):
    root = mimic(tmp_path, [OTHER, STUDY | {"views": [(dicom, "PA", 10)]}])
    with pytest.raises(InputError, match=r"metadata.csv, row 2, column 'dicom_id': found an abs"):
        read_mimic_cxr_jpg(root)


def test_an_image_without_an_id_is_refused(tmp_path):
    root = mimic(tmp_path, [OTHER, STUDY | {"views": [("", "PA", 10)]}])
    with pytest.raises(InputError, match=r"metadata.csv, row 2, column 'dicom_id'"):
        read_mimic_cxr_jpg(root)


def test_ids_that_a_spreadsheet_saved_as_floats_are_mended(tmp_path):
    labels = {"Edema": "1.0"}
    plain = read_mimic_cxr_jpg(mimic(tmp_path / "a", [STUDY | {"labels": labels}]))
    floats = {"subject": "10000032.0", "study": "50414267.0", "labels": labels}
    views = [("d50414267", "PA", 10)]
    source = read_mimic_cxr_jpg(mimic(tmp_path / "b", [STUDY | floats | {"views": views}]))
    assert source.studies.equals(plain.studies)


@pytest.mark.parametrize(
    ("name", "column"),
    [("chexpert", "study_id"), ("metadata", "study_id"), ("metadata", "subject_id")],
)
@pytest.mark.parametrize("cell", ["", "s1", "1.5"])
def test_ids_that_are_no_numbers_are_refused(tmp_path, name, column, cell):
    path = table(mimic(tmp_path, [STUDY, OTHER]), name)
    rows = pl.read_csv(path, infer_schema=False)
    cells = pl.Series(column, [rows[column][0], cell])
    rows.with_columns(cells).write_csv(path)
    with pytest.raises(InputError, match=f"{name}.csv, row 2, column '{column}': found"):
        read_mimic_cxr_jpg(tmp_path)


@pytest.mark.parametrize("name", ["metadata", "split"])
def test_an_image_stands_once(tmp_path, name):
    path = table(mimic(tmp_path, [STUDY, OTHER]), name)
    path.write_text(path.read_text() + path.read_text().splitlines()[2] + "\n")
    with pytest.raises(InputError, match=f"{name}.csv, row 3: found the same dicom_id as row 2"):
        read_mimic_cxr_jpg(tmp_path)


cell = st.sampled_from(["1", "1.0", "0", "-1", "", "-1.0"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(cell, cell, cell, st.booleans()), max_size=6))
def test_the_account_balances(tmp_path_factory, rows):
    names = ("Edema", "Fracture", "No Finding")
    studies = [
        STUDY
        | {
            "study": 50 + i,
            "labels": dict(zip(names, cells, strict=True)),
            "views": [(f"d{i}", "PA", 9)] * shown,
        }
        for i, (*cells, shown) in enumerate(rows)
    ]
    source = read_mimic_cxr_jpg(mimic(tmp_path_factory.mktemp("m"), studies))
    assert conserved(source.annotations)
    assert source.annotations["present"] == sum(c != "" for r in rows for c in r[:2])
    kept = source.studies.select(names[:2]).to_numpy().ravel()
    assert source.annotations["kept"] == sum(k in ("present", "absent") for k in kept)


@pytest.mark.parametrize("extra", [",1,1", -2], ids=["too long", "too short"])
def test_rows_of_another_length_are_refused(tmp_path, extra):
    path = table(mimic(tmp_path, [STUDY, OTHER]), "chexpert")
    lines = path.read_text().splitlines()
    lines[1] = lines[1] + extra if isinstance(extra, str) else lines[1].rsplit(",", 2)[0]
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="equal length"):
        read_mimic_cxr_jpg(tmp_path)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["chexpert", "metadata", "split"]),
    place=st.integers(0, 10**6),
    junk=st.binary(max_size=8) | st.text(max_size=6).map(str.encode),
    keep=st.booleans(),
)
def test_damage_raises_only_our_errors(tmp_path_factory, name, place, junk, keep):
    root = mimic(tmp_path_factory.mktemp("m"), [STUDY | {"labels": {"Edema": "1.0"}}, OTHER])
    data = table(root, name).read_bytes()
    place %= len(data) + 1
    table(root, name).write_bytes(data[:place] + junk + (data[place:] if keep else b""))
    only_nast_errors(lambda: read_mimic_cxr_jpg(root))


@pytest.mark.parametrize("place", ["files", "images", ".", "jpg/2.1.0/files"])
def test_images_are_found_by_the_tail_of_their_paths(tmp_path, place):
    one = {"subject": 10000001, "study": 60000001, "split": "train"}
    studies = [one, one | {"subject": 11000001, "study": 61000001}]
    mimic(tmp_path / "made", studies, images=True)
    root = mimic(tmp_path / "tables", studies)
    (root / place).mkdir(parents=True, exist_ok=True)
    for group in ("p10", "p11"):
        (tmp_path / "made" / "files" / group).rename(root / place / group)
    tables = collect([read_mimic_cxr_jpg(root)])
    assert (tables.report["images"], tables.report["bad_images"]) == (2, {})
    tail = "p10/p10000001/s60000001/d60000001.jpg"
    assert tables.studies["image_path"][0] == str(root / place / tail)


def test_the_published_folder_goes_before_a_copy(tmp_path):
    study = {"subject": 10000001, "study": 50000001, "split": "train"}
    root = mimic(tmp_path, [study], images=True)
    mimic(tmp_path / "a", [study], images=True)
    assert read_mimic_cxr_jpg(root).studies["image_path"][0].startswith("files/p10/")
