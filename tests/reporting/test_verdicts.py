"""Verdicts of made-up runs whose answer is known."""

import numpy as np
import polars as pl
import pytest
from evaluated import data_folder, evaluated, record
from made_up import choices, hits_of, item, items_of, scored
from scipy.stats import binom
from test_answer import joined as scored_models

from nast.files import write_json
from nast.measuring.measure import measure
from nast.measuring.rows import Metric, table_of
from nast.reporting.joined import Joined, join_evaluations
from nast.reporting.verdicts import concentration, verdict_table

ITEMS = 200
HARD = np.random.default_rng(1).random((ITEMS, 3))
"""The same items are hard for every model."""
FORMS = ("negated", "affirmative")
ROWS = items_of(
    item(
        f"{name[0]}{number}",
        form,
        name,
        group_id=f"g{number // 4}",
        subject_id=f"p{number}",
    )
    for name in ("claims", "questions")
    for number in range(ITEMS)
    for form in FORMS
)
NAST = {"objective": "nast", "layers": "nast/cue"}
UNIFORM = {"objective": "nast", "layers": "uniform"}


def answers(model, seeds, negated, affirmative, recall=None):
    """Scores of claim sets and questions of four, and one query each; 0 seeds: it has none."""
    picks = {
        f"{name}{number}-{form}": 0 if HARD[number, place] < skill else 1
        for name in "cq"
        for number in range(ITEMS)
        for place, (form, skill) in enumerate(zip(FORMS, (negated, affirmative), strict=True))
    }
    scores = choices(ROWS, picks, model)
    found = {
        (f"r{number}", form): bool(HARD[number, 2] < recall)
        for number in range(ITEMS if recall is not None else 0)
        for form in FORMS
    }
    hits = hits_of(found, model)
    return [
        pl.concat(t.with_columns(seed=pl.lit(n, pl.Int64)) for n in (range(seeds) or [None]))
        for t in (scores, hits)
    ]


def joined_of(models, trained, margin=0.01):
    scores, hits = (pl.concat(parts) for parts in zip(*models, strict=True))
    metrics = measure(scored(ROWS, scores, hits=hits), margin=margin)
    return Joined(metrics, "unique", margin, trained, {}, "4")


def table_for(*models, traces=(), updates=None, margin=0.01, **trained):
    """The table; `trained` says of NAST and of LoRA what their manifests do."""
    names = {"nast": "NAST (lr)", "uniform": "LoRA uniform"}
    known = {"NAST (lr)": NAST, "LoRA uniform": UNIFORM}
    known |= {names.get(n, n): setting for n, setting in trained.items()}
    joined = joined_of(models, {n: s for n, s in known.items() if s}, margin)
    return verdict_table(joined, joined.metrics, traces, updates or {})


def verdicts(*models, **more):
    return {row[0]: row[3] for row in table_for(*models, **more).rows}


BASE = answers("base", 0, 0.3, 0.7, recall=0.2)
GOOD = answers("NAST (lr)", 3, 0.8, 0.72, recall=0.25)
ABOVE = "NAST above every baseline, negated claims"
GAP = "Gap reduced by raising negated accuracy"


def test_a_run_in_which_everything_holds():
    found = verdicts(BASE, answers("LoRA uniform", 3, 0.5, 0.7, recall=0.2), GOOD)
    assert found == {
        "Affirmative bias": "shown",
        ABOVE: "shown",
        "Larger gains in claims than in retrieval": "shown",
        "No harm on affirmatives": "shown",
        GAP: "shown",
    }


def test_a_run_in_which_nothing_holds():
    base = answers("base", 0, 0.7, 0.3, recall=0.2)
    worse = answers("NAST (lr)", 3, 0.5, 0.2, recall=0.6)
    assert verdicts(base, answers("LoRA uniform", 3, 0.9, 0.4), worse) == {
        "Affirmative bias": "the opposite is shown",
        ABOVE: "the opposite is shown",
        "Larger gains in claims than in retrieval": "the opposite is shown",
        "No harm on affirmatives": "harm is shown",
        GAP: "the gap grew",
    }


