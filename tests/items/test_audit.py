"""The blind audit: exactly chance in balanced groups, and it finds leaks that were put in."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.errors import NastError
from nast.items.audit import Audited, audit_items, raise_on_leak
from nast.items.table import option_texts
from nast.records import Fact
from nast.statistics.paired_tests import holm

CONDITIONS = ("Fracture", "Pleural Effusion", "Support Devices")
VALUES = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]


def audit(items):
    return {row["baseline"]: row for row in audit_items(items)}


def said(options):
    words = ("absent", "present")
    return [
        tuple(Fact(n, words[v]) for n, v in zip(CONDITIONS, values, strict=True))
        for values in options
    ]


def item(options, answer, group, style="without"):
    texts = option_texts(said(options), style)["negated"]
    return Audited(tuple(texts), answer, group, tuple(options), CONDITIONS)


def balanced(number, seed=0):
    rng = random.Random(seed)
    groups = [rng.sample(VALUES, 4) for _ in range(number)]
    return [item(o, k, f"g{n}") for n, o in enumerate(groups) for k in range(4)]


def test_balanced_groups_are_at_chance():
    for name, row in audit(balanced(60)).items():
        assert row["accuracy"] == pytest.approx(0.25, abs=1e-9), name
        assert (row["chance"], row["n"], row["leaks"]) == (0.25, 240, False)
        assert row["p"] == pytest.approx(0.5)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.lists(st.text("abn o-", max_size=12), min_size=5, max_size=5), min_size=1, max_size=6
    )
)
def test_any_words_in_balanced_groups_are_at_chance(groups):
    items = [Audited(tuple(o), k, f"g{n}") for n, o in enumerate(groups) for k in range(5)]
    for name, row in audit(items).items():
        assert row["accuracy"] == pytest.approx(0.2, abs=1e-9), name


def single_flips(form, style):
    """The truth and the three options that differ from it in one finding each."""
    rng = random.Random(1)
    for number in range(100):
        true = rng.choice(VALUES)
        options = [true, *(tuple(v ^ (i == k) for i, v in enumerate(true)) for k in range(3))]
        rng.shuffle(options)
        texts = option_texts(said(options), style)[form]
        yield Audited(tuple(texts), options.index(true), f"g{number}")


@pytest.mark.parametrize("style", ["without", "no", "absent"])
@pytest.mark.parametrize("form", ["negated", "affirmative"])
def test_single_flips_are_caught_by_the_medoid(form, style):
    rows = audit(list(single_flips(form, style)))
    medoids = [row for name, row in rows.items() if name.startswith("medoid")]
    assert any(row["leaks"] and row["accuracy"] > 0.5 for row in medoids)
    assert not rows["odd one out"]["leaks"]


def test_flipped_attributes_are_caught_by_the_medoid():
    claims = (
        "Small left pleural effusion.",
        "Large left pleural effusion.",
        "Small right pleural effusion.",
        "No left pleural effusion.",
    )
    # Words shared of all: the first has 3/5, 3/5 and 3/5; each other one 3/5, 2/6 and 2/6.
    items = [Audited(claims[-k:] + claims[:-k], k, f"g{n}") for n in range(10) for k in range(4)]
    rows = audit(items)
    assert rows["medoid"]["accuracy"] == 1.0 and rows["medoid"]["leaks"]
    assert rows["odd one out"]["accuracy"] == 0.0
    assert rows["position"]["accuracy"] == pytest.approx(0.25)


def test_answers_in_one_place_are_caught():
    rng = random.Random(2)
    items = [item(rng.sample(VALUES, 4), 0, f"g{n}") for n in range(50)]
    rows = audit(items)
    assert rows["position"]["accuracy"] == 1.0
    assert rows["position"]["leaks"]
    assert not rows["longest option"]["leaks"]


def test_a_label_prior_is_caught():
    """Fracture is present in nine of ten right options, and in about half of the wrong ones."""
    rng = random.Random(3)
    items = []
    for number in range(200):
        true = (int(rng.random() < 0.9), rng.randint(0, 1), rng.randint(0, 1))
        options = rng.sample([v for v in VALUES if v != true], 3)
        options.insert(number % 4, true)
        items.append(item(options, number % 4, f"g{number}"))
    rows = audit(items)
    assert rows["label prior"]["leaks"]
    assert rows["label prior"]["accuracy"] > 0.4
    assert not rows["position"]["leaks"]


def test_a_word_of_right_options_is_caught():
    rng = random.Random(4)
    items = []
    for number in range(60):
        options = [f"finding {c}" for c in rng.sample("abcdefgh", 4)]
        answer = rng.randrange(4)
        options[answer] = options[answer].replace("finding", "clearly")
        items.append(Audited(tuple(options), answer, f"g{number}"))
    assert audit(items)["n-gram classifier"]["accuracy"] == 1.0


def test_denials_in_right_options_are_caught():
    items = [
        Audited(("no edema", "edema", "left edema", "mild edema"), 0, f"g{n}") for n in range(40)
    ]
    rows = audit(items)
    assert rows["most negation cues"]["accuracy"] == 1.0
    # Three options without a cue, none of them right.
    assert rows["fewest negation cues"]["accuracy"] == 0.0
    assert not rows["fewest negation cues"]["leaks"]


def test_ties_count_at_their_expected_value():
    rows = audit([Audited(("aa", "bb", "c", "d"), 0, "g"), Audited(("aa", "bb", "c", "d"), 2, "h")])
    assert rows["longest option"]["accuracy"] == pytest.approx(0.25)
    assert rows["shortest option"]["accuracy"] == pytest.approx(0.25)
    rows = audit([Audited(("aa", "bb", "c", "d"), 0, "g")] * 2)
    assert rows["longest option"]["accuracy"] == pytest.approx(0.5)
    assert rows["shortest option"]["accuracy"] == 0


@pytest.mark.parametrize(
    ("p_values", "rejected"),
    [
        # 0.05/3 = 0.0167, 0.05/2 = 0.025, 0.05/1.
        ({"a": 0.01, "b": 0.02, "c": 0.04}, {"a", "b", "c"}),
        ({"a": 0.01, "b": 0.03, "c": 0.04}, {"a"}),
        ({"c": 0.04, "b": 0.02, "a": 0.02}, set()),
        ({"a": 0.05}, {"a"}),
        ({"a": 0.051}, set()),
        ({}, set()),
    ],
)
def test_holm_by_hand(p_values, rejected):
    corrected = zip(p_values, holm(list(p_values.values())), strict=True)
    assert {name for name, p in corrected if p <= 0.05} == rejected


def test_p_values_by_hand():
    # 40 right of 40 at chance 1/4: z = 0.75 / sqrt(0.1875 / 40) = 10.95.
    row = audit([Audited(("no a", "b", "c", "d"), 0, f"g{n}") for n in range(40)])["position"]
    assert row["p"] == pytest.approx(3e-28, rel=0.5)


def test_a_leak_stops_the_build(tmp_path):
    rows = audit_items([item(VALUES[:4], 0, f"g{n}") for n in range(50)])
    with pytest.raises(NastError, match=r"words alone .*negated: longest option 1\.000"):
        raise_on_leak({"negated": rows}, tmp_path)
    raise_on_leak({"negated": audit_items(balanced(20))}, tmp_path)
