"""The first mapping that is written beside a table, and what reading makes of it unedited."""

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from small import CHEXPERT, only_nast_errors, write_csv

from nast.errors import InputError, UsageError
from nast.facts.conditions import CONDITIONS
from nast.sources.own_table.guess import condition_for, write_mapping
from nast.sources.own_table.read_table import read_table_file


def guess(file, header, rows):
    path = write_mapping(write_csv(file, header, rows))
    return path.read_text(encoding="utf-8")


def test_a_wide_table_is_read_with_the_guess(tmp_path):
    header = ["PatientID", "StudyID", "Fold", *CHEXPERT]
    labels = {"Edema": "1.0", "Fracture": "0.0", "Pneumonia": "-1.0"}
    rows = [
        [
            n,
            f"s{n}",
            fold,
            f"{n}.jpg",
            "F",
            60,
            "Frontal",
            "PA",
            *(labels.get(name, "") for name in CHEXPERT[5:]),
        ]
        for n, fold in enumerate(["training", "training", "val", "test"])
    ]
    text = guess(tmp_path / "site.csv", header, rows)
    assert '# columns that are not used: Sex, Age, "Frontal/Lateral", No Finding' in text
    source = read_table_file(tmp_path / "site.csv")
    assert source.root is None
    study = source.studies.row(2, named=True)
    assert [study[n] for n in ("subject_id", "study_id", "split", "image_path", "view")] == [
        "2",
        "s2",
        "validate",
        "2.jpg",
        "PA",
    ]
    assert [study[n] for n in ("Edema", "Fracture", "Pneumonia", "Lung Lesion")] == [
        "present",
        "absent",
        "uncertain",
        "not_mentioned",
    ]
    assert source.annotations == {"present": 12, "kept": 8, "set aside: uncertain": 4}
    assert source.access == "private"


def test_a_long_table_is_read_with_the_guess(tmp_path):
    header = [
        "mrn",
        "accession_no",
        "finding",
        "status",
        "laterality",
        "location",
        "severity",
        "sentence",
        "age",
    ]
    rows = [
        [1, 10, "PTX", "yes", "Left", "", "severe", "large left ptx", 60],
        [1, 10, "effusion", "no", "", "", "", "no effusion", 60],
        [2, 20, "Consolidation", "yes", "bilateral", "lower", "", "", 50],
        [2, 20, "hernia", "maybe", "", "", "", "", 50],
    ]
    text = guess(tmp_path / "site.csv", header, rows)
    assert "# conditions: not known, and set aside: hernia" in text
    assert "# columns that are not used: age\n" in text
    source = read_table_file(tmp_path / "site.csv")
    assert source.facts.select(
        "study_id", "condition", "existence", "side", "zone", "severity", "words"
    ).rows() == [
        ("10", "Pneumothorax", "present", "left", None, "severe", "large left ptx"),
        ("10", "Pleural Effusion", "absent", None, None, None, "no effusion"),
        ("20", "Consolidation", "present", "bilateral", "lower", None, "Consolidation"),
    ]
    assert source.annotations == {
        "present": 4,
        "kept": 3,
        "set aside: other condition": 1,
        "set aside: uncertain": 0,
    }


@pytest.mark.parametrize("name", ["site.parquet", "site.jsonl", "site.tsv"])
def test_every_format_is_guessed(tmp_path, name):
    rows = pl.DataFrame(
        {"subject": [1, 2], "study": [1, 2], "has_edema": [True, False], "Mass": [None, True]}
    )
    write = {
        "parquet": rows.with_columns(Boxes=[[1]] * 2).write_parquet,
        "jsonl": rows.with_columns(Boxes=[[1]] * 2).write_ndjson,
        "tsv": lambda f: rows.write_csv(f, separator="\t"),
    }
    write[name[5:]](tmp_path / name)
    assert "# columns that are not used: Boxes" in write_mapping(tmp_path / name).read_text() or (
        "tsv" in name
    )
    studies = read_table_file(tmp_path / name).studies
    assert studies["Edema"].to_list() == ["present", "absent"]
    assert studies["Lung Lesion"].to_list() == ["not_mentioned", "present"]