def test_a_gap_that_closes_from_above_is_said_to():
    lost = answers("NAST (lr)", 3, 0.3, 0.4)
    assert verdicts(BASE, lost)[GAP] == "reduced, but affirmative accuracy fell"


@pytest.mark.parametrize("order", [1, -1])
def test_a_baseline_that_is_better_is_not_passed_over(order):
    """Whichever way round the two were compared."""
    others = [answers("LoRA uniform", 3, 0.95, 0.7), GOOD][::order]
    assert verdicts(BASE, *others)[ABOVE] == "not shown for all"


def test_a_pretrained_rival_is_a_baseline_too():
    """No run of ours: it has no seeds, and is judged as it is."""
    found = table_for(BASE, answers("NegCLIP", 0, 0.95, 0.7), GOOD)
    rows = {row[0]: row for row in found.rows}
    assert "minus NegCLIP -" in rows[ABOVE][2]
    assert rows[ABOVE][3] == "not shown for all"


def test_fewer_than_three_seeds_are_not_judged():
    found = verdicts(BASE, answers("NAST (lr)", 2, 0.8, 0.7, recall=0.3))
    assert found.pop("Affirmative bias") == "shown"
    assert set(found.values()) == {"not judged on fewer than three seeds"}


def test_a_run_is_judged_by_its_manifest_and_not_by_its_name():
    """`NAME=run:DIR` may be called anything, and a pretrained model NAST."""
    model = answers("ours", 3, 0.8, 0.72, recall=0.25)
    assert verdicts(BASE, model, ours=NAST)[ABOVE] == "shown"
    assert set(verdicts(BASE, model, ours=UNIFORM)) == {"Affirmative bias"}
    assert set(verdicts(BASE, model, ours=NAST | {"objective": "negclip"})) == {"Affirmative bias"}
    assert set(verdicts(BASE, GOOD, nast=None)) == {"Affirmative bias"}


@pytest.mark.parametrize("layers", ["reversed", "random", "front-3", "top-3"])
def test_a_control_is_a_baseline_and_no_repair(layers):
    control = {"objective": "nast", "layers": layers}
    better = answers("NAST (lr, control)", 3, 0.95, 0.7)
    found = table_for(BASE, better, GOOD, **{"NAST (lr, control)": control}).rows
    above = [row for row in found if row[0] == ABOVE]
    assert [row[3] for row in above] == ["not shown for all"]
    assert above[0][2].startswith("NAST (lr) minus base")
    # Another profile of the trace is another form of the repair.
    other = {"objective": "nast", "layers": "scope"}
    rows = table_for(BASE, better, GOOD, **{"NAST (lr, control)": other}).rows
    assert [row[3] for row in rows if row[0] == ABOVE] == ["shown", "shown"]


def test_verdicts_from_folders_whatever_they_are_called(tmp_path):
    data = data_folder(tmp_path / "d", ROWS)
    base, model = BASE, answers("ours", 3, 0.8, 0.72, recall=0.25)
    records = [
        record("base", key="0"),
        *(record("ours", n, f"run {n}", f"k{n}", layers="nast/cue") for n in range(3)),
    ]
    tables = {
        name: pl.concat(parts)
        for name, parts in zip(("scores", "hits"), zip(base, model, strict=True), strict=True)
    }
    joined = join_evaluations([evaluated(tmp_path / "e", [data], records, **tables)])
    rows = verdict_table(joined, joined.metrics, [], {}).rows
    assert {row[0]: row[3] for row in rows}[ABOVE] == "shown"


def test_the_interval_over_seeds_stands_beside(tmp_path):
    """Of seeds that gain 0.2, 0.3 and 0.4: mean 0.3, and t with two degrees of freedom."""
    seeds = [answers("NAST (lr)", 1, share, 0.7) for share in (0.5, 0.6, 0.7)]
    parts = [
        pl.concat(t.with_columns(seed=pl.lit(n, pl.Int64)) for n, t in enumerate(some))
        for some in zip(*seeds, strict=True)
    ]
    joined = joined_of([BASE, parts], {"NAST (lr)": NAST})
    row = joined.metrics.filter(
        reference="base", form="negated", set="claims", statistic="accuracy"
    )
    reach = 4.302653 * row["seed_sd"].item() / 3**0.5
    said = f"over 3 seeds [{row['value'].item() - reach:+.3f}, {row['value'].item() + reach:+.3f}]"
    found = {r[0]: r for r in verdict_table(joined, joined.metrics, [], {}).rows}
    assert said in found[ABOVE][2]
    assert row["seed_sd"].item() == pytest.approx(0.1, abs=0.03)


