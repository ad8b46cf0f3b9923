"""NIH ChestX-ray14: small tables by hand, and the 806 real radiographs."""

import csv
import gzip
from contextlib import suppress

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_labels import real_table
from small import nih, only_nast_errors, picture

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.sources.collect import build_facts, collect, read_facts
from nast.sources.nih_cxr import box_place, read_nih_cxr
from nast.sources.source import conserved

A, B = "00000001_000.png", "00000002_000.png"


def facts(source):
    names = ("study_id", "condition", "existence", "side", "zone", "source")
    return source.facts.select(names).rows()


def test_listed_is_present_and_unlisted_is_not_mentioned(tmp_path):
    source = read_nih_cxr(nih(tmp_path, [(A, "Effusion|Mass|Hernia", 1), (B, "No Finding", 2)]))
    first, second = source.studies.iter_rows(named=True)
    assert [c for c in CONDITIONS.labelled() if first[c] != "not_mentioned"] == [
        "Lung Lesion",
        "Pleural Effusion",
    ]
    assert {second[c] for c in CONDITIONS.labelled()} == {"not_mentioned"}
    assert {f[2] for f in facts(source)} == {"present"}
    assert source.counts == {"studies": 2}
    assert source.annotations == {"present": 3, "kept": 2, "set aside: other finding": 1}
    assert source.access == "open"


def test_adjudication_wins(tmp_path):
    rows = [(A, "Pneumothorax", 1), (B, "No Finding", 2)]
    google = [(A, "NO", "NO", "YES", "NO"), ("00000009_000.png", "YES", "NO", "NO", "NO")]
    source = read_nih_cxr(nih(tmp_path, rows, google=google))
    first = source.studies.row(0, named=True)
    assert first["Pneumothorax"] == first["Fracture"] == first["Lung Lesion"] == "absent"
    assert first["Lung Opacity"] == "present"
    assert {(f[1], f[2]) for f in facts(source)} == {
        ("Pneumothorax", "absent"),
        ("Fracture", "absent"),
        ("Lung Lesion", "absent"),
        ("Lung Opacity", "present"),
    }
    assert source.annotations == {
        "present": 9,
        "kept": 4,
        "set aside: adjudicated image without a row": 4,
        "set aside: said by a box, an adjudication or another label": 1,
        "set aside: other finding": 0,
    }


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
    assert source.annotations == {
        "present": 12,
        "kept": 6,
        "set aside: box overruled by adjudication": 1,
        "set aside: box of another label": 1,
        "set aside: box of an image without a row": 1,
        "set aside: said by a box, an adjudication or another label": 3,
        "set aside: other finding": 0,
    }


def test_every_label_has_its_condition(tmp_path):
    listed = {
        "Atelectasis": "Atelectasis",
        "Cardiomegaly": "Cardiomegaly",
        "Consolidation": "Consolidation",
        "Edema": "Edema",
        "Effusion": "Pleural Effusion",
        "Emphysema": "Emphysema",
        "Fibrosis": None,
        "Hernia": None,
        "Infiltration": "Lung Opacity",
        "Mass": "Lung Lesion",
        "No Finding": None,
        "Nodule": "Lung Lesion",
        "Pleural_Thickening": "Pleural Other",
        "Pneumonia": "Pneumonia",
        "Pneumothorax": "Pneumothorax",
    }
    rows = [(f"{n:08}_000.png", label, n) for n, label in enumerate(listed)]
    found = dict(read_nih_cxr(nih(tmp_path, rows)).facts.select("study_id", "condition").rows())
    assert [found.get(f"{n:08}_000") for n in range(15)] == list(listed.values())


def test_two_labels_of_one_condition_are_one_fact(tmp_path):
    source = read_nih_cxr(nih(tmp_path, [(A, "Mass|Nodule", 1)]))
    assert [f[1] for f in facts(source)] == ["Lung Lesion"]
    assert source.annotations["set aside: said by a box, an adjudication or another label"] == 1


