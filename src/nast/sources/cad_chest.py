"""CAD-Chest 1.0 (`cad_disease.json`) -> definite facts with side, zone and severity."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError, UsageError, shown
from nast.facts.conditions import CONDITIONS, Condition, Conditions
from nast.sources.io.json_list import read_json_items
from nast.sources.mimic_cxr_jpg import TERMS
from nast.sources.source import (
    FoundFact,
    Source,
    as_studies,
    attributes_of,
    fact_table,
    is_phantom,
    tally,
)
from nast.sources.splits import add_split
from nast.sources.vocabularies import VOCABULARIES, by_word

_WORDS = VOCABULARIES["cad_chest"]
DISEASES: dict[str, str | None] = {
    **by_word(_WORDS["diseases"]),
    **dict.fromkeys(_WORDS["other_diseases"]),
}
"""The 30 diseases -> condition, or None where the conditions have no place for it."""
PROBABILITIES: dict[str, int] = by_word(_WORDS["probabilities"])
GRADES, SIDES, ZONES = (by_word(_WORDS[part]) for part in ("grades", "sides", "zones"))
SCORES = (3, 2, 1, 0, -2, -3)
DEFINITE = 3
"""The score of definite facts, present (3) or absent (-3)."""


def read_cad_chest(file: Path, cut: int = DEFINITE, conditions: Conditions = CONDITIONS) -> Source:
    """Read a CAD-Chest file, record by record.

    Uncertain facts, other diseases and pericardial effusions are set aside, entities that break
    the schema refused, each counted. A disease's second instance (`location2`, `level2`) is a fact
    of its own. Absences carry no location and no level.

    Args:
        file: `cad_disease.json`, plain or gzip: a list of records with `subject_id`, `study_id`,
            `dicom_id` and `entity`.
        cut: the least |probability_score| of a fact that is kept, 1 to 3. Below 3, "likely"
            findings count as present and "unlikely" ones as absent.
        conditions: the table of conditions.

    Returns:
        Facts and the studies they belong to; access class `credentialed` (`open` for a phantom).

    Raises:
        InputError: the file is no JSON list, a record lacks its ids, or a study stands twice.
        UsageError: the cut is not 1, 2 or 3.
    """
    file = Path(file)
    check_cut(cut)
    account, counts = tally(), Counter[str]()
    facts: list[tuple[str, str, FoundFact]] = []
    studies: dict[str, tuple[str, str, str]] = {}
    for row, record in enumerate(read_json_items(file, "cad_disease.json, a list of records"), 1):
        subject, study, dicom = _ids(record, file, row)
        if study in studies:
            found = "a study a second time"
            raise InputError(file, found=found, expected="each study once", row=row)
        path = f"files/p{subject[:2]}/p{subject}/s{study}/{dicom}.jpg" if dicom else ""
        studies[study] = (subject, study, path)
        for name, entity in _entities(record, file, row):
            account["present"] += 1
            verdict, instances = _facts(name, entity, cut, counts, conditions)
            account[verdict] += 1
            for finding in instances:
                told = finding._replace(source="cad-chest", words=_words(name, entity))
                facts.append((subject, study, told))
    phantom = is_phantom(file.parent, file)
    return Source(
        name="cad-chest",
        root=file.parent if (file.parent / "files").is_dir() else None,
        studies=_studies(studies, conditions),
        facts=fact_table(facts),
        access="open" if phantom else "credentialed",
        terms="synthetic" if phantom else TERMS,
        annotations=account,
        counts={"studies": len(studies), **counts},
        files=[file],
        phantom=phantom,
        ids="mimic-cxr-jpg",
    )


def check_cut(cut: int) -> None:
    """Refuse a cut that is no score of a finding.

    Raises:
        UsageError: the cut is not 1, 2 or 3.
    """
    if cut not in (1, 2, 3):
        raise UsageError(f"the cut is {cut}; CAD-Chest's scores allow 1, 2 or 3")


def _ids(record: Any, file: Path, row: int) -> tuple[str, str, str]:
    if not isinstance(record, dict):
        raise InputError(file, found=type(record).__name__, expected="a record", row=row)
    ids = []
    for name in ("subject_id", "study_id"):
        value = str(record.get(name, "")).removesuffix(".0").strip()
        if not (value.isascii() and value.isdecimal()):
            raise InputError(
                file, found=shown(value), expected="a whole number", row=row, column=name
            )
        ids.append(value)
    dicom = str(record.get("dicom_id") or "")
    if not re.fullmatch(r"[A-Za-z0-9-]*", dicom):
        raise InputError(
            file,
            found=shown(dicom),
            expected="letters, digits and hyphens",
            row=row,
            column="dicom_id",
        )
    return ids[0], ids[1], dicom


def _entities(record: dict[str, Any], file: Path, row: int) -> Iterator[tuple[str, Any]]:
    entities = record.get("entity") or {}
    if not isinstance(entities, dict):
        raise InputError(
            file, found=type(entities).__name__, expected="an object", row=row, column="entity"
        )
    yield from entities.items()


def _facts(
    name: str, entity: Any, cut: int, counts: Counter[str], conditions: Conditions
) -> tuple[str, list[FoundFact]]:
    """What becomes of one entity, and its facts (two for a second instance)."""
    if not isinstance(entity, dict):
        return "refused: not an object", []
    name = name.strip().lower()
    condition = conditions.get(DISEASES.get(name) or "")
    if condition is None:
        known = name in DISEASES
        return f"set aside: {'other' if known else 'unknown'} disease", []
    score = _score(entity, counts)
    if score is None:
        return "refused: unknown score", []
    if abs(score) < cut:
        return "set aside: uncertain", []
    second = bool(entity.get("location2") or entity.get("level2"))
    parts = [
        suffix
        for suffix in ("", "2")[: 1 + second]
        if condition.name != "Pleural Effusion"
        or "pericardial" not in _tokens(entity.get(f"location{suffix}"))
    ]
    if condition.name == "Pleural Effusion" and "pericardial" in _words(name, entity).lower():
        parts = []
    if not parts:
        # The authors' word list takes "effusion" of any kind for a pleural one.
        return "set aside: pericardial effusion", []
    if score < 0:
        return "kept", [FoundFact(condition.name, "absent")]
    if len(parts) == 2:
        counts["second instances"] += 1
    return "kept", [_instance(condition, entity, suffix, counts) for suffix in parts]


def _score(entity: dict[str, Any], counts: Counter[str]) -> int | None:
    """The probability score, from the number, else from the word; None where it is unknown."""
    word, score = entity.get("probability"), entity.get("probability_score")
    by_word = PROBABILITIES.get(str(word).strip().lower())
    if score is None:
        # The authors' own reader takes an entity without any probability as positive.
        return DEFINITE if word is None else by_word
    if isinstance(score, str) and re.fullmatch(r"-?[0-9]", score.strip()):
        score = int(score)
    if isinstance(score, bool) or not isinstance(score, int | float) or score not in SCORES:
        return None
    if word is not None and by_word is None:
        counts["unknown probability words"] += 1
    elif by_word is not None and by_word != score:
        counts["scores unlike their words"] += 1
    return int(score)


def _instance(
    condition: Condition, entity: dict[str, Any], suffix: str, counts: Counter[str]
) -> FoundFact:
    tokens = _tokens(entity.get(f"location{suffix}"))
    levels = _tokens(entity.get(f"level{suffix}"))
    for token in tokens:
        if token not in SIDES and token not in ZONES and token not in _WORDS["places"]:
            counts["unknown location words"] += 1
    for level in levels:
        if level not in GRADES and level not in _WORDS["no_grades"]:
            counts["unknown level words"] += 1
    sides = {SIDES[t] for t in tokens if t in SIDES}
    zones = {ZONES[t] for t in tokens if t in ZONES}
    grades = {GRADES[w] for w in levels if w in GRADES}
    return FoundFact(condition.name, "present", *attributes_of(condition, sides, zones, grades))


def _tokens(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return [str(item).strip().lower() for item in items]


def _words(name: str, entity: dict[str, Any]) -> str:
    """The words of the report, as far as the file keeps them."""
    word = entity.get("report_name")
    word = word if isinstance(word, str) and word.strip() else name
    # JSON can hold halves of characters, which no file of text can.
    return word.strip().encode("utf-8", "replace").decode()


def _studies(studies: dict[str, tuple[str, str, str]], conditions: Conditions) -> pl.DataFrame:
    """Studies without labels: CAD-Chest's facts are not turned into CheXpert labels."""
    schema = {n: pl.String for n in ("subject_id", "study_id", "image_path")}
    rows = pl.DataFrame(list(studies.values()), schema=schema, orient="row")
    return as_studies(add_split(rows).with_columns(view=pl.lit("")), conditions)
