"""Scores of another program in the place of a model."""

import polars as pl
import pytest
from built import contextual_set, question_set

from nast.errors import InputError, UsageError
from nast.evaluation import evaluate
from nast.files import read_json, read_table
from nast.records import CLAIMS_SCHEMA, QUESTIONS_SCHEMA
from nast.scoring.choice import choice_rows, correctness
from nast.scoring.score_file import read_score_file, score_from_file

WRITERS = {
    ".csv": pl.DataFrame.write_csv,
    ".jsonl": pl.DataFrame.write_ndjson,
    ".parquet": pl.DataFrame.write_parquet,
}


@pytest.fixture
def questions(facts):
    table = read_table(question_set(facts) / "questions.parquet", QUESTIONS_SCHEMA)
    return table.filter(split="test")


def right_scores(table, kind="questions"):
    """The right option of every item and form, as another program would write it."""
    rows = choice_rows(kind, table)
    return rows.select(
        pl.col("item_id").alias("item"),
        "form",
        "option",
        pl.col("answer").cast(pl.Float64).alias("score"),
    )


def written(rows, folder, ending=".csv"):
    WRITERS[ending](rows, folder / f"chat{ending}")
    return f"scores:{folder / f'chat{ending}'}"


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_by_item_option_and_score(questions, tmp_path, ending):
    model = read_score_file(written(right_scores(questions), tmp_path, ending))
    scores, missing = score_from_file(model, "questions", questions, "d")
    assert (model.name, missing) == ("chat", [])
    assert len(scores) == len(questions) * 3 * 4
    assert correctness(scores)["correct"].mean() == 1


def test_ids_may_end_in_the_form(questions, tmp_path):
    rows = right_scores(questions).with_columns(item=pl.col("item") + "-" + pl.col("form"))
    model = read_score_file(written(rows.drop("form"), tmp_path))
    scores, missing = score_from_file(model, "questions", questions, "d")
    assert correctness(scores)["correct"].mean() == 1 and not missing


def test_missing_items_are_wrong_and_named(questions, tmp_path):
    first, second = questions["question_id"][0], questions["question_id"][1]
    rows = right_scores(questions).filter(pl.col("form") != "omitted")
    gone = (pl.col("item") == first) & (pl.col("form") == "negated")
    part = (pl.col("item") == second) & (pl.col("form") == "negated") & (pl.col("option") == 2)
    model = read_score_file(written(rows.filter(~(gone | part)), tmp_path))
    scores, missing = score_from_file(model, "questions", questions, "d")
    assert missing == [f"{first}-negated", f"{second}-negated"]
    answers = correctness(scores).filter(form="negated")
    assert answers["correct"].sum() == len(questions) - 2
    # A form that the file does not speak of at all is left out.
    assert set(scores["form"]) == {"negated", "affirmative"}


def test_what_is_refused(questions, tmp_path):
    rows = right_scores(questions)
    name = f"{rows['item'][0]}-{rows['form'][0]}"
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
        score_from_file(model, "questions", questions, "d")


def test_a_run_of_files_needs_no_torch_model_and_adds_up(questions, facts, tmp_path):
    claims = read_table(contextual_set(facts) / "claims.parquet", CLAIMS_SCHEMA)
    claims = claims.filter(split="test")
    rows = pl.concat([right_scores(questions), right_scores(claims, "claims")])
    data = [question_set(facts), contextual_set(facts)]
    out = tmp_path / "out"
    first = read_score_file(written(rows, tmp_path), "first")
    evaluate([first], data, out)
    lost = f"{questions['question_id'][0]}-negated"
    second = rows.filter((pl.col("item") + "-" + pl.col("form")) != lost)
    (tmp_path / "more").mkdir()
    made = evaluate([read_score_file(written(second, tmp_path / "more"), "second")], data, out)
    figures = read_json(out / "metrics.json")
    assert set(figures) >= {"first", "second"}
    assert set(made["config"]["models"]) == {"first", "second"}
    assert figures["first"]["questions/accuracy/negated"]["value"] == 1
    assert figures["second"]["questions/accuracy/negated"]["value"] == 1 - 1 / len(questions)
    assert made["notes"] == {"second": {"questions without scores, counted as wrong": [lost]}}
    compared = read_json(out / "comparisons.json")
    row = next(r for r in compared if r["figure"] == "questions/accuracy/negated")
    assert (row["model"], row["reference"]) == ("second", "first")
    assert row["mcnemar"]["only first"] == 1 and row["p_holm"] == row["p"]


def test_files_that_know_nothing_of_the_data(facts, tmp_path):
    rows = pl.DataFrame({"item": ["x-negated"] * 2, "option": [0, 1], "score": [0.1, 0.2]})
    with pytest.raises(InputError, match="no item of the data"):
        evaluate(
            [read_score_file(written(rows, tmp_path))], [question_set(facts)], tmp_path / "out"
        )
