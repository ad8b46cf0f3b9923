"""The vocabulary of PadChest, and the cells that list labels and places by sentence."""

import re
from collections import Counter
from dataclasses import dataclass, field

from nast.facts.conditions import CONDITIONS, Conditions
from nast.sources.source import tally

LABELS_OF = {
    "Atelectasis": (
        "atelectasis",
        "atelectasis basal",
        "laminar atelectasis",
        "lobar atelectasis",
        "round atelectasis",
        "segmental atelectasis",
        "total atelectasis",
    ),
    "Cardiomegaly": ("cardiomegaly",),
    "Consolidation": ("consolidation",),
    "Edema": ("pulmonary edema",),
    "Emphysema": ("emphysema",),
    "Enlarged Cardiomediastinum": ("mediastinal enlargement", "superior mediastinal enlargement"),
    "Fracture": (
        "callus rib fracture",
        "clavicle fracture",
        "fracture",
        "humeral fracture",
        "rib fracture",
        "vertebral fracture",
    ),
    "Lung Lesion": (
        "lepidic adenocarcinoma",
        "lung metastasis",
        "multiple nodules",
        "nodule",
        "pulmonary mass",
    ),
    "Lung Opacity": (
        "alveolar pattern",
        "ground glass pattern",
        "infiltrates",
        "interstitial pattern",
        "miliary opacities",
        "reticular interstitial pattern",
        "reticulonodular interstitial pattern",
    ),
    "Pleural Effusion": (
        "hydropneumothorax",
        "loculated fissural effusion",
        "loculated pleural effusion",
        "pleural effusion",
    ),
    "Pleural Other": (
        "apical pleural thickening",
        "calcified pleural plaques",
        "calcified pleural thickening",
        "pleural mass",
        "pleural plaques",
        "pleural thickening",
    ),
    "Pneumonia": ("atypical pneumonia", "pneumonia"),
    "Pneumothorax": ("hydropneumothorax", "pneumothorax"),
    "Support Devices": (
        "artificial aortic heart valve",
        "artificial heart valve",
        "artificial mitral heart valve",
        "catheter",
        "central venous catheter",
        "central venous catheter via jugular vein",
        "central venous catheter via subclavian vein",
        "central venous catheter via umbilical vein",
        "chest drain tube",
        "dai",
        "dual chamber device",
        "electrical device",
        "endotracheal tube",
        "nsg tube",
        "pacemaker",
        "reservoir central venous catheter",
        "single chamber device",
        "tracheostomy tube",
        "ventriculoperitoneal drain tube",
    ),
    "Vascular Congestion": (
        "central vascular redistribution",
        "hilar congestion",
        "pulmonary venous hypertension",
        "vascular redistribution",
    ),
}
"""Condition -> PadChest labels, in small letters and without a side.

Left out, for they say less than the condition or may lie outside the lung: increased density,
granulomas, pseudonodule, mass, cavitation, abscess, fissure thickening, costophrenic angle
blunting, empyema, vertebral compression, volume loss, fibrosis, COPD signs, hyperinflation, heart
insufficiency, Kerley lines, vascular hilar enlargement; and of foreign material what serves no
function in the chest: sternotomy, metal, sutures, bone and breast prostheses, abdominal tubes.
"""
LABELS = {
    label: [condition for condition in LABELS_OF if label in LABELS_OF[condition]]
    for labels in LABELS_OF.values()
    for label in labels
}
"""PadChest label -> conditions: one, but two for hydropneumothorax."""
NO_FINDINGS = {
    "": "empty label",
    "normal": "normal",
    **dict.fromkeys(
        ("unchanged", "exclude", "suboptimal study"), "unchanged / exclude / suboptimal study"
    ),
}
"""Labels that name no finding -> why they are set aside."""

NOWHERE: frozenset[str] = frozenset()
LEFT, RIGHT, BOTH = frozenset({"left"}), frozenset({"right"}), frozenset({"left", "right"})
SIDE_OF = {LEFT: "left", RIGHT: "right", BOTH: "bilateral"}
PLACES: dict[str, tuple[frozenset[str], str | None]] = {
    "loc left": (LEFT, None),
    "loc right": (RIGHT, None),
    "loc bilateral": (BOTH, None),
    "loc diffuse bilateral": (BOTH, None),
    "loc hilar bilateral": (BOTH, None),
    "loc left costophrenic angle": (LEFT, None),
    "loc right costophrenic angle": (RIGHT, None),
    "loc bilateral costophrenic angle": (BOTH, None),
    "loc left upper lobe": (LEFT, "upper"),
    "loc right upper lobe": (RIGHT, "upper"),
    "loc left lower lobe": (LEFT, "lower"),
    "loc right lower lobe": (RIGHT, "lower"),
    "loc lingula": (LEFT, "mid"),
    "loc middle lobe": (RIGHT, "mid"),
    "loc basal bilateral": (BOTH, "lower"),
    "loc basal": (NOWHERE, "lower"),
    "loc upper lobe": (NOWHERE, "upper"),
    "loc lower lobe": (NOWHERE, "lower"),
    "loc upper lung field": (NOWHERE, "upper"),
    "loc middle lung field": (NOWHERE, "mid"),
    "loc lower lung field": (NOWHERE, "lower"),
    "loc apical": (NOWHERE, "apical"),
    "loc retrocardiac": (NOWHERE, "retrocardiac"),
}
"""Place -> sides and zone. Only the right lung has a middle lobe, only the left a lingula."""
OWN_ZONES = {"atelectasis basal": "lower"}
OWN_SIDES = {
    "left side": LEFT,
    "right side": RIGHT,
    "both sides": BOTH,
    "both side": BOTH,
    "bilateral": BOTH,
}
"""What a label ends with -> its sides."""

