"""What a reading says about itself, how long any text takes, and where statements may not stand."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nast.facts.conditions import CONDITIONS
from nast.language.read.cues import cues
from nast.language.read.parse import read
from nast.language.write.llm.validate import check_affirmative, check_negated
from nast.records import Fact

VARIANTS = {
    "Cardiomegaly": ["heart size is normal", "normal-sized heart", "heart not enlarged"],
    "Edema": ["pulmonary vascularity is normal"],
    "Enlarged Cardiomediastinum": ["mediastinal contours are normal"],
    "Fracture": ["osseous structures are intact"],
    "Pleural Effusion": ["costophrenic angles are sharp"],
    "Pneumothorax": ["lungs are fully expanded"],
}


def one(text):
    (found,) = read(text)
    return found


@pytest.mark.parametrize(
    ("text", "unsaid"),
    [
        ("Left-sided pulmonary edema.", ("left-sided",)),
        ("Edema on the left.", ("left",)),
        ("Mild consolidation.", ("mild",)),
        ("Small nodule in the right upper lobe.", ("small",)),
        ("Right apical pneumothorax.", ("apical",)),
        ("Small to moderate left effusion.", ("small", "moderate")),
        ("Small left effusion.", ()),
    ],
)
def test_a_presence_tells_what_its_fact_has_no_room_for(text, unsaid):
    assert one(text).unsaid == unsaid
    assert one(text).fact.existence == "present"


@pytest.mark.parametrize("name", CONDITIONS.labelled())
@pytest.mark.parametrize("where", ["{} on the left side", "{} in the lower zone", "small {}"])
def test_a_limited_denial_is_never_the_whole_one(name, where):
    text = f"No {where.format(CONDITIONS[name].term)}."
    assert Fact(name, "absent") not in {r.fact for r in read(text)}


def test_readings_tell_names_phrases_and_statements_apart():
    wordings = [
        one(t).wording
        for t in ("No cardiomegaly.", "Normal heart size.", "Large heart.", "Heart size is normal.")
        if read(t)
    ]
    assert wordings == ["name", "phrase", "statement"]


@pytest.mark.parametrize(
    ("name", "words"), [(name, words) for name, list_ in VARIANTS.items() for words in list_]
)
def test_only_table_5s_own_words_are_an_affirmative_form(name, words):
    """A report may say it in other words; a generated text may not."""
    present, absent = Fact("Pneumonia", "present"), Fact(name, "absent")
    negated = f"Pneumonia, no {CONDITIONS[name].term}."
    exact = f"Pneumonia with {CONDITIONS[name].normal}."
    assert {r.fact for r in read(f"Pneumonia; {words}.")} == {present, absent}
    assert check_negated(negated, [present, absent]) is None
    assert check_affirmative(exact, negated, [present, absent]) is None
    for text in (f"Pneumonia, {words}.", f"Pneumonia with {words}.", f"Pneumonia and {words}."):
        assert check_affirmative(text, negated, [present, absent]) is not None
        assert check_negated(text, [present, absent]) is not None


def seconds(text):
    start = time.process_time()
    read(text)
    cues(text)
    return time.process_time() - start


PIECES = [
    "no",
    "without",
    "effusion",
    "left",
    "right",
    ",",
    "and",
    "or",
    "small",
    "large",
    "in the",
    "lower",
    "zone",
    "lung",
    "heart size",
    "normal",
    "is",
    "not",
    "absent",
    ":",
    "no change in",
    "cannot be excluded",
    "resolved",
    ";",
    ".",
    "bilateral",
    "greater than",
    "to",
    "-",
    "/",
    "\t",
    "there is",
    "may",
    "has been",
    "both bases",
    "(left",
    "edema",
    "x",
]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.sampled_from(["", " "]))
def test_long_texts_take_no_time(pieces, gap):
    """Whatever is said over and over: a rule that backtracks would take minutes."""
    unit = gap.join(pieces) + gap
    assert seconds("no effusion " + unit * (10_000 // len(unit))) < 1


@pytest.mark.parametrize("piece", PIECES)
def test_one_piece_ten_thousand_characters_long(piece):
    for unit in (piece, piece + " "):
        assert seconds("effusion " + unit * (10_000 // len(unit)) + "absent") < 1
