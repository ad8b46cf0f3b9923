"""Subsets, wrong options, pairs and groups of a few questions and claim sets, by hand."""

import polars as pl
import pytest
from pytest import approx

from nast.measuring.breakdown import breakdown
from nast.measuring.metrics import metrics_of
from nast.measuring.subsets import (
    claim_subsets,
    described,
    equal_lengths,
    option_kinds,
    question_subsets,
    without_cues,
)
from nast.records import SCORES_SCHEMA

OPTIONS = [[0, 1, 1], [1, 1, 1], [0, 0, 1], [1, 0, 0]]
WORDS = ["B and C, no A", "A, B, and C", "C, without A or B", "A, no B or C"]


def question(number, answer, conditions=("Edema", "Cardiomegaly", "Fracture"), view="AP"):
    texts = {"negated": WORDS, "affirmative": ["w", "x", "y", "z"], "omitted": ["w", "x", "y", "z"]}
    return {
        "question_id": f"q{number}",
        "group_id": f"g{number // 4}",
        "subject_id": f"p{number}",
        "conditions": list(conditions),
        "options": OPTIONS,
        "answer": answer,
        "view": view,
        **texts,
    }


QUESTIONS = pl.DataFrame([question(n, n % 4, view="AP" if n < 4 else "PA") for n in range(8)])


def choices(task, chosen, ids, model="m", k=4, answers=None):
    """Scores in which item i chooses option chosen[form][i]; None is a tie of the first two."""
    rows = []
    for form, picks in chosen.items():
        for number, pick in enumerate(picks):
            answer = number % 4 if answers is None else answers[number]
            for option in range(k):
                best = option < 2 if pick is None else option == pick
                rows.append(
                    {
                        "item_id": ids(number, form),
                        "model": model,
                        "data": "d",
                        "task": task,
                        "polarity": form,
                        "form": form,
                        "group_id": f"g{number // 4}",
                        "subject": f"p{number}",
                        "option": option,
                        "score": float(best),
                        "rank": 1.0,
                        "answer": option == answer,
                        "tie": False,
                        "truncated": False,
                    }
                )
    return pl.DataFrame(rows, schema=SCORES_SCHEMA)


CHOSEN = {"negated": [0, 1, 2, 3, 1, 1, None, 1], "affirmative": [0, 1, 0, 3, 0, 0, 2, 3]}
"""Negated: group 0 all right, group 1 one right; affirmative: 3 and 3 right."""


def known(kind, table):
    return {kind: described(kind, table)}


@pytest.fixture(scope="module")
def figures():
    scores = choices("questions", CHOSEN, lambda n, _: f"q{n}")
    return metrics_of(scores) | breakdown(scores, known("questions", QUESTIONS))


def value(figures, name):
    return figures[name]["value"]


def test_kinds_of_wrong_options_by_hand():
    kinds = [k for item, _, k in option_kinds("questions", QUESTIONS) if item == "q0"]
    # Right: A absent, B and C present. All present: A affirmed. Third: B denied. Fourth: both.
    assert kinds == ["truth", "missed denial", "missed presence", "both"]


def test_wrong_options_by_hand(figures):
    # Negated, wrong: q4 chose 1 (missed denial), q6 ties, q7 chose 1 of truth 3 (missed denial).
    assert value(figures, "questions/wrong/negated/missed denial") == 2 / 8
    assert value(figures, "questions/wrong/negated/tie") == 1 / 8
    assert value(figures, "questions/wrong/negated/missed presence") == 0
    chances = [
        figures[f"questions/wrong/negated/{k}"]["chance"]
        for k in ("missed denial", "missed presence", "both")
    ]
    assert sum(chances) == approx(3 / 4)
    assert "questions/wrong/affirmative/tie" not in figures


