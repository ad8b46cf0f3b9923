"""CAD-Chest 1.0 (`cad_disease.json`) -> definite facts with side, zone and severity."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS
from nast.records import SIDES, Fact
from nast.sources.source import Source, is_phantom
from nast.sources.splits import add_split

DISEASES = {
    "atelectasis": "Atelectasis", "cardiomegaly": "Cardiomegaly",
    "enlargement of the cardiac silhouette": "Cardiomegaly", "consolidation": "Consolidation",
    "edema": "Edema", "fracture": "Fracture", "lung opacity": "Lung Opacity",
    "pleural effusion": "Pleural Effusion", "pleural thickening": "Pleural Other",
    "pneumonia": "Pneumonia", "pneumothorax": "Pneumothorax",
}  # fmt: skip
"""CAD-Chest disease -> CheXpert condition; the other diseases are set aside and counted."""
GRADES = {
    **dict.fromkeys(("minimal", "minimally", "mild", "mildly", "small", "trace", "minor",
                     "subtle"), "mild"),
    **dict.fromkeys(("moderate", "moderately", "mild to moderate"), "moderate"),
    **dict.fromkeys(("severe", "massive", "moderate to severe", "moderate to large"), "severe"),
}  # fmt: skip
NO_GRADES = ("increasing", "decreasing", "acute")
"""Words in CAD-Chest's `level` that are not severities (design row 15)."""
ZONES = {
    "upper": "upper", "apical": "apical", "apicolateral": "apical", "mid": "mid",
    "middle": "mid", "lower": "lower", "basal": "lower", "basilar": "lower", "base": "lower",
    "bibasilar": "lower", "mid to lower": "lower", "retrocardiac": "retrocardiac",
}  # fmt: skip
_DEFINITE = {3: "present", -3: "absent"}


def read_cad_chest(file: Path) -> Source:
    """Read a CAD-Chest file.

    Only definite facts are kept (score 3 or -3); uncertain ones, other diseases and unknown words
    are set aside and counted, so that kept + set aside == entities. A disease's second instance
    (`location2`, `level2`) is a fact of its own.

    Args:
        file: `cad_disease.json`, a list of records with `subject_id`, `study_id`, `entity`.

    Returns:
        Facts and the studies they belong to; policy `credentialed` (`open` for a phantom).

    Raises:
        InputError: the file is not JSON, a record lacks its ids, or a study stands twice.
    """
    file = Path(file)
    counts: Counter[str] = Counter()
    facts: list[dict[str, Any]] = []
    studies: dict[str, dict[str, Any]] = {}
    for row, record in enumerate(_records(file), 1):
        ids = _ids(record, file, row)
        if ids["study_id"] in studies:
            raise InputError(
                file, found="a study a second time", expected="each study once", row=row
            )
        path = _image_path(ids)
        ids.pop("dicom_id")
        studies[ids["study_id"]] = ids | {"image_path": path}
        for name, entity in _entities(record, file, row):
            found = _facts(name, entity, counts)
            facts += [{**ids, **f.as_dict(), "words": name.strip()} for f in found]
    phantom = is_phantom(file.parent)
    schema = {n: pl.String for n in ("subject_id", "study_id", *_FACT_COLUMNS)}
    return Source(
        name="cad-chest",
        root=file.parent if (file.parent / "files").is_dir() else None,
        studies=_studies(studies),
        facts=pl.DataFrame(facts, schema=schema).with_columns(source=pl.lit("cad-chest")),
        policy="open" if phantom else "credentialed",
        phantom=phantom,
        counts={"studies": len(studies), **counts},
        files=[file],
    )


_FACT_COLUMNS = ("condition", "existence", "side", "zone", "severity", "words")


def _records(file: Path) -> list[dict[str, Any]]:
    try:
        records = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError:
        raise InputError(file, found="no such file", expected="cad_disease.json") from None
    except (ValueError, RecursionError) as error:
        raise InputError(file, found=f"broken JSON ({error})", expected="a list") from None
    if not isinstance(records, list):
        raise InputError(file, found=type(records).__name__, expected="a list of records")
    return records


