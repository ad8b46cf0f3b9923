"""Plain statements about an organ that say whether a condition is there.

"Heart size is normal" denies cardiomegaly, "the heart is enlarged" states it. Only what leaves no
doubt is here: Table 5's phrases with a verb, and a normal size of heart and mediastinum. "The lungs
are clear" names no condition (reports say it beside nodules and scars) and is not read.
"""

import re
from typing import NamedTuple

from nast.facts.conditions import CONDITIONS, Conditions

_SUBJECTS = {
    "heart": r"heart(?: size| silhouette)?|cardiac (?:silhouette|size)|size of the heart",
    "mediastinum": r"(?:upper )?mediastinum"
    r"|(?:upper )?mediastinal (?:and cardiac )?(?:contours?|silhouette|structures)",
    "both": r"cardi[oa][ -]?mediastinal (?:silhouettes?|contours?|structures|size)"
    r"(?: and contours?)?|cardiac and mediastinal silhouettes?",
    "vessels": r"pulmonary (?:vascularity|vasculature|vascular markings)",
    "angles": r"costophrenic (?:angles|sulci)",
    "bones": r"(?:bony|osseous) (?:structures|thorax)(?: of the (?:chest|thorax))?|bones",
    "pleura": r"pleural surfaces",
    "parenchyma": r"lung parenchyma",
    "fields": r"lung fields",
    "lungs": r"lungs",
    "other": r"hila|aorta|trachea|(?:pulmonary )?x{3,}|great vessels|hilar structures",
}
_FINE = (
    r"(?:within )?normal limits?|normal|within limits of normal|unremarkable"
    r"|of normal (?:size|width|caliber)"
)
_FOR = (
    r"(?:overall )?(?:size|contour|configuration|appearance|caliber|shape|age|(?:ap )?technique"
    r"|(?:the )?patient(?:['’]s)? age)"
)
_STATES = {
    "fine": rf"(?:{_FINE})\b(?:,? (?:and )?(?:in |of |for )?{_FOR})*",
    "not large": r"(?:not|no longer) (?:appear )?(?:enlarged|widened)",
    "large": r"(?:(?:mildly|moderately|severely|markedly) )?(?:enlarged|widened|large)",
    "sharp": r"(?:sharp|clear)",
    "intact": r"intact",
    "smooth": r"smooth",
    "clear": r"clear",
    "even": r"homogeneous",
    "aerated": r"well[ -]aerated",
    "expanded": r"fully expanded",
}
_CAR, _ECM = "Cardiomegaly", "Enlarged Cardiomediastinum"
_MEANING: dict[tuple[str, str], tuple[str, ...]] = {
    **{("heart", state): (_CAR,) for state in ("fine", "not large", "large")},
    **{("mediastinum", state): (_ECM,) for state in ("fine", "not large", "large")},
    # A silhouette of normal size holds a heart of normal size; a wide one need not hold a large.
    **{("both", state): (_CAR, _ECM) for state in ("fine", "not large")},
    ("both", "large"): (_ECM,),
    ("vessels", "fine"): ("Edema",),
    ("angles", "sharp"): ("Pleural Effusion",),
    ("bones", "intact"): ("Fracture",),
    ("pleura", "smooth"): ("Pleural Other",),
    ("parenchyma", "clear"): ("Consolidation",),
    ("parenchyma", "even"): ("Lung Lesion",),
    ("fields", "aerated"): ("Lung Opacity",),
    ("lungs", "expanded"): ("Pneumothorax",),
}
"""(subject, state) -> the conditions that it speaks of: as present if "large", else as absent."""
_NAMES = "|".join(_SUBJECTS.values())
_LIST = rf"\b(?:{_NAMES})\b(?: ?(?:,? and|,)(?: the)? (?:{_NAMES})\b){{0,4}}"
_VERB = (
    r"(?:,? (?:is|are|was|were|appears?|remains?|demonstrates?))?(?: to be)?"
    r"(?: ?:| -)?(?: (?:grossly|again|also|now|both|still|currently|overall|otherwise"
    r"|(?:stable|symmetric) and)){0,2}"
)
_CLAUSE = re.compile(
    rf"(?P<of>{_LIST}){_VERB} (?P<is>{'|'.join(_STATES.values())})\b(?! ?(?:to|or|/)\b)"
    r"|(?<!limits of )\b(?:normal(?:-sized| sized| size| and stable)?|unremarkable)"
    rf" (?P<normal>{_LIST})"
)
_SUBJECT = re.compile("|".join(rf"\b(?P<{k}>{v})\b" for k, v in _SUBJECTS.items()))
_STATE = {name: re.compile(pattern) for name, pattern in _STATES.items()}
_CHEAP = re.compile(
    r"normal|unremarkable|enlarged|widened|large|sharp|clear|intact|smooth|homog|aerated|expanded"
)


class OrganStatement(NamedTuple):
    """What a clause says of a condition.

    Attributes:
        condition: its name.
        present: whether it is there.
        start, end: the words that say so, without their subject: what stands beside them stays
            visible to the checks of generated texts, where only Table 5's own words may deny.
        grade: "mildly" in "mildly enlarged", or nothing.
        clause: the place of the whole statement, its subject included.
    """

    condition: str
    present: bool
    start: int
    end: int
    grade: tuple[str, ...]
    clause: tuple[int, int]


def statements(text: str, conditions: Conditions = CONDITIONS) -> list[OrganStatement]:
    """The statements of a text in small letters, in order."""
    if not _CHEAP.search(text):
        return []
    found = []
    for clause in _CLAUSE.finditer(text):
        words = clause["is"] or "normal"
        start = clause.start("is") if clause["is"] else clause.start()
        state = next(name for name, pattern in _STATE.items() if pattern.fullmatch(words))
        states = ("sharp", "clear") if words == "clear" else (state,)
        subjects = {m.lastgroup for m in _SUBJECT.finditer(clause["of"] or clause["normal"])}
        grade = (words.split()[0],) if state == "large" and " " in words else ()
        names = {
            name
            for s in subjects
            for state in states
            for name in _MEANING.get((str(s), state), ())
            if name in conditions
        }
        found += [
            OrganStatement(name, state == "large", start, start + len(words), grade, clause.span())
            for name in sorted(names)
        ]
    return found
