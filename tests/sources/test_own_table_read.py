"""A site's own table with its mapping: both layouts, all formats, every way to be broken."""

import gzip
import json
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import only_nast_errors, picture, write_csv

from nast.errors import InputError, NastError
from nast.facts.conditions import CONDITIONS
from nast.sources.own_table.read_table import read_table_file
from nast.sources.source import conserved, fact_columns, study_columns

WIDE = """
layout: wide
columns: {subject_id: Patient, study_id: Exam, image_path: File, split: Fold, view: View}
splits: {training: train, dev: validate}
labels: {Pneumothorax: PTX, Edema: Oedema}
values: {present: ["1", yes], absent: ["0", no], uncertain: ["-1"], not_mentioned: [""]}
"""
HEADER = ["File", "Patient", "Exam", "View", "Fold", "PTX", "Oedema", "Note"]
ROWS = [
    ["a.png", "7", "s1", "LL", "training", "1", "", "x"],
    ["b.png", "7", "s1", "AP", "training", "yes", "", "x"],
    ["c.png", "7", "s1", "pa", "Train", "1", "", "x"],
    ["d.png", "8", "s2", "", "dev", "0", "-1", "x"],
    ["e.png", "8", "s2", "LL", "DEV", "no", "-1", "x"],
]
LONG = """
layout: long
access: open
terms: CC0
columns: {subject_id: Patient, study_id: Exam}
facts: {condition: Finding, existence: Status, side: Side, zone: Zone, severity: Degree,
  words: Text}
values: {present: [1], absent: [0], uncertain: [maybe], not_mentioned: ["", "n/a"]}
conditions: {PTX: Pneumothorax, fluid: Pleural Effusion}
words: {side: {l: left}, zone: {base: lower}, severity: {small: mild}}
"""
FACT_HEADER = ["Patient", "Exam", "Finding", "Status", "Side", "Zone", "Degree", "Text"]
FACTS = [
    ["7", "s1", "ptx", "1", "L", "base", "Small", "a small left pneumothorax"],
    ["7", "s1", "Consolidation", "1", "right", "base", "small", ""],
    ["7", "s1", "pulmonary EDEMA", "0", "", "", "mild", "no edema"],
    ["7", "s2", "fluid", "maybe", "left", "", "", ""],
    ["7", "s2", "hernia", "1", "", "", "", ""],
    ["8", "s3", "Edema", "n/a", "", "", "", ""],
    ["8", "s3", "Fracture", "1", "both", "apex", "bad", ""],
]


def site(folder, header=HEADER, rows=ROWS, mapping=WIDE):
    folder.mkdir(exist_ok=True)
    (folder / "site.mapping.yaml").write_text(mapping, encoding="utf-8")
    return write_csv(folder / "site.csv", header, rows)


def wide(folder, *rows, mapping=WIDE):
    return site(folder, rows=rows, mapping=mapping)


def long(folder, *rows, mapping=LONG):
    return site(folder, FACT_HEADER, rows, mapping)


def changed(column, value, row=ROWS[0], header=HEADER):
    return [value if name == column else cell for name, cell in zip(header, row, strict=True)]


def test_a_wide_table(tmp_path):
    source = read_table_file(site(tmp_path))
    names = ["subject_id", "study_id", "split", "image_path", "view", "Pneumothorax", "Edema"]
    assert source.studies.select(names).rows() == [
        ("7", "s1", "train", "c.png", "PA", "present", "not_mentioned"),
        ("8", "s2", "validate", "d.png", "", "absent", "uncertain"),
    ]
    assert source.studies.columns == study_columns()
    assert set(source.studies["Fracture"]) == {"not_mentioned"}
    assert source.annotations == {"present": 3, "kept": 2, "set aside: uncertain": 1}
    assert source.facts is None and source.root is None and not source.phantom
    assert (source.name, source.access, source.terms) == (
        "table",
        "private",
        "the site's own terms",
    )
    assert [f.name for f in source.files] == ["site.csv", "site.mapping.yaml"]
    assert source.counts == {"rows": 5, "studies": 2}


