"""Items without a single right answer are named, and leave with their whole group."""

import shutil

import polars as pl
import pytest
from built import TableModel, question_set, resealed
from made_up import item, items_of

from nast.contextual.build import build_contextual
from nast.errors import InputError, UsageError
from nast.evaluation import evaluate
from nast.facts.conditions import CONDITIONS
from nast.files import read_json, read_table, write_table
from nast.items.table import read_items
from nast.models.registry import load_model
from nast.records import CAPTIONS_SCHEMA, ITEMS_SCHEMA
from nast.scoring.data import (
    Data,
    data_of,
    faults,
    first_items,
    refuse_more_than,
    usable,
    whole_groups,
)
from nast.scoring.same_tokens import equal_after_cut, same_tokens


def broken(table, column, row, value):
    values = table[column].to_list()
    values[row] = value
    return table.with_columns(pl.Series(column, values, table[column].dtype))


@pytest.fixture
def questions(facts):
    return read_items(question_set(facts))


@pytest.fixture
def data(questions, facts):
    return Data("q", "items", question_set(facts), questions, CONDITIONS)


FAULTS = [
    ("negated", "options", ["a", "", "c", "d"], "an empty option"),
    ("affirmative", "options", ["a", " ", "c", "d"], "an empty option"),
    ("omitted", "options", ["a", None, "c", "d"], "an empty option"),
    ("negated", "options", ["a", "b", "a", "d"], "two equal options"),
    ("negated", "answer", 4, "an answer outside the options"),
    ("negated", "answer", -1, "an answer outside the options"),
    ("affirmative", "answer", None, "an answer outside the options"),
    ("negated", "options", ["a"], "fewer than two options"),
]


@pytest.mark.parametrize(("form", "column", "value", "reason"), FAULTS)
def test_faults_are_named(data, form, column, value, reason):
    row = data.table["form"].to_list().index(form)
    bad = broken(data.table, column, row, value)
    data = data._replace(table=bad)
    pair, group = bad["pair_id"][row], bad["group_id"][row]
    assert faults(data) == {reason: [row]}
    kept, left_out = usable(data, set(bad["image_path"]), False)
    assert left_out == {reason: [pair]}
    assert kept.table.equals(bad.filter(pl.col("group_id") != group))
    with pytest.raises(InputError, match=rf"1 items with {reason} \({pair}\)"):
        refuse_more_than(0, 0, {"q": left_out}, data.folder)
    refuse_more_than(1, 0, {"q": left_out}, data.folder)


def test_options_of_the_omitted_form_may_read_alike(data):
    row = data.table["form"].to_list().index("omitted")
    alike = broken(data.table, "options", row, ["a", "a", "b", "c"])
    assert faults(data._replace(table=alike)) == {}


def test_a_peers_rule_takes_equal_options_of_imported_items_only(data):
    row = data.table["form"].to_list().index("negated")
    alike = broken(data.table, "options", row, ["a", "a", "b", "c"])
    foreign = alike.with_columns(set=pl.lit("imported"))
    for table, may, wanted in ((alike, True, 1), (foreign, True, 0), (foreign, False, 1)):
        assert len(faults(data._replace(table=table), may)) == wanted


def test_ids_of_imported_items_are_hashed(data):
    foreign = data.table.with_columns(set=pl.lit("imported"))
    data = data._replace(table=broken(foreign, "answer", 0, 9))
    _, left_out = usable(data, set(foreign["image_path"]), False)
    ((name,),) = left_out.values()
    assert name != foreign["pair_id"][0] and len(name) == 16


def test_a_run_says_which_items_it_left_out(questions, facts, tmp_path, tiny_clip):
    folder = tmp_path / "questions"
    shutil.copytree(question_set(facts), folder)
    named = questions.with_row_index("row").filter(split="test", form="negated")
    bad = broken(questions, "options", named["row"][0], ["a", "a", "b", "c"])
    write_table(folder / "items.parquet", bad, ITEMS_SCHEMA)
    resealed(folder)
    model = load_model(f"hf:{tiny_clip}", "tiny")
    for ties in ("default", "negbench"):
        with pytest.raises(InputError, match="two equal options"):
            evaluate([model], [folder], tmp_path / "out", ties=ties)
    evaluate([model], [folder], tmp_path / "out", max_bad=1)
    made = read_json(tmp_path / "out" / "manifest.json")
    assert made["left_out"] == {"questions items": {"two equal options": [named["pair_id"][0]]}}
    assert made["bad_images"] == 0


