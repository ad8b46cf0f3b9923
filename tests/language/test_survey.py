"""What is not read, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from read_by_hand import rows

from nast.language.read.mentions import mentions
from nast.language.read.parse import survey
from nast.language.read.readings import UNREAD


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Possible pneumonia.", "doubt"),
        ("Pneumonia cannot be excluded.", "doubt"),
        ("If the effusion grows, repeat the film.", "doubt"),
        ("History of pneumonia.", "not about this film"),
        ("Previously there was an effusion.", "not about this film"),
        (
            "Follow-up films to document resolution of the pneumonia are advised.",
            "not about this film",
        ),
        ("Atelectasis or pneumonia.", "one of two"),
        ("No new effusion.", "limited denial"),
        ("No apical pneumothorax.", "limited denial"),
        ("No dominant nodule.", "limited denial"),
        ("Pneumonia?", "question"),
        ("Allegedly no edema.", "unknown word"),
        ("The effusion does not frobnicate.", "unknown word"),
        ("No cavitation of the nodule.", "change"),
        ("No pleural line of pneumothorax.", "construction"),
        ("Edema " + "and edema " * 120, "too long"),
    ],
)
def test_reasons_by_hand(text, why):
    readings, unread = survey(text)
    assert readings == []
    assert {u.why for u in unread} == {why}


def test_a_device_that_is_gone_is_not_all_devices():
    for text in (
        "Interval removal of the endotracheal tube; right PICC is unchanged.",
        "The feeding tube has been removed. Tracheostomy unchanged.",
    ):
        readings, unread = survey(text)
        assert {r.fact.existence for r in readings} <= {"present"}
        assert [u.why for u in unread].count("denied and stated") == 1
    (one,) = survey("The chest tube has been removed.")[0]
    assert one.fact.existence == "absent"


def test_a_grade_is_shared_by_what_has_none_of_its_own():
    """ "No large A, B or left C" may be of the large A and B; of C it denies the left one."""
    readings, unread = survey("No large effusion, pneumothorax, or left consolidation.")
    said = {(r.fact.condition, r.fact.side, r.fact.severity) for r in readings}
    assert said == {("Pleural Effusion", None, "severe"), ("Consolidation", "left", None)}
    assert [(u.condition, u.why) for u in unread] == [("Pneumothorax", "limited denial")]


@given(st.sampled_from(rows("sentences.tsv") + rows("cases.tsv")))
def test_every_finding_is_read_or_not_read(row):
    """Each name of a sentence is in one of the two lists, with a reason of the table."""
    text = row["sentence"].lower()
    readings, unread = survey(text)
    assert {u.why for u in unread} <= set(UNREAD)
    found = sorted([r.start for r in readings] + [u.start for u in unread])
    assert found == sorted(m.start for m in mentions(text)) or "." in text[:-1] or ";" in text
