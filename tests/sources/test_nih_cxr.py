"""NIH ChestX-ray14: small tables by hand, and the 806 real radiographs."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import nih, only_nast_errors

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.sources.collect import collect
from nast.sources.nih_cxr import box_place, read_nih_cxr

A, B = "00000001_000.png", "00000002_000.png"


def facts(source):
    names = ("study_id", "condition", "existence", "side", "zone", "source")
    return source.facts.select(names).rows()


def test_listed_is_present_and_unlisted_is_not_mentioned(tmp_path):
    source = read_nih_cxr(nih(tmp_path, [(A, "Effusion|Mass|Hernia", 1), (B, "No Finding", 2)]))
    first, second = source.studies.iter_rows(named=True)
    assert [c for c in CONDITIONS if first[c] != "not_mentioned"] == [
        "Lung Lesion", "Pleural Effusion"]  # fmt: skip
    assert {second[c] for c in CONDITIONS} == {"not_mentioned"}
    assert {f[2] for f in facts(source)} == {"present"}
    assert source.counts == {"studies": 2, "labels outside the conditions": 1}
    assert source.policy == "open"


def test_adjudication_wins(tmp_path):
    rows = [(A, "Pneumothorax", 1), (B, "No Finding", 2)]
    google = [(A, "NO", "NO", "YES", "NO"), ("00000009_000.png", "YES", "NO", "NO", "NO")]
    source = read_nih_cxr(nih(tmp_path, rows, google=google))
    first = source.studies.row(0, named=True)
    assert first["Pneumothorax"] == first["Fracture"] == first["Lung Lesion"] == "absent"
    assert first["Lung Opacity"] == "present"
    assert {(f[1], f[2]) for f in facts(source)} == {
        ("Pneumothorax", "absent"), ("Fracture", "absent"), ("Lung Lesion", "absent"),
        ("Lung Opacity", "present"),
    }  # fmt: skip
    assert source.counts["adjudicated rows without an image row"] == 1


def test_boxes_give_side_and_zone(tmp_path):
    boxes = [
        (A, "Infiltrate", 100, 650, 100, 100),
        (A, "Cardiomegaly", 300, 500, 400, 200),
        (B, "Pneumothorax", 700, 150, 100, 100),
        (B, "Hernia", 1, 1, 1, 1),
        ("00000009_000.png", "Mass", 1, 1, 1, 1),
    ]
    google = [(B, "NO", "NO", "NO", "NO")]
    rows = [(A, "Infiltration|Cardiomegaly", 1), (B, "Pneumothorax", 2)]
    source = read_nih_cxr(nih(tmp_path, rows, boxes, google))
    assert [f[1:] for f in facts(source) if f[5] == "nih-boxes"] == [
        ("Lung Opacity", "present", "right", "lower", "nih-boxes"),
        ("Cardiomegaly", "present", None, None, "nih-boxes"),
    ]
    assert source.counts["boxes kept"] == 2
    assert source.counts["boxes set aside"] == 2
    assert source.counts["boxes overruled by adjudication"] == 1


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 150, 200, 100), ("right", "upper")),
        ((824, 150, 200, 100), ("left", "upper")),
        ((100, 437, 100, 100), ("right", "mid")),
        ((700, 700, 100, 100), ("left", "lower")),
        ((462, 0, 98, 10), (None, "upper")),
        ((413, 1014, 98, 10), ("right", "lower")),
    ],
)
def test_image_left_is_the_patients_right(box, place):
    assert box_place(*box) == place


def test_a_box_across_both_lungs_has_no_side(tmp_path):
    """The real set has six such boxes; 206 to 898 of 1024 pixels is 44 % on the right."""
    boxes = [(A, "Pneumonia", 206.5, 300, 691.8, 400)]
    source = read_nih_cxr(nih(tmp_path, [(A, "Pneumonia", 1)], boxes))
    assert [f[3] for f in facts(source)] == [None]


def test_broken_tables_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected Data_Entry_2017\*\.csv"):
        read_nih_cxr(tmp_path)
    with pytest.raises(InputError, match="row 2, column 'Finding Labels': found 'Cold'"):
        read_nih_cxr(nih(tmp_path, [(A, "Edema", 1), (B, "Edema|Cold", 2)]))
    with pytest.raises(InputError, match="row 2: found the same Image Index as row 1"):
        read_nih_cxr(nih(tmp_path, [(A, "Edema", 1), (A, "Edema", 1)]))
    with pytest.raises(InputError, match="row 1, column 'Fracture': found 'MAYBE'"):
        read_nih_cxr(nih(tmp_path, [(A, "Edema", 1)], google=[(A, "MAYBE", "NO", "NO", "NO")]))
    (tmp_path / "google2019.csv").unlink()
    with pytest.raises(InputError, match=r"row 1: found .*expected four numbers"):
        read_nih_cxr(nih(tmp_path, [(A, "Edema", 1)], [(A, "Mass", "x", 1, 1, 1)]))
    (tmp_path / "BBox_List_2017.csv").write_text("Image Index,Finding Label,x\na,Mass,1\n")
    with pytest.raises(InputError, match="expected four numbers"):
        read_nih_cxr(tmp_path)
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(
        "Image Index,Finding Labels,View Position\n"
    )
    with pytest.raises(InputError, match="column 'Patient ID'"):
        read_nih_cxr(tmp_path)


@settings(max_examples=50, deadline=None)
@given(
    name=st.sampled_from(["Data_Entry_2017_v2020.csv", "BBox_List_2017.csv", "google2019.csv"]),
    place=st.integers(0, 10**6),
    junk=st.binary(max_size=6) | st.text(max_size=6).map(str.encode),
)
def test_damage_raises_only_our_errors(tmp_path_factory, name, place, junk):
    root = nih(tmp_path_factory.mktemp("n"), [(A, "Mass", 1)], [(A, "Mass", 1, 2, 3, 4)],
               [(A, "NO", "NO", "NO", "YES")])  # fmt: skip
    data = (root / name).read_bytes()
    place %= len(data)
    (root / name).write_bytes(data[:place] + junk + data[place:])
    only_nast_errors(lambda: read_nih_cxr(root))


@pytest.fixture(scope="module")
def real(real_nih):
    return read_nih_cxr(real_nih)


def table(real_nih, pattern):
    with open(next(real_nih.glob(pattern))) as file:
        return list(csv.DictReader(file))


def test_real_sizes(real):
    assert len(real.studies) == 806
    assert real.studies.select("subject_id", "split").n_unique() == real.studies[
        "subject_id"].n_unique()  # fmt: skip
    tables = collect([real])
    assert tables.report["images"] == 806
    assert tables.report["bad_images"] == {}


def test_real_adjudication_wins(real, real_nih):
    columns = {"Fracture": "Fracture", "Pneumothorax": "Pneumothorax",
               "Airspace opacity": "Lung Opacity", "Nodule or mass": "Lung Lesion"}  # fmt: skip
    studies = {s["study_id"]: s for s in real.studies.iter_rows(named=True)}
    rows = table(real_nih, "google*.csv")
    words = {"YES": "present", "NO": "absent"}
    overruled = 0
    for row in rows:
        study = studies[row["Image Index"].removesuffix(".png")]
        for column, condition in columns.items():
            assert study[condition] == words[row[column]]
        overruled += "Infiltration" in row["Finding Labels"] and row["Airspace opacity"] == "NO"
    assert len(rows) == 31
    assert overruled > 0


def test_real_absences_are_adjudicated_ones_only(real, real_nih):
    absent = real.facts.filter(existence="absent")
    assert set(absent["source"]) == {"nih-adjudicated"}
    judged = {r["Image Index"].removesuffix(".png") for r in table(real_nih, "google*.csv")}
    assert set(absent["study_id"]) <= judged
    healthy = {r["Image Index"].removesuffix(".png") for r in table(real_nih, "Data*.csv")
               if r["Finding Labels"] == "No Finding"} - judged  # fmt: skip
    assert not set(real.facts["study_id"]) & healthy


def test_a_real_box(real):
    # x 863 of 1024 px, y 693: the effusion is low on the image's right, the patient's left.
    boxes = real.facts.filter(study_id="00010277_000", source="nih-boxes")
    sides = dict(boxes.filter(condition="Pleural Effusion").select("condition", "side").rows())
    assert sides == {"Pleural Effusion": "left"}
