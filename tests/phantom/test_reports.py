"""Phantom reports say what is true, and deny as often as they are told."""

from dataclasses import replace

import numpy as np
import pytest

from nast.facts.conditions import CONDITIONS
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.phantom.patients import patients
from nast.phantom.reports import report_of
from nast.records import Fact

STUDIES = patients(60, 2)


def reports(rate, times=3):
    rng = np.random.default_rng(0)
    return [(s, report_of(s.facts, rate, rng)) for s in STUDIES for _ in range(times)]


def test_the_same_generator_gives_the_same_words():
    assert reports(0.5, 1) == reports(0.5, 1)


def test_no_denials_at_rate_zero():
    texts = [text for _, text in reports(0.0)]
    assert not any(cues(text) for text in texts)
    assert any(CONDITIONS["Pneumothorax"].normal in text.lower() for text in texts)


def test_only_denials_at_rate_one():
    for _, text in reports(1.0):
        assert not any(CONDITIONS[n].normal in text.lower() for n in CONDITIONS.labelled())


def test_reports_without_denials_say_what_is_true():
    """Read back with every attribute that is said; those left out are open."""
    read = 0
    for study, text in reports(0.0):
        for fact in facts_of(text):
            true = study.facts[fact.condition]
            named = {n: getattr(fact, n) for n in ("side", "zone", "severity") if getattr(fact, n)}
            assert replace(true, **named) == true, text
            assert fact.existence == true.existence, text
            read += 1
    assert read > 300


@pytest.mark.parametrize("existence", ["present", "absent"])
def test_uniform_facts(existence):
    facts = {name: Fact(name, existence) for name in CONDITIONS.labelled()}
    text = report_of(facts, 1.0, np.random.default_rng(1))
    assert text.endswith(".")
    assert bool(cues(text)) is (existence == "absent")
