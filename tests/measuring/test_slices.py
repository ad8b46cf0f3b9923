"""Constructions of denial, read from sentences of the templates, of reports and of the probes."""

import polars as pl
import pytest
from asked import said
from made_up import item, items_of

from nast.facts.conditions import CONDITIONS
from nast.language.write.caption_forms import AFFIRMATIVE_CAPTIONS, NEGATED_CAPTIONS, caption
from nast.language.write.templates import STYLES, sentence
from nast.measuring.slices import denials
from nast.measuring.subsets import subsets_of
from nast.records import Fact
from nast.scoring.prompt_sets import SETS, prompts_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Cardiomegaly, no pulmonary edema.", {"no A"}),
        ("Cardiomegaly without pulmonary edema.", {"without A"}),
        ("No evidence of pneumonia.", {"no evidence of A"}),
        ("Without evidence of pneumonia.", {"no evidence of A"}),
        ("The chest is free of fracture.", {"free of A"}),
        ("Negative for pneumonia.", {"free of A"}),
        ("The image does not show pneumonia.", {"does not show A"}),
        ("The film doesn't show a fracture.", {"does not show A"}),
        ("Pulmonary edema absent, fracture present.", {"A absent"}),
        ("Pneumothorax: none.", {"A absent"}),
        ("A pneumothorax is not seen.", {"A not seen"}),
        ("The effusion is no longer visible.", {"A not seen"}),
        ("The pneumothorax has resolved.", {"A resolved"}),
        ("Resolution of the effusion.", {"A resolved"}),
        ("No pneumothorax is seen.", {"no A"}),
        ("No edema or fracture.", {"no A", "no A or B"}),
        ("Without edema, fracture, or pneumonia.", {"without A", "no A or B"}),
        ("Neither edema nor fracture.", {"no A or B"}),
        ("Pulmonary edema and pneumonia are absent.", {"A absent", "no A or B"}),
        # The list is not denied: another clause has begun.
        ("No edema, but pneumonia or atelectasis.", {"no A"}),
        ("No edema. Pneumonia or atelectasis.", {"no A"}),
        ("No edema and no fracture or pneumonia.", {"no A", "no A or B"}),
        ("The chest is not without edema.", {"double negation"}),
        ("No change in the effusion.", {"pseudo-negation"}),
        ("Not only edema but also pneumonia.", {"pseudo-negation"}),
        ("Pneumonia cannot be excluded.", {"uncertain"}),
        ("We cannot exclude pneumonia.", {"uncertain"}),
        ("This image features a dog, but not a cat.", {"does not show A"}),
        ("Small left pleural effusion.", set()),
        ("Fully expanded lungs.", set()),
    ],
)
def test_constructions_by_hand(text, found):
    assert denials(text) == tuple(sorted(found))


ABSENT = [Fact(n, "absent") for n in ("Edema", "Pneumothorax")]
PRESENT = Fact("Fracture", "present")


@pytest.mark.parametrize("style", STYLES)
def test_every_template_has_a_construction_and_one_more_for_lists(style):
    one = denials(sentence([PRESENT, ABSENT[0]], style, "negated"))
    assert len(one) == 1
    assert set(denials(sentence([PRESENT, *ABSENT], style, "negated"))) == {*one, "no A or B"}
    assert denials(sentence([PRESENT, *ABSENT], style, "affirmative")) == ()


def test_every_caption_has_one():
    for form in NEGATED_CAPTIONS:
        assert len(denials(caption(ABSENT[0], form))) == 1, form
    assert not any(denials(caption(PRESENT, form)) for form in AFFIRMATIVE_CAPTIONS)


PROBES = {
    "slice post-position": ([], ["A absent"]),
    "slice double negation": (["double negation"], ["without A"]),
    "slice pseudo-negation": (["pseudo-negation"], ["no A"]),
    "slice not only": (["pseudo-negation"], ["no A"]),
    "slice uncertain": (["uncertain"], ["A absent"]),
    "slice scope": (["no A"], ["no A", "no A or B"]),
}


def test_every_probe_is_of_its_slice():
    assert set(PROBES) == {name for name in SETS if name.startswith("slice ")}
    for name, (there, not_there) in PROBES.items():
        for condition in CONDITIONS:
            present, absent = prompts_of(name, condition)
            assert [list(denials(t)) for t in present] == [there], (name, condition)
            assert [list(denials(t)) for t in absent] == [not_there], (name, condition)


def test_slices_are_subsets_of_questions():
    facts = [[1, 0, 0], [1, 1, 1], [0, 0, 1], [0, 1, 0]]
    texts = [
        "Edema without fracture or pneumonia.",
        "Edema, fracture, and pneumonia.",
        "Pneumonia; edema and fracture absent.",
        "Fracture, no edema or pneumonia.",
    ]
    names = ("Edema", "Fracture", "Pneumonia")
    options = [[fact.as_dict() for fact in said(some, names)] for some in facts]
    items = items_of(item(f"q{n}", answer=n, options=texts, facts=options) for n in range(4))
    found = subsets_of(items).filter(pl.col("subset").str.starts_with("denial="))
    assert found.rows() == [
        ("q0", "denial=no A or B"),
        ("q0", "denial=without A"),
        ("q2", "denial=A absent"),
        ("q2", "denial=no A or B"),
        ("q3", "denial=no A"),
        ("q3", "denial=no A or B"),
    ]
