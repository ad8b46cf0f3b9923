"""What is accepted says its facts and nothing else; what is rejected has its reason."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_by_hand import reading, rows

from nast.facts.conditions import CONDITIONS
from nast.language.write.llm.denials import kept_parts, without_denials
from nast.language.write.llm.validate import (
    REASONS,
    check_affirmative,
    check_negated,
    check_omitted,
    check_stem,
    tidy,
)
from nast.language.write.templates import STYLES, sentence
from nast.records import Fact

NAMES = ("Cardiomegaly", "Edema", "Pneumothorax")


def facts(*values, names=NAMES):
    words = ("absent", "present")
    return [Fact(n, words[v]) for n, v in zip(names, values, strict=True)]


def code(fault):
    return fault.code if fault else None


PATTERNS = [
    ("Cardiomegaly and pulmonary edema without pneumothorax.", (1, 1, 0)),
    ("Cardiomegaly, pulmonary edema, but not pneumothorax.", (1, 1, 0)),
    ("Pneumothorax absent while cardiomegaly and pulmonary edema present.", (1, 1, 0)),
    ("No pneumothorax, with cardiomegaly and pulmonary edema.", (1, 1, 0)),
    ("Cardiomegaly noted, no sign of pulmonary edema or pneumothorax.", (1, 0, 0)),
    ("There is cardiomegaly, but there is no pulmonary edema or pneumothorax.", (1, 0, 0)),
    ("Cardiomegaly is present while pulmonary edema and pneumothorax are absent.", (1, 0, 0)),
    (
        "The chest radiograph shows cardiomegaly without evidence of pulmonary edema or"
        " pneumothorax.",
        (1, 0, 0),
    ),
    ("Cardiomegaly in the absence of pulmonary edema and pneumothorax.", (1, 0, 0)),
    ("Cardiomegaly present; neither pulmonary edema nor pneumothorax seen.", (1, 0, 0)),
    ("Cardiomegaly is seen, but pulmonary edema and pneumothorax are not seen.", (1, 0, 0)),
    ("Neither cardiomegaly nor pulmonary edema is present, but a pneumothorax is seen.", (0, 0, 1)),
    ("While cardiomegaly is absent, pulmonary edema and pneumothorax are present.", (0, 1, 1)),
    ("Cardiomegaly, pulmonary edema, and pneumothorax are absent.", (0, 0, 0)),
    ("No cardiomegaly, no pulmonary edema, and no pneumothorax.", (0, 0, 0)),
    ("Cardiomegaly, pulmonary edema and pneumothorax are all present.", (1, 1, 1)),
    ("Enlarged heart, edema, and pneumothoraces.", (1, 1, 1)),
]


@pytest.mark.parametrize(("text", "values"), PATTERNS)
def test_ways_of_saying_it_are_accepted_for_their_values_only(text, values):
    for other in product((0, 1), repeat=3):
        assert (check_negated(text, facts(*other)) is None) == (other == values)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "form"),
        ("Cardiomegaly. No pulmonary edema or pneumothorax.", "form"),
        ("Cardiomegaly: no pulmonary edema (and no pneumothorax).", "form"),
        ("Cardiomegaly, no pulmonary edema or pneumothorax?", "form"),
        ("Cardiomegaly, no pulmonary edema, no 2 cm pneumothorax.", "form"),
        ("Cardiomegaly İ without pulmonary edema or pneumothorax.", "form"),
        ("Cardiomegaly " * 40 + "without pulmonary edema or pneumothorax.", "form"),
        ("Possible cardiomegaly without pulmonary edema or pneumothorax.", "hedge"),
        ("Cardiomegaly, edema cannot be excluded, no pneumothorax.", "hedge"),
        ("Cardiomegaly suggests no pulmonary edema or pneumothorax.", "hedge"),
        ("No cardiomegaly, pulmonary edema, or pneumothorax.", "polarity"),
        ("Cardiomegaly with pulmonary edema and no pneumothorax.", "polarity"),
        ("Cardiomegaly without pulmonary edema.", "missing"),
        ("Cardiomegaly without pulmonary edema, pneumothorax, or fracture.", "added"),
        ("Cardiomegaly, no edema or pneumothorax, no edema.", "repeated"),
        ("Severe cardiomegaly without pulmonary edema or pneumothorax.", "attribute"),
        ("Cardiomegaly without pulmonary edema or left pneumothorax.", "attribute"),
        ("Cardiomegaly and hiatal hernia without pulmonary edema or pneumothorax.", "words"),
        ("Cardiomegaly without pulmonary edema, pneumothorax, or pericardial effusion.", "words"),
        ("Right cardiomegaly without pulmonary edema or pneumothorax.", "words"),
        ("Cardiomegaly without acute pulmonary edema or pneumothorax.", "words"),
        ("Cardiomegaly; pulmonary edema and pneumothorax are not clearly seen.", "words"),
        ("Cardiomegaly with fully expanded lungs, no pulmonary edema.", "phrase"),
        ("Cardiomegaly, no pulmonary edema and pneumothorax.", "scope"),
        ("Cardiomegaly, no pulmonary edema, pneumothorax.", "scope"),
        ("Cardiomegaly, not without pulmonary edema or pneumothorax.", "hedge"),
        ("Cardiomegaly, no pulmonary edema, no pneumothorax is absent.", "unread"),
    ],
)
def test_reasons(text, reason):
    assert code(check_negated(text, facts(1, 0, 0))) == reason
    assert reason in REASONS


@pytest.mark.parametrize(
    ("text", "values"),
    [
        # Each could be read as a denial of all three.
        ("No cardiomegaly, while pulmonary edema and pneumothorax are present.", (0, 0, 0)),
        ("No cardiomegaly, pulmonary edema and pneumothorax present.", (0, 0, 0)),
        ("Without cardiomegaly, pulmonary edema and pneumothorax are seen.", (0, 0, 0)),
        ("There is cardiomegaly and pulmonary edema is absent, no pneumothorax.", (0, 0, 0)),
        ("Cardiomegaly and pulmonary edema is absent, no pneumothorax.", (0, 0, 0)),
        ("Cardiomegaly and pulmonary edema, pneumothorax absent.", (0, 0, 0)),
        ("No cardiomegaly with pulmonary edema and pneumothorax.", (0, 1, 1)),
        ("Neither cardiomegaly, with pulmonary edema and pneumothorax.", (0, 1, 1)),
        ("Cardiomegaly; pulmonary edema and pneumothorax have resolved.", (1, 0, 0)),
        ("Cardiomegaly; pulmonary edema and pneumothorax are no longer seen.", (1, 0, 0)),
        ("Cardiomegaly is not absent, no pulmonary edema or pneumothorax.", (1, 0, 0)),
    ],
)
def test_doubtful_denials_are_refused(text, values):
    assert check_negated(text, facts(*values)) is not None


def test_attributes_must_be_those_of_the_fact():
    small = Fact("Pleural Effusion", "present", "left", None, "mild")
    low = Fact("Consolidation", "present", "right", "lower")
    for text in (
        "Small left pleural effusion.",
        "Tiny left-sided pleural effusion.",
        "A small pleural effusion on the left side.",
    ):
        assert check_negated(text, [small]) is None
    for text in ("Consolidation in the right lower zone.", "Right lower lobe consolidation."):
        assert check_negated(text, [low]) is None
    assert (
        check_negated(
            "Bilateral pleural effusions.", [Fact("Pleural Effusion", "present", "bilateral")]
        )
        is None
    )
    assert code(check_negated("Large left pleural effusion.", [small])) == "attribute"
    assert code(check_negated("Left pleural effusion.", [small])) == "attribute"
    assert code(check_negated("Large consolidation in the right lower zone.", [low])) == "words"


ONE = "Cardiomegaly noted, no sign of pulmonary edema or pneumothorax."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Cardiomegaly noted, normal pulmonary vascularity and fully expanded lungs.", None),
        ("Cardiomegaly noted with fully expanded lungs and normal pulmonary vascularity.", None),
        ("Cardiomegaly noted, no normal pulmonary vascularity and fully expanded lungs.", "cue"),
        (ONE, "cue"),
        ("Cardiomegaly noted, normal pulmonary vascularity.", "missing"),
        ("Cardiomegaly noted, normal pulmonary vascularity and expanded lungs.", "missing"),
        ("Cardiomegaly noted, pulmonary edema and fully expanded lungs.", "polarity"),
        (
            "Cardiomegaly noted, aerated alveoli, normal pulmonary vascularity and fully expanded"
            " lungs.",
            "added",
        ),
        ("Cardiomegaly seen, normal pulmonary vascularity and fully expanded lungs.", "elsewhere"),
        ("cardiomegaly noted, normal pulmonary vascularity and fully expanded lungs.", "elsewhere"),
        ("Normal pulmonary vascularity and fully expanded lungs, cardiomegaly noted.", "elsewhere"),
        (
            "Cardiomegaly noted, quite normal pulmonary vascularity and fully expanded lungs.",
            "unread",
        ),
    ],
)
def test_affirmative_forms(text, reason):
    assert check_negated(ONE, facts(1, 0, 0)) is None
    assert code(check_affirmative(text, ONE, facts(1, 0, 0))) == reason


def test_a_sentence_without_denials_stays_as_it_is():
    text = "Cardiomegaly, pulmonary edema, and pneumothorax."
    assert check_affirmative(text, text, facts(1, 1, 1)) is None
    other = "Cardiomegaly, pulmonary edema and pneumothorax."
    assert code(check_affirmative(other, text, facts(1, 1, 1))) == "elsewhere"


def test_parts_beside_the_denials():
    assert kept_parts(ONE) == ["Cardiomegaly noted", "."]
    assert kept_parts("No pneumothorax is seen, with cardiomegaly.") == [", with cardiomegaly."]
    assert without_denials("No pneumothorax is seen, with cardiomegaly.") == "cardiomegaly."
    assert without_denials("There is edema, no fracture.") == "There is edema."
    assert without_denials("No fracture or edema.") == ""


def test_every_template_passes_in_every_form():
    triples = list(combinations([n for n in CONDITIONS.labelled() if CONDITIONS[n].normal], 3))
    for number, (names, values, style) in enumerate(
        product(triples, product((0, 1), repeat=3), STYLES)
    ):
        if number % 47:
            continue
        wanted = facts(*values, names=names)
        negated, affirmative = (sentence(wanted, style, f) for f in ("negated", "affirmative"))
        assert check_negated(negated, wanted) is None, negated
        assert check_affirmative(affirmative, negated, wanted) is None, affirmative
        if any(values):
            assert check_omitted(tidy(without_denials(negated)), wanted) is None, negated


@st.composite
def claims(draw):
    names = draw(
        st.lists(
            st.sampled_from([n for n in CONDITIONS.labelled() if CONDITIONS[n].normal]),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    made = []
    for condition in (CONDITIONS[n] for n in names):
        if draw(st.booleans()):
            made.append(Fact(condition.name, "absent"))
            continue
        sides = (None, "left", "right", "bilateral") if condition.sided else (None,)
        made.append(
            Fact(
                condition.name,
                "present",
                draw(st.sampled_from(sides)),
                draw(st.sampled_from((None, *condition.zones))),
                draw(st.sampled_from((None, *condition.grades))),
            )
        )
    return made


@settings(max_examples=150, deadline=None)
@given(claims(), st.sampled_from(list(STYLES)))
def test_templates_with_attributes_pass(wanted, style):
    negated, affirmative = (sentence(wanted, style, f) for f in ("negated", "affirmative"))
    assert check_negated(negated, wanted) is None
    assert check_affirmative(affirmative, negated, wanted) is None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "no",
                "with",
                "and",
                "or",
                "while",
                "pulmonary edema",
                "pneumothorax",
                "is",
                "absent",
                ",",
                "present",
                "neither",
                "not",
                "seen",
                "normal pulmonary vascularity",
                "left",
                "İ",
            ]
        ),
        max_size=9,
    )
    .map(" ".join)
    .map(tidy)
)
def test_any_text_can_be_checked_and_means_one_thing(text):
    accepted = [
        v
        for v in product((0, 1), repeat=2)
        if check_negated(text, facts(*v, names=NAMES[1:])) is None
    ]
    assert len(accepted) <= 1
    check_affirmative(text, text, facts(0, 1, names=NAMES[1:]))
    without_denials(text)


@pytest.mark.parametrize(
    ("stem", "reason"),
    [
        ("Which statement describes this chest radiograph?", None),
        ("Which statement describes this chest radiograph.", "form"),
        ("Look at it. Which one fits?", "form"),
        ("Which option best describes the pneumothorax?", "added"),
        ("Is the pericardial effusion visible?", "added"),
        ("Which chest radiograph shows fully expanded lungs?", "added"),
        ("Which finding is not seen?", "cue"),
    ],
)
def test_stems(stem, reason):
    assert code(check_stem(stem)) == reason


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (' "no  edema" ', "No edema."),
        ("**No edema.**", "No edema."),
        ("“No edema.”,", "No edema."),
        ("No edema?", "No edema?"),
        ("``", ""),
    ],
)
def test_tidy(raw, text):
    assert tidy(raw) == text


WRONG = rows("llm/validator.tsv")


@pytest.mark.parametrize("row", WRONG, ids=[row["text"] for row in WRONG])
def test_texts_that_say_something_else_are_refused(row):
    """Sentences that a model might write for some facts; none of them says just these."""
    asked = list(reading(row["asked"]))
    assert check_negated(row["text"], asked) is not None
    assert check_affirmative(row["text"], row["text"], asked) is not None