def _ids(record: Any, file: Path, row: int) -> dict[str, str]:
    if not isinstance(record, dict):
        raise InputError(file, found=type(record).__name__, expected="a record", row=row)
    ids = {}
    for name in ("subject_id", "study_id"):
        value = str(record.get(name, "")).removesuffix(".0").strip()
        if not (value.isascii() and value.isdecimal()):
            raise InputError(file, found=repr(value), expected="a number", row=row, column=name)
        ids[name] = value
    dicom = str(record.get("dicom_id") or "")
    if not re.fullmatch(r"[A-Za-z0-9-]*", dicom):
        raise InputError(file, found=ascii(dicom), expected="letters, digits and hyphens", row=row,
                         column="dicom_id")  # fmt: skip
    return ids | {"dicom_id": dicom}


def _entities(record: dict[str, Any], file: Path, row: int) -> Iterator[tuple[str, dict[str, Any]]]:
    entities = record.get("entity") or {}
    if not isinstance(entities, dict):
        raise InputError(file, found=type(entities).__name__, expected="an object", row=row,
                         column="entity")  # fmt: skip
    for name, entity in entities.items():
        if not isinstance(entity, dict):
            raise InputError(file, found=type(entity).__name__, expected="an object", row=row,
                             column=f"entity.{name}")  # fmt: skip
        yield name, entity


def _facts(name: str, entity: dict[str, Any], counts: Counter[str]) -> list[Fact]:
    """The facts of one entity, one or two instances; counts what becomes of it."""
    condition = DISEASES.get(name.strip())
    if condition is None:
        counts["set aside: other disease"] += 1
        return []
    score = entity.get("probability_score")
    if score is None and "probability" not in entity:
        score = 3  # The authors' own reader takes a missing probability as positive.
    # pandas writes whole numbers with a gap in their column as floats.
    existence = _DEFINITE.get(int(score)) if isinstance(score, int | float) else None
    if existence is None:
        counts["set aside: uncertain"] += 1
        return []
    counts["kept"] += 1
    if existence == "absent":
        return [Fact(condition, "absent")]
    found = [_instance(condition, entity, "", counts)]
    if entity.get("location2"):
        found.append(_instance(condition, entity, "2", counts))
    return found


def _instance(condition: str, entity: dict[str, Any], suffix: str, counts: Counter[str]) -> Fact:
    known = CONDITIONS[condition]
    tokens = _words(entity.get(f"location{suffix}"))
    zones = [ZONES[t] for t in tokens if t in ZONES]
    sides = {t.removesuffix("-sided") for t in tokens} & set(SIDES)
    if "bibasilar" in tokens or {"left", "right"} <= sides:
        sides = {"bilateral"}
    levels = _words(entity.get(f"level{suffix}"))
    grades = {GRADES[w] for w in levels if w in GRADES}
    if any(w not in GRADES and w not in NO_GRADES for w in levels):
        counts["unknown level words"] += 1
    return Fact(
        condition,
        "present",
        side=next(iter(sides)) if known.sided and len(sides) == 1 else None,  # type: ignore[arg-type]
        zone=zones[0] if len(set(zones)) == 1 and zones[0] in known.zones else None,  # type: ignore[arg-type]
        severity=grades.pop() if known.grades and len(grades) == 1 else None,  # type: ignore[arg-type]
    )


def _words(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    return [str(item).strip().lower() for item in items]


def _image_path(ids: dict[str, str]) -> str:
    subject, study = ids["subject_id"], ids["study_id"]
    return f"files/p{subject[:2]}/p{subject}/s{study}/{ids['dicom_id']}.jpg"


def _studies(studies: dict[str, dict[str, Any]]) -> pl.DataFrame:
    """Studies without labels: CAD-Chest's facts are not turned into CheXpert labels."""
    schema = {n: pl.String for n in ("subject_id", "study_id", "image_path")}
    rows = add_split(pl.DataFrame(list(studies.values()), schema=schema))
    return rows.with_columns(
        pl.lit("").alias("view"), *(pl.lit("not_mentioned").alias(name) for name in CONDITIONS)
    )
