"""Every form with every possible fact: English, read back, accepted by the validator."""

import re
from itertools import product

import pytest

from nast.facts.conditions import CONDITIONS
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of
from nast.language.write.caption_forms import (
    AFFIRMATIVE_CAPTIONS,
    NEGATED_CAPTIONS,
    caption,
    caption_forms,
)
from nast.language.write.llm.validate import check_negated
from nast.records import ZONES, Fact


def possible(existence):
    """Every fact that an annotation or a statement can be."""
    for condition in CONDITIONS.values():
        sides = (None, "left", "right", "bilateral") if condition.sided else (None,)
        zones = (None, *(z for z in ZONES if condition.takes_zone(z)))
        for values in product(sides, zones, (None, *condition.grades)):
            yield Fact(condition.name, existence, *values)


def pairs(existence, every):
    """Each fact with every so many-th form, another one to start with for each fact."""
    forms = caption_forms(existence)
    for number, fact in enumerate(possible(existence)):
        for form in forms[number % every :: every]:
            yield fact, form


def refused(cases, existence):
    """Captions that do not read back, or that the validator refuses."""
    return [
        text
        for fact, form in cases
        for text in [caption(fact, form)]
        if facts_of(text) != {fact}
        or bool(cues(text)) is not (existence == "absent")
        or check_negated(text, [fact])
    ]


@pytest.mark.parametrize("existence", ["absent", "present"])
def test_captions_read_back(existence):
    cases = list(pairs(existence, 12))
    assert len(cases) > 800
    assert {form for _, form in cases} == set(caption_forms(existence))
    assert refused(cases, existence) == []


@pytest.mark.slow
@pytest.mark.parametrize("existence", ["absent", "present"])
def test_every_form_with_every_fact_reads_back(existence):
    cases = list(pairs(existence, 1))
    assert len(cases) > 11_000
    assert refused(cases, existence) == []


def test_thirty_forms_of_every_kind():
    statements = {
        "existence": Fact("Pleural Effusion", "absent"),
        "location": Fact("Consolidation", "absent", "right", "lower"),
        "severity": Fact("Pleural Effusion", "absent", severity="severe"),
    }
    for forms, existence in ((NEGATED_CAPTIONS, "absent"), (AFFIRMATIVE_CAPTIONS, "present")):
        for kind, fact in statements.items():
            stated = Fact(**(fact.as_dict() | {"existence": existence}))
            assert len({caption(stated, form) for form in forms}) >= 30, kind


@pytest.mark.parametrize(
    ("fact", "form", "text"),
    [
        (
            Fact("Support Devices", "absent"),
            "no {noun} {is} identified",
            "No support devices are identified.",
        ),
        (Fact("Support Devices", "absent"), "{a} {is} not seen", "Support devices are not seen."),
        (Fact("Support Devices", "present"), "there {is} {a}", "There are support devices."),
        (Fact("Fracture", "present", "left"), "there {is} {a}", "There is a left fracture."),
        (
            Fact("Enlarged Cardiomediastinum", "present"),
            "the image shows {a}",
            "The image shows an enlarged cardiomediastinum.",
        ),
        (
            Fact("Atelectasis", "present", severity="mild"),
            "{a} {is} seen",
            "Mild atelectasis is seen.",
        ),
        (
            Fact("Consolidation", "absent", "right", "lower"),
            "there is no evidence of {noun}",
            "There is no evidence of consolidation in the right lower zone.",
        ),
        (Fact("Pneumothorax", "absent"), "{noun} {is} absent", "Pneumothorax is absent."),
        (
            Fact("Pleural Effusion", "absent", severity="severe"),
            "the chest is free of {noun}",
            "The chest is free of large pleural effusion.",
        ),
    ],
)
def test_captions_by_hand(fact, form, text):
    assert caption(fact, form) == text


@pytest.mark.parametrize("existence", ["absent", "present"])
def test_english_for_every_condition(existence):
    for condition in CONDITIONS.values():
        for form in caption_forms(existence):
            text = caption(Fact(condition.name, existence), form)
            assert re.fullmatch(r"[A-Z][^{}.]*\.", text)
            assert not re.search(r"\b(?:a|an) (?:a|an|no)\b|  ", text)
            assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", text, re.I)
            one = re.search(r"(?<!evidence of )support devices is\b|\ba support", text, re.I)
            assert not (condition.plural and one), text


@pytest.mark.parametrize("existence", ["absent", "present"])
def test_forms_are_different(existence):
    forms = caption_forms(existence)
    assert len(set(forms)) == len(forms) >= 30
