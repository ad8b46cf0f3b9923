"""The validator on damaged captions: what share of each kind of damage it catches."""

import re

import numpy as np
import pytest
from in_memory import make_captions

from nast.facts.conditions import CONDITIONS
from nast.language.write.llm.validate import check_negated
from nast.records import Fact
from nast.sources.collect import read_facts

EACH = 100
GRADES = {
    "small": "large",
    "mild": "severe",
    "large": "small",
    "severe": "mild",
    "moderate": "mild",
}


def wrong_side(text, fact, rng):
    other = {"left": "right", "right": "left"}
    return re.sub(r"\b(left|right)\b", lambda m: other[m[0].lower()], text, flags=re.I)


def wrong_grade(text, fact, rng):
    words = "|".join(GRADES)
    return re.sub(rf"\b({words})\b", lambda m: GRADES[m[0].lower()], text, count=1, flags=re.I)


def dropped_negation(text, fact, rng):
    cues = (
        r"\b(?:no|without|negative for|free of)(?: (?:evidence|signs?) of)? |\bnot |"
        r"\b(?:is|are) absent"
    )
    return re.sub(cues, "", text, count=1, flags=re.I)


def added_finding(text, fact, rng):
    others = [c.term for c in CONDITIONS.values() if c.name != fact.condition]
    link = rng.choice([", with", " and", "; also", ", no", " with moderate", " or"])
    return f"{text[:-1]}{link} {rng.choice(others)}."


def negated_twice(text, fact, rng):
    if "not " in text:
        return text.replace("not ", "not absent and not without being ", 1)
    cue = r"\b(no|without|absent|negative|free)\b"
    ways = [
        f"Not that {text[0].lower()}{text[1:]}",
        text[:-1] + " is not so.",
        re.sub(cue, r"not \1", text, count=1, flags=re.I),
    ]
    return ways[int(rng.integers(len(ways)))]


DAMAGES = {
    "wrong side": (wrong_side, lambda f: f.side in ("left", "right")),
    "wrong grade": (wrong_grade, lambda f: f.severity is not None),
    "dropped negation": (dropped_negation, lambda f: f.existence == "absent"),
    "added finding": (added_finding, lambda f: True),
    "negated twice": (negated_twice, lambda f: f.existence == "absent"),
}


@pytest.fixture(scope="module")
def good(facts):
    table = make_captions(*read_facts(facts), per_study=6, paraphrases=3, seed=4)
    rows = table.unique("caption", maintain_order=True).select("caption", "fact").rows()
    return [(text, Fact(**fact)) for text, fact in rows]


def test_what_share_of_damaged_captions_is_caught(good, capsys):
    rng = np.random.default_rng(5)
    shares = {}
    for kind, (damage, fits) in DAMAGES.items():
        pool = [(text, fact) for text, fact in good if fits(fact)]
        assert len(pool) >= EACH, kind
        caught = 0
        for place in rng.permutation(len(pool))[:EACH]:
            text, fact = pool[place]
            broken = damage(text, fact, rng)
            assert broken != text, kind
            caught += check_negated(broken, [fact]) is not None
        shares[kind] = caught / EACH
    rejected = [text for text, fact in good if check_negated(text, [fact])]
    with capsys.disabled():
        print(
            "\ncaught: "
            + ", ".join(f"{k} {share:.0%}" for k, share in shares.items())
            + f"; good ones rejected {len(rejected) / len(good):.1%} of {len(good)}"
        )
    assert sum(shares.values()) / len(shares) >= 0.99
    assert len(rejected) <= 0.01 * len(good)