def test_captions_without_words_leave_alone(facts):
    rows = [
        dict.fromkeys(CAPTIONS_SCHEMA) | {"caption_id": str(i), "caption": text, "image_path": "x"}
        for i, text in enumerate(["no edema", " ", None])
    ]
    table = pl.DataFrame(rows, schema=CAPTIONS_SCHEMA)
    kept, left_out = usable(Data("c", "captions", facts, table, CONDITIONS), {"x"}, False)
    assert kept.table["caption"].to_list() == ["no edema"]
    (names,) = left_out.values()
    assert len(names) == 2 and not set(names) & {"1", "2"}


def test_whole_groups_loses_every_member():
    table = pl.DataFrame({"group_id": ["a", "a", "b", "b"], "image_path": ["1", "2", "3", "4"]})
    fine = pl.col("image_path") != "2"
    assert whole_groups(table, fine)["image_path"].to_list() == ["3", "4"]
    assert whole_groups(table.drop("group_id"), fine)["image_path"].to_list() == ["1", "3", "4"]


def test_a_limit_takes_whole_groups_in_all_forms():
    table = items_of(
        item(f"{g}{m}", f, s, group_id=g)
        for s in ("questions", "claims")
        for g in "abc"
        for m in range(2)
        for f in ("negated", "affirmative")
    )
    for limit, groups in ((1, "a"), (2, "a"), (3, "ab"), (4, "ab"), (5, "abc"), (99, "abc")):
        found = first_items(table, limit)
        assert found["group_id"].unique(maintain_order=True).to_list() == list(groups)
        assert len(found) == len(groups) * 8
    assert first_items(table.drop("group_id"), 3).equals(table.drop("group_id").head(3))


def test_tables_are_read_by_split_and_named_by_their_folder(facts, questions):
    (items,) = data_of([question_set(facts)], "test", None)
    assert (items.name, items.kind, items.sets) == ("questions", "items", ["questions"])
    assert items.table.equals(questions.filter(split="test"))
    (every,) = data_of([question_set(facts)], "all", None)
    assert len(every.table) == len(questions) > len(items.table)
    (studies,) = data_of([facts], "test", 3)
    assert (studies.kind, studies.sets, len(studies.table)) == ("studies", ["studies"], 3)


def test_two_folders_of_one_name_are_refused(facts, tmp_path):
    """Protocol, conditions and review are known by the name of a folder, whatever is in it."""
    shutil.copytree(question_set(facts), tmp_path / "questions")
    said = r"two data sets are called 'questions'.*rename one"
    with pytest.raises(UsageError, match=said):
        data_of([question_set(facts), tmp_path / "questions"], "test", None)
    shutil.copytree(facts, tmp_path / "other" / "questions")
    with pytest.raises(UsageError, match=said):
        data_of([question_set(facts), tmp_path / "other" / "questions"], "test", 4)


def test_a_set_in_which_silence_means_two_things_is_refused(facts, tmp_path):
    """As in all splits of matched claims, whose training split counts silence as absence."""
    place = tmp_path / "claims"
    build_contextual(facts, place, construction="matched", groups=20)
    for split in ("train", "test"):
        assert data_of([place], split, None)
    with pytest.raises(UsageError, match=r"\(closed, described\).*one --split"):
        data_of([place], "all", None)


def test_an_item_that_stands_twice_is_refused(facts, tmp_path):
    folder = shutil.copytree(question_set(facts), tmp_path / "questions")
    table = read_table(folder / "items.parquet", ITEMS_SCHEMA)
    pl.concat([table, table.head(1)]).write_parquet(folder / "items.parquet")
    with pytest.raises(InputError, match="an item twice"):
        data_of([resealed(folder)], "test", None)


def test_options_that_are_equal_after_the_cut():
    """The model sees the first five words."""
    alike = ["one two three four five six", "one two three four five seven", "c", "d"]
    apart = ["one two three four 5 six", "one two three four five seven", "c", "d"]
    words = {"negated": alike, "affirmative": apart, "omitted": ["a", "b", "c", "d"]}
    table = items_of(item("q", form, options=some) for form, some in words.items())
    assert equal_after_cut(TableModel({}, {}), table) == ["q negated"]
    foreign = table.with_columns(set=pl.lit("imported"))
    (name,) = equal_after_cut(TableModel({}, {}), foreign)
    assert name.endswith(" negated") and not name.startswith("q ")


def test_the_first_text_of_the_same_tokens_stands_for_all(monkeypatch):
    monkeypatch.setattr("nast.scoring.same_tokens.CHUNK", 2)
    texts = ["a b c d e f", "a", "a b c d e g", "a b c d e", "b"]
    assert same_tokens(TableModel({}, {}), texts) == [0, 1, 0, 0, 4]