def test_the_trace_by_hand(tmp_path):
    write_json(
        tmp_path / "layer_weights.json", {"score": [3, 1, 1, 1, 0, -1], "aggregation": "cue"}
    )
    (row,) = [r for r in table_for(BASE, traces=[tmp_path]).rows if r[1] == "4.2"]
    assert "blocks 1-2 of 6 hold 67% of the layer score (cue), the highest is block 1" in row[2]
    assert row[3] == "yes"


def concentrated(sign, number=10, seeds=1):
    """Settings whose negated accuracy goes with the share of their top three blocks."""
    models, updates = [BASE], {}
    for place in range(number):
        high = 0.4 + sign * 0.03 * place
        shares = {"parameters": [high, *[(1 - high) / 9] * 9]}
        updates[f"setting {place}"] = [shares] * seeds
        models.append(answers(f"setting {place}", seeds, 0.2 + 0.07 * place, 0.7))
    found = verdicts(*models, updates=updates, **dict.fromkeys(updates, UNIFORM))
    return found.get("Concentration goes with improvement")


@pytest.mark.parametrize(("sign", "verdict"), [(1, "shown"), (-1, "the opposite is shown")])
def test_concentration_over_settings(sign, verdict):
    assert concentrated(sign) == verdict


def test_seeds_are_no_settings():
    """Five settings of three seeds are five pairs of numbers, not fifteen (design row 24)."""
    assert concentrated(1, 5) == "not judged on fewer than 10 settings"
    assert concentrated(1, 5, seeds=3) == "not judged on fewer than 10 settings"
    assert concentrated(1, 2, seeds=8) is None


def test_settings_without_any_relation_show_one_at_the_nominal_rate():
    """Twelve settings of three seeds each, whose seeds are alike: a test that took the seeds for
    independent runs would find a relation in more than a third of such simulations.
    """
    rng, simulations, shown = np.random.default_rng(0), 400, 0
    for _ in range(simulations):
        names = [f"setting {n}" for n in range(12)]
        accuracy, share = rng.normal(0.5, 0.05, 12), rng.uniform(0.3, 0.9, 12)
        metrics = table_of(
            Metric(
                model=name,
                task="choice",
                set="claims",
                statistic="accuracy",
                form="negated",
                value=float(np.mean(value + rng.normal(0, 0.01, 3))),
                n=100,
            )
            for name, value in zip(names, accuracy, strict=True)
        )
        updates = {
            name: [{"parameters": [high, *[(1 - high) / 9] * 9]} for high in mean + noise]
            for name, mean, noise in zip(names, share, rng.normal(0, 0.01, (12, 3)), strict=True)
        }
        (row,) = concentration(metrics, updates, list(range(10)))
        shown += row[3] != "not shown"
    low, high = binom.interval(0.999, simulations, 0.05)
    assert low <= shown <= high


@pytest.mark.parametrize(("margin", "verdict"), [(0.2, "shown"), (0.01, "not settled")])
def test_no_harm_is_judged_by_the_margin(margin, verdict):
    model = answers("NAST (lr)", 3, 0.8, 0.68, recall=0.25)
    rows = {r[0]: r for r in table_for(BASE, model, margin=margin).rows}
    row = rows["No harm on affirmatives"]
    assert row[2].endswith(f"margin {margin:.3f}")
    assert row[3] == verdict


def test_another_share_of_the_repair_is_no_baseline_of_it(tmp_path):
    skills = {"base": (20, 50), "NAST (lr)": (45, 50), "NAST (lr) @1": (50, 40)}
    made = scored_models(tmp_path, skills)
    lines = {row[0]: row[2] for row in verdict_table(made, made.metrics, [], {}).rows}
    said = lines["NAST above every baseline, negated claims"]
    assert "minus base" in said and "@1" not in said
