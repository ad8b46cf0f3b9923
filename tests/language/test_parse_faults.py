"""Planted faults: a sentence that says something else must not read as the facts it was meant for.

Each fault is an edit of the words of a good template sentence, as a careless writer would make it.
"""

import random
import re
from collections import Counter

import pytest

from nast.facts.conditions import CONDITIONS
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of, survey
from nast.language.write.templates import STYLES, sentence
from nast.records import SEVERITIES, ZONES, Fact

SWAP = {"left": "right", "right": "left", "bilateral": "left"}


def drawn(rng):
    """Two or three facts; the present ones with whatever sides, zones and grades they take."""
    names = rng.sample(CONDITIONS.labelled(), rng.choice([2, 3]))
    return [Fact(name, "absent") if rng.random() < 0.5 else present(rng, name) for name in names]


def present(rng, name):
    known = CONDITIONS[name]
    sides = (None, *SWAP) if known.sided else (None,)
    zones = [None, *(z for z in ZONES if known.takes_zone(z))]
    return Fact(
        name, "present", rng.choice(sides), rng.choice(zones), rng.choice([None, *known.grades])
    )


def replaced(text, old, new):
    """The text with the first such word changed, or None where it has none."""
    changed = re.sub(rf"\b{re.escape(old)}\b", new, text, count=1, flags=re.IGNORECASE)
    return changed if changed != text else None


def swapped_side(rng, text, facts, style):
    sides = [f.side for f in facts if f.side]
    return replaced(text, sides[0], SWAP[sides[0]]) if sides else None


def wrong_grade(rng, text, facts, style):
    graded = [f for f in facts if f.severity]
    if not graded:
        return None
    words = CONDITIONS[graded[0].condition].grades
    other = rng.choice([s for s in SEVERITIES if s != graded[0].severity])
    return replaced(text, words[graded[0].severity], words[other])


def dropped_negation(rng, text, facts, style):
    found = cues(text)
    return replaced(text, rng.choice(found), "") if found else None


def added_finding(rng, text, facts, style):
    name = rng.choice([n for n in CONDITIONS.labelled() if n not in {f.condition for f in facts}])
    end = rng.choice(
        [
            f" and {CONDITIONS[name].term}",
            f", no {CONDITIONS[name].term}",
            f", with {CONDITIONS[name].term}",
        ]
    )
    return f"{text[:-1]}{end}."


def missing_finding(rng, text, facts, style):
    left = rng.sample(facts, len(facts) - 1)
    return sentence(left, style, "negated")


def negated_twice(rng, text, facts, style):
    found = cues(text)
    if not found:
        return None
    if found[0] == "absent":
        return replaced(text, "absent", rng.choice(["not absent", "no longer absent"]))
    return replaced(
        text,
        found[0],
        rng.choice(["not without", "no no", f"not {found[0]}", "no absence of", f"{found[0]} no"]),
    )


def wrong_condition(rng, text, facts, style):
    name = rng.choice(facts).condition
    other = rng.choice([n for n in CONDITIONS.labelled() if n not in {f.condition for f in facts}])
    return replaced(text, CONDITIONS[name].term, CONDITIONS[other].term)


FAULTS = [
    swapped_side,
    wrong_grade,
    dropped_negation,
    added_finding,
    missing_finding,
    negated_twice,
    wrong_condition,
]


@pytest.fixture(scope="module")
def tried():
    """For each kind of fault: sentences with it, and those that read whole as what was meant."""
    planted, missed, rejected = Counter(), {fault.__name__: [] for fault in FAULTS}, []
    for style in STYLES:
        rng = random.Random(style)
        for _ in range(25):
            facts = drawn(rng)
            text = sentence(facts, style, "negated")
            for good in (text, sentence(facts, style, "affirmative")):
                if facts_of(good) != set(facts):
                    rejected.append(good)
            for fault in FAULTS:
                broken = fault(rng, text, facts, style)
                if broken is not None:
                    planted[fault.__name__] += 1
                    if survey(broken)[1] == [] and facts_of(broken) == set(facts):
                        missed[fault.__name__].append(f"{text} -> {broken}")
    for name, list_ in missed.items():
        print(f"{name}: {planted[name] - len(list_)} of {planted[name]} caught")
    return planted, missed, rejected


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_every_planted_fault_is_caught(tried, fault):
    planted, missed, _ = tried
    assert planted[fault.__name__] >= 300
    assert not missed[fault.__name__], "\n".join(missed[fault.__name__])


def test_no_good_sentence_is_rejected(tried):
    assert tried[2] == []
