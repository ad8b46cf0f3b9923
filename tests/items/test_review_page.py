"""The review page: the same rows and answers as the workbook, from a browser without a network."""

import json
import shutil
from zipfile import ZIP_DEFLATED, ZipFile

import polars as pl
import pytest
from browsing import browser, has_value, serious_faults, sideways
from built import resealed
from filled import YES, fill, rows_of, small_set

from nast.benchmark.card import data_card
from nast.errors import AccessError, NastError
from nast.files import manifest_of, read_json
from nast.items.review.page import PAGE, SIDE
from nast.items.review.round_trip import REVIEW, export_review, import_review
from nast.items.review.sheets import CHECKS, FIRST, SHEETS
from nast.items.table import read_items
from nast.models.images import film

NUMBER = 12


def small(path):
    return film(path, SIDE, 85)


def exported(folder, out, **options):
    """A page and a workbook of the same draw."""
    export_review(folder, out / "page", number=NUMBER, page=True, film=small, **options)
    export_review(folder, out / "book", number=NUMBER)
    return out / "page" / PAGE, out / "book"


@pytest.fixture(scope="module")
def review(facts, tmp_path_factory):
    return exported(small_set(facts), tmp_path_factory.mktemp("page"))


def decisions(book, path, name, answers):
    """A file as the page saves it: row id -> column -> text, blank elsewhere."""
    page = {"Your name": name, **origin(book)}
    found = {FIRST: page}
    for sheet in SHEETS:
        open_columns = [*CHECKS.values(), "Verdict", "Comment"]
        open_columns += ["Corrected phrase", "Corrected class"] if sheet == SHEETS[0] else []
        found[sheet] = [
            {"Id": row["Id"], "Version": row["Version"], **dict.fromkeys(open_columns, "")}
            | answers.get(row["Id"], {})
            for row in rows_of(book, sheet)
        ]
    path.write_text(json.dumps(found))
    return path


def origin(book):
    from filled import first_page

    lines = first_page(book)
    return {label: lines[label] for label in ("Build", "Questions drawn", "Seed")}


def imported(facts, files, out):
    import_review(small_set(facts), files, out, data_card)
    return read_json(out / REVIEW)


def test_a_reviewer_may_use_either(facts, review, tmp_path):
    """The same answers in a workbook and from the page give the same record and questions."""
    _, book = review
    questions = [row["Id"] for row in rows_of(book, "Questions")[:3]]
    phrase = rows_of(book, "Phrases")[0]
    answers = {
        questions[0]: {},
        questions[1]: {"Verdict": "reject", CHECKS["one right"]: "no", "Comment": "left side"},
        questions[2]: {"Verdict": "cannot tell", **dict.fromkeys(CHECKS.values(), "")},
        phrase["Id"]: {"Verdict": "reject", CHECKS["natural"]: "no"},
    }
    sheet = fill(book, tmp_path / "anna.xlsx", "Anna", answers)
    page = decisions(
        book, tmp_path / "page.json", "Anna", {i: {**YES, **a} for i, a in answers.items()}
    )
    records = [imported(facts, [f], tmp_path / f.stem) for f in (sheet, page)]
    assert records[0] == records[1]
    assert records[0]["cannot tell"] == [{"reviewer": "Anna", "id": questions[2]}]
    assert records[0]["rows"]["Questions"]["cannot tell"] == 1
    left = [read_items(tmp_path / f.stem) for f in (sheet, page)]
    assert left[0].equals(left[1]) and len(left[0]) < len(read_items(small_set(facts)))


