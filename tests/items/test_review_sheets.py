"""What reviewers see: every phrase, every option set, a spread sample, and no patient in words."""

from collections import Counter

import polars as pl
import pytest
from filled import small_set

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, labelled
from nast.items.review.sampling import spread
from nast.items.review.sheets import build_id, set_key, sheets_of
from nast.items.review.wording import reworded, style_of


@pytest.fixture(scope="module")
def questions(facts):
    return pl.read_parquet(small_set(facts) / "questions.parquet")


@pytest.fixture(scope="module")
def sheets(questions):
    return {s.name: s for s in sheets_of(questions, 9, 0)}


def test_table_5_is_there_whole_with_its_classes(sheets):
    rows = [r for r in sheets["Phrases"].rows if r.fixed["Kind"] == "Table 5 phrase"]
    assert [r.fixed["Condition"] for r in rows] == labelled() and len(rows) == 13
    shown = {r.fixed["Condition"]: (r.fixed["Affirmative form"], r.fixed["Class"]) for r in rows}
    assert shown["Pneumothorax"] == ("fully expanded lungs", "equivalent")
    assert shown["Pneumonia"] == ("aerated alveoli", "broader")
    assert shown["Cardiomegaly"] == ("normal heart size", "view-dependent")
    assert all(len(r.checks) == 4 and r.edits for r in rows)


def test_phrases_know_the_groups_that_hold_them(sheets, questions):
    rows = {r.id: r for r in sheets["Phrases"].rows}
    for name in labelled():
        holding = {
            q["group_id"]
            for q in questions.iter_rows(named=True)
            if CONDITIONS[name].normal in " ".join(q["affirmative"]).lower()
        }
        asking = {q["group_id"] for q in questions.iter_rows(named=True) if name in q["conditions"]}
        assert rows[f"table5:{name}"].groups == holding
        named = rows.get(f"name:{name}:{CONDITIONS[name].term}")
        assert (named.groups if named else set()) == asking
    forms = {i.removeprefix("form:"): r.groups for i, r in rows.items() if i.startswith("form:")}
    assert set(forms) == {style_of(r) for r in questions["realiser"]}
    assert sum(map(len, forms.values())) == questions["group_id"].n_unique()


def test_every_option_set_once(sheets, questions):
    rows = sheets["Option sets"].rows
    assert len({r.id for r in rows}) == len(rows)
    assert {r.about for r in rows} == {set_key(q) for q in questions.iter_rows(named=True)}
    assert sum(int(r.fixed["Questions built on it"]) for r in rows) == len(questions)
    row = rows[0]
    labels, negated = (row.fixed[c].split("\n") for c in ("Must say", "Negated form"))
    assert [line[:3] for line in labels] == ["A. ", "B. ", "C. ", "D. "]
    assert negated[1] == f"B. {row.edits['Corrected negated form, B']}"
    first = ": present" if row.about.options.labels[0][0] else ": absent"
    assert labels[0].startswith(f"A. {row.about.options.conditions[0]}{first}; ")


def test_the_sample_is_spread_and_of_the_test_split_first(sheets, questions):
    by_id = {q["question_id"]: q for q in questions.iter_rows(named=True)}
    drawn = [by_id[r.about] for r in sheets["Questions"].rows]
    assert [q["split"] for q in drawn] == ["test"] * 9
    # Three groups of four are in the test split: each is drawn from as often as the others.
    assert sorted(Counter(q["group_id"] for q in drawn).values()) == [3, 3, 3]
    right = {r.fixed["Labels of the image"] for r in sheets["Questions"].rows}
    assert all(text.count(": ") == 3 for text in right)
    more = sheets_of(questions, 1000, 0)[2].rows
    assert len(more) == len(questions) == len({r.id for r in more})


def test_words_hold_no_patient(sheets, questions):
    ids = {*questions["subject_id"], *questions["study_id"], *questions["image_path"]}
    for name in ("Phrases", "Option sets"):
        text = " ".join(" ".join(r.fixed.values()) for r in sheets[name].rows)
        assert not [i for i in ids if i in text]
    for row in sheets["Questions"].rows:
        words = " ".join(v for c, v in row.fixed.items() if c != "Image")
        assert row.fixed["Image"] in ids
        assert not [i for i in ids if i in words]


def test_equal_seeds_give_equal_sheets(sheets, questions):
    assert sheets_of(questions, 9, 0) == list(sheets.values())
    other = sheets_of(questions, 9, 1)
    assert [r.id for r in other[1].rows] != [r.id for r in sheets["Option sets"].rows]
    assert {r.id: r.fixed for r in other[1].rows} == {
        r.id: r.fixed for r in sheets["Option sets"].rows
    }


def test_another_word_is_another_build(questions):
    changed = questions.with_columns(pl.col("stem").str.replace("Which", "What"))
    assert build_id(changed) != build_id(questions) == build_id(questions.clone())


def test_options_that_read_otherwise_are_refused(questions):
    swapped = questions.with_columns(negated=pl.col("negated").list.reverse())
    with pytest.raises(InputError, match="an option that does not read as its labels"):
        sheets_of(swapped, 5, 0)


def test_spread_takes_the_least_taken():
    kinds = [(["a", "b"], ["0"]), (["a", "b"], ["0"]), (["c", "d"], ["1"]), (["a", "c"], ["1"])]
    order = spread(kinds, ["test"] * 4, [0, 1, 2, 3], seed=0)
    # After a pair of a and b with 0 comes c and d with 1; two that share all come last.
    assert sorted(order) == [0, 1, 2, 3]
    assert {tuple(kinds[i][0]) for i in order[:2]} == {("a", "b"), ("c", "d")}


def test_spread_prefers_the_split_and_new_groups():
    kinds = [(["a"],)] * 4
    order = spread(kinds, ["train", "test", "test", "test"], ["g", "g", "g", "h"], 0, 3)
    assert sorted(order) == [1, 2, 3] and 3 in order[:2]
    assert spread(kinds, ["train", "test", "test", "test"], ["g"] * 4, 0)[3] == 0


def test_reworded_keeps_capitals_and_swaps():
    phrases = {"clear lungs": "sharp angles", "sharp angles": "clear lungs"}
    assert reworded("Clear lungs and sharp angles.", phrases) == "Sharp angles and clear lungs."
    assert reworded("Unclear lungs.", phrases) == "Unclear lungs."
    assert reworded("Clear lungs.", {}) == "Clear lungs."
