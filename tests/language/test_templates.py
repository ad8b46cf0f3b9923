"""Sentences: paired forms over one row of pieces, hand-checked words, captions."""

from itertools import combinations, product

import pytest

from nast.facts.conditions import CONDITIONS
from nast.language.read.cues import cues
from nast.language.write.caption_forms import AFFIRMATIVE_CAPTIONS, NEGATED_CAPTIONS, caption
from nast.language.write.templates import (
    STYLES,
    finish,
    joined,
    noun_phrase,
    sentence,
)
from nast.records import Fact

HEART, EDEMA = Fact("Cardiomegaly", "present"), Fact("Edema", "absent")
AIR = Fact("Pneumothorax", "absent")


@pytest.mark.parametrize(
    ("fact", "words"),
    [
        (Fact("Pleural Effusion", "present", "left", None, "mild"), "small left pleural effusion"),
        (Fact("Cardiomegaly", "present", severity="severe"), "severe cardiomegaly"),
        (
            Fact("Lung Opacity", "present", "right", "lower", "moderate"),
            "moderate lung opacity in the right lower zone",
        ),
        (Fact("Pneumonia", "present", zone="mid"), "pneumonia in the mid zone"),
        (Fact("Fracture", "present", "bilateral"), "bilateral fracture"),
    ],
)
def test_noun_phrases(fact, words):
    assert noun_phrase(fact) == words


def test_a_severe_fracture_is_not_said():
    with pytest.raises(ValueError, match="not graded"):
        noun_phrase(Fact("Fracture", "present", severity="severe"))


def test_lists():
    assert [joined(list("abc"[:n])) for n in (1, 2, 3)] == ["a", "a and b", "a, b, and c"]


@pytest.mark.parametrize(
    ("style", "negated", "affirmative"),
    [
        (
            "without",
            "Cardiomegaly without pulmonary edema.",
            "Cardiomegaly with normal pulmonary vascularity.",
        ),
        ("no", "Cardiomegaly, no pulmonary edema.", "Cardiomegaly, normal pulmonary vascularity."),
        (
            "noted, no sign",
            "Cardiomegaly noted, no sign of pulmonary edema.",
            "Cardiomegaly noted, normal pulmonary vascularity.",
        ),
        (
            "free of first",
            "Free of pulmonary edema, with cardiomegaly.",
            "Normal pulmonary vascularity, with cardiomegaly.",
        ),
        (
            "absent",
            "Pulmonary edema absent, cardiomegaly present.",
            "Normal pulmonary vascularity, cardiomegaly present.",
        ),
        (
            "there is, but no",
            "There is cardiomegaly, but no pulmonary edema.",
            "There is cardiomegaly, with normal pulmonary vascularity.",
        ),
        (
            "with no",
            "Cardiomegaly with no pulmonary edema.",
            "Cardiomegaly with normal pulmonary vascularity.",
        ),
        (
            "absent while",
            "Pulmonary edema absent while cardiomegaly present.",
            "Normal pulmonary vascularity while cardiomegaly present.",
        ),
    ],
)
def test_sentences_by_hand(style, negated, affirmative):
    assert sentence([HEART, EDEMA], style, "negated") == negated
    assert sentence([EDEMA, HEART], style, "affirmative") == affirmative


def test_forty_ways_of_saying_it():
    every = {sentence([HEART, EDEMA, AIR], style, "negated") for style in STYLES}
    assert len(every) == len(STYLES) >= 40


def test_articles_and_plurals():
    devices, fracture = Fact("Support Devices", "present"), Fact("Fracture", "present")
    mediastinum = Fact("Enlarged Cardiomediastinum", "present")
    said = [
        sentence(f, "there is, no", "negated")
        for f in ([devices, HEART], [fracture, devices], [mediastinum, EDEMA], [EDEMA])
    ]
    assert said == [
        "There are support devices and cardiomegaly.",
        "There is a fracture and support devices.",
        "There is an enlarged cardiomediastinum, no pulmonary edema.",
        "No pulmonary edema.",
    ]