def test_a_box_adds_to_an_adjudicated_presence(tmp_path):
    boxes, google = [(A, "Pneumothorax", 700, 150, 100, 100)], [(A, "NO", "YES", "NO", "NO")]
    source = read_nih_cxr(nih(tmp_path, [(A, "No Finding", 1)], boxes, google))
    assert [f[3:] for f in facts(source) if f[2] == "present"] == [
        (None, None, "nih-adjudicated"),
        ("left", None, "nih-boxes"),
    ]
    (left,) = collect([source]).facts.filter(existence="present").iter_rows(named=True)
    assert (left["side"], left["source"]) == ("left", "nih-boxes")


PUBLISHED = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
"""The published header: three commas more than the rows."""


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (PUBLISHED, "{},Mass,700,400,100,100"),
        (PUBLISHED, "{},Mass,700,400,100,100,,,"),
        ("Image Index,Finding Label,Bbox [x,y,w,h]", "{},Mass,700,400,100,100"),
        ("Image Index,Finding Label,x,y,w,h", "{},Mass,700,400,100,100"),
        ("Image Index,Finding Label,Bbox [x,y,w,h],Reader", "{},Mass,700,400,100,100,2"),
    ],
    ids=["published", "filled up", "without those commas", "plain", "more columns"],
)
def test_headers_of_boxes(tmp_path, header, row):
    root = nih(tmp_path, [(A, "Mass", 1)])
    (root / "BBox_List_2017.csv").write_text(f"{header}\n{row.format(A)}\n")
    assert facts(read_nih_cxr(root))[0][3:5] == ("left", "mid")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Image Index,Finding Label,Reader,Bbox [x,y,w,h]", "{},Mass,2,700,400,100,100"),
        ("Bbox [x,y,w,h],Image Index,Finding Label", "700,400,100,100,{},Mass"),
    ],
)
def test_columns_of_boxes_in_another_order_are_read_by_name_or_refused(tmp_path, header, row):
    root = nih(tmp_path, [(A, "Mass", 1)])
    (root / "BBox_List_2017.csv").write_text(f"{header}\n{row.format(A)}\n")
    with suppress(InputError):
        assert facts(read_nih_cxr(root))[0][3:5] == ("left", "mid")


@pytest.mark.parametrize("number", ["", "nan", "inf", "1e999", "a"])
def test_boxes_that_are_no_numbers_are_refused(tmp_path, number):
    root = nih(tmp_path, [(A, "Mass", 1)], [(A, "Mass", 1, 2, 3, 4), (A, "Mass", 1, number, 3, 4)])
    with pytest.raises(InputError, match=r"row 2: found '1', .*, expected four numbers"):
        read_nih_cxr(root)


@pytest.mark.parametrize("image", ["../x.png", "/x.png", "C:/x.png", "a/../x.png"])
def test_images_outside_the_folder_are_refused(tmp_path, image):
    with pytest.raises(InputError, match="row 2, column 'Image Index': found an absolute path"):
        read_nih_cxr(nih(tmp_path, [(A, "Mass", 1), (image, "Mass", 1)]))


@pytest.mark.parametrize("patient", ["", "p1", "1.5"])
def test_patients_are_numbers(tmp_path, patient):
    assert read_nih_cxr(nih(tmp_path, [(A, "Mass", "1.0")])).studies["subject_id"][0] == "1"
    with pytest.raises(InputError, match="row 1, column 'Patient ID'"):
        read_nih_cxr(nih(tmp_path, [(A, "Mass", patient)]))


