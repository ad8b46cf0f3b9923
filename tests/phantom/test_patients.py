"""Phantom patients: reproducible, by patient, with attributes that their conditions have."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from nast.facts.conditions import CONDITIONS
from nast.phantom.patients import PRESENCE, patients, random_findings


def test_a_patient_depends_on_its_number_and_the_seed():
    few, many = patients(20, 4), patients(60, 4)
    assert many[: len(few)] == few
    assert patients(20, 5) != few
    ids = {s.subject_id for s in few} & {s.subject_id for s in patients(20, 5)}
    assert not ids


def test_ids_and_splits():
    studies = patients(400, 0)
    assert all(90_000_000 <= s.subject_id <= 99_999_999 for s in studies)
    assert len({s.study_id for s in studies}) == len(studies)
    splits = defaultdict(set)
    for study in studies:
        splits[study.subject_id].add(study.split)
    assert len(splits) == 400
    assert all(len(s) == 1 for s in splits.values())
    counts = Counter(next(iter(s)) for s in splits.values())
    # 50/20/30, three standard deviations: 30, 24, 28.
    assert abs(counts["train"] - 200) < 30
    assert abs(counts["validate"] - 80) < 24
    assert abs(counts["test"] - 120) < 28
    numbers = Counter(s.subject_id for s in studies)
    assert set(numbers.values()) == {1, 2, 3}


@pytest.mark.parametrize("seed", range(3))
def test_findings_have_the_attributes_of_their_condition(seed):
    rng = np.random.default_rng(seed)
    for _ in range(200):
        shown = random_findings(rng)
        names = [f.condition for f in shown]
        assert len(set(names)) == len(names)
        assert not {"Pleural Other", "Pleural Effusion"} <= set(names)
        assert not {"Atelectasis", "Pneumothorax"} <= set(names)
        for fact in shown:
            condition = CONDITIONS[fact.condition]
            assert (fact.side is not None) is condition.sided
            assert (fact.zone in condition.zones) if condition.zones else fact.zone is None
            assert (fact.severity is not None) is bool(condition.grades)


def test_frequencies():
    rng = np.random.default_rng(0)
    counts = Counter(f.condition for _ in range(2000) for f in random_findings(rng))
    for name in set(CONDITIONS.labelled()) - {"Pleural Other", "Atelectasis"}:
        assert counts[name] / 2000 == pytest.approx(PRESENCE[name], abs=0.035)


def test_facts_cover_all_conditions():
    study = next(s for s in patients(20, 0) if s.present)
    assert list(study.facts) == CONDITIONS.labelled()
    assert {f for f in study.facts.values() if f.existence == "present"} == set(study.present)