@pytest.mark.parametrize(
    ("header", "row", "line", "key"),
    [
        (
            ["study", "edema", "ptx"],
            [1, 1, 0],
            "# columns: fill in subject_id",
            "columns.subject_id",
        ),
        (["mrn", "edema", "ptx"], [1, 1, 0], "# columns: fill in study_id", "columns.study_id"),
        (["mrn", "study", "x"], [1, 1, 0], "# layout: fill in", "layout"),
        (
            ["mrn", "study", "edema", "ptx"],
            [1, 1, 3, 4],
            '# values: in no list yet: "3", "4"',
            "values",
        ),
    ],
)
def test_what_cannot_be_guessed_is_asked_for(tmp_path, header, row, line, key):
    text = guess(tmp_path / "site.csv", header, [row])
    assert f"\n{line}" in text
    with pytest.raises(InputError, match=f"site.mapping.yaml.* key '{key}'"):
        read_table_file(tmp_path / "site.csv")


def test_what_would_not_be_read_is_left_out(tmp_path):
    header = ["patient", "study", "Edema", "Fracture", "Emphysema"]
    rows = [[n, n, n % 2, n, 1] for n in range(20)]
    text = guess(tmp_path / "site.csv", header, rows)
    assert "used: Fracture, Emphysema" in text
    assert read_table_file(tmp_path / "site.csv").annotations["kept"] == 20


def test_only_words_of_a_vocabulary_are_written(tmp_path):
    rows = [[n, n, f"secret {n}", n % 2, f"secret {n}"] for n in range(13)]
    text = guess(tmp_path / "site.csv", ["mrn", "study", "finding", "status", "side"], rows)
    assert "layout: long" in text and "secret" not in text
    assert read_table_file(tmp_path / "site.csv").annotations["set aside: other condition"] == 13


def test_a_mapping_is_not_overwritten(tmp_path):
    header, row = ["mrn", "study", "edema", "ptx"], [1, 1, 1, 0]
    text = guess(tmp_path / "site.csv", header, [row])
    with pytest.raises(UsageError, match="is there already"):
        write_mapping(tmp_path / "site.csv")
    assert (tmp_path / "site.mapping.yaml").read_text() == text
    with pytest.raises(InputError, match="no such file"):
        write_mapping(tmp_path / "other.csv")


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("pleural_effusion", "Pleural Effusion"),
        ("PleuralEffusion", "Pleural Effusion"),
        ("Effusion", "Pleural Effusion"),
        ("Pleural_Thickening", "Pleural Other"),
        ("Infiltration", "Lung Opacity"),
        ("Nodule", "Lung Lesion"),
        ("PTX", "Pneumothorax"),
        ("label_edema", "Edema"),
        ("has_pulmonary_edema", "Edema"),
        ("Emphysema", "Emphysema"),
        ("No Finding", None),
        ("no_edema", None),
        ("Pericardial Effusion", None),
        ("Sex", None),
    ],
)
def test_names_of_conditions(name, condition):
    assert condition_for(name) == condition


def test_every_name_and_term_is_known():
    for name, condition in CONDITIONS.items():
        assert condition_for(name) == condition_for(condition.term) == name


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("subject_id", "PatientID"),
        ("subject_id", "patient-id"),
        ("study_id", "AccessionNumber"),
        ("study_id", "StudyInstanceUID"),
        ("image_path", "ImagePath"),
        ("view", "ViewPosition"),
        (None, "PatientAge"),
        (None, "Study Date"),
        (None, "religion"),
    ],
)
def test_names_of_columns(tmp_path, key, name):
    text = guess(tmp_path / "site.csv", ["x", name], [[1, 1]])
    assert [k for k, column in yaml.safe_load(text)["columns"].items() if column == name] == (
        [key] if key else []
    )


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_table_gets_a_mapping(tmp_path_factory, data):
    words = st.text(max_size=8)
    known = st.sampled_from(["mrn", "study", "path", "fold", "finding", "status", "side", "ptx"])
    names = data.draw(
        st.lists(
            words | known | st.sampled_from(CONDITIONS.labelled()),
            min_size=1,
            max_size=8,
            unique=True,
        )
    )
    cells = st.lists(words | st.sampled_from(["0", "1", "left"]), min_size=3, max_size=3)
    rows = pl.DataFrame({name: data.draw(cells) for name in names})
    folder = tmp_path_factory.mktemp("x")
    rows.write_parquet(folder / "site.parquet")
    write_mapping(folder / "site.parquet")
    only_nast_errors(lambda: read_table_file(folder / "site.parquet"))
    rows.write_csv(folder / "other.csv")
    only_nast_errors(lambda: write_mapping(folder / "other.csv"))
    only_nast_errors(lambda: read_table_file(folder / "other.csv"))
