"""What is wrong in filled files: all of it at once, with its place, and nothing is written."""

from io import BytesIO

import pytest
from built import contextual_set
from filled import YES, fill, rows_of, small_set
from openpyxl import load_workbook

from nast.benchmark.card import data_card
from nast.errors import InputError, NastError, UsageError
from nast.items.review.decisions import Decision
from nast.items.review.revision import faults_of, phrase_fault
from nast.items.review.round_trip import export_review, import_review, open_questions
from nast.items.review.sheets import FIRST, sheets_of

PHRASE = "table5:Pleural Effusion"


@pytest.fixture(scope="module")
def folder(facts):
    return small_set(facts)


@pytest.fixture(scope="module")
def sheet(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("review") / "out"
    export_review(folder, out, number=4)
    return out


@pytest.fixture
def problems(sheet, folder, tmp_path):
    """The lines of the message that some files, or answers of reviewers A, B, ..., lead to."""

    def _problems(*files):
        paths = [
            f if not isinstance(f, dict) else fill(sheet, tmp_path / n, n, f)
            for n, f in zip("ABC", files, strict=False)
        ]
        with pytest.raises(NastError) as raised:
            import_review(folder, paths, tmp_path / "new", data_card)
        assert not (tmp_path / "new").exists()
        head, *lines = str(raised.value).split("\n")
        assert head == f"{len(lines)} problems in the review files; nothing was written"
        return [line.strip().removeprefix(f"{tmp_path}/") for line in lines]

    return _problems


@pytest.fixture(scope="module")
def faults(folder):
    """What is wrong with corrections: id -> column -> text."""
    items = open_questions(folder).items
    rows = {row.id: row for row in sheets_of(items, 4, 0)[0].rows}

    def _faults(edits):
        decided = [Decision("Phrases", rows[i], "edit", e, "here") for i, e in edits.items()]
        return faults_of(items, decided)

    return _faults


def test_all_problems_are_reported_together(problems, sheet):
    ids = [row["Id"] for row in rows_of(sheet, "Phrases")]
    phrase = ids.index(PHRASE) + 2
    found = problems(
        {
            PHRASE: {"Verdict": "acept", "Natural wording": None},
            rows_of(sheet, "Option sets")[0]["Id"]: {"Verdict": "edit"},
        },
        {PHRASE: {**dict.fromkeys(YES), "Corrected phrase": "dry spaces"}},
    )
    at = f"A, sheet 'Phrases', row {phrase}, column"
    assert found[:2] == [
        f"{at} 'Natural wording': found a blank, expected one of yes, no, for the row is begun: "
        "fill it in whole, or empty it",
        f"{at} 'Verdict': found text of 5 characters, expected one of accept, edit, reject",
    ]
    at = "A, sheet 'Option sets', row 2, column 'Verdict': found"
    assert found[2] == f"{at} text of 4 characters, expected one of accept, reject"
    assert found[3].startswith(f"{at} edit and no corrected text")
    columns = [line.partition(": ")[0] for line in found[4:]]
    assert columns == [
        f"B, sheet 'Phrases', row {phrase}, column {c!r}" for c in (*YES, "Corrected phrase")
    ]


@pytest.mark.parametrize(
    ("phrase", "fault"),
    [
        ("no effusion", "the negation 'no', expected affirmative words only"),
        ("Dry spaces.", "a sentence, expected a phrase in small letters without a full stop"),
        ("Dry spaces", "a sentence, expected a phrase in small letters without a full stop"),
        ("normal heart size", "the phrase of another condition"),
        ("dry spaces without edema", "the negation 'without'"),
        (
            "dry lungs and cardiomegaly",
            "words that name Cardiomegaly, expected words",
        ),
        ("clear lung parenchyma all over", "words that name Consolidation, expected words"),
        ("clear lungs with cardiomegaly", "words that read as (Cardiomegaly: present), expected"),
        ("...!", "no words, expected a phrase"),
    ],
)
def test_a_corrected_phrase_must_be_one(faults, phrase, fault):
    found = faults({PHRASE: {"Corrected phrase": phrase}})
    assert len(found) == 1
    assert found[0].startswith(f"here, column 'Corrected phrase': found {fault}")


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("Cardiomegaly", "heart size within normal limits"),
        ("Cardiomegaly", "heart of normal size"),
        ("Pleural Effusion", "clear costophrenic angles"),
        ("Edema", "pulmonary vascularity within normal limits"),
    ],
)
def test_a_phrase_may_say_the_same_in_words_that_are_read(name, phrase):
    assert phrase_fault(name, phrase) is None


def test_one_phrase_cannot_serve_two_conditions(faults):
    edit = {"Corrected phrase": "normal film"}
    found = faults({PHRASE: edit, "table5:Fracture": edit})
    assert len(found) == 2
    assert all("found the new phrase of another condition" in line for line in found)


def test_a_correction_without_the_verdict(problems):
    found = problems(
        {
            "table5:Fracture": {"Verdict": "edit", "Corrected class": "odd"},
            PHRASE: {"Corrected phrase": "dry spaces"},
        }
    )
    assert "found 'odd', expected one of equivalent, broader, view-dependent" in found[0]
    assert "found a correction and no verdict 'edit'" in found[1]


def test_reviewers_must_agree_on_one_correction(problems):
    one, two = (
        {PHRASE: {"Verdict": "edit", "Corrected phrase": f"{w} pleural spaces"}}
        for w in ("dry", "thin")
    )
    found = problems(one, two)
    assert len(found) == 1
    assert found[0].startswith("B, sheet 'Phrases', row")
    assert "another correction than in the file of another reviewer" in found[0]


@pytest.fixture(scope="module")
def filled_book(sheet, tmp_path_factory):
    return fill(sheet, tmp_path_factory.mktemp("book") / "A.xlsx", "A", {PHRASE: {}})