def test_two_reviewers_may_use_both(facts, review, tmp_path):
    _, book = review
    ids = [row["Id"] for row in rows_of(book, "Questions")]
    anna = fill(book, tmp_path / "anna.xlsx", "Anna", {}, accept=ids)
    ben = decisions(book, tmp_path / "ben.json", "Ben", dict.fromkeys(ids, YES))
    record = imported(facts, [anna, ben], tmp_path / "out")
    assert record["status"] == "reviewed by 2"
    assert record["agreement"]["Questions"]["verdict"]["agreement"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["Questions"].pop(), "1 rows missing"),
        (lambda d: d["Questions"][0].update(Version="0"), "fixed cells must not be changed"),
        (lambda d: d["Questions"][0].update(Id="question:other"), "an id of the exported sheet"),
        (lambda d: d["Questions"].append(d["Questions"][0]), "the id of row 2 again"),
        (lambda d: d["Questions"][0].update(Verdict="fine"), "one of accept, reject, cannot tell"),
        (lambda d: d["Questions"][0].update(Verdict="accept"), "the row is begun"),
        (lambda d: d["Questions"][0].update(Verdict=1), "no decisions of a review page"),
        (lambda d: d["Questions"][1].pop("Verdict"), "no decisions of a review page"),
        (lambda d: [row.pop("Verdict") for row in d["Questions"]], "no column 'Verdict'"),
        (lambda d: d[FIRST].update({"Your name": " "}), "the name of the reviewer"),
        (lambda d: d[FIRST].update(Build="0"), "another build of the questions"),
        (lambda d: d[FIRST].update(Seed="-1"), "another build of the questions"),
        (lambda d: d.pop("Phrases"), "no decisions of a review page"),
        (lambda d: d.update(Phrases=[]), "no decisions of a review page"),
        (lambda d: d.update(Phrases={}), "no decisions of a review page"),
    ],
)
def test_a_wrong_file_is_refused(facts, review, tmp_path, change, said):
    _, book = review
    path = decisions(book, tmp_path / "a.json", "Anna", {})
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    with pytest.raises(NastError, match=said):
        imported(facts, [path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '"x"', "[" * 100_000, "null", "\x00"])
