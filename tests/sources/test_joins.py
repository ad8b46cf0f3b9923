"""Equal ids of two sources: kept apart, joined where that was said, and counted."""

from pathlib import Path

import polars as pl
import pytest
from small import cad, chexpert, mimic, nih, picture, write_csv

from nast.cli import run
from nast.errors import InputError, UsageError
from nast.sources.collect import build_facts, read_facts
from nast.sources.source import conserved

MAPPING = """layout: wide
columns: {{subject_id: patient, study_id: study{columns}}}
labels: {labels}
values: {{present: ["1"], absent: ["0"], uncertain: ["-1"], not_mentioned: [""]}}
{more}
"""
LONG = """layout: long
columns: {{subject_id: patient, study_id: study}}
facts: {{condition: finding, existence: said, side: side}}
values: {{present: ["1"], absent: ["0"]}}
{more}
"""
EDEMA = {"Edema": "edema"}


def wide(file: Path, rows: list[tuple], labels: dict = EDEMA, more: str = "") -> str:
    """A table of (patient, study, a cell for each label), and its mapping; returns the SOURCE."""
    write_csv(file, ["patient", "study", *labels.values()], [list(row) for row in rows])
    text = MAPPING.format(columns="", labels=labels, more=more).replace("'", "")
    file.with_suffix(".mapping.yaml").write_text(text)
    return f"table:{file}"


def long(file: Path, rows: list[tuple], more: str = "") -> str:
    """A table of (patient, study, finding, said, side), and its mapping; returns the SOURCE."""
    write_csv(file, ["patient", "study", "finding", "said", "side"], [list(row) for row in rows])
    file.with_suffix(".mapping.yaml").write_text(LONG.format(more=more))
    return f"table:{file}"


def labels_of(folder: Path, name: str = "Edema") -> dict[str, str]:
    studies, _ = read_facts(folder)
    return dict(studies.select("study_id", name).iter_rows())


