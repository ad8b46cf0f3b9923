"""What columns and words of a site's own table are likely to mean, by their names."""

import difflib
import re
from collections.abc import Iterable

from nast.facts.conditions import CONDITIONS
from nast.sources.cad_words import GRADES, SIDES, ZONES

COLUMNS = {
    "subject_id": ("subject id", "patient id", "subject", "patient", "mrn", "person id", "pid"),
    "study_id": (
        "study id",
        "accession number",
        "accession",
        "study",
        "study instance uid",
        "study uid",
        "exam id",
        "exam",
        "report id",
        "image id",
        "image index",
    ),
    "image_path": (
        "image path",
        "path",
        "file path",
        "file name",
        "file",
        "image file",
        "image",
        "dicom path",
        "image index",
    ),
    "split": ("split", "data split", "fold", "subset", "partition", "set"),
    "view": ("view", "view position", "projection", "ap pa"),
}
"""Name in `studies.parquet` -> names that its column may have, the likeliest first."""
FACTS = {
    "condition": (
        "condition",
        "finding",
        "finding name",
        "observation",
        "diagnosis",
        "disease",
        "pathology",
        "abnormality",
        "entity",
        "label name",
        "label",
    ),
    "existence": (
        "existence",
        "status",
        "presence",
        "assertion",
        "certainty",
        "polarity",
        "present",
        "label",
        "value",
        "answer",
        "result",
        "state",
    ),
    "side": ("side", "laterality"),
    "zone": ("zone", "lung zone", "location", "region"),
    "severity": ("severity", "degree", "grade", "level", "size"),
    "words": ("words", "text", "sentence", "phrase", "evidence", "mention", "quote"),
}
"""Name in `facts.parquet` -> names that its column may have, the likeliest first."""
_YES = (
    "1 yes y true t positive pos present + ja j oui o vrai si sí s sim sì vero tak prawda ano áno "
    "wahr verdadero verdadeiro waar sant sand"
)
_NO = (
    "0 no n false f negative neg absent nein non faux não nao nee nej nei falso nie fałsz ne "
    "falsch onwaar falskt falsk"
)
_PERHAPS = (
    "-1 uncertain u maybe possible equivocal unclear indeterminate ? fraglich unklar unsicher "
    "möglich vielleicht incertain douteux dudoso posible incierto dubbio incerto possibile "
    "duvidoso possível onzeker mogelijk osäker möjlig usikker muligt mulig niepewne możliwe"
)
_SILENT = ("", "nan", "na", "n/a", "null", "not mentioned", "not_mentioned", "unmentioned")
VALUES = {
    **dict.fromkeys(_YES.split(), "present"),
    **dict.fromkeys(_NO.split(), "absent"),
    **dict.fromkeys(_PERHAPS.split(), "uncertain"),
    **dict.fromkeys(_SILENT, "not_mentioned"),
}
"""Words of European languages, in small letters, that most surely mean a label."""
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validate", "validation", "valid", "val", "dev", "development"), "validate"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_AROUND = {"label", "labels", "finding", "has", "is"}
_CLOSE = 0.88


def plain(name: str) -> str:
    """A name in small words: `PatientID`, `patient_id` and `Patient ID` are all `patient id`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.findall(r"[a-z0-9]+", apart.lower()))


def column_for(likely: Iterable[str], columns: Iterable[str]) -> str | None:
    """The column whose name is one of the likely ones, or is written much like one.

    Args:
        likely: names in small words, the likeliest first.
        columns: the columns that are there.
    """
    names = {plain(column).replace(" ", ""): column for column in reversed(list(columns))}
    compact = [name.replace(" ", "") for name in likely]
    for name in compact:
        if name in names:
            return names[name]
    for name in compact:
        if len(name) > 4 and (near := difflib.get_close_matches(name, names, 1, _CLOSE)):
            return names[near[0]]
    return None


def condition_for(name: str) -> tuple[int, str] | None:
    """The condition that a column or word names, after how surely it does.

    Returns:
        0 (its name), 1 (its term) or 2 (a synonym), and the condition; None for none.
    """
    words = " ".join(w for w in plain(name).split() if w not in _AROUND)
    for sure, names in enumerate((_names, _terms, _synonyms)):
        for condition in CONDITIONS:
            if any(re.fullmatch(pattern, words) for pattern in names(condition)):
                return sure, condition
    return None


def _names(condition: str) -> list[str]:
    return [plain(condition)]


def _terms(condition: str) -> list[str]:
    return [plain(CONDITIONS[condition].term)]


def _synonyms(condition: str) -> list[str]:
    synonyms = CONDITIONS[condition].synonyms
    return [plain(s) + ("[a-z]*" if s.endswith("*") else "") for s in synonyms]


def words_for(attribute: str) -> dict[str, str]:
    """Words in small letters for the values of `side`, `zone` or `severity`."""
    if attribute == "side":
        return SIDES | {"l": "left", "r": "right", "lt": "left", "rt": "right", "both": "bilateral"}
    if attribute == "zone":
        return ZONES | {"apex": "apical", "base": "lower"}
    return GRADES | {w: grade for c in CONDITIONS.values() for grade, w in c.grades.items()}
