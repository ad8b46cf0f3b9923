"""The drawn films: the same bytes for the same seed, and every sign where the fact puts it."""

import os
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest

from nast.facts.conditions import CONDITIONS
from nast.phantom.anatomy import Anatomy
from nast.phantom.draw import chest_shape, draw_frontal, drawn_findings
from nast.phantom.lateral import draw_lateral
from nast.records import Fact

SIZE = 96
GRADED = [name for name in CONDITIONS.labelled() if CONDITIONS[name].grades]
SIDED = [name for name in CONDITIONS.labelled() if CONDITIONS[name].sided]
ZONED = [name for name in CONDITIONS.labelled() if CONDITIONS[name].zones]
STRAIGHT = Anatomy(noise=0.0)


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


@lru_cache
def healthy(seed: int, anatomy: Anatomy | None) -> np.ndarray:
    return draw_frontal([], rng(seed), SIZE, anatomy).astype(float)


def change(*facts: Fact, seed: int = 5, anatomy: Anatomy | None = None) -> np.ndarray:
    """Absolute difference between a film with the facts and the same patient's without them."""
    return np.abs(draw_frontal(facts, rng(seed), SIZE, anatomy) - healthy(seed, anatomy))


@pytest.mark.parametrize("draw", [draw_frontal, draw_lateral])
@pytest.mark.parametrize("size", [64, 112, 225])
def test_films_are_grey_squares(draw, size):
    film = draw([Fact("Edema", "present", severity="mild")], rng(), size)
    assert film.shape == (size, size)
    assert film.dtype == np.uint8
    assert film.std() > 30


@pytest.mark.parametrize("draw", [draw_frontal, draw_lateral])
def test_the_same_seed_gives_the_same_bytes(draw):
    facts = [Fact(name, "present") for name in CONDITIONS.labelled()]
    first = draw(facts, rng(), SIZE)
    assert np.array_equal(first, draw(facts, rng(), SIZE))
    assert np.array_equal(first, draw(facts[::-1], rng(), SIZE))
    assert not np.array_equal(first, draw(facts, rng(6), SIZE))


@pytest.mark.parametrize("draw", [draw_frontal, draw_lateral])
def test_absent_facts_change_nothing(draw):
    facts = [Fact(name, "absent") for name in CONDITIONS.labelled()]
    assert np.array_equal(draw(facts, rng(), SIZE), draw([], rng(), SIZE))


@pytest.mark.parametrize("facts", [[], [Fact("Fracture", "present")]])
def test_one_number_is_taken_from_the_generator(facts):
    used, fresh = rng(), rng()
    draw_frontal(facts, used, SIZE)
    fresh.integers(0, 2**63)
    assert used.integers(1000) == fresh.integers(1000)


@pytest.mark.parametrize("condition", CONDITIONS.labelled())
@pytest.mark.parametrize("seed", [1, 2])
def test_every_condition_shows(condition, seed):
    assert (change(Fact(condition, "present"), seed=seed) > 10).sum() > 40


@pytest.mark.parametrize("condition", SIDED)
def test_sides_are_the_patients(condition):
    half = SIZE // 2
    left = change(Fact(condition, "present", side="left"), anatomy=STRAIGHT)
    right = change(Fact(condition, "present", side="right"), anatomy=STRAIGHT)
    both = change(Fact(condition, "present", side="bilateral"), anatomy=STRAIGHT)
    # A collapsed lung moves the mediastinum and so changes the other half as well.
    more = 1.5 if condition in ("Atelectasis", "Pneumothorax") else 3
    assert left[:, half:].sum() > more * left[:, :half].sum()
    assert right[:, :half].sum() > more * right[:, half:].sum()
    assert 0.4 < both[:, half:].sum() / both[:, :half].sum() < 2.5


@pytest.mark.parametrize("condition", [c for c in ZONED if c != "Atelectasis"])
def test_zones_lie_below_each_other(condition):
    heights = []
    for zone in ("upper", "mid", "lower"):
        rows = change(Fact(condition, "present", "right", zone), anatomy=STRAIGHT).sum(axis=1)
        heights.append((rows * np.arange(SIZE)).sum() / rows.sum() / SIZE)
    assert heights[0] + 0.08 < heights[1] < heights[2] - 0.08