def test_what_is_no_json_is_refused(facts, tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(NastError, match="no decisions of a review page"):
        imported(facts, [path], tmp_path / "out")


def test_films_of_other_than_open_data_need_a_word(facts, tmp_path):
    secret = shutil.copytree(small_set(facts), tmp_path / "questions")
    resealed(secret, access="credentialed")
    with pytest.raises(AccessError, match="--with-images"):
        export_review(secret, tmp_path / "out", page=True, film=small)
    assert not (tmp_path / "out").exists()
    export_review(secret, tmp_path / "out", page=True, film=small, with_images=True)
    first = (tmp_path / "out" / PAGE).read_text().splitlines()[0]
    assert first.startswith("<!-- ") and "credentialed data" in first
    assert "must not leave this machine" in first


def test_the_page_names_no_file_of_an_embedded_film(facts, review):
    page, _ = review
    text = page.read_text()
    paths = read_items(small_set(facts))["image_path"].drop_nulls()
    assert len(paths) and not [p for p in paths if p in text]
    assert manifest_of(page.parent)["file"] == PAGE


def test_a_missing_film_is_named_instead(facts, tmp_path):
    export_review(small_set(facts), tmp_path, page=True, number=2, film=lambda path: "")
    data = (tmp_path / PAGE).read_text()
    assert read_items(small_set(facts))["image_path"][0].rpartition("/")[0] in data


def test_hostile_words_are_text(facts, tmp_path):
    """Words of a table of conditions, of terms and of names stand on the page as they are."""
    folder = shutil.copytree(small_set(facts), tmp_path / "questions")
    nasty = "</script><img src=x onerror=alert(1)>--> \u202e"
    items = read_items(folder)
    items.with_columns(stem=pl.lit(nasty)).write_parquet(folder / "items.parquet")
    resealed(folder, terms=[nasty])
    page, _ = exported(folder, tmp_path / "out")
    text = page.read_text()
    assert "<img src=x" not in text and text.splitlines()[0].count("-->") == 1
    with browser() as chromium:
        shown = chromium.open(page)
        assert nasty.split(" \u202e")[0] in shown.inner_text("#texts")
        assert shown.locator("img").count() == 1
        assert chromium.faults == []


def test_a_review_in_a_browser(facts, review, tmp_path):
    """Keys, verdicts, checks, a correction, undo, reload, save, load: then the import."""
    page, book = review
    with browser(accept_downloads=True) as chromium:
        shown = chromium.open(page)
        place = shown.locator("#place")
        assert place.inner_text() == f"Questions, 1 of {NUMBER}"
        assert shown.locator("#image").evaluate("film => film.naturalWidth") > 0
        shown.keyboard.press("a")
        assert shown.inner_text("#letter") in "ABCD" and shown.locator("li.truth").count() == 2
        for key in "1jj":
            shown.keyboard.press(key)
        # The first press shows the answer that the second judges.
        shown.keyboard.press("2")
        assert shown.inner_text("#letter") in "ABCD" and shown.inner_text("#letter")
        assert f"Questions 1 / {NUMBER}" in shown.inner_text("#tabs")
        for key in "2k224j":
            shown.keyboard.press(key)
        assert shown.inner_text("#texts").count("Labels of the image") == 0
        shown.keyboard.press("j")
        for key in "a2":
            shown.keyboard.press(key)
        assert f"Questions 4 / {NUMBER}" in shown.inner_text("#tabs")
        shown.keyboard.press("u")
        assert place.inner_text() == f"Questions, 4 of {NUMBER}"
        assert f"Questions 3 / {NUMBER}" in shown.inner_text("#tabs")
        for key in "3jjkk":
            shown.keyboard.press(key)
        shown.fill("#comment", "1, 2, j: letters in a field are no keys")
        shown.keyboard.press("Tab")
        assert place.inner_text() == f"Questions, 4 of {NUMBER}"
        shown.keyboard.press("n")
        assert place.inner_text() == f"Questions, 5 of {NUMBER}"
        shown.get_by_role("button", name="Save decisions.json").click()
        assert "name first" in shown.inner_text("#kept")
        shown.fill("#name", "Anna")
        shown.get_by_role("button", name="Phrases").click()
        assert not shown.locator("#film").is_visible()
        shown.get_by_label("Corrected phrase").fill("clear lungs and heart")
        shown.keyboard.press("Tab")
        assert shown.locator("button[aria-pressed=true]").inner_text().endswith("wording is off")
        shown.reload()
        assert place.inner_text().startswith("Phrases, 1 of")
        shown.get_by_role("button", name="Questions").click()
        assert place.inner_text() == f"Questions, 5 of {NUMBER}"
        assert shown.input_value("#name") == "Anna"
        assert f"Questions 4 / {NUMBER}" in shown.inner_text("#tabs")
        with shown.expect_download() as download:
            shown.get_by_role("button", name="Save decisions.json").click()
        download.value.save_as(tmp_path / "anna.json")
        shown.evaluate("localStorage.clear()")
        shown.reload()
        assert f"Questions 0 / {NUMBER}" in shown.inner_text("#tabs")
        shown.set_input_files("#load", tmp_path / "anna.json")
        has_value(shown, "#name", "Anna")
        assert f"Questions 4 / {NUMBER}" in shown.inner_text("#tabs")
        with shown.expect_download() as download:
            shown.get_by_role("button", name="Save decisions.json").click()
        download.value.save_as(tmp_path / "again.json")
        assert chromium.faults == []
    saved, again = (read_json(tmp_path / name) for name in ("anna.json", "again.json"))
    assert saved == again
    verdicts = [row["Verdict"] for row in saved["Questions"]]
    assert verdicts[:5] == ["accept", "reject", "reject", "cannot tell", ""]
    assert [saved["Questions"][n][CHECKS["one right"]] for n in (0, 2)] == ["yes", "no"]
    assert saved["Questions"][1][CHECKS["natural"]] == "no"
    assert saved["Questions"][3]["Comment"].startswith("1, 2, j")
    assert saved["Phrases"][0]["Verdict"] == "edit"
    found = {row["Id"]: row for row in saved["Questions"]}
    assert list(found) == [row["Id"] for row in rows_of(book, "Questions")]
    phrase = saved["Phrases"][0]
    phrase.update({"Verdict": "accept", "Corrected phrase": "", CHECKS["natural"]: "yes"})
    (tmp_path / "anna.json").write_text(json.dumps(saved))
    record = imported(facts, [tmp_path / "anna.json"], tmp_path / "out")
    assert record["dropped"]["groups"] >= 1 and record["reviewers"] == ["Anna"]


def test_the_film_zooms_and_inverts(review):
    with browser() as chromium:
        shown = chromium.open(review[0])
        for key in "+i":
            shown.keyboard.press(key)
        style = shown.locator("#image").get_attribute("style")
        assert "scale(1.4)" in style and "invert(1)" in style
        shown.keyboard.press("0")
        style = shown.locator("#image").get_attribute("style")
        assert "scale(1)" in style and "invert" not in style


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1280])
def test_everybody_can_use_it(review, width, dark):
    with browser(width=width, dark=dark) as chromium:
        shown = chromium.open(review[0])
        assert sideways(shown) <= 0
        assert serious_faults(shown) == []
        shown.get_by_role("button", name="Option sets").click()
        assert sideways(shown) <= 0
        assert chromium.faults == []