def test_a_long_table(tmp_path):
    source = read_table_file(long(tmp_path, *FACTS))
    assert source.facts.columns == fact_columns()
    assert set(source.facts["source"]) == {"table"}
    assert source.facts.drop("subject_id", "source").rows() == [
        ("s1", "Pneumothorax", "present", "left", None, "mild", "a small left pneumothorax"),
        ("s1", "Consolidation", "present", "right", "lower", None, "Consolidation"),
        ("s1", "Edema", "absent", None, None, None, "no edema"),
        ("s3", "Fracture", "present", None, None, None, "Fracture"),
    ]
    assert source.annotations == {
        "present": 6,
        "kept": 4,
        "set aside: other condition": 1,
        "set aside: uncertain": 1,
    }
    assert source.counts == {
        "rows": 7,
        "studies": 3,
        "side words set aside": 1,
        "zone words set aside": 2,
        "severity words set aside": 2,
        "attributes of absences set aside": 1,
    }
    names = ["study_id", "Pneumothorax", "Edema", "Pleural Effusion", "Atelectasis"]
    assert source.studies.select(names).rows() == [
        ("s1", "present", "absent", "not_mentioned", "not_mentioned"),
        ("s2", "not_mentioned", "not_mentioned", "uncertain", "not_mentioned"),
        ("s3", "not_mentioned", "not_mentioned", "not_mentioned", "not_mentioned"),
    ]
    assert (source.access, source.terms) == ("open", "CC0")


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ("1 0 maybe", "present"),
        ("maybe 0", "absent"),
        ("n/a maybe", "uncertain"),
        ("n/a", "not_mentioned"),
    ],
)
def test_labels_follow_from_facts(tmp_path, said, label):
    rows = [["7", "s1", "edema", word, "", "", "", ""] for word in said.split()]
    assert read_table_file(long(tmp_path, *rows)).studies["Edema"].to_list() == [label]


def test_conditions_without_a_label_column_are_facts_only(tmp_path):
    rows = [["7", "s1", "emphysema", "1", "", "", "", ""]]
    source = read_table_file(long(tmp_path, *rows))
    assert source.facts["condition"].to_list() == ["Emphysema"]
    assert "Emphysema" not in source.studies.columns
    with pytest.raises(InputError, match=r"labels\.Emphysema.*long tables only"):
        read_table_file(wide(tmp_path, *ROWS, mapping=WIDE.replace("Edema:", "Emphysema:")))


def formats(folder, rows):
    """The same table in every format; numbers and blanks as the format has them."""
    numbers = pl.col("Patient", "PTX", "Oedema").cast(pl.Float64, strict=False)
    mapping = (folder / "site.mapping.yaml").read_text()
    typed = rows.with_columns(numbers, Blob=pl.lit(b"\xff"), Nested=pl.lit([1]))
    writers = {
        "a.csv": rows.write_csv,
        "b.tsv": lambda f: rows.write_csv(f, separator="\t"),
        "c.parquet": typed.write_parquet,
        "d.jsonl": typed.drop("Blob").write_ndjson,
        "e.ndjson": rows.write_ndjson,
        "f.csv.gz": lambda f: f.write_bytes(gzip.compress(rows.write_csv().encode())),
        "g.jsonl.gz": lambda f: f.write_bytes(gzip.compress(rows.write_ndjson().encode())),
        "h.v2.csv": lambda f: rows.write_csv(f, line_terminator="\r\n", include_bom=True),
        "i.csv": rows.select(reversed(rows.columns)).write_csv,
    }
    for name, write in writers.items():
        (folder / f"{name[0]}.mapping.yaml").write_text(mapping)
        write(folder / name)
        yield folder / name


