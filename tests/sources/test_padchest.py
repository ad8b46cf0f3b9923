"""PadChest: small tables by hand, every way to be broken, and the real label table."""

import csv
import gzip
import io
from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_labels import real_table
from small import only_nast_errors, picture

from nast.errors import InputError, NastError
from nast.facts.conditions import CONDITIONS, NO_FINDING, load_conditions
from nast.sources.collect import collect
from nast.sources.padchest import (
    LABELS,
    LABELS_OF,
    NO_FINDINGS,
    PLACES,
    SENTENCES,
    read_padchest,
    read_sentences,
)
from nast.sources.source import conserved, fact_columns, study_columns
from nast.sources.splits import split_of

NAME = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
HEADER = [
    "",
    "ImageID",
    "ImageDir",
    "StudyID",
    "PatientID",
    "Projection",
    "MethodLabel",
    "Report",
    SENTENCES,
]


def row(cell, study="1", patient="7", image=None, projection="PA", method=None, folder="0"):
    method = method or ("Physician" if cell.startswith(("[[", "[nan")) else "RNN_model")
    return dict(
        zip(
            HEADER,
            [
                "0",
                image or f"{study}_a.png",
                folder,
                study,
                patient,
                projection,
                method,
                "sin hallazg , .",
                cell,
            ],
            strict=True,
        )
    )


def text(rows, header=HEADER):
    out = io.StringIO()
    writer = csv.DictWriter(out, header, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def padchest(folder, *rows):
    file = folder / NAME
    file.write_text(text(rows), encoding="utf-8")
    return file


def read(folder, *rows, conditions=CONDITIONS):
    return read_padchest(padchest(folder, *rows), conditions)


def places(source):
    return source.facts.select("condition", "side", "zone").rows()


def test_sentences_of_a_physician(tmp_path):
    cell = (
        "[['alveolar pattern', 'loc basal', 'loc left'], ['normal', 'loc cardiac'], "
        "['NSG tube', 'scoliosis']]"
    )
    source = read(tmp_path, row(cell))
    words = ("1", "7", "padchest-physician")
    names = ["condition", "existence", "side", "zone", "severity", "words"]
    assert source.facts.select("study_id", "subject_id", "source").unique().rows() == [words]
    assert source.facts.select(names).rows() == [
        ("Lung Opacity", "present", "left", "lower", None, "alveolar pattern"),
        ("Support Devices", "present", None, None, None, "NSG tube"),
    ]
    study = source.studies.row(0, named=True)
    assert [c for c in CONDITIONS.labelled() if study[c] == "present"] == [
        "Lung Opacity",
        "Support Devices",
    ]
    assert {study[c] for c in CONDITIONS.labelled()} == {"present", "not_mentioned"}
    assert source.annotations == {
        "present": 4,
        "kept": 2,
        "set aside: normal": 1,
        "set aside: other finding": 1,
    }
    assert (source.name, source.access, source.root) == ("padchest", "private", None)
    assert "no sharing" in source.terms
    assert source.studies.columns == [*study_columns(), NO_FINDING]
    assert source.facts.columns == fact_columns()
    assert set(source.facts.dtypes) == {pl.String}


def test_sentences_of_the_rnn():
    """A label with a leading blank goes on with its sentence, one without begins another."""
    cell = (
        "['cardiomegaly', 'consolidation', ' pneumonia', 'loc left lower lobe', '', 'loc left',"
        " 'normal']"
    )
    assert read_sentences(cell) == [
        ["cardiomegaly"],
        ["consolidation", " pneumonia", "loc left lower lobe"],
        ["", "loc left"],
        ["normal"],
    ]


def test_places_of_the_rnn_stay_in_their_sentence(tmp_path):
    cell = "['pneumothorax', 'consolidation', ' pneumonia', 'loc left lower lobe', 'atelectasis']"
    source = read(tmp_path, row(cell))
    assert places(source) == [
        ("Pneumothorax", None, None),
        ("Consolidation", "left", "lower"),
        ("Pneumonia", "left", "lower"),
        ("Atelectasis", None, None),
    ]
    assert set(source.facts["source"]) == {"padchest-rnn"}


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("[]", []),
        ("[[]]", [[]]),
        ("[[ 'a' , \"b's\" ],[ ]]", [["a", "b's"], []]),
        ("[nan, ['a']]", [None, ["a"]]),
        ("['loc left', nan, ' a']", [["loc left"], None, [" a"]]),
        ("['nan', 'b']", [["nan"], ["b"]]),
        ("['], [']", [["], ["]]),
        *(
            (broken, None)
            for broken in (
                "",
                "nan",
                "a",
                "['a'",
                "'a'",
                "['a'] ['b']",
                "['a',]",
                "[['a', nan]]",
                "[[['a']]]",
                "['a' 'b']",
                "[1]",
                "('a',)",
                r"['a\'']",
            )
        ),
    ],
)
def test_cells(cell, told):
    assert read_sentences(cell) == told