@pytest.mark.parametrize("style", STYLES)
def test_several_denials_share_one_cue(style):
    text = sentence([HEART, EDEMA, AIR], style, "negated")
    assert len(cues(text)) == 1
    joint = "and" if style.startswith("absent") else "or"
    assert f"pulmonary edema {joint} pneumothorax" in text.lower()


@pytest.mark.parametrize("style", STYLES)
def test_the_omitted_form(style):
    shown = sentence([HEART], style, "negated")
    assert sentence([HEART, EDEMA], style, "omitted") == shown
    assert sentence([EDEMA, AIR], style, "omitted") == "Chest radiograph."


@pytest.mark.parametrize("style", STYLES)
def test_a_sentence_takes_no_denial_with_attributes(style):
    with pytest.raises(ValueError, match="denial with attributes"):
        sentence([Fact("Pleural Effusion", "absent", "left")], style, "negated")


def configurations(style):
    """A quarter of all triples, another one for each style, in all configurations."""
    for names in list(combinations(CONDITIONS.labelled(), 3))[list(STYLES).index(style) % 4 :: 4]:
        for values in product((0, 1), repeat=3):
            facts = [
                Fact(n, "present" if v else "absent") for n, v in zip(names, values, strict=True)
            ]
            yield (
                facts,
                [f for f in facts if f.existence == "present"],
                [f for f in facts if f.existence == "absent"],
            )


@pytest.mark.parametrize("style", STYLES)
def test_forms_differ_in_the_denying_pieces_only(style):
    for facts, present, absent in configurations(style):
        pieces = STYLES[style](present, absent, CONDITIONS)
        assert [p.denies for p in pieces].count(True) == bool(absent)
        for piece in pieces:
            assert (piece.negated == piece.affirmative) is not piece.denies
            phrases = [CONDITIONS[f.condition].normal for f in absent]
            nouns = [CONDITIONS[f.condition].term for f in absent]
            assert all(p in piece.affirmative for p in phrases) or not piece.denies
            assert all(n in piece.negated for n in nouns) or not piece.denies
        for form in ("negated", "affirmative"):
            text = finish("".join(getattr(p, form) for p in pieces))
            assert sentence(facts, style, form) == text


@pytest.mark.parametrize("style", STYLES)
def test_no_cue_outside_the_negated_form(style):
    for facts, _, absent in configurations(style):
        negated, affirmative, omitted = (
            sentence(facts, style, form) for form in ("negated", "affirmative", "omitted")
        )
        assert cues(affirmative) == cues(omitted) == []
        assert bool(cues(negated)) is bool(absent)
        for fact in absent:
            condition = CONDITIONS[fact.condition]
            assert condition.term not in affirmative.lower()
            assert condition.term not in omitted.lower()
            assert condition.normal not in omitted.lower()


@pytest.mark.parametrize(
    ("fact", "template", "text"),
    [
        (Fact("Fracture", "present"), "there {is} {a}", "There is a fracture."),
        (
            Fact("Enlarged Cardiomediastinum", "present"),
            "findings show {a}",
            "Findings show an enlarged cardiomediastinum.",
        ),
        (Fact("Support Devices", "present"), "{a} {is} seen", "Support devices are seen."),
        (
            Fact("Support Devices", "absent"),
            "there {is} no {noun}",
            "There are no support devices.",
        ),
        (Fact("Edema", "present"), "there {is} {a}", "There is pulmonary edema."),
        (
            Fact("Pleural Effusion", "absent", severity="severe"),
            "no {noun}",
            "No large pleural effusion.",
        ),
        (
            Fact("Consolidation", "absent", "right", "lower"),
            "no evidence of {noun}",
            "No evidence of consolidation in the right lower zone.",
        ),
    ],
)
def test_captions_by_hand(fact, template, text):
    assert caption(fact, template) == text


def test_a_template_of_the_other_polarity_is_refused():
    for template in AFFIRMATIVE_CAPTIONS:
        with pytest.raises(ValueError, match="does not say 'absent'"):
            caption(EDEMA, template)
    for template in NEGATED_CAPTIONS:
        with pytest.raises(ValueError, match="does not say 'present'"):
            caption(HEART, template)