@pytest.mark.parametrize("condition", ZONED)
@pytest.mark.parametrize("zone", ["apical", "retrocardiac"])
def test_special_zones_show(condition, zone):
    assert (change(Fact(condition, "present", "left", zone)) > 8).sum() > 30


@pytest.mark.parametrize("condition", GRADED)
@pytest.mark.parametrize("seed", [1, 2])
def test_severity_grows(condition, seed):
    side = "right" if condition in SIDED else None
    zone = "lower" if condition in ZONED else None
    areas = [
        (change(Fact(condition, "present", side, zone, grade), seed=seed) > 10).sum()
        for grade in ("mild", "moderate", "severe")
    ]
    assert 1.15 * areas[0] < areas[1]
    assert 1.15 * areas[1] < areas[2]


@pytest.mark.parametrize(
    ("severity", "expected"), [(None, 0.45), ("mild", 0.56), ("moderate", 0.635), ("severe", 0.72)]
)
def test_the_heart_is_as_wide_as_its_ratio(severity, expected):
    facts = [Fact("Cardiomegaly", "present", severity=severity)] if severity else []
    findings = drawn_findings(facts, int(rng().integers(0, 2**63)))
    ratio = chest_shape(STRAIGHT, findings).heart_fraction
    assert ratio == pytest.approx(expected, abs=0.015)
    film = draw_frontal(facts, rng(), 224, STRAIGHT)
    bright = film[100:158] > 150
    reach = [np.argmin(half, axis=1).max() for half in (bright[:, 112:], bright[:, 111::-1])]
    assert sum(reach) / 224 / (2 * STRAIGHT.width) == pytest.approx(ratio, abs=0.04)


def test_a_finding_leaves_the_other_lung_as_it_was():
    difference = change(Fact("Lung Lesion", "present", "left", "upper"))
    assert difference[:, : SIZE // 2 - 8].max() == 0


def test_another_finding_does_not_move_the_first():
    lesion = Fact("Lung Lesion", "present", "right", "upper")
    opacity = Fact("Consolidation", "present", "left", "lower")
    together = draw_frontal([lesion, opacity], rng(), SIZE)[:, : SIZE // 2 - 8]
    assert np.array_equal(together, draw_frontal([lesion], rng(), SIZE)[:, : SIZE // 2 - 8])


def test_a_given_anatomy_keeps_the_findings():
    body = Anatomy.sample(rng(9))
    assert body == Anatomy.sample(rng(9))
    assert body != Anatomy.sample(rng(10))
    assert not np.array_equal(draw_frontal([], rng(), SIZE, body), draw_frontal([], rng(), SIZE))


@pytest.mark.parametrize("seed", range(3))
def test_many_findings_do_not_saturate(seed):
    film = draw_frontal([Fact(name, "present") for name in CONDITIONS.labelled()], rng(seed), SIZE)
    assert (film == 255).mean() < 0.02


@pytest.mark.parametrize("condition", ["Cardiomegaly", "Pleural Effusion", "Lung Opacity"])
def test_the_lateral_film_shows_the_main_findings(condition):
    areas = []
    plain = draw_lateral([], rng(), SIZE).astype(float)
    for grade in ("mild", "moderate", "severe"):
        film = draw_lateral([Fact(condition, "present", severity=grade)], rng(), SIZE)
        areas.append((np.abs(film - plain) > 10).sum())
    assert 10 < areas[0] < areas[1] < areas[2]


HASHES = """
import hashlib
import numpy as np
from nast.phantom.draw import draw_frontal
from nast.phantom.lateral import draw_lateral
from nast.phantom.patients import patients

for study in patients(25, 3):
    for draw in (draw_frontal, draw_lateral):
        film = draw(study.present, np.random.default_rng(study.seed), 160)
        print(hashlib.sha256(film.tobytes()).hexdigest())
"""


def test_films_are_the_same_on_every_processor():
    """Numpy's and OpenBLAS's kernels for other processors give the last digit differently."""
    found = [
        subprocess.run(
            [sys.executable, "-c", HASHES],
            env=os.environ | kernels,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for kernels in ({}, {"NPY_DISABLE_CPU_FEATURES": " ".join(dispatched())}, OTHER_BLAS)
    ]
    assert len(found[0]) > 50
    assert found[0] == found[1] == found[2]


OTHER_BLAS = {"OPENBLAS_CORETYPE": "Nehalem"}


def dispatched():
    """The kernels beyond the baseline that numpy has for this processor."""
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    return [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
