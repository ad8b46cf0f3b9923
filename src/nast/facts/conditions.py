"""The 13 conditions of CheXpert: their names, attributes, Table 5 phrases and conflicts.

The only home of everything that is known about a condition. Phrases are Table 5 of the paper;
their classes (design row 11) are our lay reading and not reviewed by a radiologist.
"""

from dataclasses import dataclass, field
from typing import Literal

PhraseClass = Literal["equivalent", "broader", "view-dependent"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What the package knows about one condition.

    Attributes:
        name: the CheXpert label, the key everywhere.
        term: the name used in sentences.
        normal: Table 5's affirmative phrase for its absence.
        phrase_class: `equivalent` (the phrase says no more than the absence), `broader` (it also
            denies other conditions), `view-dependent` (not every projection can show it).
        grades: words for mild, moderate, severe; empty where the condition is not graded.
        sided: whether left and right are said of it.
        zones: the zones that are said of it.
        parents: labels that CheXpert's hierarchy makes true when this one is true.
        conflicts: present conditions that make `normal` false in a plain reading.
        plural: whether the term takes a plural verb.
        counted: whether the singular takes an article ("a fracture", but "atelectasis").
    """

    name: str
    term: str
    normal: str
    phrase_class: PhraseClass
    grades: dict[str, str] = field(default_factory=dict)
    sided: bool = False
    zones: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    plural: bool = False
    counted: bool = False


_DEGREE = {"mild": "mild", "moderate": "moderate", "severe": "severe"}
_SIZE = {"mild": "small", "moderate": "moderate", "severe": "large"}
_LUNG = ("upper", "mid", "lower")
_OPACITIES = ("Consolidation", "Edema", "Pneumonia", "Atelectasis", "Lung Lesion")

_TABLE = (
    Condition(
        "Atelectasis", "atelectasis", "well-aerated expanded lungs", "broader",
        grades=_DEGREE, sided=True, zones=_LUNG, parents=("Lung Opacity",),
        conflicts=("Pneumothorax", "Consolidation"),
    ),
    Condition(
        "Cardiomegaly", "cardiomegaly", "normal heart size", "view-dependent",
        grades=_DEGREE, parents=("Enlarged Cardiomediastinum",),
    ),
    Condition(
        "Consolidation", "consolidation", "clear lung parenchyma", "broader",
        sided=True, zones=_LUNG, parents=("Lung Opacity",),
        conflicts=("Lung Opacity", "Atelectasis", "Lung Lesion", "Edema", "Pneumonia"),
    ),
    Condition(
        "Edema", "pulmonary edema", "normal pulmonary vascularity", "equivalent",
        grades=_DEGREE, parents=("Lung Opacity",),
    ),
    Condition(
        "Enlarged Cardiomediastinum", "enlarged cardiomediastinum",
        "normal mediastinal contours", "view-dependent",
        conflicts=("Cardiomegaly",), counted=True,
    ),
    Condition(
        "Fracture", "fracture", "intact bony structures", "equivalent", sided=True, counted=True
    ),
    Condition(
        "Lung Lesion", "lung lesion", "homogeneous lung parenchyma", "broader",
        sided=True, zones=_LUNG, parents=("Lung Opacity",),
        conflicts=("Lung Opacity", "Consolidation"), counted=True,
    ),
    Condition(
        "Lung Opacity", "lung opacity", "well-aerated lung fields", "broader",
        grades=_DEGREE, sided=True, zones=_LUNG, conflicts=_OPACITIES, counted=True,
    ),
    Condition(
        "Pleural Effusion", "pleural effusion", "sharp costophrenic angles", "view-dependent",
        grades=_SIZE, sided=True, counted=True,
    ),
    Condition(
        "Pleural Other", "pleural abnormality", "smooth pleural surfaces", "broader",
        sided=True, conflicts=("Pleural Effusion",), counted=True,
    ),
    Condition(
        "Pneumonia", "pneumonia", "aerated alveoli", "broader",
        sided=True, zones=_LUNG, parents=("Consolidation", "Lung Opacity"),
        conflicts=("Consolidation", "Edema", "Lung Opacity"),
    ),
    Condition(
        "Pneumothorax", "pneumothorax", "fully expanded lungs", "equivalent",
        grades=_SIZE, sided=True, conflicts=("Atelectasis",), counted=True,
    ),
    Condition(
        "Support Devices", "support devices", "device-free chest", "equivalent", plural=True
    ),
)  # fmt: skip

CONDITIONS: dict[str, Condition] = {c.name: c for c in _TABLE}
"""All conditions by name, in alphabetical order (MIMIC-CXR-JPG's column order)."""

NO_FINDING = "No Finding"


def contradicts_hierarchy(labels: dict[str, str]) -> bool:
    """Whether a parent is absent while its child is present (CheXpert's label hierarchy).

    Args:
        labels: condition name -> label; conditions may be missing.
    """
    return any(
        labels.get(name) == "present" and labels.get(parent) == "absent"
        for name, condition in CONDITIONS.items()
        for parent in condition.parents
    )


def phrase_conflicts(labels: dict[str, str]) -> list[tuple[str, str]]:
    """Pairs (absent condition, present condition) whose Table 5 phrase is false in a plain reading.

    Example: consolidation absent and lung opacity present, "clear lung parenchyma".
    """
    return [
        (name, other)
        for name, condition in CONDITIONS.items()
        if labels.get(name) == "absent"
        for other in condition.conflicts
        if labels.get(other) == "present"
    ]
