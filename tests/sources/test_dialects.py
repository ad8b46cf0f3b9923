"""Tables as spreadsheets of many countries write them: separators, encodings, words, paths."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import CHEXPERT, chexpert, nih, only_nast_errors, picture

from nast.errors import InputError
from nast.sources.chexpert import read_chexpert
from nast.sources.collect import collect
from nast.sources.io.dialect import separator_of, without_sep_line
from nast.sources.nih_cxr import read_nih_cxr
from nast.sources.own_table.guess import write_mapping
from nast.sources.own_table.read_table import read_table_file

HEADER = ["PatientID", "StudyID", "Pneumothorax", "Edema", "Größe (cm, gerundet)"]
ROWS = [
    ["P1", "S1", "ja", "nein", "0,83"],
    ["P2", "S2", "Nein", "JA", "1,5"],
    ["P3", "Sü", "", "fraglich", "0,5"],
]
READ = [
    ("P1", "S1", "present", "absent"),
    ("P2", "S2", "absent", "present"),
    ("P3", "Sü", "not_mentioned", "uncertain"),
]
MAPPING = """layout: wide
columns: {subject_id: PatientID, study_id: StudyID}
labels: {Pneumothorax: Pneumothorax, Edema: Edema}
values: {present: [ja], absent: [nein], uncertain: [fraglich], not_mentioned: [""]}
"""


def text(separator=";", end="\r\n"):
    cells = [[f'"{c}"' if separator in c else c for c in row] for row in [HEADER, *ROWS]]
    return "".join(separator.join(row) + end for row in cells)


def table(folder, data, mapping=MAPPING, name="t.csv"):
    (folder / name).write_bytes(data)
    if mapping:
        (folder / "t.mapping.yaml").write_text(mapping, encoding="utf-8")
    return folder / name


def found(file):
    studies = read_table_file(file).studies
    return studies.select("subject_id", "study_id", "Pneumothorax", "Edema").rows()


FORMS = {
    "semicolons": text().encode(),
    "semicolons and a mark": b"\xef\xbb\xbf" + text().encode(),
    "commas": text(",").encode(),
    "tabs": text("\t").encode(),
    "bars": text("|").encode(),
    "a line that says so": ("sep=;\r\n" + text()).encode(),
    "a line that says comma": ("sep=,\n" + text(",", "\n")).encode(),
    "a line in quotes": ('"SEP=|"\n' + text("|", "\n")).encode(),
    "Unicode text": text("\t").encode("utf-16"),
    "UTF-16 of another order": b"\xfe\xff" + text("\t").encode("utf-16-be"),
    "UTF-16 without mark": text().encode("utf-16-le"),
    "UTF-32": text().encode("utf-32"),
    "old Macs": text(end="\r").encode(),
    "packed": gzip.compress(text().encode("utf-16")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_one_table_in_many_forms(tmp_path, form, suffix):
    name = f"t.{suffix}.gz" if form == "packed" else f"t.{suffix}"
    assert found(table(tmp_path, FORMS[form], name=name)) == READ


@pytest.mark.parametrize("form", FORMS)
def test_the_first_mapping_reads_it_too(tmp_path, form):
    name = "t.csv.gz" if form == "packed" else "t.csv"
    file = table(tmp_path, FORMS[form], mapping="", name=name)
    assert "encoding" not in write_mapping(file).read_text(encoding="utf-8")
    assert found(file) == READ


def test_another_encoding_is_named_by_the_mapping(tmp_path):
    file = table(tmp_path, text().encode("cp1252"))
    with pytest.raises(InputError, match=r"line 1.*UTF-8 text; .*encoding: cp1252") as caught:
        found(file)
    assert str(caught.value).count("\n") == 0
    table(tmp_path, text().encode("cp1252"), MAPPING + "encoding: cp1252\n")
    assert found(file) == READ
    (tmp_path / "t.mapping.yaml").unlink()
    assert "\nencoding: cp1252\n" in write_mapping(file).read_text(encoding="utf-8")
    assert found(file) == READ


def test_a_mark_goes_before_the_mapping(tmp_path):
    mapping = MAPPING + "encoding: cp1252\n"
    assert found(table(tmp_path, b"\xef\xbb\xbf" + text().encode(), mapping)) == READ


def test_a_separator_can_be_named(tmp_path):
    data = b"PatientID;a,StudyID;b\nP1;0,S1;1\n"
    mapping = 'layout: wide\ncolumns: {subject_id: "PatientID;a", study_id: "StudyID;b"}\n'
    mapping += 'labels: {Edema: e}\nvalues: {present: ["1"], absent: ["0"]}\n'
    with pytest.raises(InputError, match="no column 'PatientID;a'"):
        found(table(tmp_path, data, mapping))
    with pytest.raises(InputError, match="no column 'e'"):
        found(table(tmp_path, data, mapping + 'separator: ","\n'))
    for key, message in (("separator: x", "'separator'"), ("encoding: nothing", "'encoding'")):
        with pytest.raises(InputError, match=message):
            found(table(tmp_path, data, mapping + key + "\n"))


@pytest.mark.parametrize(
    ("lines", "usual", "separator"),
    [
        ("a,b\n1,2\n", ",", ","),
        ("a;b\n1;2\n", ",", ";"),
        ("a;b (0,1)\nx;0,5\n", ",", ";"),
        ("a;b (0,1)\nx;0,5\n", "\t", ";"),
        ("id,notes (a; b)\n1,x\n2,y\n", ",", ","),
        ('id,"a;b"\n1,"2;3"\n', ",", ","),
        ("a\tb,c\n1\t2,3\n", ",", "\t"),
        # A row that is too short: what parts the header.
        ("a;b;c\n1;2\n", ",", ";"),
        ("a,b,c\n1,2\n", ",", ","),
        ("a\n1\n", ",", ","),
        ("", ",", ","),
        ("a\n1\n", "\t", "\t"),
    ],
)
def test_what_parts_the_cells(lines, usual, separator):
    assert separator_of(lines, usual) == separator


def test_the_line_that_names_the_separator():
    assert without_sep_line("sep=;\r\na;b") == ("a;b", ";")
    assert without_sep_line("separator;b\n") == ("separator;b\n", "")


def test_a_short_row_of_a_table_with_semicolons_is_refused(tmp_path):
    data = text().replace("P2;S2;", "P2;").encode()
    with pytest.raises(InputError, match="row 2: found 4 cells, expected 5"):
        found(table(tmp_path, data))


def test_values_mean_the_same_in_small_and_capital_letters(tmp_path):
    data = b"PatientID,StudyID,Pneumothorax,Edema\n1,1,JA,Nein\n2,2,Ja,nEIN\n"
    assert [row[2:] for row in found(table(tmp_path, data))] == [("present", "absent")] * 2
    values = MAPPING.replace("present: [ja]", "present: [P], uncertain: [p]")
    values = values.replace("uncertain: [fraglich], ", "")
    data = b"PatientID,StudyID,Pneumothorax,Edema\n1,1,P,p\n"
    assert found(table(tmp_path, data, values))[0][2:] == ("present", "uncertain")
    data = b"PatientID,StudyID,Pneumothorax,Edema\n1,1,P,maybe\n"
    with pytest.raises(InputError, match=r"column 'Edema'.*a value listed in t\.mapping\.yaml"):
        found(table(tmp_path, data, values))


def test_labels_with_decimal_commas_are_whole_numbers(tmp_path):
    mapping = MAPPING.replace("[ja]", '["1"]').replace("[nein]", '["0,0"]')
    data = b"PatientID;StudyID;Pneumothorax;Edema\n1;10,0;1,0;0,0\n2;1,000;0;1,00\n"
    assert found(table(tmp_path, data, mapping)) == [
        ("1", "10", "present", "absent"),
        ("2", "1,000", "absent", "present"),
    ]


def test_paths_of_windows_are_found(tmp_path):
    picture(tmp_path / "data" / "images" / "a1.png")
    data = b"PatientID;StudyID;Image;Edema\n1;1;images\\a1.png;1\n2;2;images\\a2.png;0\n"
    file = table(tmp_path / "data", data, mapping="")
    written = write_mapping(file)
    written.write_text(written.read_text() + "images: .\n")
    report = collect([read_table_file(file)]).report
    assert (report["images"], list(report["bad_images"].values())) == (1, ["missing"])
    for path in (b"..\\a1.png", b"C:\\a1.png", b"\\\\server\\a1.png"):
        file.write_bytes(data.replace(b"images\\a2.png", path))
        with pytest.raises(InputError, match="an absolute path, or one with"):
            read_table_file(file)


@pytest.mark.parametrize(
    "again",
    [
        lambda t: t.replace(",", ";"),
        lambda t: t.replace(",", "\t"),
        lambda t: "sep=;\n" + t.replace(",", ";"),
    ],
)
def test_published_tables_that_a_spreadsheet_saved_again(tmp_path, again):
    path = "train/patient00001/study1/view1_frontal.jpg"
    file = chexpert(tmp_path / "t.csv", [(path, "AP", {"Edema": "1.0", "Fracture": "0.0"})])
    picture(tmp_path / "x" / path)
    text = file.read_text().replace("1.0", "1@0").replace("0.0", "0@0")
    text = (
        again(text)
        .replace("@", ",")
        .replace("small/train/patient00001", "small\\train\\patient00001")
    )
    file.write_text(text)
    source = read_chexpert(file)
    assert source.studies.select("Edema", "Fracture").rows() == [("present", "absent")]
    assert collect([source]).report["images"] == 1


def test_boxes_with_decimal_commas(tmp_path):
    image = "00000001_000.png"
    root = nih(tmp_path, [(image, "Mass", 1)], [(image, "Mass", "100@5", "700@25", 50, 50)])
    file = root / "BBox_List_2017.csv"
    file.write_text(file.read_text().replace(",", ";").replace("@", ","))
    facts = read_nih_cxr(root).facts.filter(source="nih-boxes")
    assert facts.select("side", "zone").rows() == [("right", "lower")]


def test_a_published_table_without_a_column_still_says_so(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text(";".join(n for n in CHEXPERT if n != "Edema") + "\n")
    with pytest.raises(InputError, match=r"column '(Edema|No Finding)'"):
        read_chexpert(file)


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(sorted(FORMS)),
    place=st.integers(0, 10**6),
    junk=st.binary(max_size=6) | st.sampled_from([b"\0", b"\xff\xfe", b'"', b"sep=;\n", b"\r"]),
)
def test_damage_raises_only_our_errors(tmp_path_factory, form, place, junk):
    folder = tmp_path_factory.mktemp("damage")
    data = FORMS[form]
    place %= len(data)
    file = table(folder, data[:place] + junk + data[place + len(junk) :])
    only_nast_errors(lambda: read_table_file(file))
    (folder / "t.mapping.yaml").unlink()
    only_nast_errors(lambda: write_mapping(file))


def test_what_spreadsheets_do_to_ids(tmp_path):
    shortened = "PatientID;StudyID;Pneumothorax;Edema\n1,23E+11;S1;ja;nein\n"
    with pytest.raises(InputError, match="shortened"):
        found(table(tmp_path, shortened.encode()))
    zeros = 'PatientID;StudyID;Pneumothorax;Edema\n="007";S1;ja;nein\n'
    assert found(table(tmp_path, zeros.encode()))[0][0] == "007"
    rows = "".join(f"{i};{i};ja;nein\n" for i in ("1", "1.000", "1.234"))
    thousands = "PatientID;StudyID;Pneumothorax;Edema\n" + rows
    assert [row[0] for row in found(table(tmp_path, thousands.encode()))] == ["1", "1.000", "1.234"]
    floats = thousands.replace("1.234", "2.50").replace("1;1;", "3;3;")
    assert [row[0] for row in found(table(tmp_path, floats.encode()))] == ["3", "1", "2.50"]


def test_empty_columns_beside_a_table_and_lines_above_it(tmp_path):
    wider = "".join(f"{line};;;\r\n" for line in text().splitlines())
    assert found(table(tmp_path, ("\r\n" + wider).encode())) == READ


def test_the_truth_values_of_spreadsheets_are_guessed(tmp_path):
    words = "PatientID;StudyID;Pneumothorax;Edema\nP1;S1;WAHR;FALSCH\nP2;S2;FALSCH;WAHR\n"
    file = table(tmp_path, words.encode(), None)
    write_mapping(file)
    assert found(file) == [("P1", "S1", "present", "absent"), ("P2", "S2", "absent", "present")]
