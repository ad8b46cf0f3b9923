"""Where a text of any domain denies, by which words, and what only looks like a denial."""

import pytest

from nast.language.read.cues import cues, cues_of
from nast.language.read.words import PARTS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("No edema.", [("before", "no", False)]),
        ("No edema, effusion, or fracture.", [("before", "no", True)]),
        ("Without evidence of edema.", [("before", "without evidence of", False)]),
        ("The film does not show edema.", [("before", "does not show", False)]),
        ("Edema and fracture are absent.", [("behind", "absent", True)]),
        ("The effusion is no longer seen.", [("behind", "no longer seen", False)]),
        ("The effusion has resolved.", [("behind", "resolved", False)]),
        ("Resolution of the effusion.", [("gone", "resolution of", False)]),
        ("Not without edema.", [("double", "not without", False)]),
        ("Pneumonia cannot be excluded.", [("uncertain", "cannot be excluded", False)]),
        ("No change in the effusion.", [("pseudo", "no change in the", False)]),
        ("A dog, but not a cat.", [("before", "not", False)]),
        ("The heart is not enlarged.", [("before", "not", False)]),
        ("Small left effusion.", []),
        ("Notable nodule in a device-free chest.", []),
        ("", []),
    ],
)
def test_cues_by_hand(text, found):
    assert [(cue.kind, cue.words, cue.several) for cue in cues_of(text)] == found
    assert cues(text) == [words for _, words, _ in found]


@pytest.mark.parametrize("text", ["No edema. Without fracture.", "Edema; no fracture, İ, no mass."])
def test_places_are_those_of_the_text(text):
    for cue in cues_of(text):
        assert text[cue.start : cue.end].lower() == cue.words


def test_every_part_is_a_letter_that_the_grammar_explains():
    from nast.language.read import constructions

    legend = constructions.__doc__
    for part, _ in PARTS:
        # Articles and adjuncts are left out before the grammar sees them.
        assert part in "dj" or f" {part} " in legend, part