def test_all_formats_are_one_table(tmp_path):
    file = site(
        tmp_path, rows=[[w.replace("yes", "1").replace("no", "0") for w in r] for r in ROWS]
    )
    expected = read_table_file(file)
    for other in formats(tmp_path, pl.read_csv(file, infer_schema=False)):
        source = read_table_file(other)
        assert source.studies.equals(expected.studies), other
        assert source.annotations == expected.annotations


def test_rows_twice_and_empty_rows_at_the_end_change_nothing(tmp_path):
    expected = read_table_file(site(tmp_path))
    file = wide(tmp_path, *ROWS, *ROWS, [""] * len(HEADER), [""] * len(HEADER))
    source = read_table_file(file)
    assert source.studies.equals(expected.studies)
    assert source.annotations == expected.annotations
    assert source.counts["rows"] == 10


def test_ids_are_text_but_not_shortened(tmp_path):
    ids = {"12.0": "12", " 0012 ": "0012", "1.2.840.0": "1.2.840.0", "é-1": "é-1", "1e5": "1e5"}
    for given_id, read in ids.items():
        rows = [changed("Patient", given_id, row) for row in ROWS[:3]]
        assert read_table_file(wide(tmp_path, *rows)).studies["subject_id"].to_list() == [read]
    with pytest.raises(InputError, match=r"row 1, column 'Exam'.*spreadsheet has shortened"):
        read_table_file(wide(tmp_path, changed("Exam", "1.23457E+11")))
    frame = pl.DataFrame({n: [c] for n, c in zip(HEADER, ROWS[0], strict=True)})
    for kind, number in ((pl.Float64, 2.0**53), (pl.Float32, 2.0**24)):
        rows = frame.with_columns(Exam=pl.lit(number, kind))
        rows.write_parquet(tmp_path / "site.parquet")
        with pytest.raises(InputError, match=r"column 'Exam'.*spreadsheet has shortened"):
            read_table_file(tmp_path / "site.parquet")


def test_without_splits_patients_are_divided(tmp_path):
    mapping = WIDE.replace(", split: Fold", "")
    rows = [changed("Patient", n, changed("Exam", f"s{n}")) for n in range(300)]
    counts = dict(
        read_table_file(wide(tmp_path, *rows, mapping=mapping))
        .studies["split"]
        .value_counts()
        .rows()
    )
    assert 210 < counts["train"] < 270 and counts["validate"] > 10 and counts["test"] > 10


