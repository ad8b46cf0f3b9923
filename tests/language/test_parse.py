"""Every sentence that the templates can say reads back to the facts it came from."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.facts.conditions import CONDITIONS
from nast.language.read.cues import cues
from nast.language.read.parse import facts_of, read
from nast.language.write.caption_forms import AFFIRMATIVE_CAPTIONS, NEGATED_CAPTIONS, caption
from nast.language.write.templates import (
    STYLES,
    sentence,
)
from nast.records import ZONES, Fact


def yes(name, *attributes):
    return Fact(name, "present", *attributes)


def no(name, *attributes):
    return Fact(name, "absent", *attributes)


def read_back(style, form, triples):
    """Every sentence must read back to the facts it was made from; how many were read."""
    number = 0
    for names in triples:
        for values in product((no, yes), repeat=3):
            facts = [make(name) for make, name in zip(values, names, strict=True)]
            text = sentence(facts, style, form)
            assert facts_of(text) == frozenset(facts), text
            number += 1
    return number


TRIPLES = list(combinations(CONDITIONS.labelled(), 3))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", ["negated", "affirmative"])
def test_an_eighth_of_all_triples_in_every_configuration(style, form):
    """Another eighth for each style; the slow test below takes all of them."""
    assert read_back(style, form, TRIPLES[list(STYLES).index(style) % 8 :: 8]) >= 35 * 8


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", ["negated", "affirmative"])
def test_every_triple_in_every_configuration(style, form):
    assert read_back(style, form, TRIPLES) == 286 * 8


@st.composite
def annotated(draw, existence="present"):
    condition = CONDITIONS[draw(st.sampled_from(list(CONDITIONS)))]
    sides = (None, "left", "right", "bilateral") if condition.sided else (None,)
    return Fact(
        condition.name,
        existence,
        draw(st.sampled_from(sides)),
        draw(st.sampled_from((None, *(z for z in ZONES if condition.takes_zone(z))))),
        draw(st.sampled_from((None, *condition.grades))),
    )


def denials():
    return st.sampled_from(CONDITIONS.labelled()).map(no)


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
        ("No edema; fracture.", {no("Edema"), yes("Fracture")}),
        ("No fracture. Pneumonia.", {no("Fracture"), yes("Pneumonia")}),
        ("Negative for pneumonia.", {no("Pneumonia")}),
        ("Lungs clear of consolidation.", {no("Consolidation")}),
        (
            "SUPPORT DEVICES ABSENT, cardiomegaly present.",
            {no("Support Devices"), yes("Cardiomegaly")},
        ),
        ("Device-free chest with fracture.", {no("Support Devices"), yes("Fracture")}),
        ("A well-known pattern.", set()),
        ("", set()),
    ],
)
def test_report_sentences(text, facts):
    assert facts_of(text) == facts


NONE = no("Pneumothorax"), no("Pleural Effusion")


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        # Pseudo-negation: no change says nothing.
        ("No significant change in pneumothorax or pleural fluid.", set()),
        ("No change in the left pleural effusion.", set()),
        ("No interval increase in small right effusion; no pneumothorax.", {no("Pneumothorax")}),
        ("Without significant interval change in pulmonary edema.", set()),
        # A denied size or place is no denied existence.
        (
            "No focal consolidation, pneumothorax, or large pleural effusion.",
            {no("Consolidation"), no("Pneumothorax"), no("Pleural Effusion", None, None, "severe")},
        ),
        ("No large effusion.", {no("Pleural Effusion", None, None, "severe")}),
        ("No left pleural effusion.", {no("Pleural Effusion", "left")}),
        ("No pneumothorax in the right lung.", {no("Pneumothorax", "right")}),
        ("No pneumonia in the left upper lobe.", {no("Pneumonia", "left", "upper")}),
        ("No apical pneumothorax.", set()),
        ("No right apical pneumothorax.", set()),
        ("No apical opacity.", {no("Lung Opacity", None, "apical")}),
        # Hard modifiers: none of these denies the finding.
        ("No new effusion.", set()),
        ("No new pleural effusion or pneumothorax.", {no("Pneumothorax")}),
        ("No significant pleural effusion.", set()),
        ("No displaced fracture.", set()),
        ("No displaced rib fractures.", set()),
        ("No acute displaced rib fracture is seen.", set()),
        ("No tension pneumothorax.", set()),
        ("No worsening edema.", set()),
        # Soft ones do not limit.
        ("No focal consolidation.", {no("Consolidation")}),
        ("No focal airspace disease.", {no("Lung Opacity")}),
        ("No acute infiltrate.", {no("Lung Opacity")}),
        ("No definite pleural effusion.", {no("Pleural Effusion")}),
        ("No visible pneumothorax.", {no("Pneumothorax")}),
        ("No suspicious pulmonary nodules.", {no("Lung Lesion")}),
        ("No XXXX of a pleural effusion.", {no("Pleural Effusion")}),
        ("There is no XXXX pneumothorax.", {no("Pneumothorax")}),
        # Where the scope of a cue ends.
        (
            "No cardiomegaly with bilateral small effusions.",
            {no("Cardiomegaly"), yes("Pleural Effusion", "bilateral", None, "mild")},
        ),
        (
            "No pneumothorax but small left pleural effusion.",
            {no("Pneumothorax"), yes("Pleural Effusion", "left", None, "mild")},
        ),
        ("No effusion; mild edema.", {no("Pleural Effusion"), yes("Edema", None, None, "mild")}),
        (
            "No pneumothorax is seen, and there is a small effusion.",
            {no("Pneumothorax"), yes("Pleural Effusion", None, None, "mild")},
        ),
        (
            "No effusion noted, left pneumothorax.",
            {no("Pleural Effusion"), yes("Pneumothorax", "left")},
        ),
        (
            "No effusion present, mild edema.",
            {no("Pleural Effusion"), yes("Edema", None, None, "mild")},
        ),
        ("No edema, however cardiomegaly.", {no("Edema"), yes("Cardiomegaly")}),
        ("No effusion except pneumothorax.", {no("Pleural Effusion"), yes("Pneumothorax")}),
        (
            "Small effusion, no pneumothorax.",
            {yes("Pleural Effusion", None, None, "mild"), no("Pneumothorax")},
        ),
        # Lists, and the cues that begin them.
        ("No pneumothorax, effusion, or focal airspace disease.", {*NONE, no("Lung Opacity")}),
        ("No mass, nodule or infiltrate.", {no("Lung Lesion"), no("Lung Opacity")}),
        ("Neither effusion nor pneumothorax.", set(NONE)),
        (
            "Lungs are clear of focal consolidation, pleural effusion or pneumothorax.",
            {no("Consolidation"), *NONE},
        ),
        ("Free of effusion and pneumothorax.", set(NONE)),
        ("Negative for pneumothorax or effusion.", set(NONE)),
        ("Without evidence of pneumothorax or pleural effusion.", set(NONE)),
        ("No evidence of pneumothorax. No pleural effusions.", set(NONE)),
        # Cues after a finding.
        ("The pneumothorax has resolved.", {no("Pneumothorax")}),
        ("Pneumothorax has completely resolved.", {no("Pneumothorax")}),
        ("Edema has since cleared.", {no("Edema")}),
        ("Pleural effusion is not appreciated.", {no("Pleural Effusion")}),
        ("Effusion and pneumothorax are not seen.", set(NONE)),
        ("The left effusion is no longer seen.", {no("Pleural Effusion", "left")}),
        ("A pneumothorax is not clearly identified.", {no("Pneumothorax")}),
        ("The effusion has not resolved.", {yes("Pleural Effusion")}),
        ("The right effusion has not yet cleared.", {yes("Pleural Effusion", "right")}),
        ("Pleural effusion has not changed.", {yes("Pleural Effusion")}),
        # Suspicion asserts nothing, and denies nothing.
        ("Possible pneumonia.", set()),
        ("Questionable small effusion.", set()),
        ("Cannot exclude pneumonia.", set()),
        ("Pneumothorax cannot be excluded.", set()),
        ("Edema or pneumonia could not be excluded.", set()),
        ("No focal airspace opacity to suggest pneumonia.", {no("Lung Opacity"), no("Pneumonia")}),
        ("Opacity suspicious for pneumonia.", {yes("Lung Opacity")}),
        ("History of pneumonia.", set()),
        # Words that end a scope, and cues after a colon.
        ("No cardiomegaly, while pulmonary edema is present.", {no("Cardiomegaly"), yes("Edema")}),
        ("No edema yet pneumonia.", {no("Edema"), yes("Pneumonia")}),
        ("No edema despite cardiomegaly.", {no("Edema"), yes("Cardiomegaly")}),
        ("Pneumothorax: none. Edema: absent. Effusion: no.", {no("Edema"), *NONE}),
        ("Edema and pneumothorax are both absent.", {no("Edema"), no("Pneumothorax")}),
        ("Edema is unlikely. Pneumonia is possible.", set()),
        ("Not without edema.", {yes("Edema")}),
        # Decoys.
        ("No pericardial effusion.", set()),
        ("Small pericardial effusion.", set()),
        ("No pericardial or pleural effusion.", {no("Pleural Effusion")}),
        ("Subcutaneous emphysema, no emphysema.", {no("Emphysema")}),
        ("No mediastinal mass.", set()),
        # Junk.
        ("&gt;] No pleural effusion&gt;].", {no("Pleural Effusion")}),
        ("No pleural effusion>]. Edema", {no("Pleural Effusion"), yes("Edema")}),
        # Attributes of what is there.
        ("Retrocardiac opacity.", {yes("Lung Opacity", None, "retrocardiac")}),
        ("Left basilar atelectasis.", {yes("Atelectasis", "left", "lower")}),
        ("Opacity in the right middle lobe.", {yes("Lung Opacity", "right", "mid")}),
        ("Atelectasis at the left base.", {yes("Atelectasis", "left", "lower")}),
        ("Large left-sided pneumothorax.", {yes("Pneumothorax", "left", None, "severe")}),
    ],
)
def test_traps_of_real_reports(text, facts):
    """The reference, section 4: what tools for negation get wrong on the Indiana reports."""
    assert facts_of(text) == facts


@pytest.mark.parametrize(
    "text", ["No edema, fracture.", "NO EDEMA,\tFRACTURE", "no edema,fracture"]
)
def test_case_and_space_do_not_matter(text):
    assert facts_of(text) == {no("Edema"), no("Fracture")}


@pytest.mark.parametrize("cue", ["no", "without", "no evidence of", "negative for", "free of"])
@pytest.mark.parametrize("name", list(CONDITIONS))
def test_every_name_of_a_condition_can_be_denied(cue, name):
    condition = CONDITIONS[name]
    for word in (condition.term, *condition.synonyms):
        word = word.replace("*", "")
        assert facts_of(f"There is {cue} {word}.") == {no(name)}, word
        assert facts_of(f"There is {word}.") == {yes(name)}, word


@pytest.mark.parametrize("name", list(CONDITIONS))
def test_decoys_are_no_names(name):
    for word in CONDITIONS[name].decoys:
        for text in (f"No {word.replace('*', '')}.", f"{word.replace('*', '')} is seen."):
            assert name not in {f.condition for f in facts_of(text)}, text


def test_readings_say_where():
    text = "Fracture noted, no small left pleural effusion."
    first, second = read(text)
    assert text[first.start : first.end] == "Fracture"
    assert text[second.start : second.end] == "small left pleural effusion"


def test_places_count_in_the_text_as_given():
    text = "İ. Fracture"
    (reading,) = read(text)
    assert len(text.lower()) == len(text) + 1
    assert text[reading.start : reading.end] == "Fracture"


def test_cues_are_whole_words():
    assert cues("Nodule noted, notable devices; device-free chest.") == []
    assert cues("No evidence of edema, without fracture.") == ["no evidence of", "without"]


@settings(max_examples=150, deadline=None)
@given(
    st.text()
    | st.lists(
        st.sampled_from(
            [
                "no",
                "with",
                "edema",
                "pulmonary edema",
                "left",
                "large",
                "in the",
                "zone",
                "absent",
                ";",
            ]
        )
    ).map(" ".join)
)
def test_any_text_can_be_read(text):
    for reading in read(text):
        assert 0 <= reading.start < reading.end <= len(text)
    cues(text)
