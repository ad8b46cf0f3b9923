"""CAD-Chest: the quirks of the real file, and kept + set aside + refused == entities."""

import gzip
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import cad, only_nast_errors

from nast.errors import InputError, UsageError
from nast.sources.cad_chest import DISEASES, PROBABILITIES, read_cad_chest
from nast.sources.source import conserved, fact_columns

YES = {"probability": "positive", "probability_score": 3}


def places(source):
    names = ("condition", "existence", "side", "zone", "severity")
    return source.facts.select(names).rows()


def one(tmp_path, name="pleural effusion", **entity):
    source = read_cad_chest(cad(tmp_path / "cad_disease.json", {name: YES | entity}))
    assert conserved(source.annotations)
    return places(source), source.annotations | source.counts


WORDS = {
    3: ["positive", "change in"],
    2: ["probabl", "likely", "may", "could", "possibl"],
    1: [
        "potential",
        "might",
        "not exclude",
        "not rule out",
        "not ruled out",
        "difficult exclude",
        "difficult rule out",
        "impossible exclude",
    ],
    0: [
        "cannot be assessed",
        "cannot be identified",
        "cannot be evaluated",
        "cannot be confirmed",
        "cannot be accurately assessed",
    ],
    -2: ["unlikely"],
    -3: ["no ", "without", "negative", "clear of", "lack of", "exclude", "rule out", "ruled out"],
}
"""The 29 probability words of the frontal subset, with the blank as in the data."""
BY_WORD = [(word, score) for score, words in WORDS.items() for word in words]


def test_the_vocabulary_of_probabilities():
    assert len(BY_WORD) == 29
    assert {word.strip(): score for word, score in BY_WORD}.items() <= PROBABILITIES.items()


@pytest.mark.parametrize(("word", "score"), BY_WORD)
@pytest.mark.parametrize("number", [True, False], ids=["number and word", "word alone"])
def test_only_definite_facts_are_kept(tmp_path, score, word, number):
    facts, counts = one(tmp_path, probability=word, probability_score=score if number else None)
    assert [f[1] for f in facts] == {3: ["present"], -3: ["absent"]}.get(score, [])
    assert counts["kept" if facts else "set aside: uncertain"] == 1
    assert counts["present"] == 1
    assert "scores unlike their words" not in counts


@pytest.mark.parametrize(
    ("cut", "present", "absent"), [(1, {1, 2, 3}, {-2, -3}), (2, {2, 3}, {-2, -3}), (3, {3}, {-3})]
)
def test_the_cut_is_an_option(tmp_path, cut, present, absent):
    for score, words in WORDS.items():
        entity = {"edema": {"probability": words[0], "probability_score": score}}
        source = read_cad_chest(cad(tmp_path / "c.json", entity), cut)
        existence = [f[1] for f in places(source)]
        assert existence == ["present"] * (score in present) + ["absent"] * (score in absent)
        assert source.annotations.get("set aside: uncertain", 0) == 1 - len(existence)


@pytest.mark.parametrize("cut", [0, 4, -3, 2.5])
def test_another_cut_is_refused(tmp_path, cut):
    with pytest.raises(UsageError, match="CAD-Chest's scores allow 1, 2 or 3"):
        read_cad_chest(cad(tmp_path / "c.json", {}), cut)


@pytest.mark.parametrize(
    ("score", "existence"),
    [
        (3, "present"),
        (3.0, "present"),
        ("3", "present"),
        (" -3 ", "absent"),
        (-3.0, "absent"),
        (math.nan, None),
        (math.inf, None),
        (True, None),
        (False, None),
        (7, None),
        (-1, None),
        (2.5, None),
        ("", None),
        ("high", None),
        ("33", None),
        ([3], None),
        ({}, None),
        (10**400, None),
    ],
    ids=lambda value: str(value)[:9],
)
def test_scores_are_numbers_or_texts_and_others_are_refused(tmp_path, score, existence):
    facts, counts = one(tmp_path, probability_score=score)
    assert [f[1] for f in facts] == ([existence] if existence else [])
    assert counts.get("refused: unknown score", 0) == (existence is None)


