"""The table of conditions agrees with paper and CheXpert, and another can take its place."""

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nast.errors import InputError, NastError
from nast.facts.conditions import (
    CONDITIONS,
    DEFAULT_TABLE,
    Condition,
    Conditions,
    load_conditions,
)
from nast.language.read.parse import facts_of
from nast.language.write.templates import STYLES, sentence
from nast.records import Fact


def test_the_thirteen_conditions():
    names = CONDITIONS.labelled()
    assert len(names) == 13
    assert list(CONDITIONS)[:13] == names
    assert names == sorted(names)
    assert CONDITIONS["Edema"].term == "pulmonary edema"
    assert CONDITIONS["Pleural Other"].term == "pleural abnormality"


def test_phrases_are_told_apart():
    phrases = [CONDITIONS[name].normal for name in CONDITIONS.labelled()]
    assert len(set(phrases)) == 13
    assert CONDITIONS["Pneumothorax"].normal == "fully expanded lungs"
    assert CONDITIONS["Edema"].normal == "normal pulmonary vascularity"
    for phrase in phrases:
        for condition in CONDITIONS.values():
            assert condition.term not in phrase


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=lambda c: c.name)
def test_a_condition_refers_to_conditions(condition):
    others = {*condition.parents, *condition.conflicts}
    assert others <= set(CONDITIONS) - {condition.name}
    assert set(condition.grades) in (set(), {"mild", "moderate", "severe"})
    assert condition.sided or not condition.zones
    # A grandparent is a parent too, so that one look is enough.
    for parent in condition.parents:
        assert set(CONDITIONS[parent].parents) <= set(condition.parents)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"Lung Opacity": "absent", "Edema": "present"}, True),
        ({"Consolidation": "absent", "Pneumonia": "present"}, True),
        ({"Enlarged Cardiomediastinum": "absent", "Cardiomegaly": "present"}, True),
        ({"Enlarged Cardiomediastinum": "present", "Cardiomegaly": "absent"}, False),
        ({"Lung Opacity": "uncertain", "Edema": "present"}, False),
        ({"Lung Opacity": "absent", "Edema": "uncertain"}, False),
        ({"Lung Opacity": "absent", "Pneumothorax": "present"}, False),
        ({}, False),
    ],
)
def test_the_hierarchy(labels, expected):
    assert CONDITIONS.contradicts_hierarchy(labels) is expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            {"Consolidation": "absent", "Lung Opacity": "present"},
            [("Consolidation", "Lung Opacity")],
        ),
        ({"Pneumothorax": "absent", "Atelectasis": "present"}, [("Pneumothorax", "Atelectasis")]),
        ({"Consolidation": "uncertain", "Lung Opacity": "present"}, []),
        ({"Consolidation": "absent", "Lung Opacity": "absent"}, []),
        ({"Edema": "absent", "Lung Opacity": "present"}, []),
    ],
)
def test_phrases_that_contradict_a_finding(labels, expected):
    assert CONDITIONS.phrase_conflicts(labels) == expected


HEAD_CT = """
Intracranial Hemorrhage:
  term: intracranial hemorrhage
  synonyms: [hemorrhage*, ICH]
  decoys: [retinal hemorrhage*]
  normal: normal brain density
  phrase_class: broader
  sided: yes
  zones: [frontal, parietal]
  grades: {mild: small, moderate: moderate, severe: large}
  conflicts: [Infarct]
Infarct:
  term: infarct
  counted: yes
  synonyms: [infarction]
  sided: yes
Midline Shift:
  term: midline shift
  normal: midline structures in place
  phrase_class: equivalent
  labelled: no
"""


@pytest.fixture
def head_ct(tmp_path):
    """A table of another modality."""
    file = tmp_path / "head.yaml"
    file.write_text(HEAD_CT, encoding="utf-8")
    return load_conditions(file)