def test_images_start_from_their_folder(tmp_path):
    picture(tmp_path / "images" / "a.png")
    for folder in ("images", tmp_path / "images"):
        source = read_table_file(wide(tmp_path, ROWS[0], mapping=f"{WIDE}images: {folder}\n"))
        assert source.root == tmp_path / "images"
    for folder, found in (("..", "outside"), ("C:/x", "outside"), ("none", "no such folder")):
        with pytest.raises(InputError, match=f"mapping.yaml, line \\d+, key 'images': .*{found}"):
            read_table_file(wide(tmp_path, ROWS[0], mapping=f"{WIDE}images: {folder}\n"))
    mapping = WIDE.replace(" image_path: File,", "") + "images: images\n"
    with pytest.raises(InputError, match="key 'images'"):
        read_table_file(wide(tmp_path, ROWS[0], mapping=mapping))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        ([changed("Patient", " ")], "row 1, column 'Patient': found a blank, expected an id"),
        ([ROWS[0], changed("Exam", "")], "row 2, column 'Exam': found a blank"),
        ([ROWS[0], changed("Oedema", "0")], "row 2: found labels unlike"),
        ([ROWS[0], ROWS[3], changed("Patient", "9")], "row 3, column 'Patient'.*one patient"),
        ([ROWS[0], changed("Fold", "dev")], "1 patients in two splits"),
        ([ROWS[0], changed("Exam", "s9", changed("Fold", "dev"))], "1 patients in two splits"),
        ([changed("Fold", "3")], "row 1, column 'Fold': found '3'.*splits"),
        ([ROWS[0], changed("PTX", "2")], "row 2, column 'PTX': found '2'.*site.mapping.yaml"),
        ([changed("File", "../a.png")], "row 1, column 'File'.*'\\.\\.'"),
        ([changed("File", "/a.png")], "row 1, column 'File'.*absolute"),
        ([ROWS[0][:-1]], "row 1: found 7 cells"),
    ],
)
def test_broken_tables_are_refused(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        read_table_file(wide(tmp_path, *rows))


def test_broken_files_are_refused(tmp_path):
    file = site(tmp_path)
    data = file.read_bytes()
    for name, broken, message in [
        ("site.csv.gz", gzip.compress(data)[:-9], "ends early"),
        ("site.csv", data.replace(b"Note", b"PTX"), "name of column 6 again in column 8"),
        ("site.csv", b"", "no table"),
        ("site.csv", b"\xff\xfe", "UTF-8"),
        ("site.parquet", data, "damaged"),
        ("site.txt", data, "suffix '.txt'"),
        ("site.jsonl", b'{"Patient": 1}\n\n{"Patient": zebra}', "row 2: found no JSON"),
        ("site.jsonl", b"[1]", "no object"),
        ("site.jsonl", b"\n", "no rows"),
        ("site.jsonl", b'{"a": 1, "a": 2}', "row 1: found an object with one key twice"),
        ("site.jsonl", b'{"Patient": "\\ud800"}', "row 1: found no JSON"),
        ("site.jsonl", b'{"x":' + b"[" * 100_000, "row 1: found no JSON"),
    ]:
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(InputError, match=message):
            read_table_file(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        read_table_file(tmp_path / "other.csv")
    file.rename(tmp_path / "other.csv")
    with pytest.raises(InputError, match=r"other.mapping.yaml: .*--init-mapping .*other.csv"):
        read_table_file(tmp_path / "other.csv")


@pytest.mark.parametrize(
    "kind", [pl.List(pl.String), pl.Binary, pl.Date, pl.Struct({"a": pl.Int8})]
)
def test_mapped_columns_are_plain(tmp_path, kind):
    rows = pl.DataFrame({n: [c] for n, c in zip(HEADER, ROWS[0], strict=True)})
    site(tmp_path)
    rows.with_columns(Exam=pl.lit(None, kind)).write_parquet(tmp_path / "site.parquet")
    with pytest.raises(InputError, match="column 'Exam': found values of the type"):
        read_table_file(tmp_path / "site.parquet")
    (tmp_path / "site.jsonl").write_text(json.dumps({**rows.row(0, named=True), "Exam": ["s1"]}))
    with pytest.raises(InputError, match="column 'Exam': found values of the type List"):
        read_table_file(tmp_path / "site.jsonl")


def test_truths_and_nulls_are_words(tmp_path):
    mapping = WIDE.replace('present: ["1", yes]', "present: [true]")
    mapping = mapping.replace('absent: ["0", no]', "absent: [false]")
    record = {"Patient": 7, "Exam": 1.0, "PTX": True, "Oedema": None, "Fold": "test", "File": None}
    site(tmp_path, mapping=mapping)
    (tmp_path / "site.jsonl").write_text(f"{json.dumps(record)}\n" + '{"View": NaN}')
    with pytest.raises(InputError, match="row 2, column 'Patient': found a blank"):
        read_table_file(tmp_path / "site.jsonl")
    pl.DataFrame([{**record, "View": None}]).write_parquet(tmp_path / "site.parquet")
    study = read_table_file(tmp_path / "site.parquet").studies.row(0, named=True)
    assert [study[n] for n in ("study_id", "Pneumothorax", "Edema", "image_path", "view")] == [
        "1",
        "present",
        "not_mentioned",
        "",
        "",
    ]


@pytest.mark.parametrize("name", ["*", "^P.*$", "row", "a, b", " PTX"])
def test_columns_may_have_any_name(tmp_path, name):
    mapping = WIDE.replace("PTX", json.dumps(name))
    rows = pl.read_csv(site(tmp_path, mapping=mapping), infer_schema=False).rename({"PTX": name})
    rows.write_csv(tmp_path / "site.csv")
    rows.write_parquet(tmp_path / "site.parquet")
    for file in ("site.csv", "site.parquet"):
        labels = read_table_file(tmp_path / file).studies["Pneumothorax"]
        assert labels.to_list() == ["present", "absent"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("layout: wide", "layout: tall", "layout"),
        ("layout: wide", "", "layout"),
        ("layout: wide", "layout: [wide]", "layout"),
        ("layout: wide", "layout: wide\nfacts: {condition: PTX}", "facts"),
        ("layout: wide", "layout: wide\ncolour: red", "colour"),
        ("layout: wide", "layout: wide\naccess: secret", "access"),
        ("layout: wide", 'layout: wide\nterms: "a\\nb"', "terms"),
        ("subject_id: Patient, ", "", "columns.subject_id"),
        ("study_id: Exam", "study_id: Examm", "columns.study_id.*but 'Exam'"),
        ("study_id: Exam", "study: Exam", "columns.study.*'study_id', perhaps"),
        ("study_id: Exam", "study_id:", "columns.study_id"),
        ("dev: validate", "dev: dev", "splits.dev"),
        ("dev: validate", "train: test", "splits.train"),
        ("Pneumothorax: PTX", "Pneumothorx: PTX", "labels.Pneumothorx.*'Pneumothorax', perhaps"),
        ("Pneumothorax: PTX", "No Finding: PTX", "labels.No Finding"),
        ("Pneumothorax: PTX", "Pneumothorax: Oedema", "labels.Pneumothorax"),
        ("labels: {Pneumothorax: PTX, Edema: Oedema}", "labels:", "labels"),
        ("labels: {Pneumothorax: PTX, Edema: Oedema}", "labels: [PTX]", "labels"),
        ('"-1"]', '"-1", yes]', "values.uncertain"),
        ('["-1"]', "maybe", "values.uncertain"),
        ("uncertain:", "perhaps:", "values.perhaps"),
        ('present: ["1", yes], absent: ["0", no], ', "", "values"),
        ("layout: wide", "layout: wide\nlayout: wide", None),
        ("layout: wide", "layout: {", None),
        (WIDE, "no keys", None),
        (WIDE, "", None),
    ],
)
def test_mappings_are_checked(tmp_path, old, new, key):
    where = f"key '{key}" if key else "site.mapping.yaml(, line [34])?: "
    with pytest.raises(InputError, match=where) as caught:
        read_table_file(site(tmp_path, mapping=WIDE.replace(old, new)))
    assert caught.value.file.name == "site.mapping.yaml"


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("fluid: Pleural Effusion", "fluid: Fluid", "conditions.fluid"),
        ("fluid: Pleural Effusion", "ptx: Edema", "conditions.ptx"),
        ("fluid: Pleural Effusion", "edema: Pneumonia", "conditions.edema"),
        ("l: left", "l: up", "words.side.l"),
        ("base: lower", "base: deep", "words.zone.base"),
        ("small: mild", "severe: mild", "words.severity.severe"),
        ("side: {l", "sides: {l", "words.sides"),
        ("condition: Finding, ", "", "facts.condition"),
        ("words: Text}", "word: Text}", "facts.word"),
    ],
)
def test_long_mappings_are_checked(tmp_path, old, new, key):
    with pytest.raises(InputError, match=f"site.mapping.yaml.*, key '{key}"):
        read_table_file(long(tmp_path, *FACTS, mapping=LONG.replace(old, new)))