def test_an_unknown_word_is_counted_and_the_number_holds(tmp_path):
    facts, counts = one(tmp_path, probability="surely", probability_score=3)
    assert (len(facts), counts["unknown probability words"]) == (1, 1)
    facts, counts = one(tmp_path, probability="no ", probability_score=3)
    assert (facts[0][1], counts["scores unlike their words"]) == ("present", 1)
    facts, counts = one(tmp_path, probability="odd", probability_score=None)
    assert (facts, counts["refused: unknown score"]) == ([], 1)


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


TOKENS = {
    "left": ("left", None),
    "right": ("right", None),
    "bilateral": ("bilateral", None),
    "bibasilar": ("bilateral", "lower"),
    "basal": (None, "lower"),
    "basilar": (None, "lower"),
    "base": (None, "lower"),
    "lung": (None, None),
    "lobe": (None, None),
    "apical": (None, "apical"),
    "apicolateral": (None, "apical"),
    "lower": (None, "lower"),
    "upper": (None, "upper"),
    "middle": (None, "mid"),
    "mid": (None, "mid"),
    "to": (None, None),
    "mid to lower": (None, "lower"),
    "retrocardiac": (None, "retrocardiac"),
    "rib": (None, None),
    "pleural": (None, None),
    "pericardial": (None, None),
    "area": (None, None),
    "left-sided": ("left", None),
    "right-sided": ("right", None),
}
"""The 24 location tokens -> side and zone."""


@pytest.mark.parametrize("token", TOKENS)
def test_every_location_token(tmp_path, token):
    assert len(TOKENS) == 24
    facts, counts = one(tmp_path, "lung opacity", location=[token])
    assert facts == [("Lung Opacity", "present", *TOKENS[token], None)]
    assert "unknown location words" not in counts


@pytest.mark.parametrize(
    ("tokens", "side", "zone"),
    [
        (None, None, None),
        ([], None, None),
        ("left", "left", None),
        (["left", "lower", "lung"], "left", "lower"),
        (["lower", "right"], "right", "lower"),
        (["right", "basal", "left"], "bilateral", "lower"),
        (["bilateral", "left"], "bilateral", None),
        (["left", "left-sided"], "left", None),
        (["left", "retrocardiac", "area"], "left", "retrocardiac"),
        (["right", "apical", "pleural"], "right", "apical"),
        (["Left ", "middle", "lobe"], "left", "mid"),
        (["right", "mid", "to", "lower"], "right", None),
        (["right", "mid to lower"], "right", "lower"),
        (["left", "upper", "lower"], "left", None),
        ({"left": 1}, None, None),
    ],
)
def test_locations(tmp_path, tokens, side, zone):
    facts, _ = one(tmp_path, "lung opacity", location=tokens)
    assert facts == [("Lung Opacity", "present", side, zone, None)]


@pytest.mark.parametrize("tokens", [["hilum"], ["left", "left lower"], [None], [3]])
def test_other_location_words_are_counted(tmp_path, tokens):
    assert one(tmp_path, location=tokens)[1]["unknown location words"] == 1


def test_attributes_that_a_condition_does_not_have(tmp_path):
    facts, _ = one(tmp_path, "cardiomegaly", location=["left", "lower"], level=["mild"])
    assert facts == [("Cardiomegaly", "present", None, None, "mild")]
    facts, _ = one(tmp_path, "fracture", location=["left", "upper"], level=["severe"])
    assert facts == [("Fracture", "present", "left", None, None)]


LEVELS = {
    "mild": ["minimal", "minimally", "mild", "mildly", "small", "trace", "minor", "subtle"],
    "moderate": ["moderate", "moderately", "mild to moderate"],
    "severe": ["severe", "massive", "moderate to severe", "moderate to large"],
    None: ["increasing", "decreasing", "acute"],
}
"""The 18 words of `level`; the last are not severities."""


