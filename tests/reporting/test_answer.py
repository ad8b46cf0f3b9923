"""The answers that a report begins with say what the metrics say, and no more."""

from dataclasses import replace

import polars as pl
import pytest
from evaluated import data_folder, evaluated, record
from made_up import choices, item, items_of

from nast.reporting.answer import answers, repair_of
from nast.reporting.answer_figures import draw_answer
from nast.reporting.figures import color_of
from nast.reporting.joined import join_evaluations
from nast.reporting.verdicts import verdict_table

N = 60


def joined(folder, skills, *, seeds=3):
    """An evaluation in which each model is right on so many of 60 questions and claim sets.

    Args:
        folder: for the files.
        skills: model -> (right when negated, right when affirmative).
        seeds: of the fine-tuned models, which are all but the first.
    """
    rows = [
        item(f"{name[0]}{n}", form, name, options=[f"{form} {o}" for o in "abcd"])
        for name in ("questions", "claims")
        for n in range(N)
        for form in ("negated", "affirmative")
    ]
    items = items_of(rows)
    scores, records = [], []
    for place, (model, right) in enumerate(skills.items()):
        for seed in [None] if not place else range(seeds):
            picks = {
                f"{name[0]}{n}-{form}": 0 if n < number else 1
                for name in ("questions", "claims")
                for form, number in zip(("negated", "affirmative"), right, strict=True)
                for n in range(N)
            }
            scores.append(choices(items, picks, model, seed))
            layers = "uniform" if "uniform" in model else "nast/cue"
            run = f"{model}-{seed}" if place else None
            records.append(record(model, seed, run, layers=layers))
    data = data_folder(folder / "d", items)
    return join_evaluations([evaluated(folder / "s", [data], records, scores=pl.concat(scores))])


def by_question(found):
    return {answer.question: answer for answer in found}


def test_a_bias_a_repair_and_no_harm(tmp_path):
    made = joined(tmp_path, {"base": (20, 50), "LoRA uniform": (40, 50), "NAST (lr)": (45, 50)})
    found = by_question(answers(made, made.metrics))
    tested, hears, helps, harms = found.values()
    assert "in 60 questions and 60 claim sets, with absences in denying words" in tested.says
    assert "compared with base: LoRA uniform, NAST (lr) (fine-tuned by nast)." in tested.says
    assert tested.verdict == "fact"
    assert "83.3 % of the questions right in affirmative words and 33.3 %" in hears.says
    assert "chance 25.0 %" in hears.says and hears.verdict == "bad"
    assert "It does not hear “no” as it should." in hears.says
    assert "NAST (lr) gets 75.0 % of the questions in denying words right, +41.7 [" in helps.says
    assert "It helps." in helps.says and helps.verdict == "good"
    assert "Against LoRA uniform, the same training with equal steps, it has +8.3 [" in helps.says
    assert helps.says.endswith("no difference that holds once it is corrected for all comparisons.")
    assert "ruled out for 2 (Affirmative claims; Affirmative questions)" in harms.says
    assert harms.verdict == "good"


def test_harm_is_named(tmp_path):
    made = joined(tmp_path, {"base": (20, 50), "NAST (lr)": (45, 20)})
    harms = by_question(answers(made, made.metrics))["Does it harm anything else?"]
    assert "shown for Affirmative claims; Affirmative questions" in harms.says
    assert harms.verdict == "bad"


def test_a_small_difference_and_few_seeds_are_no_verdict(tmp_path):
    made = joined(tmp_path, {"base": (49, 50), "NAST (lr)": (50, 49)}, seeds=1)
    _, hears, helps, harms = by_question(answers(made, made.metrics, 7)).values()
    assert "no difference which these items can show" in hears.says and hears.verdict == "open"
    assert "1 of the 3 seeds that a verdict needs" in helps.says and helps.verdict == "open"
    assert (
        "Not settled: Affirmative claims, a change of −1.7 [" in harms.says
        and harms.verdict == "open"
    )


def test_a_model_alone_has_one_answer(tmp_path):
    made = joined(tmp_path, {"base": (50, 20)})
    tested, hears = answers(made, made.metrics, 1234)
    assert "about the films of 1,234 patients" in tested.says and "fine-tuned" not in tested.says
    assert "It does better with denials." in hears.says and hears.verdict == "good"
    assert repair_of(made, made.metrics) is None


def test_worse_is_called_worse(tmp_path):
    made = joined(tmp_path, {"base": (40, 50), "LoRA uniform": (10, 50)})
    helps = by_question(answers(made, made.metrics))["Does the repair help?"]
    assert "It makes denials worse." in helps.says and helps.verdict == "bad"
    assert "Against" not in helps.says