SECRET = "Jane Quokka 31415926"


@pytest.mark.parametrize("column", HEADER)
def test_no_cell_is_in_a_message(tmp_path, column):
    rows = [ROWS[0], ROWS[3], changed(column, f"../{SECRET}")]
    text = wide(tmp_path, *rows).read_text()
    line = json.dumps({column: SECRET})
    broken = {
        "csv": [text, text + SECRET, text.replace("x\n", ""), text.replace("Patient", SECRET)],
        "jsonl": [line, line[:-3], line + SECRET, json.dumps(SECRET), line[:-1] + line[1:]],
    }
    said = []
    for suffix, contents in broken.items():
        file = tmp_path / f"site.{suffix}"
        for content in contents:
            file.write_text(content)
            try:
                read_table_file(file)
            except NastError as error:
                said.append(str(error))
    assert len(said) >= 8
    assert not [message for message in said if "Quokka" in message or "3141" in message]


def test_no_fact_is_in_a_message(tmp_path):
    for column in ("Patient", "Exam", "Status"):
        row = changed(column, SECRET, FACTS[0], FACT_HEADER)
        for rows in ([row[:4]], [row, changed("Status", SECRET, FACTS[0], FACT_HEADER)]):
            with pytest.raises(InputError) as caught:
                read_table_file(long(tmp_path, *rows))
            assert "Quokka" not in str(caught.value)


