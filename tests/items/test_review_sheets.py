"""What reviewers see: every phrase, every option set, a spread sample, and no patient in words."""

from collections import Counter

import polars as pl
import pytest
from filled import small_set

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.items.review.revision import reworded
from nast.items.review.sheets import build_id, in_turn, pairs_of, sheets_of
from nast.items.table import read_items


@pytest.fixture(scope="module")
def items(facts):
    return read_items(small_set(facts))


@pytest.fixture(scope="module")
def questions(items):
    """Each question once, its affirmative options beside the negated ones."""
    others = items.filter(form="affirmative").select("pair_id", affirmative="options")
    return items.filter(form="negated").join(others, on="pair_id", maintain_order="left")


@pytest.fixture(scope="module")
def sheets(items):
    return {s.name: s for s in sheets_of(items, 9, 0)}


def test_table_5_is_there_whole_with_its_classes(sheets):
    rows = sheets["Phrases"].rows
    assert [r.fixed["Condition"] for r in rows] == CONDITIONS.labelled() and len(rows) == 13
    shown = {r.fixed["Condition"]: (r.fixed["Affirmative form"], r.fixed["Class"]) for r in rows}
    assert shown["Pneumothorax"] == ("fully expanded lungs", "equivalent")
    assert shown["Pneumonia"] == ("aerated alveoli", "broader")
    assert shown["Cardiomegaly"] == ("normal heart size", "view-dependent")
    assert all(r.edits for r in rows)


def test_phrases_know_the_groups_that_hold_them(sheets, questions):
    rows = {r.id: r for r in sheets["Phrases"].rows}
    for name in CONDITIONS.labelled():
        holding = {
            q["group_id"]
            for q in questions.iter_rows(named=True)
            if CONDITIONS[name].normal in " ".join(q["affirmative"]).lower()
        }
        assert rows[f"table5:{name}"].groups == holding


def test_every_option_set_once(sheets, items, questions):
    rows = sheets["Option sets"].rows
    assert len({r.id for r in rows}) == len(rows)
    by_id = {pair.options.id: pair.options for pair in pairs_of(items)}
    assert {r.id for r in rows} == set(by_id)
    assert sum(int(r.fixed["Questions built on it"]) for r in rows) == len(questions)
    row = rows[0]
    options = by_id[row.id]
    labels, negated = (row.fixed[c].split("\n") for c in ("Must say", "Negated form"))
    assert [line[:3] for line in labels] == ["A. ", "B. ", "C. ", "D. "]
    assert negated[1] == f"B. {options.negated[1]}"
    first = options.facts[0][0]
    assert labels[0].startswith(f"A. {first.condition}: {first.existence}; ")


def test_the_sample_is_spread_and_of_the_test_split_first(sheets, items, questions):
    by_id = {f"question:{q['pair_id']}": q for q in questions.iter_rows(named=True)}
    drawn = [by_id[r.id] for r in sheets["Questions"].rows]
    assert [q["split"] for q in drawn] == ["test"] * 9
    # Three groups of four are in the test split: each is drawn from as often as the others.
    assert sorted(Counter(q["group_id"] for q in drawn).values()) == [3, 3, 3]
    right = {r.fixed["Labels of the image"] for r in sheets["Questions"].rows}
    assert all(text.count(": ") == 3 for text in right)
    more = sheets_of(items, 1000, 0)[2].rows
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


def test_equal_seeds_give_equal_sheets(sheets, items):
    assert sheets_of(items, 9, 0) == list(sheets.values())
    other = sheets_of(items, 9, 1)
    assert [r.id for r in other[1].rows] != [r.id for r in sheets["Option sets"].rows]
    assert {r.id: r.fixed for r in other[1].rows} == {
        r.id: r.fixed for r in sheets["Option sets"].rows
    }


def test_another_word_is_another_build(items):
    changed = items.with_columns(pl.col("stem").str.replace("Which", "What"))
    assert build_id(changed) != build_id(items) == build_id(items.clone())


def test_options_that_read_otherwise_are_refused(items):
    swapped = items.with_columns(options=pl.col("options").list.reverse())
    with pytest.raises(InputError, match="an option that does not read as its facts"):
        sheets_of(swapped, 5, 0)


def test_groups_take_turns_and_the_test_split_comes_first(items):
    pairs = pairs_of(items)
    drawn = in_turn(pairs, 0)
    assert sorted(p.row["pair_id"] for p in drawn) == sorted(p.row["pair_id"] for p in pairs)
    splits = [p.row["split"] for p in drawn]
    assert splits == ["test"] * 12 + ["validate"] * 12 + ["train"] * 12
    for turn in range(0, 36, 3):
        assert len({p.row["group_id"] for p in drawn[turn : turn + 3]}) == 3


def test_reworded_keeps_capitals_and_swaps():
    phrases = {"clear lungs": "sharp angles", "sharp angles": "clear lungs"}
    assert reworded("Clear lungs and sharp angles.", phrases) == "Sharp angles and clear lungs."
    assert reworded("Unclear lungs.", phrases) == "Unclear lungs."
    assert reworded("Clear lungs.", {}) == "Clear lungs."
