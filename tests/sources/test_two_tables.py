"""Two tables of made-up conditions side by side in one process: none sees the other."""

import polars as pl
import pytest
from small import write_csv

from nast.facts.conditions import CONDITIONS
from nast.language.read.parse import facts_of
from nast.language.write.caption_forms import NEGATED_CAPTIONS, caption
from nast.language.write.llm.validate import check_negated
from nast.language.write.templates import sentence
from nast.records import Fact
from nast.sources.collect import build_facts, read_facts

# Both have an infarct, in other words and with other attributes.
HEAD = """
Infarct: {term: stroke, counted: yes, sided: yes, zones: [frontal], normal: normal grey matter,
  phrase_class: broader, grades: {mild: small, moderate: medium, severe: huge}}
Bleed: {term: bleed, counted: yes, normal: dark ventricles, phrase_class: equivalent}
"""
HEART = """
Infarct: {term: myocardial scar, counted: yes, normal: living muscle, phrase_class: broader}
Valve Leak: {term: regurgitation, synonyms: [leak*], normal: tight valves,
  phrase_class: equivalent, parents: [Infarct]}
"""
MAPPING = """
layout: long
columns: {subject_id: patient, study_id: study}
facts: {condition: finding, existence: said, side: side, zone: zone, severity: size}
values: {present: ["1"], absent: ["0"]}
"""


def made(folder, text, second):
    """Facts of a label table and of an own table, under a table of conditions."""
    folder.mkdir()
    (folder / "table.yaml").write_text(text)
    path = "x/train/patient00001/study1/view1_frontal.jpg"
    header = ["Path", "No Finding", "Infarct", second]
    write_csv(folder / "labels.csv", header, [[path, "", "1.0", "0.0"]])
    term = text.split("term: ")[1].split(",")[0]
    rows = [
        ["7", "s1", term, "1", "left", "frontal", "severe"],
        ["7", "s1", second, "0", "", "", ""],
    ]
    write_csv(
        folder / "own.csv", ["patient", "study", "finding", "said", "side", "zone", "size"], rows
    )
    (folder / "own.mapping.yaml").write_text(MAPPING)
    specs = [f"chexpert:{folder / 'labels.csv'}", f"table:{folder / 'own.csv'}"]
    build_facts(specs, folder / "facts", conditions=folder / "table.yaml")
    return read_facts(folder / "facts")


@pytest.fixture
def both(tmp_path):
    return made(tmp_path / "head", HEAD, "Bleed"), made(tmp_path / "heart", HEART, "Valve Leak")


def said(found, source):
    facts = found.facts.filter(pl.col("source") == source)
    return facts.select("condition", "existence", "side", "zone", "severity").rows()


def test_labels_and_own_tables_become_facts_of_their_conditions(both):
    head, heart = both
    assert said(head, "labels") == [
        ("Bleed", "absent", None, None, None),
        ("Infarct", "present", None, None, None),
    ]
    assert said(head, "table") == [
        ("Bleed", "absent", None, None, None),
        ("Infarct", "present", "left", "frontal", "severe"),
    ]
    # The heart's infarct takes neither side nor zone nor grade.
    assert (
        said(heart, "labels")
        == said(heart, "table")
        == [
            ("Infarct", "present", None, None, None),
            ("Valve Leak", "absent", None, None, None),
        ]
    )
    assert head.studies.columns[-3:] == ["Infarct", "Bleed", "No Finding"]
    assert heart.studies.columns[-3:] == ["Infarct", "Valve Leak", "No Finding"]
    assert len(CONDITIONS) > 13 and "Infarct" not in CONDITIONS


@pytest.mark.parametrize("style", ["without", "absent while", "there is, no evidence"])
def test_sentences_are_said_and_read_in_turn(both, style):
    head, heart = (found.conditions for found in both)
    stroke = [Fact("Infarct", "present", "left", "frontal", "severe"), Fact("Bleed", "absent")]
    scar = [Fact("Infarct", "present"), Fact("Valve Leak", "absent")]
    for _ in range(2):
        for facts, table, other in ((stroke, head, heart), (scar, heart, head)):
            text = sentence(facts, style, "negated", table)
            assert facts_of(text, table) == set(facts)
            assert facts_of(text, other) == facts_of(text) == set()
            assert check_negated(text, facts, table) is None
            affirmative = sentence(facts, style, "affirmative", table)
            assert facts_of(affirmative, table) == set(facts)
            assert caption(facts[1], NEGATED_CAPTIONS[0], table) in (
                "No bleed.",
                "No regurgitation.",
            )
    assert sentence(stroke, "without", "negated", head) == (
        "Huge stroke in the left frontal zone without bleed."
    )
    assert facts_of("No pulmonary edema.") == {Fact("Edema", "absent")}