def test_pairwise_by_hand(figures):
    # q4 of truth 0 chose 1: 0 is not above 1; of the eight, the right option beats its
    # missed-denial options in q0, q2, q3 (all), q6 ties with 0 and 1, q4 and q7 not. q1, q5: none.
    found = figures["questions/pairwise/negated/missed denial"]
    assert found["n"] == 6 and found["chance"] == 0.5
    assert found["value"] == approx(3 / 6)


def test_pairs_by_hand(figures):
    # Right negated: 0, 1, 2, 3, 5. Right affirmative: 0, 1, 3, 4, 6, 7.
    assert value(figures, "questions/pairs/both right") == 3 / 8
    assert value(figures, "questions/pairs/only negated") == 2 / 8
    assert value(figures, "questions/pairs/only affirmative") == 3 / 8
    assert value(figures, "questions/pairs/neither") == 0
    assert figures["questions/pairs/both right"]["chance"] == 1 / 16
    assert figures["questions/accuracy/gap"]["mcnemar"] == {
        "both": 3,
        "only first": 2,
        "only second": 3,
        "neither": 0,
        "p": 1.0,
    }
    assert value(figures, "questions/accuracy/gap to all") == approx(1 / 16)


def test_groups_by_hand(figures):
    assert value(figures, "questions/group accuracy/negated") == 1 / 2
    assert value(figures, "questions/group accuracy/affirmative") == 0
    assert figures["questions/group accuracy/negated"]["chance"] == approx(1 / 256)
    assert figures["questions/group accuracy/negated"]["n"] == 2


def test_subsets_of_questions_by_hand(figures):
    accuracy = "questions/accuracy/negated"
    assert value(figures, f"{accuracy}/view=AP") == 1
    assert value(figures, f"{accuracy}/view=PA") == 1 / 4
    # Answer 1 denies nothing: q1 and q5, both right.
    assert value(figures, f"{accuracy}/negations=0") == 1
    assert value(figures, f"{accuracy}/denying") == approx(3 / 6)
    assert figures[f"{accuracy}/denying"]["n"] == 6
    assert value(figures, f"{accuracy}/cue=without") == 1 / 2
    assert value(figures, "questions/accuracy/gap/view=PA") == approx(2 / 4)
    assert figures[f"{accuracy}/condition=Edema"]["n"] == 8
    assert figures[f"{accuracy}/view=AP"]["chance"] == 0.25
    # A single answer of a subset is no certainty.
    assert figures[f"{accuracy}/view=AP"]["interval"][0] < 0.5


def test_equivalent_phrases():
    rows = [question(0, 0), question(1, 0, ("Edema", "Pleural Effusion", "Fracture"))]
    found = question_subsets(pl.DataFrame(rows))
    from nast.facts.conditions import CONDITIONS

    same = {n for n, c in CONDITIONS.items() if c.phrase_class == "equivalent"}
    wanted = {row["question_id"] for row in rows if set(row["conditions"]) <= same}
    assert set(found.filter(subset="phrases=equivalent")["pair"]) == wanted


def claim(number, form, answer=0):
    edema = {"condition": "Edema", "existence": "absent"}
    facts = [[edema, {"condition": "Fracture", "existence": e}] for e in ("absent", "present")]
    texts = ["no edema or fracture", "fracture, no edema"]
    if form == "affirmative":
        texts = ["clear", "fracture and clear"]
    return {
        "set_id": f"c{number}-{form}",
        "group_id": f"g{number}",
        "form": form,
        "claims": texts,
        "facts": facts,
        "answer": answer,
        "conditions": ["Edema", "Fracture"],
        "kinds": ["truth", "existence"] if answer == 0 else ["existence", "truth"],
    }


def test_subsets_of_claims_by_hand():
    table = pl.DataFrame([claim(n, f, n % 2) for f in ("affirmative", "negated") for n in (0, 1)])
    found = claim_subsets(table)
    assert set(found.filter(subset="truth=denies")["pair"]) == {"c0"}
    assert set(found.filter(subset="truth=mixed")["pair"]) == {"c1"}
    assert set(found.filter(subset="negations=2")["pair"]) == {"c0"}
    assert set(found.filter(subset="cue=no")["pair"]) == {"c0", "c1"}
    # Every negated set has a cue, and the affirmative ones are rewrites.
    assert without_cues(table).is_empty()
    assert len(without_cues(table.filter(form="affirmative"))) == 2


