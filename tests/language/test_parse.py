"""Every sentence that the templates can say reads back to the facts it came from."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.facts.conditions import CONDITIONS
from nast.language.parse import cues, facts_of, read
from nast.language.templates import (
    AFFIRMATIVE_CAPTIONS,
    NEGATED_CAPTIONS,
    STYLES,
    caption,
    sentence,
)
from nast.records import Fact


def yes(name, *attributes):
    return Fact(name, "present", *attributes)


def no(name, *attributes):
    return Fact(name, "absent", *attributes)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", ["negated", "affirmative"])
def test_every_triple_in_every_configuration(style, form):
    number = 0
    for names in combinations(CONDITIONS, 3):
        for values in product((no, yes), repeat=3):
            facts = [make(name) for make, name in zip(values, names, strict=True)]
            text = sentence(facts, style, form)
            assert facts_of(text) == frozenset(facts), text
            number += 1
    assert number == 286 * 8


@st.composite
def annotated(draw, existence="present"):
    condition = CONDITIONS[draw(st.sampled_from(list(CONDITIONS)))]
    sides = (None, "left", "right", "bilateral") if condition.sided else (None,)
    return Fact(
        condition.name,
        existence,
        draw(st.sampled_from(sides)),
        draw(st.sampled_from((None, *condition.zones))),
        draw(st.sampled_from((None, *condition.grades))),
    )


def denials():
    return st.sampled_from(list(CONDITIONS)).map(no)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(annotated() | denials(), min_size=1, max_size=6, unique_by=lambda f: f.condition),
    st.sampled_from(list(STYLES)),
    st.sampled_from(["negated", "affirmative"]),
)
def test_sentences_with_attributes_read_back(facts, style, form):
    assert facts_of(sentence(facts, style, form)) == frozenset(facts)


@settings(max_examples=150, deadline=None)
@given(annotated() | annotated("absent"), st.integers(0, 4))
def test_captions_read_back(fact, number):
    templates = AFFIRMATIVE_CAPTIONS if fact.existence == "present" else NEGATED_CAPTIONS
    text = caption(fact, templates[number])
    assert facts_of(text) == {fact}
    assert bool(cues(text)) is (fact.existence == "absent")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("No pneumothorax or pleural effusion.", {no("Pneumothorax"), no("Pleural Effusion")}),
        ("Without pulmonary edema but with cardiomegaly.", {no("Edema"), yes("Cardiomegaly")}),
        ("No edema; fracture.", {yes("Fracture")}),
        ("No fracture. Pneumonia.", {no("Fracture"), yes("Pneumonia")}),
        ("Negative for pneumonia.", {no("Pneumonia")}),
        ("Lungs clear of consolidation.", {no("Consolidation")}),
        ("SUPPORT DEVICES ABSENT, cardiomegaly present.",
         {no("Support Devices"), yes("Cardiomegaly")}),
        ("Device-free chest with fracture.", {no("Support Devices"), yes("Fracture")}),
        ("A well-known pattern.", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_report_sentences(text, facts):
    assert facts_of(text) == facts


def test_readings_say_where():
    text = "Fracture noted, no small left pleural effusion."
    first, second = read(text)
    assert text[first.start : first.end] == "Fracture"
    assert text[second.start : second.end] == "small left pleural effusion"


def test_places_count_in_the_text_as_given():
    text = "İ fracture"
    (reading,) = read(text)
    assert len(text.lower()) == len(text) + 1
    assert text[reading.start : reading.end] == "fracture"


def test_cues_are_whole_words():
    assert cues("Nodule noted, notable devices; device-free chest.") == []
    assert cues("No evidence of edema, without fracture.") == ["no evidence of", "without"]


@settings(max_examples=150, deadline=None)
@given(st.text() | st.lists(st.sampled_from(
    ["no", "with", "edema", "pulmonary edema", "left", "large", "in the", "zone", "absent", ";"]
)).map(" ".join))  # fmt: skip
def test_any_text_can_be_read(text):
    for reading in read(text):
        assert 0 <= reading.start < reading.end <= len(text)
    cues(text)