def test_the_workbook_shows_films_beside_its_questions(facts, tmp_path):
    """The pictures change nothing that is read, and a credentialed workbook has none."""
    folder = small_set(facts)
    tiny = tmp_path / "tiny"
    export_review(folder, tiny, number=NUMBER, film=lambda path: film(path, 64, 70))
    export_review(folder, tmp_path / "plain", number=NUMBER)
    ids = [row["Id"] for row in rows_of(tiny, "Questions")]
    with ZipFile(tiny / "review.xlsx") as book:
        assert [name for name in book.namelist() if name.startswith("xl/media/")]
    without = [
        {column: text for column, text in row.items() if column != "Film"}
        for row in rows_of(tiny, "Questions")
    ]
    assert without == rows_of(tmp_path / "plain", "Questions")
    anna = fill(tiny, tmp_path / "anna.xlsx", "Anna", {}, accept=ids)
    assert imported(facts, [anna], tmp_path / "out")["rows"]["Questions"]["accept"] == NUMBER
    secret = shutil.copytree(folder, tmp_path / "secret")
    resealed(secret, access="private")
    export_review(secret, tmp_path / "none", number=NUMBER, film=small)
    with ZipFile(tmp_path / "none" / "review.xlsx") as book:
        assert not [name for name in book.namelist() if name.startswith("xl/media/")]


def saved_row(shown, path, sheet):
    """The first row of a sheet in the file that the page saves."""
    shown.fill("#name", "Anna")
    with shown.expect_download() as download:
        shown.get_by_role("button", name="Save decisions.json").click()
    download.value.save_as(path)
    return read_json(path)[sheet][0]


def test_a_file_that_is_taken_up_again_says_the_same(review, tmp_path):
    """Whatever checks a verdict goes with: what is saved, loaded and saved is equal."""
    with browser(accept_downloads=True) as chromium:
        for key in "124":
            for check in ("Natural wording", "Exactly one right option", None):
                shown = chromium.open(review[0])
                shown.evaluate("localStorage.clear()")
                shown.reload()
                shown.keyboard.press("a")
                shown.keyboard.press(key)
                if check:
                    shown.get_by_label(check).click()
                first = saved_row(shown, tmp_path / "a.json", "Questions")
                shown.evaluate("localStorage.clear()")
                shown.reload()
                shown.set_input_files("#load", tmp_path / "a.json")
                has_value(shown, "#name", "Anna")
                assert saved_row(shown, tmp_path / "b.json", "Questions") == first
                assert first["Verdict"] == ("accept" if key == "1" else "reject")
                shown.close()
        assert chromium.faults == []


