"""Filled files become a new version of the questions; what is wrong in them is said at once."""

from itertools import product

import polars as pl
import pytest
from built import resealed
from filled import fill, first_page, rows_of, small_set

from nast.benchmark.card import data_card
from nast.cli import run
from nast.errors import NastError, UsageError
from nast.facts.conditions import CONDITIONS, Condition, Conditions, conditions_of
from nast.files import manifest_of, read_json, write_table
from nast.hashes import file_hash
from nast.items.card import review_status
from nast.items.groups import Group
from nast.items.review.decisions import middle_verdict
from nast.items.review.revision import write_conditions
from nast.items.review.round_trip import export_review, import_review
from nast.items.table import FILE, option_texts, read_items
from nast.items.table import rows_of as item_rows
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.language.write.llm.denials import kept_parts
from nast.records import ITEMS_SCHEMA, Fact

PHRASE = "table5:Pleural Effusion"
FORMS = ("negated", "affirmative", "omitted")


@pytest.fixture(scope="module")
def folder(facts):
    return small_set(facts)


@pytest.fixture(scope="module")
def sheet(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("review") / "out"
    export_review(folder, out, number=20)
    return out


def applied(folder, files, out):
    import_review(folder, files, out, data_card)
    return out


def taken(sheet, folder, tmp_path, *answers, accept=()):
    """The new folder after reviewers A, B, ... gave some answers each."""
    files = [fill(sheet, tmp_path / n, n, a, accept) for n, a in zip("ABCD", answers, strict=False)]
    return applied(folder, files, tmp_path / "new")


def in_forms(items):
    """Each question once, with a column of options for each form."""
    columns = [
        items.filter(form=form).select("pair_id", pl.col("options").alias(form))
        for form in ("negated", "affirmative", "omitted")
    ]
    found = items.filter(form="negated").drop("options")
    for column in columns:
        found = found.join(column, on="pair_id", maintain_order="left")
    return found


def whole_and_true(new):
    """Groups are whole, words read as facts in every form, and words alone are at chance."""
    questions, conditions = in_forms(read_items(new)), conditions_of(new)
    for _, group in questions.group_by("group_id"):
        assert sorted(group["answer"]) == [0, 1, 2, 3]
        shown = group.select("negated", "affirmative", "omitted", "realiser")
        assert shown.n_unique() == 1
    for q in questions.iter_rows(named=True):
        for i, option in enumerate(q["facts"]):
            facts = {Fact(**fact) for fact in option}
            read = {f: facts_of(q[f][i], conditions=conditions) for f in FORMS}
            assert read["negated"] == read["affirmative"] == facts
            assert read["omitted"] == {f for f in facts if f.existence == "present"}
            assert not cues(q["affirmative"][i])
            one, other = (kept_parts(q[f][i], conditions=conditions) for f in FORMS[:2])
            assert one == other
    for rows in read_json(new / "audit.json").values():
        assert {round(row["accuracy"], 9) for row in rows} == {0.25}
    assert manifest_of(new)["leaks"] == []
    return questions


def test_a_review_without_objections_changes_the_status_only(sheet, folder, tmp_path):
    before = file_hash(folder / FILE)
    new = taken(sheet, folder, tmp_path, {}, {}, accept=(PHRASE,))
    assert read_items(new).equals(read_items(folder))
    assert file_hash(folder / FILE) == before
    assert review_status(manifest_of(folder)) == "not reviewed"
    manifest, record = manifest_of(new), read_json(new / "review.json")
    assert manifest["review"] == record["status"] == "reviewed by 2"
    assert "experts: **reviewed by 2**" in (new / "README.md").read_text()
    assert record["reviewers"] == ["A", "B"]
    rows = record["rows"]["Phrases"]
    assert (rows["reviewed by all"], rows["not reviewed"]) == (1, rows["rows"] - 1)
    assert record["rows"]["Questions"]["not reviewed"] == 20
    assert record["dropped"]["questions"] == 0 and record["dissent"] == []
    reviewed = {n for n, c in conditions_of(new).items() if c.reviewed}
    assert reviewed == {"Pleural Effusion"}


def test_a_rejected_phrase_takes_its_questions_with_it(sheet, folder, tmp_path):
    new = taken(sheet, folder, tmp_path, {PHRASE: {"Verdict": "reject"}})
    old, left = in_forms(read_items(folder)), whole_and_true(new)
    holding = {
        q["group_id"]
        for q in old.iter_rows(named=True)
        if "sharp costophrenic angles" in " ".join(q["affirmative"]).lower()
    }
    assert set(old["group_id"]) - set(left["group_id"]) == holding != set()
    record = read_json(new / "review.json")
    assert record["dropped"] == {"groups": len(holding), "questions": 4 * len(holding)}
    assert conditions_of(new)["Pleural Effusion"].normal is None
    assert CONDITIONS["Pleural Effusion"].normal == "sharp costophrenic angles"
    counts = manifest_of(new)["counts"]
    assert counts["questions"] == len(left) == sum(counts["questions by split"].values())
    assert counts["groups"] == left["group_id"].n_unique()


def test_a_rejected_question_takes_its_group_with_it(sheet, folder, tmp_path):
    row = rows_of(sheet, "Questions")[0]
    new = taken(sheet, folder, tmp_path, {row["Id"]: {"Verdict": "reject"}})
    before = set(read_items(folder)["pair_id"])
    lost = before - set(whole_and_true(new)["pair_id"])
    question = row["Id"].removeprefix("question:")
    assert lost == {f"{question.rpartition('-')[0]}-{i}" for i in range(4)}


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
    old, left = in_forms(read_items(folder)), whole_and_true(new)
    assert left["item_id"].equals(old["item_id"])
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
    table = conditions_of(new)["Pleural Effusion"]
    assert (table.normal, table.phrase_class) == ("dry pleural spaces", "equivalent")
    assert "| dry pleural spaces | equivalent |" in (new / "README.md").read_text()


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
    assert middle_verdict(verdicts) == decision


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
    assert "| Questions | faithful | not defined (all ratings are the same" in card
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
    assert first_page(again)["Review so far"] == "reviewed by 1"
    file = fill(
        again,
        tmp_path / "E",
        "E",
        {PHRASE: {"Verdict": "edit", "Corrected phrase": "dry costal spaces"}},
    )
    applied(new, [file], tmp_path / "third")
    record = read_json(tmp_path / "third" / "review.json")
    assert (record["status"], record["round"]) == ("reviewed by 2", 2)
    assert record["earlier"]["round"] == 1
    realisers = {r for r in whole_and_true(tmp_path / "third")["realiser"] if "review" in r}
    assert realisers and all(r.endswith("+review2") and "+review1" not in r for r in realisers)


def test_order_of_files_does_not_matter(sheet, folder, tmp_path):
    one = {PHRASE: {"Verdict": "reject", "Comment": "- odd"}}
    first = fill(sheet, tmp_path / "A.xlsx", "Ä. Müller", one)
    other = fill(sheet, tmp_path / "B.xlsx", "B", {PHRASE: {}})
    applied(folder, [first, other], tmp_path / "one")
    applied(folder, [other, first], tmp_path / "two")
    record = read_json(tmp_path / "one" / "review.json")
    assert record["reviewers"] == ["B", "Ä. Müller"]
    assert record["decisions"][0] == {
        "sheet": "Phrases",
        "id": PHRASE,
        "verdict": "reject",
        "corrections": {},
    }
    assert record["comments"][0]["comment"] == "- odd"
    for name in (FILE, "review.json", "audit.json", "README.md"):
        assert file_hash(tmp_path / "one" / name) == file_hash(tmp_path / "two" / name)


def test_a_name_is_no_markdown(sheet, folder, tmp_path):
    files = [fill(sheet, tmp_path / "A", "**B** <i>|", {PHRASE: {}})]
    card = (applied(folder, files, tmp_path / "new") / "README.md").read_text()
    assert r"(\*\*B\*\* \<i\>\|)" in card


def test_nothing_to_do(sheet, folder, tmp_path):
    with pytest.raises(UsageError, match="one per reviewer"):
        applied(folder, [], tmp_path / "new")
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
    assert "Phrases: not defined (one reviewer)" in said
    assert said.endswith("36 questions, reviewed by 1; access class open\n")
    items = read_items(folder)
    ids = {*items["subject_id"], *items["study_id"]}
    assert not [i for i in ids if i in said]


def test_later_stages_say_what_was_reviewed(sheet, folder, tmp_path):
    from nast.exchange.export import export

    new = taken(sheet, folder, tmp_path, {PHRASE: {}})
    for data, status in ((folder, "not reviewed"), (new, "reviewed by 1")):
        out = tmp_path / f"{status} out"
        assert export(data, out, "jsonl")["review"] == status
        assert f"by experts: **{status}**" in (out / "README.md").read_text()
    assert manifest_of(folder)["review"] == "not reviewed"


def of_other_conditions(folder):
    """Four questions on two conditions that the package does not know."""
    table = Conditions(
        {
            name: Condition(name, name.lower(), normal=normal, phrase_class="equivalent")
            for name, normal in (("Blebs", "smooth rind"), ("Warts", "even skin"))
        }
    )
    write_conditions(folder / "conditions.yaml", table)
    said = [
        tuple(Fact(name, existence) for name, existence in zip(table, pair, strict=True))
        for pair in product(("absent", "present"), repeat=2)
    ]
    words = option_texts(said, "no", FORMS, table)
    members = tuple((str(i), i) for i in range(4))
    group = Group("questions", "balanced", "test", tuple(said), members, FORMS, "annotated")
    keys = {i: {"subject_id": i, "study_id": i, "split": "test"} for i, _ in members}
    told = {"stem": "Which?", "realiser": "template:no"}
    rows = item_rows(group, "g", range(4), words, keys, **told)
    write_table(folder / FILE, pl.DataFrame(list(rows), schema=ITEMS_SCHEMA), ITEMS_SCHEMA)
    config = {"seed": 0, "conflicts": True, "distractors": "balanced", "uses": 1}
    config["protocol"] = "default"
    return resealed(folder, config=config, counts={}, phantom=True)


def test_the_conditions_of_the_folder_are_used_throughout(tmp_path):
    folder = of_other_conditions(tmp_path / "q")
    before = dict(CONDITIONS)
    export_review(folder, tmp_path / "review")
    phrases = [r["Id"] for r in rows_of(tmp_path / "review", "Phrases")]
    assert phrases == ["table5:Blebs", "table5:Warts"]
    edit = {"table5:Warts": {"Verdict": "edit", "Corrected phrase": "bare skin"}}
    file = fill(tmp_path / "review", tmp_path / "A", "A", edit)
    applied(folder, [file], tmp_path / "new")
    assert dict(CONDITIONS) == before
    table = conditions_of(tmp_path / "new")
    assert [(c.normal, c.reviewed) for c in table.values()] == [
        ("smooth rind", False),
        ("bare skin", True),
    ]
    items = read_items(tmp_path / "new")
    affirmative = items.filter(form="affirmative")["options"][0].to_list()
    assert affirmative[0] == "Smooth rind and bare skin."
    assert set(items["realiser"]) == {"template:no+review1"}
    assert "| bare skin | equivalent |" in (tmp_path / "new" / "README.md").read_text()
