"""Records refuse values outside their vocabularies."""

import pytest

from nast.records import Fact


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
