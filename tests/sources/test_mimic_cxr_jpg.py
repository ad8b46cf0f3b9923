"""MIMIC-CXR-JPG tables: labels, the image that stands for a study, and every way to be broken."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import LABELS, mimic, only_nast_errors

from nast.errors import InputError
from nast.sources.mimic_cxr_jpg import read_mimic_cxr_jpg

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
        "10000032", "50414267", "train")  # fmt: skip
    assert source.policy == "credentialed" and not source.phantom
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
    root = mimic(tmp_path, [STUDY, OTHER | {"labels": None}])
    with open(table(root, "chexpert"), "a") as file:
        file.write("12,59999999" + "," * len(LABELS) + "\n")
    assert read_mimic_cxr_jpg(root).counts == {
        "studies": 1, "studies without labels": 1, "label rows without images": 1,
        "images without a split": 0,
    }  # fmt: skip


@pytest.mark.parametrize("value", ["2", "0.5", "yes", "NaN", "1.00"])
def test_another_label_is_named_with_its_place(tmp_path, value):
    root = mimic(tmp_path, [STUDY, OTHER | {"labels": {"Pneumonia": value}}])
    with pytest.raises(InputError) as error:
        read_mimic_cxr_jpg(root)
    text = str(error.value)
    assert f"chexpert.csv, row 2, column 'Pneumonia': found '{value}'" in text
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
    with pytest.raises(InputError, match=rf"found no such file, expected mimic-cxr-2.0.0-{name}"):
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
        with pytest.raises(InputError, match="a broken gzip"):
            read_mimic_cxr_jpg(tmp_path)


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    path = table(mimic(tmp_path, [STUDY]), "metadata")
    path.write_bytes(path.read_bytes() + b"\xff\xfe,1,1,PA,1,1\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_mimic_cxr_jpg(tmp_path)


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