labels = st.sampled_from(["Mass", "Nodule", "Hernia", "Edema", "Pneumothorax"])
labels = st.lists(labels, min_size=1, max_size=3, unique=True).map("|".join) | st.just("No Finding")
images = st.sampled_from([A, B, "00000009_000.png"])
verdicts = st.tuples(*[st.sampled_from(["YES", "NO"])] * 4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(labels, max_size=2),
    st.lists(st.tuples(images, st.sampled_from(["Mass", "Pneumothorax", "Hernia"])), max_size=4),
    st.dictionaries(images, verdicts),
)
def test_the_account_balances(tmp_path_factory, listed, boxes, google):
    rows = [(image, label, 1) for image, label in zip([A, B], listed, strict=False)]
    source = read_nih_cxr(
        nih(
            tmp_path_factory.mktemp("n"),
            rows,
            [(*b, 1, 2, 3, 4) for b in boxes],
            [(i, *v) for i, v in google.items()],
        )
    )
    names = sum(x != "No Finding" for _, label, _ in rows for x in label.split("|"))
    assert conserved(source.annotations)
    assert source.annotations["present"] == names + len(boxes) + 4 * len(google)
    assert source.annotations["kept"] == len(source.facts)


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
    with pytest.raises(InputError, match="row 2, column 'Finding Labels': found text of 4 char"):
        read_nih_cxr(nih(tmp_path, [(A, "Edema", 1), (B, "Edema|Cold", 2)]))
    with pytest.raises(InputError, match="row 2: found the same Image Index as row 1"):
        read_nih_cxr(nih(tmp_path, [(A, "Edema", 1), (A, "Edema", 1)]))
    with pytest.raises(InputError, match="row 1, column 'Fracture': found text of 5 characters"):
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
    root = nih(
        tmp_path_factory.mktemp("n"),
        [(A, "Mass", 1)],
        [(A, "Mass", 1, 2, 3, 4)],
        [(A, "NO", "NO", "NO", "YES")],
    )
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
    assert (
        real.studies.select("subject_id", "split").n_unique()
        == real.studies["subject_id"].n_unique()
    )
    tables = collect([real])
    assert tables.report["images"] == 806
    assert tables.report["bad_images"] == {}


def test_real_adjudication_wins(real, real_nih):
    columns = {
        "Fracture": "Fracture",
        "Pneumothorax": "Pneumothorax",
        "Airspace opacity": "Lung Opacity",
        "Nodule or mass": "Lung Lesion",
    }
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
    healthy = {
        r["Image Index"].removesuffix(".png")
        for r in table(real_nih, "Data*.csv")
        if r["Finding Labels"] == "No Finding"
    } - judged
    assert not set(real.facts["study_id"]) & healthy