def test_deep_and_long_cells():
    deep, long, blank = "[" * 9000 + "]" * 9000, "['" + "a" * 30_000 + "']", "[" + " " * 19_000
    assert [read_sentences(cell) for cell in (deep, long, blank, f"[{blank}")] == [None] * 4


@pytest.mark.parametrize(
    ("items", "side"),
    [
        ("'pneumothorax'", None),
        ("'pneumothorax', 'loc apical'", None),
        ("'pneumothorax', 'loc right'", "right"),
        ("'pneumothorax', 'loc bilateral'", "bilateral"),
        ("'pneumothorax', 'loc diffuse bilateral'", "bilateral"),
        ("'pneumothorax', 'loc left costophrenic angle'", "left"),
        ("'pneumothorax', 'loc middle lobe'", "right"),
        ("'pneumothorax', 'loc lingula'", "left"),
        ("'pneumothorax', 'loc left hypochondrium'", None),
        ("'pneumothorax', 'loc left', 'loc right'", "bilateral"),
        ("'pneumothorax', 'loc bilateral', 'loc right'", "bilateral"),
        ("' Pneumothorax ', ' LOC Right'", "right"),
        # With another label beside it, left and right may be one each.
        ("'pneumothorax', 'scoliosis', 'loc right'", "right"),
        ("'pneumothorax', 'scoliosis', 'loc left', 'loc right'", None),
        ("'pneumothorax', 'scoliosis', 'loc bilateral', 'loc right'", None),
        ("'pneumothorax', 'scoliosis', 'loc bilateral', 'loc diffuse bilateral'", "bilateral"),
    ],
)
def test_sides(tmp_path, items, side):
    assert places(read(tmp_path, row(f"[[{items}]]"))) == [("Pneumothorax", side, None)]


@pytest.mark.parametrize(
    ("items", "side", "zone"),
    [
        ("'loc basal'", None, "lower"),
        ("'loc basal', 'loc lower lobe'", None, "lower"),
        ("'loc basal bilateral'", "bilateral", "lower"),
        ("'loc right upper lobe'", "right", "upper"),
        ("'loc upper lung field', 'loc left'", "left", "upper"),
        ("'loc middle lung field'", None, "mid"),
        ("'loc lingula', 'loc left'", "left", "mid"),
        ("'loc left lower lobe', 'loc right lower lobe'", "bilateral", "lower"),
        # Two zones; a zone that the condition does not have.
        ("'loc upper lobe', 'loc basal'", None, None),
        ("'loc right lower lobe', 'loc middle lobe'", "right", None),
        ("'loc apical'", None, None),
        ("'loc retrocardiac', 'loc left'", "left", None),
        # The zone of one side only.
        ("'loc left', 'loc middle lobe'", "bilateral", None),
        ("'loc bilateral', 'loc right lower lobe'", "bilateral", None),
        ("'loc left', 'loc right', 'loc basal'", "bilateral", None),
    ],
)
def test_zones(tmp_path, items, side, zone):
    assert places(read(tmp_path, row(f"[['consolidation', {items}]]"))) == [
        ("Consolidation", side, zone)
    ]


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ("'pleural effusion left side'", ("Pleural Effusion", "left", None)),
        ("'pleural effusion both sides', 'loc right'", ("Pleural Effusion", "bilateral", None)),
        ("'interstitial pattern bilateral'", ("Lung Opacity", "bilateral", None)),
        ("'atelectasis right side'", ("Atelectasis", "right", None)),
        ("'atelectasis basal left side', 'loc left'", ("Atelectasis", "left", "lower")),
        ("'consolidation bilateral', 'loc right lower lobe'", ("Consolidation", "bilateral", None)),
    ],
)
def test_a_side_in_the_label_wins(tmp_path, items, told):
    assert places(read(tmp_path, row(f"[[{items}]]"))) == [told]


def test_only_conditions_with_sides_get_them(tmp_path):
    cell = "[['cardiomegaly', 'pacemaker', 'emphysema', 'loc left lower lobe']]"
    assert {fact[1:] for fact in places(read(tmp_path, row(cell)))} == {(None, None)}


