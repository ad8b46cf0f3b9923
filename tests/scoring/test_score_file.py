"""Scores of another program in the place of a model."""

import polars as pl
import pytest
from built import contextual_set, question_set
from made_up import one

from nast.errors import InputError, UsageError
from nast.evaluation import evaluate
from nast.facts.conditions import CONDITIONS
from nast.items.table import read_items
from nast.measuring.values import choice_values
from nast.scoring.choice import option_rows
from nast.scoring.data import Data
from nast.scoring.score_file import read_score_file, score_from_file

WRITERS = {
    ".csv": pl.DataFrame.write_csv,
    ".jsonl": pl.DataFrame.write_ndjson,
    ".parquet": pl.DataFrame.write_parquet,
}


@pytest.fixture
def questions(facts):
    return read_items(question_set(facts)).filter(split="test")


@pytest.fixture
def data(questions, facts):
    return Data("d", "items", question_set(facts), questions, CONDITIONS)


def right_scores(table):
    """The right option of every item and form, as another program would write it."""
    rows = option_rows(table)
    return rows.select(
        pl.col("item_id").alias("item"),
        "option",
        pl.col("answer").cast(pl.Float64).alias("score"),
    )


def by_pair(table):
    """The same with the form in a column of its own, by the id of the pair."""
    forms = table.select(item="item_id", pair="pair_id", form="form")
    rows = right_scores(table).join(forms, on="item", maintain_order="left")
    return rows.select("form", "option", "score", item="pair")


def worth(scores, data):
    """Each item and what it is worth."""
    items = data.table.with_columns(data=pl.lit("d"))
    return choice_values(scores, items, "never").select("form", "value")


def written(rows, folder, ending=".csv"):
    WRITERS[ending](rows, folder / f"chat{ending}")
    return f"scores:{folder / f'chat{ending}'}"


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_by_item_option_and_score(data, tmp_path, ending):
    model = read_score_file(written(right_scores(data.table), tmp_path, ending))
    scores, missing = score_from_file(model, data)
    assert (model.name, model.seed, missing) == ("chat", None, [])
    assert len(scores) == len(data.table) * 4
    assert worth(scores, data)["value"].mean() == 1


def test_the_form_may_stand_in_a_column_of_its_own(data, tmp_path):
    model = read_score_file(written(by_pair(data.table), tmp_path))
    scores, missing = score_from_file(model, data)
    assert worth(scores, data)["value"].mean() == 1 and not missing
    # Ids that end in the form may have the column too.
    both = right_scores(data.table).with_columns(form=pl.col("item").str.extract("-([a-z]+)$"))
    again, _ = score_from_file(read_score_file(written(both, tmp_path)), data)
    assert again.equals(scores)


def test_missing_items_are_wrong_and_named(data, tmp_path):
    first, second = data.table.filter(form="negated")["item_id"][:2]
    rows = right_scores(data.table).filter(~pl.col("item").str.ends_with("-omitted"))
    gone = pl.col("item") == first
    part = (pl.col("item") == second) & (pl.col("option") == 2)
    model = read_score_file(written(rows.filter(~(gone | part)), tmp_path))
    scores, missing = score_from_file(model, data)
    assert missing == [first, second]
    answers = worth(scores, data).filter(form="negated")
    assert answers["value"].sum() == len(answers) - 2
    assert len(answers) == len(data.table.filter(form="negated"))
    # A form that the file does not speak of at all is left out.
    assert set(scores["form"]) == {"negated", "affirmative"}


def test_what_is_refused(data, tmp_path):
    rows = right_scores(data.table)
    name = rows["item"][0]
    with pytest.raises(InputError, match=f"item {name}, option 0 twice"):
        read_score_file(written(pl.concat([rows, rows.head(1)]), tmp_path))
    nan = rows.with_columns(
        score=pl.when(pl.int_range(pl.len()) == 0).then(float("nan")).otherwise(0.5)
    )
    with pytest.raises(InputError, match=f"1 rows without a number, the first of item {name}"):
        read_score_file(written(nan, tmp_path))
    with pytest.raises(InputError, match="column 'score'"):
        read_score_file(written(rows.drop("score"), tmp_path))
    with pytest.raises(UsageError, match="exists"):
        read_score_file("scores:nothing.csv")
    extra = rows.head(1).with_columns(option=pl.lit(7, pl.Int64))
    model = read_score_file(written(pl.concat([rows, extra]), tmp_path))
    with pytest.raises(InputError, match=f"option 7 of item {name}"):
        score_from_file(model, data)


def test_a_run_of_files_needs_no_torch_model_and_compares(questions, facts, tmp_path):
    claims = read_items(contextual_set(facts)).filter(split="test")
    rows = pl.concat([right_scores(questions), right_scores(claims)])
    folders = [question_set(facts), contextual_set(facts)]
    lost = questions.filter(form="negated")["item_id"][0]
    (tmp_path / "more").mkdir()
    models = [
        read_score_file(written(rows, tmp_path), "first"),
        read_score_file(written(rows.filter(pl.col("item") != lost), tmp_path / "more"), "second"),
    ]
    made = evaluate(models, folders, tmp_path / "out")
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    assert {m["name"] for m in made["config"]["models"]} == {"first", "second"}
    negated = {"task": "choice", "set": "questions", "form": "negated", "statistic": "accuracy"}
    asked = len(questions.filter(form="negated"))
    assert one(metrics, model="first", **negated)["value"] == 1
    assert one(metrics, model="second", **negated)["value"] == 1 - 1 / asked
    assert made["notes"] == {"second": {"without scores, counted as wrong": [lost]}}
    pair = {"model": "second", "reference": "first"}
    row = one(metrics, **pair, **negated)
    assert row["value"] == pytest.approx(-1 / asked) and row["p_holm"] == row["p"]
    tested = one(metrics, **pair, **negated | {"statistic": "accuracy (McNemar)"})
    assert "only first 1" in tested["method"]


def test_files_that_know_nothing_of_the_data(facts, tmp_path):
    rows = pl.DataFrame({"item": ["x-negated"] * 2, "option": [0, 1], "score": [0.1, 0.2]})
    with pytest.raises(InputError, match="no item of the data"):
        evaluate(
            [read_score_file(written(rows, tmp_path))], [question_set(facts)], tmp_path / "out"
        )