def test_a_correction_goes_with_its_verdict(review, tmp_path):
    with browser(accept_downloads=True) as chromium:
        shown = chromium.open(review[0])
        shown.get_by_role("button", name="Phrases").click()
        field = shown.get_by_label("Corrected phrase")
        usual = field.input_value()
        field.fill("smooth pleural lines")
        # Leaving the field for a button takes that button's verdict.
        shown.locator("#verdicts button").nth(0).click()
        assert shown.locator("button[aria-pressed=true]").inner_text().endswith("right")
        row = saved_row(shown, tmp_path / "a.json", "Phrases")
        assert (row["Verdict"], row["Corrected phrase"]) == ("edit", "smooth pleural lines")
        shown.locator("#verdicts button").nth(1).click()
        row = saved_row(shown, tmp_path / "a.json", "Phrases")
        assert (row["Verdict"], row["Corrected phrase"]) == ("reject", "")
        shown.keyboard.press("j")
        field = shown.get_by_label("Corrected phrase")
        usual = field.input_value()
        field.fill("well kept")
        shown.keyboard.press("Escape")
        assert shown.locator("button[aria-pressed=true]").inner_text().endswith("wording is off")
        field.fill(usual + "  ")
        shown.keyboard.press("Escape")
        assert shown.locator("#verdicts button[aria-pressed=true]").count() == 0
        assert chromium.faults == []


def test_the_end_is_said_and_a_film_stays_in_sight(review):
    with browser() as chromium:
        shown = chromium.open(review[0])
        for _ in range(NUMBER):
            for key in "a1j":
                shown.keyboard.press(key)
        assert shown.inner_text("#kept").startswith("This is the last row")
        shown.keyboard.press("n")
        assert f"Every row has a verdict: Questions {NUMBER} / {NUMBER}" in shown.inner_text(
            "#kept"
        )
        box = shown.locator(".stage").bounding_box()
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        shown.keyboard.press("+")
        shown.mouse.move(*middle)
        shown.mouse.down()
        shown.mouse.move(middle[0] + 4000, middle[1] + 4000, steps=3)
        shown.mouse.up()
        film = shown.locator("#image").bounding_box()
        assert film["x"] <= box["x"] + 1 and film["y"] <= box["y"] + 1
        assert chromium.faults == []


def test_undo_keeps_comments_and_another_person_begins_anew(review):
    with browser() as chromium:
        shown = chromium.open(review[0])
        shown.fill("#name", "Anna")
        for key in ("Escape", "a", "1"):
            shown.keyboard.press(key)
        shown.fill("#comment", "kept")
        for key in ("Escape", "u"):
            shown.keyboard.press(key)
        assert shown.input_value("#comment") == "kept"
        assert f"Questions 0 / {NUMBER}" in shown.inner_text("#tabs")
        for key in ("a", "a", "1"):
            shown.keyboard.press(key)
        shown.reload()
        assert "the work of Anna" in shown.inner_text("#whose")
        shown.get_by_role("button", name="begin anew").click()
        assert shown.input_value("#name") == "" and shown.input_value("#comment") == ""
        assert f"Questions 0 / {NUMBER}" in shown.inner_text("#tabs")
        # Who comes back gives the name again.
        shown.fill("#name", "Anna")
        shown.keyboard.press("Tab")
        assert f"Questions 1 / {NUMBER}" in shown.inner_text("#tabs")
        assert shown.input_value("#comment") == "kept"
        assert chromium.faults == []


def test_what_is_called_a_film_cannot_unpack_without_bounds(facts, review, tmp_path):
    path = fill(review[1], tmp_path / "anna.xlsx", "Anna", {})
    with ZipFile(path, "a", ZIP_DEFLATED) as book:
        book.writestr("xl/media/s.xml", b"0" * 60_000_000)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(NastError, match="bytes or cells, unpacked"):
        imported(facts, [path], tmp_path / "out")