@pytest.mark.parametrize(("severity", "word"), [(s, w) for s, ws in LEVELS.items() for w in ws])
def test_every_level_word(tmp_path, severity, word):
    assert sum(map(len, LEVELS.values())) == 18
    for level in (word, [word], [f" {word.upper()} ", "acute"]):
        facts, counts = one(tmp_path, level=level)
        assert facts == [("Pleural Effusion", "present", None, None, severity)]
        assert "unknown level words" not in counts


@pytest.mark.parametrize(
    ("level", "severity", "unknown"),
    [
        (["small", "minimal"], "mild", 0),
        (["mild", "severe"], None, 0),
        (["mild", "increasing"], "mild", 0),
        (["large"], None, 1),
        (["small", "gigantic"], "mild", 1),
        (["gigantic", 3], None, 2),
        ([], None, 0),
        (None, None, 0),
        (7, None, 0),
    ],
)
def test_levels(tmp_path, level, severity, unknown):
    facts, counts = one(tmp_path, level=level)
    assert facts == [("Pleural Effusion", "present", None, None, severity)]
    assert counts.get("unknown level words", 0) == unknown


NAMES = {
    "pneumothorax": "Pneumothorax",
    "atelectasis": "Atelectasis",
    "edema": "Edema",
    "pleural effusion": "Pleural Effusion",
    "lung opacity": "Lung Opacity",
    "consolidation": "Consolidation",
    "pleural thickening": "Pleural Other",
    "pneumonia": "Pneumonia",
    "emphysema": "Emphysema",
    "fracture": "Fracture",
    "vascular congestion": "Vascular Congestion",
    "cardiomegaly": "Cardiomegaly",
    "enlargement of the cardiac silhouette": "Cardiomegaly",
    **dict.fromkeys(
        [
            "tortuosity of the thoracic aorta",
            "calcification",
            "hilar congestion",
            "scoliosis",
            "blunting of the costophrenic angle",
            "heart failure",
            "hernia",
            "granuloma",
            "hematoma",
            "pneumomediastinum",
            "tortuosity of the descending aorta ",
            "contusion",
            "air collection",
            "gastric distention",
            "hypoxemia",
            "hypertensive heart disease",
            "thymoma",
        ]
    ),
}
"""The 30 diseases, with the blank as in the data, and what becomes of them."""


@pytest.mark.parametrize("name", NAMES)
def test_every_disease(tmp_path, name):
    assert len(NAMES) == len(DISEASES) == 30
    facts, counts = one(tmp_path, name)
    assert [f[0] for f in facts] == ([NAMES[name]] if NAMES[name] else [])
    assert counts["kept" if facts else "set aside: other disease"] == 1


def test_a_disease_of_no_list_is_counted_apart(tmp_path):
    assert one(tmp_path, "the plague")[1]["set aside: unknown disease"] == 1


@pytest.mark.parametrize(
    ("name", "zone", "severity"),
    [
        ("pneumothorax", None, "mild"),
        ("atelectasis", "apical", "mild"),
        ("edema", None, "mild"),
        ("pleural effusion", None, "mild"),
        ("lung opacity", "apical", "mild"),
        ("consolidation", "apical", None),
        ("pneumonia", "apical", None),
        ("cardiomegaly", None, "mild"),
        ("emphysema", None, "mild"),
        ("vascular congestion", None, "mild"),
        ("fracture", None, None),
    ],
)
def test_each_condition_has_its_own_attributes(tmp_path, name, zone, severity):
    ((_, _, side, *rest),), _ = one(tmp_path, name, location=["left", "apical"], level=["mild"])
    assert rest == [zone, severity]
    assert side == (
        None if name in ("edema", "cardiomegaly", "emphysema", "vascular congestion") else "left"
    )