def test_equal_ids_of_two_hospitals_stay_two_patients(tmp_path, capsys):
    north = wide(tmp_path / "north.csv", [("1", "10", "1"), ("2", "20", "0")])
    south = wide(tmp_path / "south.csv", [("1", "10", "0"), ("3", "30", "1")])
    assert run(["facts", north, south, "-o", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "1 patient ids kept apart, 1 study ids kept apart" in out
    assert "site: NAME in the mapping" in out
    assert labels_of(tmp_path / "out") == {
        "10": "present",
        "20": "absent",
        "table#2:10": "absent",
        "table#2:30": "present",
    }
    studies, facts = read_facts(tmp_path / "out")
    assert studies["subject_id"].n_unique() == 4
    assert facts.join(studies, on=["subject_id", "study_id", "split"], how="anti").is_empty()
    assert sorted(facts.select("study_id", "existence").rows()) == [
        ("10", "present"),
        ("20", "absent"),
        ("table#2:10", "absent"),
        ("table#2:30", "present"),
    ]


def test_ids_that_do_not_collide_stay_as_they_are(tmp_path):
    one = wide(tmp_path / "one.csv", [("1", "10", "1")])
    two = wide(tmp_path / "two.csv", [("2", "20", "0")])
    manifest = build_facts([one, two], tmp_path / "out")
    assert set(labels_of(tmp_path / "out")) == {"10", "20"}
    assert not any(manifest["conflicts"].values())


def test_a_patient_id_in_two_hospitals_is_two_patients(tmp_path):
    """No study collides; one patient of two would tear a split or halve a sample."""
    split = "splits: {tr: train, te: test}"
    text = MAPPING.format(columns=", split: part", labels="{Edema: edema}", more=split)
    specs = []
    for name, row in (("a", ["7", "1", "1", "tr"]), ("b", ["7", "2", "1", "te"])):
        file = write_csv(tmp_path / f"{name}.csv", ["patient", "study", "edema", "part"], [row])
        file.with_suffix(".mapping.yaml").write_text(text)
        specs.append(f"table:{file}")
    build_facts(specs, tmp_path / "out")
    studies, _ = read_facts(tmp_path / "out")
    assert studies.select("subject_id", "study_id", "split").rows() == [
        ("7", "1", "train"),
        ("table#2:7", "table#2:2", "test"),
    ]
    for file in tmp_path.glob("*.mapping.yaml"):
        file.write_text(file.read_text() + "site: north\n")
    with pytest.raises(InputError, match=r"1 patients in two splits"):
        build_facts(specs, tmp_path / "joined")


def test_public_data_sets_with_equal_ids_are_not_joined(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "1.xml").write_text(
        '<eCitation><uId id="00000001_000"/><MeSH><major>Opacity</major></MeSH></eCitation>'
    )
    images = nih(tmp_path / "n", [("00000001_000.png", "Mass", 1)])
    build_facts([f"nih-cxr:{images}", f"iu-xray:{tmp_path / 'r'}"], tmp_path / "out")
    _, facts = read_facts(tmp_path / "out")
    assert sorted(facts.select("study_id", "condition").rows()) == [
        ("00000001_000", "Lung Lesion"),
        ("iu-xray:00000001_000", "Lung Opacity"),
    ]


def test_image_paths_are_those_of_their_source(tmp_path):
    specs = []
    for name in "ab":
        file = tmp_path / name / "t.csv"
        write_csv(file, ["patient", "study", "edema", "image"], [["1", "1", "1", "x.png"]])
        picture(file.parent / "x.png")
        file.with_suffix(".mapping.yaml").write_text(
            MAPPING.format(columns=", image_path: image", labels="{Edema: edema}", more="images: .")
        )
        specs.append(f"table:{file}")
    manifest = build_facts(specs, tmp_path / "out")
    studies, _ = read_facts(tmp_path / "out")
    assert studies["image_path"].to_list() == [str(tmp_path / n / "x.png") for n in "ab"]
    assert (manifest["images"], manifest["bad_images"]) == (2, {})


def test_tables_of_one_site_are_joined_and_its_name_stands_before_ids(tmp_path, capsys):
    """A hospital with its labels in one table and its facts in another."""
    site = "site: north"
    a = wide(tmp_path / "a.csv", [("1", "10", "1"), ("2", "20", "0")], more=site)
    rows = [("1", "10", "Pleural Effusion", "1", "left"), ("1", "10", "Edema", "0", "")]
    b = long(tmp_path / "b.csv", rows, more=site)
    other = wide(tmp_path / "c.csv", [("1", "10", "0")], more="site: south")
    manifest = build_facts([a, b, other], tmp_path / "out")
    assert labels_of(tmp_path / "out") == {
        "north:10": "present",
        "north:20": "absent",
        "south:10": "absent",
    }
    _, facts = read_facts(tmp_path / "out")
    assert facts.select("study_id", "condition", "existence", "side").rows() == [
        ("north:10", "Edema", "absent", None),
        ("north:10", "Pleural Effusion", "present", "left"),
        ("north:20", "Edema", "absent", None),
        ("south:10", "Edema", "absent", None),
    ]
    assert manifest["disagreements"] == 1
    assert not any(manifest["conflicts"].values())


def test_labels_of_joined_tables_complete_each_other_and_conflicts_are_counted(tmp_path, capsys):
    both = {"Edema": "edema", "Fracture": "fracture"}
    rows = [("1", "10", "1", ""), ("2", "20", "0", "1"), ("3", "30", "", "-1")]
    a = wide(tmp_path / "a.csv", rows, both, "site: n")
    rows = [("1", "10", "0", "1"), ("2", "20", "0", ""), ("3", "30", "", "1")]
    b = wide(tmp_path / "b.csv", rows, both, "site: n")
    found = []
    for order in ([a, b], [b, a]):
        out = tmp_path / str(len(found))
        assert run(["facts", *order, "-o", str(out)]) == 0
        assert "2 labels on which joined sources disagree" in capsys.readouterr().out
        found.append((labels_of(out), labels_of(out, "Fracture")))
    assert (
        found[0]
        == found[1]
        == (
            {"n:10": "uncertain", "n:20": "absent", "n:30": "not_mentioned"},
            {"n:10": "present", "n:20": "present", "n:30": "uncertain"},
        )
    )


def test_the_image_of_a_joined_study_is_the_one_that_is_there(tmp_path):
    a = wide(tmp_path / "a.csv", [("1", "10", "1")], more="site: n")
    file = write_csv(
        tmp_path / "b.csv",
        ["patient", "study", "edema", "image", "view"],
        [["1", "10", "1", "x.png", "PA"]],
    )
    picture(tmp_path / "x.png")
    columns = ", image_path: image, view: view"
    more = "images: .\nsite: n"
    file.with_suffix(".mapping.yaml").write_text(
        MAPPING.format(columns=columns, labels="{Edema: edema}", more=more)
    )
    build_facts([a, f"table:{file}"], tmp_path / "out")
    studies, _ = read_facts(tmp_path / "out")
    assert studies.select("image_path", "view").rows() == [(str(tmp_path / "x.png"), "PA")]


def test_a_stated_split_goes_before_a_drawn_one(tmp_path):
    rows = [(str(n), str(n), "1") for n in range(20)]
    drawn = wide(tmp_path / "a.csv", rows, more="site: n")
    header = ["patient", "study", "edema", "split"]
    file = write_csv(tmp_path / "b.csv", header, [[*row, "test"] for row in rows])
    file.with_suffix(".mapping.yaml").write_text(
        MAPPING.format(columns=", split: split", labels="{Edema: edema}", more="site: n")
    )
    build_facts([drawn, f"table:{file}"], tmp_path / "out")
    assert set(read_facts(tmp_path / "out").studies["split"]) == {"test"}


def test_a_joined_study_of_two_patients_is_refused(tmp_path):
    a = wide(tmp_path / "a.csv", [("1", "10", "1")], more="site: n")
    b = wide(tmp_path / "b.csv", [("2", "10", "1")], more="site: n")
    with pytest.raises(InputError, match="1 studies with another patient in a second source"):
        build_facts([a, b], tmp_path / "out")


def test_a_table_that_names_a_public_data_set_speaks_of_its_studies(tmp_path):
    study = {"subject": 10000032, "study": 50414267, "split": "test", "labels": {"Edema": "1.0"}}
    root = mimic(tmp_path / "m", [study])
    rows = [("10000032", "50414267", "Pneumothorax", "1", "left")]
    more = long(tmp_path / "more.csv", rows, "site: MIMIC-CXR-JPG\naccess: credentialed")
    build_facts([f"mimic-cxr-jpg:{root}", more], tmp_path / "out")
    studies, facts = read_facts(tmp_path / "out")
    assert studies.select("study_id", "split", "Edema").rows() == [("50414267", "test", "present")]
    assert facts.select("study_id", "condition").rows() == [("50414267", "Pneumothorax")]


def test_parts_of_one_data_set_share_its_patients_but_no_study(tmp_path):
    """CheXpert's tables are parts of one; a study in two tables is another site's."""
    train = "train/patient00001/study{}/view1_frontal.jpg"
    a = chexpert(tmp_path / "a.csv", [(train.format(1), "AP", {"Edema": "1.0"})])
    b = chexpert(tmp_path / "b.csv", [(train.format(2), "AP", {"Edema": "0.0"})])
    c = chexpert(tmp_path / "c.csv", [(train.format(1), "AP", {"Edema": "0.0"})])
    build_facts([f"chexpert:{a}", f"chexpert:{b}"], tmp_path / "parts")
    studies, _ = read_facts(tmp_path / "parts")
    assert set(studies["subject_id"]) == {"patient00001"}
    build_facts([f"chexpert:{a}", f"chexpert:{c}"], tmp_path / "sites")
    assert labels_of(tmp_path / "sites") == {
        "patient00001_study1": "present",
        "chexpert#2:patient00001_study1": "absent",
    }


def test_each_tree_keeps_its_own_cad_chest(tmp_path):
    positive = {"probability": "positive", "probability_score": 3}
    specs = []
    for name, condition in (("a", "edema"), ("b", "pneumonia")):
        root = mimic(tmp_path / name, [{"subject": 10000032, "study": 50414267, "split": "train"}])
        cad(root / "cad_disease.json", {condition: positive})
        specs += [f"mimic-cxr-jpg:{root}", f"cad-chest:{root / 'cad_disease.json'}"]
    manifest = build_facts(specs, tmp_path / "out")
    _, facts = read_facts(tmp_path / "out")
    assert sorted(facts.select("study_id", "condition").rows()) == [
        ("50414267", "Edema"),
        ("mimic-cxr-jpg#2:50414267", "Pneumonia"),
    ]
    assert all(conserved(account) for account in manifest["annotations"].values())


def test_cad_chest_beside_another_data_set_still_needs_mimic(tmp_path):
    file = cad(tmp_path / "c.json", {})
    other = nih(tmp_path / "n", [("00000001_000.png", "Mass", 1)])
    with pytest.raises(UsageError, match="neither splits nor images"):
        build_facts([f"cad-chest:{file}", f"nih-cxr:{other}"], tmp_path / "out")


def test_a_source_given_twice_is_refused(tmp_path):
    spec = wide(tmp_path / "a.csv", [("1", "10", "1")])
    (tmp_path / "x").mkdir()
    again = f"table:{tmp_path / 'x' / '..' / 'a.csv'}"
    with pytest.raises(UsageError, match="given twice"):
        build_facts([spec, again], tmp_path / "out")


@pytest.mark.parametrize("site", ["two words", "a:b", "x" * 40, "[a, b]"])
def test_a_site_has_a_short_plain_name(tmp_path, site):
    spec = wide(tmp_path / "a.csv", [("1", "10", "1")], more=f"site: {site}")
    with pytest.raises(InputError, match="'site'"):
        build_facts([spec], tmp_path / "out")


def test_splits_are_drawn_from_the_ids_of_the_site(tmp_path):
    """The same patients of one site are in one split, whichever tables they are read from."""
    rows = [(str(n), str(n), "1") for n in range(40)]
    a = wide(tmp_path / "a.csv", rows, more="site: n")
    b = long(tmp_path / "b.csv", [(n, f"x{n}", "Edema", "1", "") for n, _, _ in rows], "site: n")
    build_facts([a, b], tmp_path / "out")
    studies, _ = read_facts(tmp_path / "out")
    by_patient = studies.group_by("subject_id").agg(pl.col("split").n_unique(), pl.len())
    assert set(by_patient["split"]) == {1} and set(by_patient["len"]) == {2}


def test_ids_with_a_prefix_of_an_earlier_reading_are_kept_apart_too(tmp_path):
    one = wide(tmp_path / "one.csv", [("1", "10", "1"), ("table#2:1", "table#2:10", "0")])
    two = wide(tmp_path / "two.csv", [("1", "10", "1")])
    build_facts([one, two], tmp_path / "out")
    assert labels_of(tmp_path / "out") == {
        "10": "present",
        "table#2:10": "absent",
        "+table#2:10": "present",
    }
