"""Phantom patients: who has what, before anything is drawn or written.

All thirteen conditions of the package's own table, with side, zone and severity where they have
them: a drawing exists of these alone, so a phantom takes no other table. The frequencies are
chosen so that a few hundred patients fill every part of the benchmark; they are not clinical.
"""

from dataclasses import dataclass

import numpy as np

from nast.facts.conditions import CONDITIONS
from nast.hashes import seed_of
from nast.records import Fact

PRESENCE = {
    "Atelectasis": 0.20,
    "Cardiomegaly": 0.26,
    "Consolidation": 0.18,
    "Edema": 0.16,
    "Enlarged Cardiomediastinum": 0.18,
    "Fracture": 0.18,
    "Lung Lesion": 0.20,
    "Lung Opacity": 0.16,
    "Pleural Effusion": 0.30,
    "Pleural Other": 0.16,
    "Pneumonia": 0.16,
    "Pneumothorax": 0.22,
    "Support Devices": 0.26,
}
"""Probability that a study shows a condition."""
FIRST_SUBJECT = 90_000_000
"""Phantom subject ids start here; MIMIC-CXR's start with 1."""
_EXCLUDE = {"Pleural Other": ("Pleural Effusion",), "Atelectasis": ("Pneumothorax",)}


@dataclass(frozen=True, slots=True)
class PhantomStudy:
    """One study: its ids, split, view, what it shows, and the seed it is drawn from."""

    subject_id: int
    study_id: int
    split: str
    view: str
    lateral: bool
    present: tuple[Fact, ...]
    seed: int

    @property
    def facts(self) -> dict[str, Fact]:
        """What is true of the study, for each of the 13 conditions."""
        shown = {f.condition: f for f in self.present}
        return {name: shown.get(name, Fact(name, "absent")) for name in PRESENCE}


def patients(number: int, seed: int) -> list[PhantomStudy]:
    """Studies of `number` phantom patients, one to three each, in order of the ids.

    Patient i depends on `seed` and i only. Splits are 50/20/30 train/validate/test: the test
    patients carry the tables, and the validation patients have to show that a repair does no harm,
    so there are more of both than in a source without a split.
    """
    return [study for index in range(number) for study in _patient(index, seed)]


def _patient(index: int, seed: int) -> list[PhantomStudy]:
    rng = np.random.default_rng(seed_of(seed, "patient", index))
    # Ids of the seeds 0 to 9 and 10 to 19 do not meet among themselves; the patients of two seeds
    # differ in any case, for a patient is drawn from the seed itself.
    subject = FIRST_SUBJECT + (seed % 30) * 300_000 + index
    split = str(rng.choice(["train", "validate", "test"], p=[0.5, 0.2, 0.3]))
    studies = []
    for number in range(int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))):
        studies.append(
            PhantomStudy(
                subject_id=subject,
                study_id=50_000_000 + (seed % 10) * 900_000 + index * 3 + number,
                split=split,
                view=str(rng.choice(["PA", "AP"], p=[0.6, 0.4])),
                lateral=bool(rng.random() < 0.15),
                present=random_findings(rng),
                seed=seed_of(seed, "study", index, number),
            )
        )
    return studies


def random_findings(rng: np.random.Generator) -> tuple[Fact, ...]:
    """A random set of present facts.

    A few pairs that would hide each other on the film are not drawn together.
    """
    shown = [name for name in PRESENCE if rng.random() < PRESENCE[name]]
    shown = [n for n in shown if not any(other in shown for other in _EXCLUDE.get(n, ()))]
    return tuple(_with_attributes(name, rng) for name in shown)


def _with_attributes(name: str, rng: np.random.Generator) -> Fact:
    condition = CONDITIONS[name]
    sides = ("left", "right", "bilateral") if name in ("Pleural Effusion",) else ("left", "right")
    odds = [0.42, 0.42, 0.16] if len(sides) == 3 else [0.5, 0.5]
    return Fact(
        name,
        "present",
        side=str(rng.choice(sides, p=odds)) if condition.sided else None,  # type: ignore[arg-type]
        zone=str(rng.choice(condition.zones)) if condition.zones else None,  # type: ignore[arg-type]
        severity=(
            str(rng.choice(["mild", "moderate", "severe"], p=[0.35, 0.3, 0.35]))  # type: ignore[arg-type]
            if condition.grades
            else None
        ),
    )