def test_a_pericardial_effusion_is_no_pleural_one(tmp_path):
    """The authors' word list takes any effusion for a pleural one."""
    facts, counts = one(tmp_path, location=["pericardial"])
    assert (facts, counts["set aside: pericardial effusion"]) == ([], 1)
    absent = {"probability": "no ", "probability_score": -3}
    assert one(tmp_path, location=["pericardial"], **absent)[0] == []
    assert one(tmp_path, "calcification", location=["pericardial"])[0] == []
    assert len(one(tmp_path, "lung opacity", location=["pericardial"])[0]) == 1
    facts, _ = one(tmp_path, location=["left"], location2=["pericardial"])
    assert facts == [("Pleural Effusion", "present", "left", None, None)]


def test_a_second_instance_is_a_fact_of_its_own(tmp_path):
    facts, counts = one(
        tmp_path, location=["left"], level=["small"], location2=["right"], level2=["moderate"]
    )
    assert facts == [
        ("Pleural Effusion", "present", "left", None, "mild"),
        ("Pleural Effusion", "present", "right", None, "moderate"),
    ]
    assert (counts["kept"], counts["second instances"]) == (1, 1)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"location2": ["right"]}, [("left", "mild"), ("right", None)]),
        ({"level2": ["severe"]}, [("left", "mild"), (None, "severe")]),
        ({"location2": "right"}, [("left", "mild"), ("right", None)]),
        ({"location2": None, "level2": None}, [("left", "mild")]),
        ({"location2": [], "level2": []}, [("left", "mild")]),
        ({"type2": ["loculated"], "post_location2": "x"}, [("left", "mild")]),
    ],
)
def test_a_second_instance_has_a_place_or_a_level(tmp_path, second, expected):
    facts, _ = one(tmp_path, location=["left"], level=["small"], **second)
    assert [(f[2], f[4]) for f in facts] == expected


def test_an_absence_has_one_instance(tmp_path):
    facts, counts = one(tmp_path, probability="no ", probability_score=-3, location2=["left"])
    assert facts == [("Pleural Effusion", "absent", None, None, None)]
    assert "second instances" not in counts


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
    assert source.access == "credentialed"


def test_names_may_have_blanks_and_others_are_counted(tmp_path):
    entities = {
        "edema ": YES,
        "tortuosity of the descending aorta ": YES,
        "heart failure": YES,
        "pneumonia": {"probability": "likely", "probability_score": 2},
        "enlargement of the cardiac silhouette": YES,
    }
    source = read_cad_chest(cad(tmp_path / "c.json", entities))
    assert sorted(source.facts["condition"]) == ["Cardiomegaly", "Edema"]
    assert source.facts["words"].to_list() == ["edema", "enlargement of the cardiac silhouette"]
    assert source.counts == {"studies": 1}
    assert source.annotations == {
        "present": 5,
        "kept": 2,
        "set aside: other disease": 2,
        "set aside: uncertain": 1,
    }


def test_words_are_those_of_the_report(tmp_path):
    entities = {
        "pleural effusion": YES | {"report_name": " effusions "},
        "edema ": YES | {"report_name": " "},
        "pneumonia": YES | {"report_name": None},
        "fracture": YES | {"report_name": ["fx"]},
        "lung opacity": YES | {"report_name": "\ud800 opacity"},
    }
    source = read_cad_chest(cad(tmp_path / "c.json", entities))
    assert source.facts["words"].to_list() == [
        "effusions",
        "edema",
        "pneumonia",
        "fracture",
        "? opacity",
    ]
    assert set(source.facts["source"]) == {"cad-chest"}
    assert source.facts.columns == fact_columns()


def test_gzip_and_plain_files_are_the_same(tmp_path):
    file = cad(tmp_path / "c.json", {"edema": YES, "pneumonia": YES | {"location": ["left"]}})
    plain = read_cad_chest(file)
    zipped = tmp_path / "cad_disease.json.gz"
    zipped.write_bytes(gzip.compress(file.read_bytes()))
    source = read_cad_chest(zipped)
    assert source.facts.equals(plain.facts) and source.studies.equals(plain.studies)


