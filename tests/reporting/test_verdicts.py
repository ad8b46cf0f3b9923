"""Verdicts of made-up runs whose answer is known."""

import numpy as np
import polars as pl
import pytest

from nast.files import write_json
from nast.measuring.metrics import by_label, metrics_of
from nast.records import SCORES_SCHEMA
from nast.reporting.verdicts import verdict_table


def answers(model, seeds, negated, affirmative, recall=None, items=200):
    """Claim sets of four, and one query each; the same items are hard for every model."""
    rows = []
    hard = np.random.default_rng(1).random((items, 3))
    for seed in range(seeds):
        name = model if model == "base" else f"{model}#{seed}"
        for number in range(items):
            for place, (form, skill) in enumerate(
                (("negated", negated), ("affirmative", affirmative))
            ):
                best = 0 if hard[number, place] < skill else 1
                shared = {
                    "model": name,
                    "data": "d",
                    "polarity": form,
                    "form": form,
                    "subject": f"p{number}",
                    "tie": False,
                    "truncated": False,
                }
                for option in range(4):
                    for task, item in (
                        ("claims", f"c{number}-{form}"),
                        ("questions", f"q{number}"),
                    ):
                        rows.append(
                            shared
                            | {
                                "item_id": item,
                                "task": task,
                                "group_id": f"g{number // 4}",
                                "option": option,
                                "score": float(option == best),
                                "rank": 1.0,
                                "answer": option == 0,
                            }
                        )
                if recall is not None:
                    rows.append(
                        shared
                        | {
                            "item_id": f"image to text {number}",
                            "task": "retrieval image to text",
                            "group_id": "",
                            "option": 1,
                            "score": float(hard[number, 2] < recall),
                            "rank": 1.0,
                            "answer": True,
                            "gallery": 9,
                        }
                    )
    return pl.DataFrame(rows, schema=SCORES_SCHEMA)


def verdicts(*models, found=None):
    scores = pl.concat(models)
    metrics = {name: metrics_of(part) for name, part in by_label(scores)}
    return {row[0]: row[3] for row in verdict_table(metrics, scores, found or {}).rows}


BASE = answers("base", 1, 0.3, 0.7, recall=0.2)
GOOD = answers("NAST (lr)", 3, 0.8, 0.72, recall=0.25)


def test_a_run_in_which_everything_holds():
    found = verdicts(BASE, answers("LoRA uniform", 3, 0.5, 0.7, recall=0.2), GOOD)
    assert found == {
        "Affirmative bias": "shown",
        "NAST above every baseline, negated claims": "shown",
        "Larger gains in claims than in retrieval": "shown",
        "No harm on affirmatives": "shown",
        "Gap reduced by raising negated accuracy": "shown",
    }


def test_a_run_in_which_nothing_holds():
    base = answers("base", 1, 0.7, 0.3, recall=0.2)
    worse = answers("NAST (lr)", 3, 0.5, 0.2, recall=0.6)
    found = verdicts(base, answers("LoRA uniform", 3, 0.9, 0.4), worse)
    assert found == {
        "Affirmative bias": "the opposite is shown",
        "NAST above every baseline, negated claims": "the opposite is shown",
        "Larger gains in claims than in retrieval": "the opposite is shown",
        "No harm on affirmatives": "harm is shown",
        "Gap reduced by raising negated accuracy": "the gap grew",
    }


def test_a_gap_that_closes_from_above_is_said_to():
    lost = answers("NAST (lr)", 3, 0.3, 0.4)
    found = verdicts(BASE, lost)["Gap reduced by raising negated accuracy"]
    assert found == "reduced, but affirmative accuracy fell"


def test_a_baseline_that_is_better_is_not_passed_over():
    better = answers("LoRA uniform", 3, 0.95, 0.7)
    found = verdicts(BASE, better, GOOD)["NAST above every baseline, negated claims"]
    assert found == "not shown for all"


def test_fewer_than_three_seeds_are_not_judged():
    found = verdicts(BASE, answers("NAST (lr)", 2, 0.8, 0.7, recall=0.3))
    assert found.pop("Affirmative bias") == "shown"
    assert set(found.values()) == {"not judged on fewer than three seeds"}


def test_the_trace_by_hand(tmp_path):
    write_json(
        tmp_path / "layer_weights.json", {"score": [3, 1, 1, 1, 0, -1], "aggregation": "cue"}
    )
    scores = pl.concat([BASE])
    metrics = {"base": metrics_of(BASE)}
    (row,) = [
        r for r in verdict_table(metrics, scores, {"trace": [tmp_path]}).rows if r[1] == "4.2"
    ]
    assert "blocks 1-2 of 6 hold 67% of the layer score (cue), the highest is block 1" in row[2]
    assert row[3] == "yes"


@pytest.mark.parametrize(("sign", "verdict"), [(1, "shown"), (-1, "the opposite is shown")])
def test_concentration_over_runs(tmp_path, sign, verdict):
    runs, models = [], [BASE]
    for number in range(10):
        name = f"policy {number}#0"
        high = 0.4 + sign * 0.03 * number
        rest = (1 - high) / 9
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "updates.json", {"parameters": [high, *[rest] * 9]})
        runs.append(tmp_path / name)
        models.append(answers(f"policy {number}", 1, 0.2 + 0.07 * number, 0.7))
    assert (
        verdicts(*models, found={"train": runs})["Concentration goes with improvement"] == verdict
    )
    few = verdicts(*models, found={"train": runs[:5]})["Concentration goes with improvement"]
    assert few == "not judged on fewer than 10 runs"


@pytest.mark.parametrize(("margin", "verdict"), [(0.2, "shown"), (0.01, "not shown")])
def test_no_harm_is_judged_by_the_margin(margin, verdict):
    scores = pl.concat([BASE, answers("NAST (lr)", 3, 0.8, 0.68, recall=0.25)])
    metrics = {name: metrics_of(part) for name, part in by_label(scores)}
    rows = {r[0]: r for r in verdict_table(metrics, scores, {}, margin).rows}
    row = rows["No harm on affirmatives"]
    assert row[2].endswith(f"margin {margin}")
    assert row[3] == verdict