@pytest.fixture
def changed(filled_book, tmp_path):
    """A filled workbook with some cells (sheet, place) changed and a row taken out."""

    def _changed(cells, without=None):
        book = load_workbook(filled_book)
        for (page, place), value in cells.items():
            book[page][place] = value
        if without:
            book[without[0]].delete_rows(without[1])
        book.save(tmp_path / "x.xlsx")
        return tmp_path / "x.xlsx"

    return _changed


def test_fixed_cells_and_rows(problems, sheet, changed):
    ids = [row["Id"] for row in rows_of(sheet, "Option sets")]
    cells = {"C3": "A. other words", "B4": "=1+1", "A5": "set:mine", "A7": ids[4], "G8": "=TRUE()"}
    found = problems(changed({("Option sets", c): v for c, v in cells.items()}, ("Phrases", 3)))
    third = rows_of(sheet, "Phrases")[1]["Id"]
    sets = "x.xlsx, sheet 'Option sets'"
    copied = "fixed cells must not be changed; copy it from the exported file"
    assert found[:3] == [
        f"x.xlsx, sheet 'Phrases': found 1 rows missing, the first of them {third!r}, expected all "
        "rows: a row may stay empty but not be deleted; copy it from the exported file",
        f"{sets}, row 3, column 'Negated form': found text of 14 characters, expected the text as "
        f"exported: {copied}",
        f"{sets}, row 4, column 'Must say': found a formula, expected the text as exported: "
        f"{copied}",
    ]
    assert f"{sets}, row 5, column 'Id': found text of 8 characters, expected an id" in found[3]
    assert f"{sets}, row 7, column 'Id': found the id of row 6 again" in found[4]
    assert f"{sets}, row 8, column 'Faithful to the labels': found a formula" in found[5]
    assert found[-1].startswith(f"{sets}: found 2 rows missing, the first of them {ids[3]!r}")


def test_a_header_that_is_gone(problems, changed):
    assert problems(changed({("Questions", "O1"): "verdikt"})) == [
        "x.xlsx, sheet 'Questions', row 1: found no column 'Verdict', expected the header as it "
        "was exported: put it back"
    ]


def test_names_and_empty_files(problems, sheet, tmp_path):
    nameless = fill(sheet, tmp_path / "x", None, {PHRASE: {}})
    empty = fill(sheet, tmp_path / "y", "E", {})
    found = problems(nameless, empty)
    assert found[0].startswith("x, sheet 'Read me first': found no name beside 'Your name'")
    assert found[1] == "y: found no row filled in, expected a review; leave an empty file out"
    driving = fill(sheet, tmp_path / "z", "A\u202eB", {PHRASE: {}})
    assert problems(driving)[0].startswith("z, sheet 'Read me first': found no name")
    twice = [fill(sheet, tmp_path / n, "A", {PHRASE: {}}) for n in "vw"]
    assert problems(*twice)[0].startswith("w: found the reviewer of another file again")


def test_a_sheet_of_another_build_or_draw(problems, sheet, folder, tmp_path):
    other = fill(sheet, tmp_path / "x", "X", {PHRASE: {}})
    book = load_workbook(BytesIO(other.read_bytes()))
    cell = next(row[1] for row in book[FIRST].iter_rows() if row[0].value == "Build")
    build, cell.value = cell.value, "0123456789abcdef"
    book.save(other)
    found = problems(other, tmp_path / "absent.xlsx")
    assert "line 'Build': found text of 16 characters" in found[0]
    assert f"expected '{build}': the file was made from another build" in found[0]
    assert found[1].startswith("absent.xlsx: found no such file")
    export_review(folder, tmp_path / "more", number=5)
    other = fill(tmp_path / "more", tmp_path / "o", "O", {PHRASE: {}})
    assert problems({PHRASE: {}}, other)[0].startswith("o: found another draw of questions")


def test_rows_of_an_earlier_version_are_named(sheet, folder, tmp_path):
    """A file that was exported before a review does not fit the reviewed folder."""
    edit = {PHRASE: {"Verdict": "edit", "Corrected phrase": "dry pleural spaces"}}
    new = tmp_path / "new"
    import_review(folder, [fill(sheet, tmp_path / "A", "A", edit)], new, data_card)
    late = fill(sheet, tmp_path / "B", "B", {PHRASE: {}})
    with pytest.raises(NastError) as raised:
        import_review(new, [late], tmp_path / "third", data_card)
    said = str(raised.value)
    assert "made from another build of the questions (" in said
    assert f"rows have changed, the first of them '{PHRASE}'); import it with the folder" in said


def test_a_flood_is_cut_and_counted(folder, sheet, tmp_path):
    ids = [row["Id"] for s in ("Phrases", "Option sets") for row in rows_of(sheet, s)]
    odd = {"Verdict": "maybe", "Natural wording": "perhaps", "Comment": "odd"}
    file = fill(sheet, tmp_path / "A", "A", dict.fromkeys(ids, odd))
    with pytest.raises(NastError) as raised:
        import_review(folder, [file], tmp_path / "new", data_card)
    lines = str(raised.value).split("\n")
    assert len(lines) == 42 and lines[-1] == f"  and {2 * len(ids) - 40} more"


def test_export_needs_questions(folder, facts, tmp_path):
    with pytest.raises(UsageError, match="--questions is 0"):
        export_review(folder, tmp_path / "out", number=0)
    with pytest.raises(InputError, match=r"items\.parquet: found no such file"):
        export_review(facts, tmp_path / "out")


def test_claim_sets_are_refused(facts, tmp_path):
    with pytest.raises(InputError, match="other items than questions in their negated"):
        export_review(contextual_set(facts), tmp_path / "out")