def test_what_becomes_of_labels(tmp_path):
    cell = (
        "['hydropneumothorax', 'loc left', 'exclude', ' unchanged', 'suboptimal study', '', "
        "'normal', 'emphysema', 'hydropneumothorax', 'loc left', 'hydropneumothorax', "
        "'goiter', 'no label of padchest']"
    )
    source = read(tmp_path, row(cell))
    assert source.annotations == {
        "present": 11,
        "kept": 3,
        "set aside: normal": 1,
        "set aside: empty label": 1,
        "set aside: unchanged / exclude / suboptimal study": 3,
        "set aside: said before": 1,
        "set aside: other finding": 2,
    }
    assert [fact[:2] for fact in places(source)] == [
        ("Pleural Effusion", "left"),
        ("Pneumothorax", "left"),
        ("Emphysema", None),
        ("Pleural Effusion", None),
        ("Pneumothorax", None),
    ]
    assert source.counts["facts"] == 5
    assert set(source.facts["existence"]) == {"present"}


def test_normal_is_no_finding_but_no_absence(tmp_path):
    cells = [
        "[['normal'], ['normal', 'loc cardiac']]",
        "['normal', ' normal']",
        "[['normal'], ['exclude']]",
        "['normal', 'goiter']",
        "[]",
        "[['normal'], nan]",
        "['nodule']",
    ]
    source = read(tmp_path, *(row(cell, study=str(n)) for n, cell in enumerate(cells)))
    told = source.studies[NO_FINDING].to_list()
    assert told == ["present"] * 2 + ["not_mentioned"] * 5
    assert len(source.facts) == 1
    assert source.annotations["set aside: normal"] == 7


def test_what_cannot_be_read_is_counted(tmp_path):
    rows = [
        row("[['nodule'], nan, ['edema']]", study="1"),
        row("nan", study="2", method="RNN_model"),
        row("['nodule", study="3"),
        row("['nodule']", study="4", method="nan"),
        row("['nodule']", study="5", method="Resident"),
        row("['nodule']", study="6", projection="EXCLUDE"),
        row("['nodule']", study="7", projection="UNK"),
        row("['nodule']", study="8") | {"ImageID": ""},
        row("['nodule']", study="9") | {"ImageID": "nan"},
        row("['nodule']", study="10", patient=""),
        row("['nodule']", study="11") | {"StudyID": ""},
    ]
    source = read(tmp_path, *rows)
    assert source.studies["study_id"].to_list() == ["1"]
    assert source.annotations == {
        "present": 3,
        "kept": 1,
        "set aside: other finding": 1,
        "set aside: sentence could not be read": 1,
    }
    assert source.counts == {
        "images": 11,
        "rows without ImageID, StudyID or PatientID": 4,
        "rows without MethodLabel Physician or RNN": 2,
        "rows with projection EXCLUDE or UNK": 2,
        "rows whose labels could not be read": 2,
        "studies set aside: images disagree": 0,
        "studies": 1,
        "facts": 1,
    }
    with pytest.raises(InputError, match="2 rows whose labels could not be read, expected rows"):
        read(tmp_path, *rows[1:])
    with pytest.raises(InputError, match="0 images"):
        read(tmp_path)


def test_the_best_image_stands_for_a_study(tmp_path):
    cell = "['nodule']"
    order = [
        ("EXCLUDE", "a", None),
        ("L", "b", "LATERAL"),
        ("COSTAL", "d", ""),
        ("odd", "c", ""),
        ("AP_horizontal", "g", "AP"),
        ("AP", "h", "AP"),
        ("PA", "k", "PA"),
        ("PA", "i", "PA"),
    ]
    best = ["", "b", "d", "c", "g", "h", "k", "i"]
    for last in range(1, len(order)):
        rows = [
            row(cell, image=f"{image}.png", projection=projection, folder=str(n))
            for n, (projection, image, _) in enumerate(order[: last + 1])
        ]
        source = read(tmp_path, *rows)
        told = source.studies.select("view", "image_path").rows()
        assert told == [(order[last][2], f"{last}/{best[last]}.png")]
        assert source.annotations["present"] == 1


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("0/1_a.png", "0/1_a.png"),
        ("images/1_a.png", "images/1_a.png"),
        ("1_a.png", "1_a.png"),
        ("images-224/1_a.png", "images-224/1_a.png"),
    ],
)
def test_images_are_looked_for_beside_the_table(tmp_path, image, path):
    rows = [row("[]"), row("[]", study="2", folder="54")]
    (tmp_path / "images").mkdir()
    assert read(tmp_path, *rows).root is None
    picture(tmp_path / image)
    source = read(tmp_path, *rows)
    assert source.root == tmp_path
    assert source.studies["image_path"][0] == path
    assert source.studies["image_path"][1] == path.replace("0/", "54/").replace("1_", "2_")


