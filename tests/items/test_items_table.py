"""Groups as rows of the table of items, and what no group can be."""

from dataclasses import replace

import polars as pl
import pytest

from nast.errors import InputError
from nast.files import write_table
from nast.items.groups import Group
from nast.items.table import FILE, items_table, read_items, rows_of
from nast.records import ITEMS_SCHEMA, Fact

HERE, GONE = (Fact("Edema", "present"),), (Fact("Edema", "absent"),)
GROUP = Group(
    set="claims",
    construction="balanced",
    split="test",
    options=(GONE, HERE),
    members=(("s1", 0), ("s2", 1)),
    forms=("negated", "affirmative"),
    world="described",
)
STUDIES = {
    name: {"subject_id": f"p{name}", "study_id": name, "split": "test", "image_path": f"{name}.jpg"}
    for name in ("s1", "s2")
}
WORDS = {"negated": ["No edema.", "Edema."], "affirmative": ["Clear lungs.", "Edema."]}


def rows(group=GROUP, order=(1, 0), words=WORDS):
    return list(rows_of(group, "g", order, words, STUDIES, stem="Which?", realiser="template:no"))


def test_a_group_is_a_row_for_each_form_and_member():
    table = items_table(rows())
    assert dict(table.schema) == ITEMS_SCHEMA
    ids = ["g-0-negated", "g-1-negated", "g-0-affirmative", "g-1-affirmative"]
    assert table["item_id"].to_list() == ids
    assert table["pair_id"].to_list() == ["g-0", "g-1"] * 2
    assert table["options"][0].to_list() == ["Edema.", "No edema."]
    # Each option is right exactly once, and the right one is the truth in its own item.
    assert table["answer"].to_list() == [1, 0, 1, 0]
    assert table["kinds"].to_list() == [["existence", "truth"], ["truth", "existence"]] * 2
    assert table["subject_id"].to_list() == ["ps1", "ps2"] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": (GONE, GONE)}, "two options say the same"),
        ({"members": (("s1", 2),)}, "answer 2 of 2"),
        ({"members": (("s1", -1),)}, "answer -1 of 2"),
    ],
)
def test_a_group_checks_itself(change, message):
    with pytest.raises(ValueError, match=message):
        rows(replace(GROUP, **change))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({**WORDS, "negated": ["Edema.", "Edema."]}, "the same words"),
        ({**WORDS, "negated": ["No edema."]}, "1 texts for 2 options"),
        ({**WORDS, "affirmative": ["a", "b", "c"]}, "3 texts for 2 options"),
    ],
)
def test_words_are_one_text_for_each_option(words, message):
    with pytest.raises(ValueError, match=message):
        rows(words=words)


def test_the_omitted_form_may_leave_out_what_tells_options_apart():
    group = replace(GROUP, forms=("omitted",))
    assert len(rows(group, words={"omitted": ["Chest.", "Chest."]})) == 2


def test_an_item_that_stands_twice_is_refused(tmp_path):
    table = items_table(rows())
    write_table(tmp_path / FILE, pl.concat([table, table.head(1)]), ITEMS_SCHEMA)
    with pytest.raises(InputError, match="an item twice"):
        read_items(tmp_path)
