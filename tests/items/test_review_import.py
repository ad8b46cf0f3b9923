"""Filled files become a new version of the questions; what is wrong in them is said at once."""

import polars as pl
import pytest
from filled import fill, rows_of, small_set

from nast.benchmark.card import review_status
from nast.cli import run
from nast.errors import NastError, UsageError
from nast.exchange.export import export
from nast.facts.conditions import CONDITIONS, load_conditions, use_conditions
from nast.files import manifest_of, read_json, read_table
from nast.hashes import file_hash
from nast.items.review.decisions import decide
from nast.items.review.export import export_review
from nast.items.review.importing import import_review
from nast.language.read.parse import cues, facts_of
from nast.language.write.llm.spans import kept_parts
from nast.records import QUESTIONS_SCHEMA, Fact

PHRASE = "table5:Pleural Effusion"


@pytest.fixture(autouse=True)
def own_table():
    yield
    use_conditions()


@pytest.fixture(scope="module")
def folder(facts):
    return small_set(facts)


@pytest.fixture(scope="module")
def sheet(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("review") / "out"
    export_review(folder, out, number=20)
    return out


def questions_of(folder):
    return read_table(folder / "questions.parquet", QUESTIONS_SCHEMA)


def taken(sheet, folder, tmp_path, *answers, accept=()):
    """The new folder after reviewers A, B, ... gave some answers each."""
    files = [fill(sheet, tmp_path / n, n, a, accept) for n, a in zip("ABCD", answers, strict=False)]
    import_review(folder, files, tmp_path / "new")
    return tmp_path / "new"


def whole_and_true(new):
    """Groups are whole, words read as labels in both forms, and words alone are at chance."""
    questions = questions_of(new)
    for _, group in questions.group_by("group_id"):
        assert sorted(group["answer"]) == [0, 1, 2, 3]
        shown = group.select("negated", "affirmative", "omitted", "realiser")
        assert shown.n_unique() == 1
    use_conditions(new / "conditions.yaml")
    for q in questions.iter_rows(named=True):
        for i, values in enumerate(q["options"]):
            facts = {
                Fact(n, "present" if v else "absent")
                for n, v in zip(q["conditions"], values, strict=True)
            }
            assert facts_of(q["negated"][i]) == facts_of(q["affirmative"][i]) == facts
            assert facts_of(q["omitted"][i]) == {f for f in facts if f.existence == "present"}
            assert not cues(q["affirmative"][i])
            assert kept_parts(q["negated"][i]) == kept_parts(q["affirmative"][i])
    for rows in read_json(new / "audit.json").values():
        assert {round(row["accuracy"], 9) for row in rows} == {0.25}
    assert manifest_of(new)["leaks"] == []
    return questions


def test_a_review_without_objections_changes_the_status_only(sheet, folder, tmp_path):
    before = file_hash(folder / "questions.parquet")
    new = taken(sheet, folder, tmp_path, {}, {}, accept=(PHRASE,))
    assert questions_of(new).equals(questions_of(folder))
    assert file_hash(folder / "questions.parquet") == before
    assert review_status(manifest_of(folder)) == "not reviewed"
    manifest, record = manifest_of(new), read_json(new / "review.json")
    assert manifest["review"] == record["status"] == "reviewed by 2"
    assert "experts: **reviewed by 2**" in (new / "README.md").read_text()
    assert record["reviewers"] == ["A", "B"]
    rows = record["rows"]["Phrases"]
    assert (rows["reviewed by all"], rows["not reviewed"]) == (1, rows["rows"] - 1)
    assert record["rows"]["Questions"]["not reviewed"] == 20
    assert record["dropped"]["questions"] == 0 and record["dissent"] == []
    reviewed = {n for n, c in load_conditions(new / "conditions.yaml").items() if c.reviewed}
    assert reviewed == {"Pleural Effusion"}


def test_a_rejected_phrase_takes_its_questions_with_it(sheet, folder, tmp_path):
    new = taken(sheet, folder, tmp_path, {PHRASE: {"Verdict": "reject"}})
    old, left = questions_of(folder), whole_and_true(new)
    holding = {
        q["group_id"]
        for q in old.iter_rows(named=True)
        if "sharp costophrenic angles" in " ".join(q["affirmative"]).lower()
    }
    assert set(old["group_id"]) - set(left["group_id"]) == holding != set()
    record = read_json(new / "review.json")
    assert record["dropped"] == {
        "groups": len(holding),
        "questions": 4 * len(holding),
        "questions by sheet": {"Phrases": 4 * len(holding), "Option sets": 0, "Questions": 0},
    }
    assert CONDITIONS["Pleural Effusion"].normal is None
    counts = manifest_of(new)["counts"]
    assert counts["questions"] == len(left) == sum(counts["questions by split"].values())
    assert counts["groups"] == left["group_id"].n_unique()


def test_a_rejected_question_takes_its_group_with_it(sheet, folder, tmp_path):
    row = rows_of(sheet, "Questions")[0]
    new = taken(sheet, folder, tmp_path, {row["Id"]: {"Verdict": "reject"}})
    lost = set(questions_of(folder)["question_id"]) - set(whole_and_true(new)["question_id"])
    question = row["Id"].removeprefix("question:")
    assert lost == {f"{question.rpartition('-')[0]}-{i}" for i in range(4)}


def test_a_rejected_form_takes_its_questions_with_it(sheet, folder, tmp_path):
    form = next(r["Id"] for r in rows_of(sheet, "Phrases") if r["Kind"] == "sentence form")
    new = taken(sheet, folder, tmp_path, {form: {"Verdict": "reject"}})
    realiser = form.replace("form:", "template:")
    assert realiser not in set(questions_of(new)["realiser"])
    assert len(questions_of(new)) == sum(questions_of(folder)["realiser"] != realiser)


def test_a_corrected_phrase_changes_every_question_that_holds_it(sheet, folder, tmp_path):
    new = taken(
        sheet,
        folder,
        tmp_path,
        {
            PHRASE: {
                "Verdict": "edit",
                "Corrected phrase": "dry pleural spaces",
                "Corrected class": "equivalent",
            }
        },
    )
    old, left = questions_of(folder), whole_and_true(new)
    assert left["question_id"].equals(old["question_id"])
    assert left["negated"].equals(old["negated"]) and left["omitted"].equals(old["omitted"])
    for q, was in zip(left.iter_rows(named=True), old.iter_rows(named=True), strict=True):
        expected = [
            t.replace("sharp costophrenic angles", "dry pleural spaces").replace(
                "Sharp costophrenic angles", "Dry pleural spaces"
            )
            for t in was["affirmative"]
        ]
        assert q["affirmative"] == expected
        mark = "+review1" if expected != was["affirmative"] else ""
        assert q["realiser"] == was["realiser"] + mark
    table = load_conditions(new / "conditions.yaml")["Pleural Effusion"]
    assert (table.normal, table.phrase_class) == ("dry pleural spaces", "equivalent")
    assert "| dry pleural spaces | equivalent |" in (new / "README.md").read_text()


def edit_of(sheet):
    """An option set, the letter of an option that denies one condition, and its words."""
    for row in rows_of(sheet, "Option sets"):
        for line in row["Must say"].split("\n"):
            labels = dict(part.split(": ") for part in line[3:].split("; "))
            if list(labels.values()).count("absent") == 1 and "Support Devices" not in labels:
                terms = [CONDITIONS[n].term for n, v in labels.items() if v == "present"]
                absent = next(n for n, v in labels.items() if v == "absent")
                return row["Id"], line[0], " and ".join(terms), CONDITIONS[absent]
    raise AssertionError("no option with one denial")


def test_a_corrected_option_set_is_a_new_version_of_its_questions(sheet, folder, tmp_path):
    id_, letter, terms, absent = edit_of(sheet)
    negated = f"We see {terms}, no {absent.term}."
    affirmative = f"We see {terms}, {absent.normal}."
    new = taken(
        sheet,
        folder,
        tmp_path,
        {
            id_: {
                "Verdict": "edit",
                f"Corrected negated form, {letter}": negated,
                f"Corrected affirmative form, {letter}": affirmative,
            }
        },
    )
    left = whole_and_true(new)
    changed = left.filter(pl.col("realiser").str.ends_with("+review1"))
    assert len(changed) == 4 and changed["group_id"].n_unique() == 1
    for q in changed.iter_rows(named=True):
        place = q["negated"].index(negated)
        assert q["affirmative"][place] == affirmative
        assert facts_of(q["omitted"][place]) == {
            f for f in facts_of(negated) if f.existence == "present"
        }
    others = [f for f in left.columns if f not in ("negated", "affirmative", "omitted", "realiser")]
    assert left.select(others).equals(questions_of(folder).select(others))
    # The id of the set stays; its version changes.
    export_review(new, tmp_path / "again", number=20)
    page = {r["Id"]: r for r in rows_of(tmp_path / "again", "Option sets")}
    first = {r["Id"]: r for r in rows_of(sheet, "Option sets")}
    assert page.keys() == first.keys()
    assert [i for i in page if page[i]["Version"] != first[i]["Version"]] == [id_]


@pytest.mark.parametrize(
    ("verdicts", "decision"),
    [
        (["reject"], "reject"),
        (["accept", "reject"], "reject"),
        (["edit", "accept"], "edit"),
        (["accept", "reject", "accept"], "accept"),
        (["reject", "accept", "edit"], "edit"),
        (["reject", "reject", "accept"], "reject"),
        (["accept"] * 2 + ["reject"] * 2, "reject"),
    ],
)
def test_the_middle_verdict_decides_the_stricter_of_two(verdicts, decision):
    assert decide(verdicts) == decision


def test_dissent_stays_visible(sheet, folder, tmp_path):
    new = taken(
        sheet,
        folder,
        tmp_path,
        {PHRASE: {"Verdict": "reject", "Comment": "views?"}},
        {PHRASE: {"Exactly one right option": "no"}},
        {PHRASE: {}},
    )
    record = read_json(new / "review.json")
    assert record["decisions"] == []
    assert record["dissent"] == [
        {
            "sheet": "Phrases",
            "id": PHRASE,
            "decision": "accept",
            "verdicts": {"A": "reject"},
            "no": {"one right": ["B"]},
        }
    ]
    assert record["comments"] == [{"reviewer": "A", "id": PHRASE, "comment": "views?"}]
    card = (new / "README.md").read_text()
    assert "1 rows stay although a reviewer would have them otherwise, 1 of them" in card


def test_agreement_is_in_the_record_and_the_card(sheet, folder, tmp_path):
    ids = [r["Id"] for r in rows_of(sheet, "Questions")][:10]
    no = {"Natural wording": "no"}
    new = taken(
        sheet, folder, tmp_path, {i: no for i in ids[:4]}, {i: no for i in ids[2:6]}, accept=ids
    )
    found = read_json(new / "review.json")["agreement"]["Questions"]
    # Both "no" twice, both "yes" four times, apart four times: (0.6 - 0.52) / (1 - 0.52).
    assert found["natural"]["value"] == pytest.approx(0.08 / 0.48)
    assert found["natural"]["agreement"] == pytest.approx(0.6)
    assert found["natural"]["items"] == found["natural"]["rated by all"] == 10
    assert found["faithful"]["value"] is None
    card = (new / "README.md").read_text()
    assert "| Questions | natural | 0.17 [" in card
    assert "| Questions | faithful | all ratings are the same" in card
    assert "nan" not in (new / "review.json").read_text().lower() + card.lower()


def test_a_second_round_counts_all_reviewers(sheet, folder, tmp_path):
    new = taken(
        sheet,
        folder,
        tmp_path,
        {PHRASE: {"Verdict": "edit", "Corrected phrase": "dry pleural spaces"}},
    )
    export_review(new, tmp_path / "again", number=5)
    again = tmp_path / "again"
    assert "Review so far,reviewed by 1\n" in (again / "csv" / "read_me_first.csv").read_text()
    file = fill(
        again,
        tmp_path / "E",
        "E",
        {PHRASE: {"Verdict": "edit", "Corrected phrase": "dry costal spaces"}},
    )
    import_review(new, [file], tmp_path / "third")
    record = read_json(tmp_path / "third" / "review.json")
    assert (record["status"], record["round"]) == ("reviewed by 2", 2)
    assert record["earlier"]["round"] == 1
    realisers = {r for r in whole_and_true(tmp_path / "third")["realiser"] if "review" in r}
    assert realisers and all(r.endswith("+review2") and "+review1" not in r for r in realisers)


def test_the_csv_twins_serve_as_well_and_order_does_not_matter(sheet, folder, tmp_path):
    csv = fill(
        sheet, tmp_path / "csv", "Ä. Müller", {PHRASE: {"Verdict": "reject", "Comment": "'- odd"}}
    )
    other = fill(sheet, tmp_path / "B.xlsx", "B", {PHRASE: {}})
    import_review(folder, [csv, other], tmp_path / "one")
    import_review(folder, [other, csv], tmp_path / "two")
    record = read_json(tmp_path / "one" / "review.json")
    assert record["reviewers"] == ["B", "Ä. Müller"]
    assert record["decisions"][0] == {
        "sheet": "Phrases",
        "id": PHRASE,
        "verdict": "reject",
        "corrections": {},
    }
    assert record["comments"][0]["comment"] == "- odd"
    for name in ("questions.parquet", "review.json", "audit.json", "README.md"):
        assert file_hash(tmp_path / "one" / name) == file_hash(tmp_path / "two" / name)


def test_nothing_to_do(sheet, folder, tmp_path):
    with pytest.raises(UsageError, match="one per reviewer"):
        import_review(folder, [], tmp_path / "new")
    everything = {r["Id"]: {"Verdict": "reject"} for r in rows_of(sheet, "Option sets")}
    with pytest.raises(NastError, match="nothing is left"):
        taken(sheet, folder, tmp_path, everything)
    assert not (tmp_path / "new").exists()


def test_the_commands(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["benchmark", "review", "export", str(folder), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert "Questions: 36 rows" in said and "review so far: not reviewed" in said
    file = fill(out, tmp_path / "a.xlsx", "A", {PHRASE: {}})
    new = str(tmp_path / "new")
    assert run(["benchmark", "review", "import", str(folder), str(file), "-o", new]) == 0
    said += capsys.readouterr().out
    assert "verdict not defined (one reviewer)" in said
    assert said.endswith("36 questions, reviewed by 1; access class open\n")
    ids = {*questions_of(folder)["subject_id"], *questions_of(folder)["study_id"]}
    assert not [i for i in ids if i in said]


def test_later_stages_say_what_was_reviewed(sheet, folder, tmp_path):
    new = taken(sheet, folder, tmp_path, {PHRASE: {}})
    for data, status in ((folder, "not reviewed"), (new, "reviewed by 1")):
        out = tmp_path / f"{status} out"
        assert export(data, out, "jsonl")["review"] == status
        assert f"by experts: **{status}**" in (out / "README.md").read_text()
    assert manifest_of(folder)["review"] == "not reviewed"