def test_a_real_box(real):
    # x 863 of 1024 px, y 693: the effusion is low on the image's right, the patient's left.
    boxes = real.facts.filter(study_id="00010277_000", source="nih-boxes")
    sides = dict(boxes.filter(condition="Pleural Effusion").select("condition", "side").rows())
    assert sides == {"Pleural Effusion": "left"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The whole published tables, without images."""
    root = tmp_path_factory.mktemp("nih")
    for name in (
        "Data_Entry_2017_v2020.csv",
        "BBox_List_2017.csv",
        "google2019_nih-chest-xray-labels.csv",
    ):
        (root / name).symlink_to(real_table(f"{name}.gz"))
    return root


@pytest.fixture(scope="module")
def whole(published):
    return read_nih_cxr(published)


def test_published_sizes(whole):
    assert (len(whole.studies), whole.studies["subject_id"].n_unique()) == (112_120, 30_805)
    assert (whole.studies["study_id"].n_unique(), whole.counts) == (112_120, {"studies": 112_120})
    assert conserved(whole.annotations)
    assert set(whole.studies["view"]) == {"PA", "AP"}


def test_published_absences_are_adjudicated(whole):
    judged = whole.facts.filter(source="nih-adjudicated")
    assert judged["study_id"].n_unique() == 4_376
    absent = whole.facts.filter(existence="absent")
    assert dict(absent["condition"].value_counts().rows()) == {
        "Fracture": 4_190,
        "Pneumothorax": 4_138,
        "Lung Opacity": 2_210,
        "Lung Lesion": 3_771,
    }
    assert len(judged) == 4 * 4_376
    for condition, number in absent["condition"].value_counts().rows():
        assert (whole.studies[condition] == "absent").sum() == number
    assert whole.annotations["kept"] == len(whole.facts)


def test_published_boxes_lie_on_the_side_of_their_centre(published):
    with gzip.open(published / "BBox_List_2017.csv", "rt") as file:
        header, *rows = csv.reader(file)
    assert header == PUBLISHED.split(",")
    assert (len(rows), len({image for image, *_ in rows})) == (984, 880)
    boxes = [tuple(map(float, row[2:6])) for row in rows]
    centres = ["right" if x + w / 2 < 512 else "left" for x, _, w, _ in boxes]
    assert (centres.count("right"), centres.count("left")) == (426, 558)
    sides = [box_place(*box)[0] for box in boxes]
    # Of the 188 across the middle of the film 118 are hearts.
    assert (sides.count("right"), sides.count("left"), sides.count(None)) == (391, 405, 188)
    assert all(side in (None, centre) for side, centre in zip(sides, centres, strict=True))


def test_published_boxes_are_facts(whole):
    boxes = whole.facts.filter(source="nih-boxes")
    overruled = whole.annotations["set aside: box overruled by adjudication"]
    assert (len(boxes), overruled) == (984 - 6, 6)
    hearts = boxes.filter(condition="Cardiomegaly")
    assert (len(hearts), hearts["side"].null_count(), hearts["zone"].null_count()) == (146,) * 3
    assert boxes["study_id"].n_unique() <= 880


def listed(root, **lists):
    """An NIH folder of twelve patients with two images each, and lists of images."""
    rows = [(f"{n:08}_{k:03}.png", "No Finding", n) for n in range(1, 13) for k in (0, 1)]
    nih(root, rows)
    for name, patients in lists.items():
        lines = [f"{n:08}_{k:03}.png\n" for n in patients for k in (0, 1)]
        (root / f"{name}.txt").write_text("".join(lines))
    return root


def parts(root):
    source = read_nih_cxr(root)
    pairs = source.studies.select(pl.col("subject_id").cast(int), "split").unique().rows()
    assert len(pairs) == 12, "each patient in one split"
    assert {int(patient): split for patient, split in source.splits.items()} in ({}, dict(pairs))
    return dict(pairs), source.counts


TRAINING, TEST = range(1, 10), range(10, 13)


def test_the_published_split_is_kept(tmp_path):
    found, counts = parts(listed(tmp_path, train_val_list=TRAINING, test_list=TEST))
    assert {n for n, split in found.items() if split == "test"} == set(TEST)
    assert {found[n] for n in TRAINING} == {"train", "validate"}
    assert counts == {"studies": 24}
    drawn, _ = parts(listed(tmp_path / "drawn"))
    assert {n for n, split in drawn.items() if split == "test"} != set(TEST)


def test_one_list_names_its_own_part(tmp_path):
    both, _ = parts(listed(tmp_path / "both", train_val_list=TRAINING, test_list=TEST))
    assert parts(listed(tmp_path / "a", train_val_list=TRAINING))[0] == both
    assert parts(listed(tmp_path / "b", test_list=TEST))[0] == both


def test_patients_in_neither_list_are_counted_and_never_tested(tmp_path):
    found, counts = parts(listed(tmp_path, train_val_list=[1, 2], test_list=[12]))
    assert {n for n, split in found.items() if split == "test"} == {12}
    assert counts == {"studies": 24, "patients in neither list": 9}


def test_an_unlisted_image_follows_its_patient(tmp_path):
    root = listed(tmp_path, train_val_list=TRAINING)
    (root / "test_list.txt").write_text(
        "".join(f"images_012/images/{n:08}_000.png 0 1\r\n\r\n" for n in TEST)
    )
    found, counts = parts(root)
    assert {n for n, split in found.items() if split == "test"} == set(TEST)
    assert counts == {"studies": 24}


def test_lists_that_share_a_patient_are_refused(tmp_path):
    listed(tmp_path, train_val_list=TRAINING, test_list=[*TEST, 3, 4])
    with pytest.raises(InputError, match=r"found 2 patients with images of both parts") as caught:
        read_nih_cxr(tmp_path)
    assert "00000003" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n \n", "<html>\n", "00000001_000.png\nmore of it\n"])
def test_a_list_without_images_is_refused(tmp_path, text):
    listed(tmp_path, train_val_list=TRAINING)
    (tmp_path / "test_list.txt").write_text(text)
    with pytest.raises(InputError, match=r"test_list\.txt.*the name of an image"):
        read_nih_cxr(tmp_path)


@pytest.mark.parametrize(
    "place",
    [
        "images/{}.png",
        "images/{}.jpg",
        "images_001/images/{}.png",
        "images_012/{}.png",
        "sample/images/{}.png",
        "sample/sample/images/{}.png",
        "xrays/{}.JPG",
        "{}.png",
    ],
)
def test_images_are_found_in_any_folder(tmp_path, place):
    nih(tmp_path, [(A, "Mass", 1), (B, "Mass", 2)])
    for name in (A, B):
        picture(tmp_path / place.replace(".JPG", ".jpg").format(name.removesuffix(".png")))
    for path in tmp_path.glob("xrays/*"):
        path.rename(path.with_suffix(".JPG"))
    report = collect([read_nih_cxr(tmp_path)]).report
    assert (report["images"], report["bad_images"]) == (2, {})


def test_images_lie_in_twelve_folders(tmp_path):
    rows = [(f"{n:08}_000.png", "Mass", n) for n in range(1, 13)]
    for image, _, n in rows[:-1]:
        picture(tmp_path / f"images_{n:03}" / "images" / image)
    report = collect([read_nih_cxr(nih(tmp_path, rows))]).report
    assert report["images"] == 11
    assert list(report["bad_images"].values()) == ["missing"]


def test_the_folder_of_images_goes_before_another_copy(tmp_path):
    nih(tmp_path, [(A, "Mass", 1)])
    for folder in ("256", "images", "thumbnails"):
        picture(tmp_path / folder / A)
    assert read_nih_cxr(tmp_path).studies["image_path"].to_list() == [f"images/{A}"]


def test_labels_without_images_are_read(tmp_path):
    source = read_nih_cxr(nih(tmp_path, [(A, "Mass", 1)]))
    assert source.root is None
    assert collect([source]).report["bad_images"] == {}


def test_the_small_sample_is_read(tmp_path):
    nih(tmp_path, [(A, "Mass", 1)])
    (tmp_path / "Data_Entry_2017_v2020.csv").rename(tmp_path / "sample_labels.csv")
    picture(tmp_path / "sample" / "images" / A)
    for name in ("", "sample_labels.csv"):
        manifest = build_facts([f"nih-cxr:{tmp_path / name}"], tmp_path / f"out{name}")
        assert manifest["images"] == 1
        assert read_facts(tmp_path / f"out{name}").facts["condition"].to_list() == ["Lung Lesion"]


@pytest.mark.parametrize("suffix", [".jpg", ".PNG"])
def test_copies_in_another_format_keep_images_and_split(tmp_path, suffix):
    listed(tmp_path, train_val_list=TRAINING, test_list=TEST)
    table = tmp_path / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace(".png", suffix))
    picture(tmp_path / f"images/00000001_000{suffix}")
    assert {n for n, split in parts(tmp_path)[0].items() if split == "test"} == set(TEST)
    first = read_nih_cxr(tmp_path).studies.select("study_id", "image_path").row(0)
    assert first == ("00000001_000", f"images/00000001_000{suffix}")


def test_packed_lists_are_read(tmp_path):
    listed(tmp_path, train_val_list=TRAINING, test_list=TEST)
    for name in ("train_val_list.txt", "test_list.txt"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
        (tmp_path / name).unlink()
    assert {n for n, split in parts(tmp_path)[0].items() if split == "test"} == set(TEST)
