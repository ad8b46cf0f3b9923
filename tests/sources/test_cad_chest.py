"""CAD-Chest: the quirks of the real file, and kept + set aside == entities."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import cad, only_nast_errors

from nast.errors import InputError
from nast.sources.cad_chest import DISEASES, GRADES, NO_GRADES, ZONES, read_cad_chest

YES = {"probability": "positive", "probability_score": 3}


def places(source):
    names = ("condition", "existence", "side", "zone", "severity")
    return source.facts.select(names).rows()


def one(tmp_path, name="pleural effusion", **entity):
    source = read_cad_chest(cad(tmp_path / "cad_disease.json", {name: YES | entity}))
    return places(source), source.counts


@pytest.mark.parametrize(
    ("score", "word", "existence"),
    [
        (3, "positive", "present"), (3, "change in", "present"), (-3, "no ", "absent"),
        (-3, "without", "absent"), (2, "likely", None), (1, "might", None),
        (0, "cannot be assessed", None), (-2, "unlikely", None), (None, "odd", None),
    ],
)  # fmt: skip
def test_only_definite_facts_are_kept(tmp_path, score, word, existence):
    facts, counts = one(tmp_path, probability=word, probability_score=score)
    assert [f[1] for f in facts] == ([existence] if existence else [])
    assert counts["kept" if existence else "set aside: uncertain"] == 1


def test_a_missing_probability_is_positive(tmp_path):
    source = read_cad_chest(cad(tmp_path / "c.json", {"edema": {"entity_name": "edema"}}))
    assert places(source) == [("Edema", "present", None, None, None)]


def test_keys_may_be_missing(tmp_path):
    file = cad(tmp_path / "c.json", {"pneumonia": {"probability_score": 3, "location": ["left"]}})
    assert places(read_cad_chest(file)) == [("Pneumonia", "present", "left", None, None)]


def test_an_absence_has_no_attributes(tmp_path):
    facts, _ = one(
        tmp_path, location=["left"], level=["small"], probability="no ", probability_score=-3
    )
    assert facts == [("Pleural Effusion", "absent", None, None, None)]


@pytest.mark.parametrize(
    ("tokens", "side", "zone"),
    [
        (None, None, None),
        ([], None, None),
        ("left", "left", None),
        (["left", "lower", "lung"], "left", "lower"),
        (["right-sided"], "right", None),
        (["bilateral"], "bilateral", None),
        (["bibasilar"], "bilateral", "lower"),
        (["right", "basal", "left"], "bilateral", "lower"),
        (["Left ", "middle", "lobe"], "left", "mid"),
        (["right", "mid", "to", "lower"], "right", None),
        (["right", "mid to lower"], "right", "lower"),
        (["left", "upper", "lower"], "left", None),
        (["area", "pleural"], None, None),
    ],
)
def test_locations(tmp_path, tokens, side, zone):
    facts, _ = one(tmp_path, "lung opacity", location=tokens)
    assert facts == [("Lung Opacity", "present", side, zone, None)]


def test_attributes_that_a_condition_does_not_have(tmp_path):
    facts, _ = one(tmp_path, "cardiomegaly", location=["left", "lower"], level=["mild"])
    assert facts == [("Cardiomegaly", "present", None, None, "mild")]
    facts, _ = one(tmp_path, "fracture", location=["left", "upper"], level=["severe"])
    assert facts == [("Fracture", "present", "left", None, None)]


@pytest.mark.parametrize(
    ("level", "severity", "unknown"),
    [
        (["trace"], "mild", 0), (["mild to moderate"], "moderate", 0), (["massive"], "severe", 0),
        ("small", "mild", 0), (["small", "minimal"], "mild", 0), (["mild", "severe"], None, 0),
        (["increasing"], None, 0), (["acute"], None, 0), (["mild", "increasing"], "mild", 0),
        (["gigantic"], None, 1), (["small", "gigantic"], "mild", 1), (None, None, 0),
    ],
)  # fmt: skip
def test_levels(tmp_path, level, severity, unknown):
    facts, counts = one(tmp_path, level=level)
    assert facts == [("Pleural Effusion", "present", None, None, severity)]
    assert counts.get("unknown level words", 0) == unknown


def test_vocabularies():
    assert len(GRADES) + len(NO_GRADES) == 18
    assert not set(GRADES) & set(NO_GRADES)
    assert GRADES["moderate to large"] == "severe"
    assert ZONES["retrocardiac"] == "retrocardiac"
    assert "heart failure" not in DISEASES


def test_a_second_instance_is_a_fact_of_its_own(tmp_path):
    facts, counts = one(
        tmp_path, location=["left"], level=["small"], location2=["right"], level2=["moderate"]
    )
    assert facts == [
        ("Pleural Effusion", "present", "left", None, "mild"),
        ("Pleural Effusion", "present", "right", None, "moderate"),
    ]
    assert counts["kept"] == 1
    assert len(one(tmp_path, location=["left"], location2=None)[0]) == 1


@pytest.mark.parametrize("subject", [10000032, "10000032", 10000032.0, " 10000032 "])
def test_ids_are_numbers_or_texts(tmp_path, subject):
    source = read_cad_chest(cad(tmp_path / "c.json", {"edema": YES}, subject_id=subject))
    assert source.studies["subject_id"].to_list() == ["10000032"]
    assert source.facts["subject_id"].to_list() == ["10000032"]


@pytest.mark.parametrize("study", [None, "", "s50", -5, 1.5, True, [1], "5\n0"])
def test_other_ids_are_refused(tmp_path, study):
    file = cad(tmp_path / "c.json", {}, study_id=study)
    with pytest.raises(InputError, match="row 1, column 'study_id'"):
        read_cad_chest(file)


@pytest.mark.parametrize("entity", [{}, None])
def test_no_entity_is_no_fact(tmp_path, entity):
    source = read_cad_chest(cad(tmp_path / "c.json", entity))
    assert len(source.facts) == 0
    assert source.counts == {"studies": 1}
    assert source.policy == "credentialed"


def test_names_may_have_blanks_and_others_are_counted(tmp_path):
    entities = {
        "edema ": YES, "tortuosity of the descending aorta ": YES, "heart failure": YES,
        "pneumonia": YES | {"probability_score": 2}, "enlargement of the cardiac silhouette": YES,
    }  # fmt: skip
    source = read_cad_chest(cad(tmp_path / "c.json", entities))
    assert sorted(source.facts["condition"]) == ["Cardiomegaly", "Edema"]
    assert source.facts["words"].to_list() == ["edema", "enlargement of the cardiac silhouette"]
    assert source.counts == {
        "studies": 1, "kept": 2, "set aside: other disease": 2, "set aside: uncertain": 1,
    }  # fmt: skip


def test_kept_and_set_aside_are_all_entities(phantom):
    records = json.loads((phantom / "cad_disease.json").read_text())
    counts = read_cad_chest(phantom / "cad_disease.json").counts
    kept = sum(n for what, n in counts.items() if what == "kept" or what.startswith("set aside"))
    assert kept == sum(len(r["entity"]) for r in records)


def test_a_study_stands_once(tmp_path):
    record = {"subject_id": 1, "study_id": 2, "entity": {}}
    (tmp_path / "c.json").write_text(json.dumps([record, record | {"study_id": "2"}]))
    with pytest.raises(InputError, match="row 2: found a study a second time"):
        read_cad_chest(tmp_path / "c.json")


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[1]", b"[", b"\xff\xfe", b'[{"subject_id": 1, "study_id": 2, "entity": [1]}]',
     b'[{"subject_id": 1, "study_id": 2, "entity": {"edema": 1}}]', b"[" * 100_000,
     b"[" + b"1" * 5000 + b"]", b'[{"subject_id": 1, "study_id": 2, "dicom_id": "\\ud800"}]'],
    ids=range(10),
)  # fmt: skip
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "c.json").write_bytes(data)
    with pytest.raises(InputError):
        read_cad_chest(tmp_path / "c.json")
    with pytest.raises(InputError, match="no such file"):
        read_cad_chest(tmp_path / "gone.json")


scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5)
words = st.sampled_from(["left", "right", "lower", "mild", "severe", "bilateral", "acute"])
values = scalars | words | st.lists(words | scalars, max_size=3) | st.just({})
keys = st.sampled_from(
    ["location", "level", "location2", "level2", "probability", "probability_score"]
)
entities = st.dictionaries(st.sampled_from(list(DISEASES)) | st.text(max_size=4),
                           st.dictionaries(keys, values) | scalars, max_size=3)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(entities | values, st.dictionaries(st.sampled_from(["study_id", "dicom_id"]), values))
def test_any_record_raises_only_our_errors(tmp_path_factory, entity, record):
    folder = tmp_path_factory.mktemp("c")
    only_nast_errors(lambda: read_cad_chest(cad(folder / "c.json", entity, **record)))