LONGEST_CELL = 20_000
"""Characters; the longest real cell has 758."""
_SIDED = re.compile(rf"(.*) ({'|'.join(OWN_SIDES)})")
_ITEM = r"(?:'[^'\\]*'|\"[^\"\\]*\")"
_LIST = rf"\[\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*)?\]"
_PART = rf"(?:{_LIST}|{_ITEM}|nan)"
_CELL = re.compile(rf"\[\s*(?:{_PART}\s*(?:,\s*{_PART}\s*)*)?\]")
_PARTS, _ITEMS = re.compile(_PART), re.compile(_ITEM)


@dataclass(slots=True)
class Cell:
    """What a cell says: facts as (condition, side, zone, words), and an account of its labels."""

    facts: list[tuple[str, str | None, str | None, str]] = field(default_factory=list)
    account: Counter[str] = field(default_factory=tally)


def read_cell(text: str, conditions: Conditions = CONDITIONS) -> Cell | None:
    """The facts of one cell, or None where it cannot be read; `read_padchest` gives the rules."""
    sentences = read_sentences(text)
    if sentences is None:
        return None
    cell = Cell()
    for sentence in sentences:
        if sentence is None:
            cell.account.update(["present", "set aside: sentence could not be read"])
        else:
            _read_sentence(sentence, cell, conditions)
    return cell


def read_sentences(text: str) -> list[list[str] | None] | None:
    """The items of a cell, sentence by sentence.

    Physicians' cells hold a list per sentence. RNN cells are flat, and they were made by joining
    the predictions of the sentences, each `label, label, loc ..., loc ...`; the blank after
    these commas stayed at the labels. So a label with a leading blank belongs to the sentence of
    the label before it, and one without begins a sentence. (On the published table this gives
    as many sentences as the report has for 83,415 of 83,439 studies.)

    Args:
        text: a Python list of quoted strings or of lists of them; `nan` may stand for a sentence.

    Returns:
        One list per sentence, None for a sentence that is `nan`; or None for any other text.
    """
    if len(text) > LONGEST_CELL or not _CELL.fullmatch(text):
        return None
    sentences: list[list[str] | None] = []
    for part in _PARTS.findall(text[1:-1]):
        if part == "nan":
            sentences.append(None)
        elif part[0] == "[":
            sentences.append([item[1:-1] for item in _ITEMS.findall(part)])
        elif sentences and sentences[-1] is not None and part[1:].lower().startswith((" ", "loc ")):
            sentences[-1].append(part[1:-1])
        else:
            sentences.append([part[1:-1]])
    return sentences


def _read_sentence(items: list[str], cell: Cell, conditions: Conditions) -> None:
    """Add a sentence's facts to its cell, and account for its labels."""
    words = [item.strip() for item in items]
    labels = [word for word in words if not word.lower().startswith("loc ")]
    places = [PLACES[word.lower()] for word in words if word.lower() in PLACES]
    several = len({label.lower() for label in labels}) > 1
    for label in labels:
        sided = _SIDED.fullmatch(label.lower())
        name, own = (sided[1], OWN_SIDES[sided[2]]) if sided else (label.lower(), NOWHERE)
        sides, zone = _place(places, own, several)
        zone = OWN_ZONES.get(name, zone)
        facts = [
            (
                c.name,
                SIDE_OF.get(sides) if c.sided else None,
                zone if zone in c.zones else None,
                label,
            )
            for c in (conditions[c] for c in LABELS.get(name, ()) if c in conditions)
        ]
        new = [fact for fact in facts if fact not in cell.facts]
        cell.facts += new
        reason = NO_FINDINGS.get(name, "said before" if facts else "other finding")
        cell.account.update(["present", "kept" if new else f"set aside: {reason}"])


def _place(
    places: list[tuple[frozenset[str], str | None]], own: frozenset[str], several: bool
) -> tuple[frozenset[str], str | None]:
    """Sides and zone of a label that may have a side of its own, or other labels beside it."""
    named = {sides for sides, _ in places if sides}
    unlike = len(named) > 1
    sides = own or (NOWHERE if unlike and several else NOWHERE.union(*named))
    zones = {zone for _, zone in places if zone}
    zoned = NOWHERE.union(*(sides for sides, zone in places if zone))
    fits = zoned == sides if zoned else not unlike
    return sides, zones.pop() if fits and len(zones) == 1 else None
