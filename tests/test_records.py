"""Records refuse values outside their vocabularies."""

import pytest

from nast.records import ClaimSet, Fact, Question

QUESTION = {
    "question_id": "q",
    "group_id": "g",
    "conditions": ("Edema", "Fracture"),
    "options": ((1, 0), (0, 1)),
    "negated": ("a", "b"),
    "affirmative": ("c", "d"),
    "omitted": ("e", "f"),
    "answer": 1,
}
TRUE = (Fact("Edema", "absent"),)
FALSE = (Fact("Edema", "present"),)
CLAIMS = {
    "set_id": "s",
    "group_id": "g",
    "form": "negated",
    "claims": ("no", "yes"),
    "kinds": ("truth", "existence"),
    "facts": (TRUE, FALSE),
    "answer": 0,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [("existence", "maybe"), ("side", "both"), ("zone", "Mid"), ("severity", "large")],
)
def test_a_fact_refuses_words_outside_its_vocabulary(name, value):
    with pytest.raises(ValueError, match=f"{name} is '{value}'"):
        Fact(**{"condition": "Edema", "existence": "present", name: value})


def test_a_fact_is_a_value():
    fact = Fact("Edema", "present", severity="mild")
    assert fact == Fact(**fact.as_dict())
    assert len({fact, Fact(**fact.as_dict())}) == 1
    with pytest.raises(AttributeError):
        fact.side = "left"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"negated": ("a",)}, "need 2 texts"),
        ({"omitted": ("a", "b", "c")}, "need 2 texts"),
        ({"options": ((1, 0), (1, 0))}, "same labels"),
        ({"answer": 2}, "answer 2 of 2"),
        ({"answer": -1}, "answer -1 of 2"),
    ],
)
def test_a_question_checks_itself(change, message):
    Question(**QUESTION)
    with pytest.raises(ValueError, match=message):
        Question(**QUESTION | change)


@pytest.mark.parametrize(
    "change",
    [
        {"claims": ("no", "no")},
        {"kinds": ("truth",)},
        {"kinds": ("existence", "truth")},
        {"answer": 1},
        {"answer": 2},
        {"answer": -2},
    ],
)
def test_a_claim_set_checks_itself(change):
    ClaimSet(**CLAIMS)
    with pytest.raises(ValueError, match="claim set s"):
        ClaimSet(**CLAIMS | change)