def test_all_entities_of_a_tree_are_accounted_for(phantom):
    records = json.loads((phantom / "cad_disease.json").read_text())
    account = read_cad_chest(phantom / "cad_disease.json").annotations
    assert conserved(account)
    assert account["present"] == sum(len(r["entity"]) for r in records) > 100


def test_entities_that_are_no_objects_are_refused_and_counted(tmp_path):
    source = read_cad_chest(
        cad(tmp_path / "c.json", {"edema": 1, "pneumonia": None, "fracture": YES})
    )
    assert source.annotations == {"present": 3, "kept": 1, "refused: not an object": 2}


def test_the_view_is_not_read(tmp_path):
    """It holds leaked orientations such as Erect; the metadata's is better."""
    source = read_cad_chest(cad(tmp_path / "c.json", {}, view="Erect", study_order=3))
    assert source.studies["view"].to_list() == [""]
    assert source.studies["image_path"].to_list() == ["files/p10/p10000032/s50414267/d.jpg"]


@pytest.mark.parametrize("dicom", ["../x", "a/b", "a b", "a.jpg", "é", "x\n", [1]])
def test_other_dicom_ids_are_refused(tmp_path, dicom):
    with pytest.raises(InputError, match=r"row 1, column 'dicom_id': found .*, expected letters"):
        read_cad_chest(cad(tmp_path / "c.json", {}, dicom_id=dicom))


@pytest.mark.parametrize("dicom", [None, ""])
def test_a_study_may_have_no_image(tmp_path, dicom):
    source = read_cad_chest(cad(tmp_path / "c.json", {}, dicom_id=dicom))
    assert source.studies["image_path"].to_list() == [""]


def test_a_study_stands_once(tmp_path):
    record = {"subject_id": 1, "study_id": 2, "entity": {}}
    (tmp_path / "c.json").write_text(json.dumps([record, record | {"study_id": "2"}]))
    with pytest.raises(InputError, match="row 2: found a study a second time"):
        read_cad_chest(tmp_path / "c.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        b"[",
        b"\xff\xfe",
        b'[{"subject_id": 1, "study_id": 2, "entity": [1]}]',
        b'[{"subject_id": 1, "study_id": 2, "entity": "edema"}]',
        b"[" * 100_000,
        b"[" + b"1" * 5000 + b"]",
        b'[{"subject_id": 1, "study_id": 2, "dicom_id": "\\ud800"}]',
    ],
    ids=range(10),
)
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
    ["location", "level", "location2", "level2", "probability", "probability_score", "report_name"]
)
entities = st.dictionaries(
    st.sampled_from(list(NAMES)) | st.text(max_size=4),
    st.dictionaries(keys, values) | scalars,
    max_size=3,
)


@settings(max_examples=80, deadline=None)
@given(entities | values, st.dictionaries(st.sampled_from(["study_id", "dicom_id"]), values))
def test_any_record_raises_only_our_errors(tmp_path_factory, entity, record):
    folder = tmp_path_factory.mktemp("c")
    only_nast_errors(lambda: read_cad_chest(cad(folder / "c.json", entity, **record)))


@settings(max_examples=80, deadline=None)
@given(st.lists(entities, max_size=3), st.integers(1, 3))
def test_every_entity_is_accounted_for(tmp_path_factory, entities, cut):
    records = [{"subject_id": 1, "study_id": i, "entity": e} for i, e in enumerate(entities)]
    file = tmp_path_factory.mktemp("c") / "c.json"
    file.write_text(json.dumps(records))
    source = read_cad_chest(file, cut)
    assert conserved(source.annotations)
    assert source.annotations["present"] == sum(map(len, entities))
    instances = source.annotations["kept"] + source.counts.get("second instances", 0)
    assert len(source.facts) == instances
    assert len(source.studies) == len(records)