def test_another_table_is_a_table_of_its_own(head_ct):
    assert list(head_ct) == ["Intracranial Hemorrhage", "Infarct", "Midline Shift"]
    assert head_ct.labelled() == ["Intracranial Hemorrhage", "Infarct"]
    hemorrhage = head_ct["Intracranial Hemorrhage"]
    assert hemorrhage.sided and hemorrhage.takes_zone("frontal")
    assert not hemorrhage.takes_zone("apical") and not hemorrhage.takes_zone(None)
    labels = {"Intracranial Hemorrhage": "absent", "Infarct": "present"}
    assert head_ct.phrase_conflicts(labels) == [("Intracranial Hemorrhage", "Infarct")]
    assert not head_ct["Infarct"].grades
    assert head_ct["Infarct"].normal is None
    assert len(CONDITIONS.labelled()) == 13 and "Infarct" not in CONDITIONS


def test_sentences_follow_the_table(head_ct):
    text = "No ICH or midline shift, retinal hemorrhage, pneumothorax; small left infarct."
    assert facts_of(text, head_ct) == {
        Fact("Intracranial Hemorrhage", "absent"),
        Fact("Midline Shift", "absent"),
        Fact("Infarct", "present", "left"),
    }
    facts = [
        Fact("Intracranial Hemorrhage", "absent"),
        Fact("Infarct", "present", "right"),
        Fact("Midline Shift", "absent"),
    ]
    denied = [facts[0], facts[2]]
    for style in STYLES:
        said = sentence(facts, style, "negated", head_ct)
        assert facts_of(said, head_ct) == set(facts)
        said = sentence(denied, style, "affirmative", head_ct)
        assert facts_of(said, head_ct) == set(denied)
    assert facts_of("No edema.") == {Fact("Edema", "absent")}


def test_zones_of_another_table_are_read(head_ct):
    fact = Fact("Intracranial Hemorrhage", "present", "left", "frontal", "mild")
    text = sentence([fact], next(iter(STYLES)), "negated", head_ct)
    assert facts_of(text, head_ct) == {fact}


def test_names_may_have_capitals(tmp_path):
    file = tmp_path / "t.yaml"
    file.write_text(
        "A: {term: CT sign, normal: Normal CT, phrase_class: broader, "
        "grades: {mild: Small, moderate: Middling, severe: Large}}"
    )
    table = load_conditions(file)
    for text in ("No CT sign.", "normal ct", "Normal CT."):
        assert facts_of(text, table) == {Fact("A", "absent")}


def test_equal_tables_are_one_key(head_ct):
    again = load_conditions(DEFAULT_TABLE)
    assert again == CONDITIONS and hash(again) == hash(CONDITIONS) and again is not CONDITIONS
    assert head_ct != CONDITIONS
    # Of equal names, but not equal.
    other = Conditions({name: Condition(name, f"other {name}") for name in head_ct})
    assert hash(other) == hash(head_ct) and other != head_ct
    assert facts_of("No infarct.", head_ct) and not facts_of("No infarct.", other)
    assert facts_of("No other infarct.", other) == {Fact("Infarct", "absent")}


def test_fields_have_defaults(tmp_path):
    (tmp_path / "t.yaml").write_bytes(b"\xef\xbb\xbfA: {term: a, normal: null, zones: [upper]}\n")
    assert load_conditions(tmp_path / "t.yaml") == {"A": Condition("A", "a", zones=("upper",))}
    assert Condition("A", "a").labelled


@pytest.mark.parametrize(
    ("zone", "takes"),
    [
        ("upper", True),
        ("lower", True),
        ("apical", True),
        ("retrocardiac", True),
        (None, False),
        ("left", False),
        ("", False),
    ],
)
def test_a_part_of_a_zone_is_said_where_the_zone_is(zone, takes):
    assert CONDITIONS["Lung Opacity"].takes_zone(zone) is takes
    assert not CONDITIONS["Pneumothorax"].takes_zone(zone)


