"""The checklist: answers from the manifests, and blanks where no run can know."""

import shutil

import pytest
from built import contextual_set, question_set, resealed

from nast.evaluation import evaluate
from nast.models.registry import load_model
from nast.reporting.checklist import BLANK, checklist, checklist_text
from nast.reporting.joined import join_evaluations


@pytest.fixture(scope="module")
def rows(facts, tmp_path_factory):
    root = tmp_path_factory.mktemp("checklist")
    questions = shutil.copytree(question_set(facts), root / "questions")
    resealed(questions, access="private", terms=["a hospital | ward: <b>nothing</b> leaves"])
    claims = contextual_set(facts)
    models = [load_model("base=phantom"), load_model("other=phantom")]
    evaluate(models, [questions, claims], root / "scores")
    found = {
        "evaluate": [root / "scores"],
        "benchmark": [questions],
        "contextual": [claims],
        "facts": [facts],
    }
    return checklist(join_evaluations([root / "scores"], [questions, claims]), found)


def answer(rows, start):
    (found,) = [says for _, asked, says in rows if asked.startswith(start)]
    return found


def test_answers_are_those_of_the_manifests(rows):
    assert "access class private" in answer(rows, "Sources, access")
    assert "a hospital" in answer(rows, "Sources, access")
    assert "base (" in answer(rows, "Models, with") and "other (" in answer(rows, "Models, with")
    assert answer(rows, "Annotators") == "questions: not reviewed"
    assert "distractors balanced" in answer(rows, "Eligibility")
    assert "2 folders" in answer(rows, "What can be solved")
    assert answer(rows, "Explanation") == ""


def test_what_no_run_knows_is_blank_and_shown(rows):
    for asked in ("De-identification", "Ethics", "Demographic", "Training", "Limits"):
        assert answer(rows, asked) == ""
    text = checklist_text(rows)
    assert text.count(BLANK) == sum(not says for *_, says in rows) > 5
    assert r"a hospital \| ward: &lt;b>nothing" in text