@pytest.mark.parametrize("data", ["", "mine"])
def test_the_picture_has_a_line_for_each_model(tmp_path, data):
    made = joined(tmp_path, {"base": (20, 50), "NAST (lr)": (45, 50)})
    path = draw_answer(made, made.metrics, tmp_path / "figures", data)
    assert path.name == (f"answer-{data}.svg" if data else "answer.svg")
    text = path.read_text()
    assert all(word in text for word in ("base", "NAST (lr)", "claim sets, % right", "denying"))
    assert draw_answer(made, made.metrics.filter(form="plain"), tmp_path / "none") is None


def test_seeds_that_differ_settle_nothing(tmp_path):
    """Each seed helps these items by another amount: a seed that was not trained may not help."""
    made = joined(tmp_path, {"base": (20, 50), "NAST (lr)": (35, 50)})
    rows = made.metrics
    own = (pl.col("model") == "NAST (lr)") & (pl.col("reference") == "base")
    spread = pl.when(own).then(0.2).otherwise("seed_sd")
    moved = rows.with_columns(seed_sd=spread)
    helps = by_question(answers(made, moved))["Does the repair help?"]
    # 0.25 and 4.30 * 0.2 / sqrt(3) = 0.497 to each side.
    assert "over seeds questions [−24.7, +74.7], claim sets [−24.7, +74.7]." in helps.says
    assert "It helps." in helps.says and helps.verdict == "open"
    verdicts = {row[0]: row[3] for row in verdict_table(made, moved, [], {}).rows}
    assert verdicts["NAST above every baseline, negated claims"] == "shown for these seeds"
    steady = {row[0]: row[3] for row in verdict_table(made, rows, [], {}).rows}
    assert steady["NAST above every baseline, negated claims"] == "shown"


def test_a_repair_that_was_scored_whole_alone_is_answered_for(tmp_path):
    made = joined(tmp_path, {"base": (20, 50), "NAST (lr) @1": (45, 50)})
    found = by_question(answers(made, made.metrics))
    assert "NAST (lr) @1 gets 75.0 %" in found["Does the repair help?"].says
    assert "NAST (lr) @1 (fine-tuned by nast)" in found["What was tested?"].says
    assert color_of("NAST (lr) @1", made.models) != color_of("base", made.models)


def test_a_reference_that_is_fine_tuned_is_called_so(tmp_path):
    made = joined(tmp_path, {"LoRA uniform": (20, 50), "NAST (lr)": (45, 50)})
    rows = dict(made.trained) | {"LoRA uniform": made.trained["NAST (lr)"]}
    tested = answers(replace(made, trained=rows), made.metrics)[0]
    assert "compared with LoRA uniform (fine-tuned by nast): NAST (lr)" in tested.says


def test_another_objective_is_not_the_same_training(tmp_path):
    made = joined(tmp_path, {"base": (20, 50), "CLIP uniform": (30, 50), "NAST (lr)": (45, 50)})
    rows = dict(made.trained)
    rows["CLIP uniform"] = dict(rows["CLIP uniform"]) | {"objective": "clip"}
    helps = by_question(answers(replace(made, trained=rows), made.metrics))["Does the repair help?"]
    assert "the same training" not in helps.says


def test_harm_that_another_seed_may_do_is_not_settled(tmp_path):
    made = joined(tmp_path, {"base": (20, 50), "NAST (lr)": (35, 50)})
    own = (pl.col("model") == "NAST (lr)") & (pl.col("form") == "affirmative")
    spread = pl.when(own).then(0.2).otherwise("seed_sd")
    moved = made.metrics.with_columns(seed_sd=spread)
    harms = by_question(answers(made, moved))["Does it harm anything else?"]
    assert "ruled out for 0" in harms.says and harms.verdict == "open"
    steady = by_question(answers(made, made.metrics))["Does it harm anything else?"]
    assert "ruled out for 2" in steady.says and steady.verdict == "good"


def test_a_model_has_one_color_and_its_shares_have_it_too():
    known = ["base", "LoRA uniform", "NAST (lr)"]
    assert len({color_of(name, known) for name in known}) == 3
    assert color_of("NAST (lr) @1", known) == color_of("NAST (lr)", known)


def test_an_interval_that_many_comparisons_undo_is_called_so(tmp_path):
    made = joined(tmp_path, {"base": (20, 50), "LoRA uniform": (45, 50), "NAST (lr)": (38, 50)})
    pair = pl.col("reference").is_in(["LoRA uniform", "NAST (lr)"])
    p = pl.when(pair).then(0.2).otherwise("p_holm")
    helps = by_question(answers(made, made.metrics.with_columns(p_holm=p)))
    says = helps["Does the repair help?"].says
    assert says.endswith("no difference that holds once it is corrected for all comparisons.")