def test_claims_without_cues_are_the_filter_subset():
    table = pl.DataFrame([claim(n, "affirmative", n % 2) for n in range(4)])
    scores = choices(
        "claims", {"affirmative": [0, 1, 1, 1]}, lambda n, f: f"c{n}-{f}", k=2, answers=[0, 1, 0, 1]
    )
    found = breakdown(scores, known("claims", table))
    assert value(found, "claims/accuracy/filter") == 3 / 4
    assert found["claims/accuracy/filter"]["chance"] == 0.5
    assert value(found, "claims/wrong/affirmative/existence") == 1 / 4


def test_sets_of_the_form_filter_have_figures_of_their_own():
    forms = {"negated": [0, 1], "affirmative": [0, 0], "filter": [0, 0]}
    table = pl.DataFrame([claim(n, f, n % 2) for f in forms for n in (0, 1)])
    scores = choices("claims", forms, lambda n, f: f"c{n}-{f}", k=2, answers=[0, 1])
    found = metrics_of(scores) | breakdown(scores, known("claims", table))
    assert value(found, "claims/accuracy/filter") == 1 / 2
    assert (found["claims/accuracy/gap"]["n"], value(found, "claims/accuracy/gap")) == (2, -0.5)
    assert found["claims/accuracy/affirmative"]["n"] == 2


def test_seeds_are_averaged_after_pairs_and_groups_are_formed():
    seeds = [
        {"negated": [0, 1, 2, 3], "affirmative": [1, 1, 1, 1]},
        {"negated": [1, 1, 1, 1], "affirmative": [0, 1, 2, 3]},
    ]
    scores = pl.concat(
        choices("questions", s, lambda n, _: f"q{n}", f"policy#{i}") for i, s in enumerate(seeds)
    )
    found = breakdown(scores, known("questions", QUESTIONS.head(4)))
    assert value(found, "questions/pairs/both right") == 1 / 4
    assert value(found, "questions/group accuracy/negated") == 1 / 2


def test_options_of_equal_length_by_hand():
    rows = [question(0, 0), {**question(1, 1), "negated": ["a b", "c  d", "e", " f g "]}]
    found = equal_lengths("questions", pl.DataFrame(rows))
    # WORDS have 5, 4, 5 and 5 words; "C, without A or B" five, too: within one of each other.
    assert set(found.rows()) == {
        ("q0", "negated"),
        ("q1", "negated"),
        ("q0", "affirmative"),
        ("q1", "affirmative"),
        ("q0", "omitted"),
        ("q1", "omitted"),
    }
    rows[1]["negated"] = ["a b", "c d", "e", "f g h"]
    found = equal_lengths("questions", pl.DataFrame(rows))
    assert ("q1", "negated") not in found.rows() and ("q1", "omitted") in found.rows()


def test_length_matched_items_count_in_their_own_form():
    table = QUESTIONS.with_columns(
        negated=pl.when(pl.col("view") == "AP")
        .then("negated")
        .otherwise(pl.lit(["a", "b", "c", "d e f"]))
    )
    scores = choices("questions", CHOSEN, lambda n, _: f"q{n}")
    found = breakdown(scores, known("questions", table))
    # The first four in the negated form, all right; all eight in the affirmative one.
    negated, affirmative, gap = (
        found[f"questions/accuracy/{f}/length=equal"] for f in ("negated", "affirmative", "gap")
    )
    assert (negated["value"], negated["n"]) == (1, 4)
    assert (affirmative["value"], affirmative["n"]) == (6 / 8, 8)
    assert (gap["value"], gap["n"]) == (-1 / 4, 4)
