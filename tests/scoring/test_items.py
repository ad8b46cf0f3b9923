"""Items without a single right answer are named, and leave with their whole group."""

import polars as pl
import pytest
from built import TableModel, question_set, resealed

from nast.errors import InputError
from nast.evaluation import evaluate
from nast.files import read_json, read_table, write_table
from nast.records import QUESTIONS_SCHEMA
from nast.scoring.items import Data, faults, refuse_more_than, usable
from nast.scoring.truncation import equal_after_cut


def broken(table, column, row, value):
    values = table[column].to_list()
    values[row] = value
    return table.with_columns(pl.Series(column, values, table[column].dtype))


@pytest.fixture
def questions(facts):
    return read_table(question_set(facts) / "questions.parquet", QUESTIONS_SCHEMA)


FAULTS = [
    ("negated", ["a", "", "c", "d"], "an empty option"),
    ("affirmative", ["a", " ", "c", "d"], "an empty option"),
    ("negated", ["a", "b", "a", "d"], "two equal options"),
    ("answer", 4, "an answer outside the options"),
    ("answer", -1, "an answer outside the options"),
    ("negated", ["a"], "fewer than two options"),
]


@pytest.mark.parametrize(("column", "value", "reason"), FAULTS)
def test_faults_are_named(questions, facts, column, value, reason):
    bad = broken(questions, column, 3, value)
    assert faults("questions", bad) == {reason: [3]}
    data = Data("q", "questions", facts, bad)
    kept, left_out = usable(data, set(bad["image_path"]))
    assert left_out == {reason: [bad["question_id"][3]]}
    assert bad["group_id"][3] not in set(kept.table["group_id"])
    assert len(kept.table) == len(bad) - (bad["group_id"] == bad["group_id"][3]).sum()
    with pytest.raises(InputError, match=rf"1 items with {reason} \({bad['question_id'][3]}\)"):
        refuse_more_than(0, 0, {"q": left_out}, facts)
    refuse_more_than(1, 0, {"q": left_out}, facts)


def test_options_of_the_omitted_form_may_read_alike(questions):
    assert faults("questions", broken(questions, "omitted", 0, ["a", "a", "b", "c"])) == {}


def test_ids_of_imported_items_are_hashed(questions, facts):
    foreign = questions.with_columns(construction=pl.lit("imported:x"))
    data = Data("q", "questions", facts, broken(foreign, "answer", 0, 9))
    _, left_out = usable(data, set(foreign["image_path"]))
    ((name,),) = left_out.values()
    assert name != foreign["question_id"][0] and len(name) == 16


def test_a_run_says_which_items_it_left_out(questions, facts, tmp_path, tiny_clip):
    import shutil

    from nast.models.registry import load_model

    folder = tmp_path / "questions"
    shutil.copytree(question_set(facts), folder)
    row = questions["split"].to_list().index("test")
    bad = broken(questions, "negated", row, ["a", "a", "b", "c"])
    write_table(folder / "questions.parquet", bad, QUESTIONS_SCHEMA)
    resealed(folder)
    model = load_model(f"hf:{tiny_clip}", "tiny")
    for protocol in ("default", "negbench"):
        with pytest.raises(InputError, match="two equal options"):
            evaluate([model], [folder], tmp_path / "out", protocol=protocol)
    evaluate([model], [folder], tmp_path / "out", max_bad=1)
    made = read_json(tmp_path / "out" / "manifest.json")
    named = {"two equal options": [bad["question_id"][row]]}
    assert made["left_out"] == {"questions questions": named}
    assert made["bad_images"] == 0


class CutModel(TableModel):
    """Sees the first five words."""

    def tokenize(self, texts):
        import torch

        ids = torch.tensor([[hash(w) for w in t.split()[:5]] for t in texts])
        return ids, torch.ones_like(ids)


def test_options_that_are_equal_after_the_cut(questions):
    alike = ["one two three four five six", "one two three four five seven", "c", "d"]
    apart = ["one two three four 5 six", "one two three four five seven", "c", "d"]
    table = broken(broken(questions, "negated", 2, alike), "affirmative", 2, apart).slice(2, 1)
    table = broken(table, "omitted", 0, ["a", "b", "c", "d"])
    model = CutModel({}, {})
    assert equal_after_cut(model, "questions", table) == [f"{table['question_id'][0]} negated"]