MALFORMED = {
    "empty": "",
    "a list": "- A",
    "a word": "A",
    "no fields": "A:",
    "a list of fields": "A: [term]",
    "no term": "A: {sided: yes}",
    "null term": "A: {term: }",
    "empty term": "A: {term: ''}",
    "blank term": "A: {term: ' '}",
    "number as term": "A: {term: 1}",
    "yes as term": "A: {term: yes}",
    "unknown field": "A: {term: a, colour: red}",
    "number as field": "A: {term: a, 1: b}",
    "synonyms in one text": "A: {term: a, synonyms: b}",
    "empty synonym": "A: {term: a, synonyms: ['']}",
    "a star alone": "A: {term: a, synonyms: ['*']}",
    "no text in synonyms": "A: {term: a, synonyms: [no]}",
    "number as side": "A: {term: a, sided: 1}",
    "text as side": "A: {term: a, sided: left}",
    "zones in one text": "A: {term: a, zones: upper}",
    "zone with capitals": "A: {term: a, zones: [Up]}",
    "empty zone": "A: {term: a, zones: ['']}",
    "two grades": "A: {term: a, grades: {mild: x, severe: y}}",
    "four grades": "A: {term: a, grades: {mild: a, moderate: b, severe: c, awful: d}}",
    "no grades": "A: {term: a, grades: {}}",
    "a list of grades": "A: {term: a, grades: [mild]}",
    "grades that are no words": "A: {term: a, grades: {mild: 1, moderate: [2], severe: }}",
    "phrase without class": "A: {term: a, normal: b}",
    "class without phrase": "A: {term: a, phrase_class: broader}",
    "another class": "A: {term: a, normal: b, phrase_class: c}",
    "empty phrase": "A: {term: a, normal: '', phrase_class: broader}",
    "unknown parent": "A: {term: a, parents: [B]}",
    "own parent": "A: {term: a, parents: [A]}",
    "unknown conflict": "A: {term: a, conflicts: [B]}",
    "own conflict": "A: {term: a, conflicts: [A]}",
    "one term twice": "A: {term: a}\nB: {term: a}",
    "one phrase twice": "A: {term: a, normal: x, phrase_class: broader}\n"
    "B: {term: b, normal: x, phrase_class: broader}",
    "one condition twice": "A: {term: a}\nA: {term: b}",
    "no finding": "No Finding: {term: a}",
    "no YAML": "A: [",
    "a tab": "A:\n\t- x",
    "two documents": "A: {term: a}\n---\nB: {term: b}",
    "a Python object": "!!python/tuple [a]",
    "no date": "A: 2001-99-99",
    "wrong tag bool": "A: !!bool x",
    "wrong tag int": "A: !!int ''",
    "wrong tag time": "A: !!timestamp x",
    "deep": "[" * 1_500,
    "NUL": "A: \0",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_tables_are_refused(tmp_path, name):
    file = tmp_path / "t.yaml"
    file.write_text(MALFORMED[name], encoding="utf-8")
    with pytest.raises(InputError, match=r"t\.yaml.*: found .*, expected "):
        load_conditions(file)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_other_encodings_are_refused(tmp_path, encoding):
    (tmp_path / "t.yaml").write_bytes("Ä: {term: ä}".encode(encoding))
    with pytest.raises(InputError, match="bytes that are not UTF-8"):
        load_conditions(tmp_path / "t.yaml")


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "gone.yaml"):
        with pytest.raises(InputError, match="expected a table of conditions"):
            load_conditions(path)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
scalars |= st.sampled_from(["mild", "broader", "A", "B", "upper"])
cells = scalars | st.lists(scalars, max_size=3) | st.dictionaries(scalars, scalars, max_size=3)
names = st.sampled_from(list(Condition.__slots__)) | st.text(max_size=4)
rows = st.dictionaries(names, cells, max_size=5).map(lambda row: {"term": "a"} | row) | cells


tables = st.dictionaries(st.sampled_from("AB") | scalars, rows, max_size=3)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | tables.map(lambda t: yaml.safe_dump(t, allow_unicode=True)))
@example("A: !!float ''")
def test_any_yaml_is_loaded_or_refused(tmp_path_factory, text):
    file = tmp_path_factory.mktemp("c") / "t.yaml"
    file.write_bytes(text.encode("utf-8", "replace"))
    try:
        table = load_conditions(file)
    except NastError:
        return
    for name, condition in table.items():
        assert condition.name == name
        assert {*condition.parents, *condition.conflicts} <= set(table) - {name}
        assert condition.term.strip()
        for zone in condition.zones:
            Fact(name, "present", zone=zone)