words = st.sampled_from(["", "0", "1", "maybe", "n/a", "L", "left", "base", "upper", "mild", "x"])
fact = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(["ptx", "Edema", "hernia", "", "Consolidation"]),
    st.sampled_from(["0", "1", "maybe", "n/a", ""]),
    words,
    words,
    words,
    words,
)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(fact, min_size=1, max_size=12))
def test_annotations_balance(tmp_path_factory, rows):
    file = long(tmp_path_factory.mktemp("x"), *(["7", *row] for row in rows))
    source = read_table_file(file)
    assert conserved(source.annotations)
    assert source.annotations["present"] == sum(row[2] not in ("", "n/a") for row in rows)
    assert source.annotations["kept"] == len(source.facts)
    for f in source.facts.iter_rows(named=True):
        known = CONDITIONS[f["condition"]]
        assert f["side"] is None or (known.sided and f["existence"] == "present")
        assert f["zone"] is None or f["zone"] in known.zones
        assert f["severity"] is None or known.grades
    assert set(source.studies.select(CONDITIONS.labelled()).unpivot()["value"]) <= {
        "present",
        "absent",
        "uncertain",
        "not_mentioned",
    }


junk = st.binary(max_size=12) | st.text(max_size=12).map(str.encode)


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, 10**6), junk=junk, data=st.data())
def test_damage_raises_only_our_errors(tmp_path_factory, place, junk, data):
    file = site(tmp_path_factory.mktemp("x"))
    rows = pl.read_csv(file, infer_schema=False)
    rows.write_ndjson(file.with_suffix(".jsonl"))
    rows.write_csv(file.with_suffix(".tsv"), separator="\t")
    name = data.draw(st.sampled_from(["csv", "tsv", "jsonl", "mapping.yaml"]))
    damaged = file.with_suffix(f".{name}")
    whole = damaged.read_bytes()
    place %= len(whole)
    end = data.draw(st.sampled_from([place, place + 5, len(whole)]))
    damaged.write_bytes(whole[:place] + junk + whole[end:])
    only_nast_errors(lambda: read_table_file(file if "yaml" in name else damaged))


@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    name=st.sampled_from(["csv", "tsv", "parquet", "jsonl", "csv.gz", "mapping.yaml"]),
)
def test_anything_raises_only_our_errors(tmp_path_factory, content, name):
    file = site(tmp_path_factory.mktemp("x"))
    other = file.with_name(f"site.{name}")
    other.write_bytes(content)
    only_nast_errors(lambda: read_table_file(file if "yaml" in name else other))


def test_a_cut_parquet_is_refused(tmp_path):
    rows = pl.read_csv(site(tmp_path), infer_schema=False)
    rows.write_parquet(tmp_path / "site.parquet")
    data = (tmp_path / "site.parquet").read_bytes()
    for size in random.Random(0).sample(range(len(data)), 20):
        (tmp_path / "site.parquet").write_bytes(data[:size])
        with pytest.raises(InputError, match="damaged"):
            read_table_file(tmp_path / "site.parquet")