def test_images_lie_in_folders_of_another_name(tmp_path):
    rows = [row("[]"), row("[]", study="2", folder="54")]
    for path in ("BIMCV-PadChest-FULL/0/1_a.png", "BIMCV-PadChest-FULL/54/2_a.jpg"):
        picture(tmp_path / path)
    report = collect([read(tmp_path, *rows)]).report
    assert (report["images"], report["bad_images"]) == (2, {})


def test_a_row_without_folder(tmp_path):
    assert read(tmp_path, row("[]", folder="nan")).studies["image_path"].to_list() == ["1_a.png"]


def test_split_by_patient(tmp_path):
    rows = [row("[]", study=str(n), patient=str(n // 3)) for n in range(300)]
    studies = read(tmp_path, *rows).studies
    assert studies["study_id"].to_list() == [str(n) for n in range(300)]
    assert all(split == split_of(p) for p, split in studies.select("subject_id", "split").rows())
    assert studies.select("subject_id", "split").n_unique() == 100


@pytest.mark.parametrize(
    "change", [{"patient": "8"}, {"method": "Physician"}, {"cell": "['nodule', 'goiter']"}]
)
def test_studies_whose_images_disagree_are_set_aside(tmp_path, change):
    other = {"cell": "['nodule', 'edema']", "image": "b.png", "projection": "L"} | change
    rows = [row("['nodule', 'edema']"), row(**other), row("['nodule']", study="2")]
    source = read(tmp_path, *rows)
    assert source.studies["study_id"].to_list() == source.facts["study_id"].to_list() == ["2"]
    assert source.annotations == {
        "present": 3,
        "kept": 1,
        "set aside: images of the study disagree": 2,
    }
    assert source.counts["studies set aside: images disagree"] == 1
    assert len(read(tmp_path, *rows[:2]).studies) == 0


def test_forms_of_the_file(tmp_path):
    rows = [row("[['nodule', 'loc left']]"), row("['goiter', ' pneumonia']", study="2")]
    plain = read(tmp_path, *rows)
    table = text(rows, [*reversed(HEADER), "more"])
    forms = {
        "bom.csv": text(rows).encode("utf-8-sig"),
        "crlf.csv": text(rows).replace("\n", "\r\n").encode(),
        "order.csv": table.encode(),
        "zip.csv.gz": gzip.compress(text(rows).encode()),
    }
    for name, data in forms.items():
        (tmp_path / name).write_bytes(data)
        source = read_padchest(tmp_path / name)
        assert source.studies.equals(plain.studies), name
        assert source.facts.equals(plain.facts), name
        assert source.annotations == plain.annotations
        assert source.files == [tmp_path / name]


@pytest.mark.parametrize("column", [c for c in HEADER if c not in ("", "Report")])
def test_missing_columns_are_refused(tmp_path, column):
    file = tmp_path / NAME
    file.write_text(text([row("[]")], [c for c in HEADER if c != column]))
    with pytest.raises(InputError, match=f"column '{column}'"):
        read_padchest(file)


def test_broken_tables_are_refused(tmp_path):
    with pytest.raises(InputError, match="expected a table"):
        read_padchest(tmp_path / NAME)
    with pytest.raises(InputError, match="row 3: found the same ImageID as row 2"):
        read(tmp_path, row("[]", image="nan"), row("[]", image="a"), row("[]", image="a"))
    with pytest.raises(InputError, match=r"row 2, column 'PatientID': .*spreadsheet"):
        read(tmp_path, row("[]"), row("[]", study="2", patient="8.39860488694292E+35"))
    with pytest.raises(InputError, match=r"row 1, column 'StudyID': .*spreadsheet"):
        read(tmp_path, row("[]", study="2.05E+37"))
    for folder in ("..", "/etc", "C:"):
        with pytest.raises(InputError, match="row 2, column 'ImageID': found an absolute path"):
            read(tmp_path, row("[]"), row("[]", study="2", folder=folder))


def test_no_cell_is_shown(tmp_path):
    """Ids and sentences must not reach a log."""
    canary = "Mr Canary, 839860488694292331637988235681460987"
    good = row("[]", study="2")
    damage = [
        ("StudyID", canary),
        ("PatientID", canary),
        ("ImageDir", f"/{canary}"),
        ("ImageID", f"../{canary}"),
        (SENTENCES, canary),
        (SENTENCES, f"['{canary}"),
        ("MethodLabel", canary),
        ("Projection", canary),
        ("StudyID", ""),
    ]
    for column, cell in damage:
        try:
            source = read(tmp_path, row("[]") | {column: cell}, good)
            told = f"{source.annotations} {source.counts}"
        except InputError as error:
            told = str(error)
        assert "Canary" not in told and "8398" not in told
    with pytest.raises(InputError) as refused:
        read(tmp_path, row("[]", image=canary), row("[]", image=canary))
    assert "Canary" not in str(refused.value)


ITEMS = st.sampled_from(
    [
        *LABELS,
        *PLACES,
        *NO_FINDINGS,
        " pneumonia",
        "pleural effusion both side",
        "atelectasis basal left side",
    ]
)
LISTS = st.lists(ITEMS, max_size=5)
CELLS = (
    st.text(max_size=30)
    | st.text("[]'\" ,nalocrightpu", max_size=30)
    | LISTS.map(str)
    | st.lists(LISTS | st.just(None), max_size=4).map(lambda s: str(s).replace("None", "nan"))
)


@settings(max_examples=150, deadline=None)
@given(cell=CELLS, other=CELLS)
def test_any_text_in_the_label_cell(tmp_path_factory, cell, other):
    folder = tmp_path_factory.mktemp("p")
    rows = [
        row("['edema', 'nodule']"),
        row(cell, study="2", method="Physician"),
        row(other, study="3", method="RNN_model"),
    ]
    try:
        source = read(folder, *rows)
    except NastError:
        return
    assert conserved(source.annotations)
    assert source.annotations["present"] >= 2
    assert set(source.facts["condition"]) <= set(CONDITIONS)
    assert set(source.facts["side"]) <= {"left", "right", "bilateral", None}
    facts = source.facts.select("study_id", "condition").unique().rows()
    long = source.studies.unpivot(CONDITIONS.labelled(), index="study_id").filter(value="present")
    assert set(long.select("study_id", "variable").rows()) == {
        fact for fact in facts if CONDITIONS[fact[1]].labelled
    }


@settings(max_examples=100, deadline=None)
@given(
    place=st.integers(0, 10**6),
    junk=st.binary(max_size=6) | st.text(max_size=6).map(str.encode),
    zipped=st.booleans(),
)
def test_damage_raises_only_our_errors(tmp_path_factory, place, junk, zipped):
    file = padchest(tmp_path_factory.mktemp("p"), row("[['nodule', 'loc left']]"), row("[]", "2"))
    data = gzip.compress(file.read_bytes()) if zipped else file.read_bytes()
    place %= len(data)
    file.write_bytes(data[:place] + junk + data[place:])
    only_nast_errors(lambda: read_padchest(file))


def test_the_table_of_labels():
    assert set(LABELS_OF) == set(CONDITIONS)
    assert not set(LABELS) & set(NO_FINDINGS)
    assert all(label == label.strip().lower() for label in (*LABELS, *PLACES))
    assert [label for label in LABELS if len(LABELS[label]) > 1] == ["hydropneumothorax"]


def test_conditions_that_a_users_table_lacks_are_set_aside(tmp_path):
    table = tmp_path / "conditions.yaml"
    table.write_text("Edema: {term: edema}\n")
    cell = row("['pulmonary edema', ' nodule', 'loc left']")
    source = read(tmp_path, cell, conditions=load_conditions(table))
    assert places(source) == [("Edema", None, None)]
    assert source.annotations["set aside: other finding"] == 1


@pytest.fixture(scope="module")
def real():
    return read_padchest(real_table(f"{NAME}.gz"))


@pytest.fixture(scope="module")
def cells(real):
    """One row per study: method, PadChest's own list of labels, and the sentences."""
    rows = pl.read_csv(gzip.decompress(real.files[0].read_bytes()), infer_schema=False)
    rows = rows.filter(pl.col("StudyID").is_in(real.studies["study_id"].to_list()))
    return rows.unique("StudyID").select("StudyID", "MethodLabel", "Labels", SENTENCES)


def test_real_sizes(real):
    assert real.counts == {
        "images": 160_861,
        "rows without ImageID, StudyID or PatientID": 0,
        "rows without MethodLabel Physician or RNN": 0,
        "rows with projection EXCLUDE or UNK": 19,
        "rows whose labels could not be read": 103,
        "studies set aside: images disagree": 1,
        "studies": 109_931 - 79 - 1,
        "facts": real.annotations["kept"] + 28,
    }
    assert real.studies["study_id"].n_unique() == len(real.studies)
    patients = real.studies.select("subject_id", "split").unique()
    assert patients["subject_id"].n_unique() == len(patients)
    views = dict(real.studies["view"].value_counts().rows())
    assert views["LATERAL"] < 1_030 and views[""] < 140
    assert real.root is None


def test_real_annotations(real):
    assert real.annotations["present"] == 81_604 + 199_290
    assert real.annotations["set aside: empty label"] == 2_085
    assert real.annotations["set aside: sentence could not be read"] == 8
    assert real.annotations["set aside: images of the study disagree"] == 4
    assert real.annotations["kept"] == 81_576
    assert set(real.facts["existence"]) == {"present"}
    assert set(real.facts["severity"]) == {None}


def test_real_findings_and_places(cells):
    """Numbers that were counted on the table without this reader.

    Of the physicians 50,632 findings, 35,116 with a place in their sentence, stand in cells that
    are Python literals; a `nan` keeps eight studies from it, and they hold 16 more. Of the RNN
    77,052 of 131,700 findings stand right before a place; by sentences 100,551 have one.
    """
    seen, names = Counter(), set()
    for method, cell in cells.select("MethodLabel", SENTENCES).rows():
        sentences = read_sentences(cell)
        kind = f"{method} nan" if None in sentences else method
        seen[f"{kind} studies"] += 1
        for items in filter(None, sentences):
            is_place = [item.startswith("loc ") for item in items]
            found = [
                not p and i.strip() not in NO_FINDINGS for i, p in zip(items, is_place, strict=True)
            ]
            seen[kind] += sum(found)
            seen[f"{kind} placed"] += sum(found) * any(is_place)
            seen[f"{kind} before a place"] += sum(
                a and b for a, b in zip(found, is_place[1:], strict=False)
            )
            names |= {item.strip() for item in items}
    assert seen["Physician studies"] + seen["Physician nan studies"] == 26_413
    assert (seen["Physician"], seen["Physician placed"]) == (50_632, 35_116)
    assert (seen["Physician nan"], seen["Physician nan placed"]) == (16, 14)
    # One RNN study of two patients, with four findings, is set aside.
    assert seen["RNN_model studies"] == 83_518 - 79 - 1
    assert (seen["RNN_model"], seen["RNN_model placed"]) == (131_700 - 4, 100_551 - 4)
    assert seen["RNN_model before a place"] == 77_052 - 4
    assert sum(name.startswith("loc ") for name in names) == 104
    assert set(PLACES) < names
    assert {label for label in LABELS if label != "atelectasis basal"} <= {n.lower() for n in names}


def test_real_labels_are_those_that_padchest_lists(real, cells):
    """The table has a second column of labels, without sentences, which the reader does not use."""
    listed = cells.select(
        "StudyID",
        pl.col("Labels")
        .str.to_lowercase()
        .str.extract_all(r"'[^']*'")
        .list.eval(
            pl.element()
            .str.strip_chars("' ")
            .str.replace(" (left side|right side|both sides?|bilateral)$", "")
        )
        .alias("labels"),
    )
    for name in CONDITIONS.labelled():
        said = listed.filter(pl.col("labels").list.set_intersection(LABELS_OF[name]).list.len() > 0)
        present = real.studies.filter(pl.col(name) == "present")["study_id"]
        assert set(present) == set(said["StudyID"]), name
    healthy = listed.filter(pl.col("labels").list.unique() == ["normal"])["StudyID"]
    present = real.studies.filter(pl.col(NO_FINDING) == "present")["study_id"]
    assert set(present) <= set(healthy)


def test_real_facts(real):
    facts = real.facts.group_by("condition").agg(
        pl.len(), pl.col("side").count().alias("sided"), pl.col("zone").count().alias("zoned")
    )
    told = {condition: tuple(numbers) for condition, *numbers in facts.rows()}
    assert told["Cardiomegaly"] == (9_797, 0, 0)
    assert told["Pleural Effusion"] == (7_443, 6_162, 0)
    assert told["Lung Opacity"] == (15_728, 11_852, 5_842)
    assert told["Pneumonia"] == (5_289, 3_829, 2_412)
    assert set(told) == set(CONDITIONS)
