"""Phantom patients on disk, in the formats people download.

A MIMIC-CXR-JPG 2.0.0 tree (images and the four tables) and a CAD-Chest `cad_disease.json`, with
the quirks of the real files: blank and uncertain labels, a trailing blank in "no ", missing keys,
a second instance for the other side. A file named PHANTOM marks the tree, and `truth.parquet`
holds what was drawn. From then on the phantom is read by the same readers as the real thing.
"""

import gzip
import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from nast.errors import UsageError
from nast.facts.conditions import CONDITIONS, NO_FINDING
from nast.files import MANIFEST, atomic, write_table, write_text
from nast.hashes import file_hash, seed_of
from nast.phantom import MARKER
from nast.phantom.draw import draw_frontal
from nast.phantom.lateral import draw_lateral
from nast.phantom.patients import PRESENCE, PhantomStudy, patients
from nast.phantom.workers import spread_out
from nast.records import Fact
from nast.stages import stage

MARK = "Synthetic radiographs and labels. No patient, no hospital: do not mix with real data.\n"
"""How the marker begins. The hashes of the tables that it marks follow, so that it marks no others.
"""
IMAGE_SIZE = 224
CAD_NAMES = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Fracture": "fracture",
    "Lung Opacity": "lung opacity",
    "Pleural Effusion": "pleural effusion",
    "Pleural Other": "pleural thickening",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
}
"""CheXpert condition -> CAD-Chest disease; CAD has no lesion, device or mediastinum."""
_LEVELS = {
    "mild": ("mild", "small", "trace"),
    "moderate": ("moderate", "mild to moderate"),
    "severe": ("severe", "moderate to severe", "massive"),
}
_ZONES = {
    "lower": (["lower", "lung"], ["basilar"], ["base"]),
    "mid": (["mid", "lung"], ["middle", "lobe"]),
    "upper": (["upper", "lung"], ["upper", "lobe"]),
}


def write_phantom(folder: Path, number: int, seed: int, workers: int = 2) -> dict[str, Any]:
    """Draw `number` phantom patients and write them as a MIMIC-CXR-JPG and CAD-Chest tree.

    Args:
        folder: root of the tree; `files/p9x/p9xxxxxxx/s5xxxxxxx/<dicom_id>.jpg` and tables.
        number: of patients.
        seed: of everything; equal seeds give equal bytes on any number of workers.
        workers: processes that draw.

    Returns:
        Counts of patients, studies and images.
    """
    folder = Path(folder)
    write_text(folder / MARKER, MARK)
    studies = patients(number, seed)
    images = [image for study in studies for image in _images(study)]
    spread_out(partial(_save_image, folder), images, workers, chunk=32)
    labels = pl.DataFrame([_labels(s) for s in studies])
    for tool in ("chexpert", "negbio"):
        _gzip_csv(folder / f"mimic-cxr-2.0.0-{tool}.csv.gz", labels)
    _gzip_csv(folder / "mimic-cxr-2.0.0-metadata.csv.gz", pl.DataFrame(map(_metadata, images)))
    split = [
        {"dicom_id": d, "study_id": s.study_id, "subject_id": s.subject_id, "split": s.split}
        for d, s, _ in images
    ]
    _gzip_csv(folder / "mimic-cxr-2.0.0-split.csv.gz", pl.DataFrame(split))
    write_text(folder / "IMAGE_FILENAMES", "".join(f"{_path(i)}\n" for i in images))
    write_text(folder / "cad_disease.json", json.dumps([_cad_record(s) for s in studies]))
    _write_truth(folder / "truth.parquet", studies)
    write_mark(folder)
    counts = {"patients": number, "studies": len(studies), "images": len(images)}
    return {"counts": counts, "access": "open", "phantom": True}


def write_mark(folder: Path) -> None:
    """Mark a tree as drawn, with the hashes of its tables."""
    tables = [p for p in sorted(folder.iterdir()) if p.name.endswith((".csv", ".csv.gz", ".json"))]
    hashes = [f"{file_hash(path)}  {path.name}\n" for path in tables if path.name != MANIFEST]
    write_text(folder / MARKER, MARK + "".join(hashes))


def build_phantom(
    folder: Path, number: int, seed: int, *, workers: int = 2, fresh: bool = False
) -> dict[str, Any]:
    """`write_phantom` as a stage, with `run.yaml` and `manifest.json`.

    Raises:
        UsageError: fewer than one patient, or the folder belongs to another configuration.

    Examples:
        >>> made = nast.build_phantom(tmp / "tree", 2, seed=1)
        >>> (tmp / "tree" / "cad_disease.json").is_file()
        True
    """
    if number < 1:
        raise UsageError(f"{number} patients: at least one is needed")
    config = {"stage": "phantom", "patients": number, "seed": seed}
    return stage(
        folder, config, [], lambda out: write_phantom(out, number, seed, workers), fresh=fresh
    )


_Image = tuple[str, PhantomStudy, str]
"""dicom_id, study, view."""


def _images(study: PhantomStudy) -> Iterable[_Image]:
    views = [study.view, "LATERAL"] if study.lateral else [study.view]
    for view in views:
        digits = f"{seed_of(study.seed, 'dicom', view):016x}{seed_of(study.seed, view):016x}ab"
        digits = (digits * 2)[:40]
        yield "-".join(digits[i : i + 8] for i in range(0, 40, 8)), study, view


def _path(image: _Image) -> str:
    dicom, study, _ = image
    return (
        f"files/p{study.subject_id // 1_000_000}/p{study.subject_id}/s{study.study_id}/{dicom}.jpg"
    )


def _save_image(folder: Path, image: _Image) -> None:
    _, study, view = image
    draw = draw_lateral if view == "LATERAL" else draw_frontal
    picture = draw(study.present, np.random.default_rng(study.seed), IMAGE_SIZE)
    path = folder / _path(image)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=95)


def _gzip_csv(path: Path, rows: pl.DataFrame) -> None:
    # A fixed time stamp keeps the bytes equal from run to run.
    with atomic(path) as temporary:
        temporary.write_bytes(gzip.compress(rows.write_csv().encode(), mtime=0))


def _metadata(image: _Image) -> dict[str, Any]:
    dicom, study, view = image
    return {
        "dicom_id": dicom,
        "subject_id": study.subject_id,
        "study_id": study.study_id,
        "PerformedProcedureStepDescription": "CHEST (PA AND LAT)" if study.lateral else "CHEST",
        "ViewPosition": view,
        "Rows": IMAGE_SIZE,
        "Columns": IMAGE_SIZE,
        "StudyDate": 21800101 + study.study_id % 28,
        "StudyTime": 120000.0,
        "ProcedureCodeSequence_CodeMeaning": "CHEST",
        "ViewCodeSequence_CodeMeaning": {"PA": "postero-anterior", "AP": "antero-posterior"}.get(
            view, "lateral"
        ),
        "PatientOrientationCodeSequence_CodeMeaning": "Erect",
    }


def _labels(study: PhantomStudy) -> dict[str, Any]:
    """A row of labels as a labeler gives them: some findings unmentioned, some uncertain."""
    rng = np.random.default_rng(seed_of(study.seed, "labels"))
    shown = {f.condition for f in study.present}
    implied = {parent for name in shown for parent in CONDITIONS[name].parents}
    row: dict[str, Any] = {"subject_id": study.subject_id, "study_id": study.study_id}
    for name in sorted([*PRESENCE, NO_FINDING]):
        draw = rng.random()
        if name == NO_FINDING:
            row[name] = None if shown - {"Support Devices"} else 1.0
        elif name in shown:
            row[name] = 1.0 if draw < 0.9 else -1.0 if draw < 0.96 else None
        else:
            # A finding that another one implies is neither denied nor named apart.
            row[name] = 0.0 if draw < 0.75 and name not in implied else None
    return row


def _cad_record(study: PhantomStudy) -> dict[str, Any]:
    rng = np.random.default_rng(seed_of(study.seed, "cad"))
    dicom = next(iter(_images(study)))[0]
    implied = {parent for f in study.present for parent in CONDITIONS[f.condition].parents}
    entities: dict[str, Any] = {}
    for name, fact in study.facts.items():
        disease = CAD_NAMES.get(name)
        if disease is None or (fact.existence == "absent" and name in implied):
            continue
        if rng.random() < (0.9 if fact.existence == "present" else 0.65):
            entities[disease] = _cad_entity(disease, fact, len(entities), rng)
    return {
        "study_id": str(study.study_id),
        "subject_id": str(study.subject_id),
        "dicom_id": dicom,
        "view": {"PA": "postero-anterior", "AP": "antero-posterior"}[study.view],
        "study_order": study.study_id % 3,
        "entity": entities,
    }


def _cad_entity(disease: str, fact: Fact, order: int, rng: np.random.Generator) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "id": order,
        "entity_name": disease,
        "report_name": disease,
        "location": None,
        "type": None,
        "level": None,
        "infer": None,
        "derived_from": None,
    }
    if fact.existence == "absent":
        return entity | {"probability": "no ", "probability_score": -3}
    if rng.random() < 0.08:
        return entity | {"probability": "likely", "probability_score": 2}
    if fact.severity and rng.random() < 0.85:
        entity["level"] = [str(rng.choice(_LEVELS[fact.severity]))]
    sides = {"bilateral": ["bilateral"], "left": ["left"], "right": ["right"]}
    tokens = sides.get(fact.side or "", []) if rng.random() < 0.9 else []
    if tokens and fact.zone:
        choices = _ZONES[fact.zone]
        tokens = tokens + choices[int(rng.integers(len(choices)))]
    if tokens == ["bilateral"] and rng.random() < 0.5:
        entity |= {"location2": ["right"], "level2": entity["level"], "type2": None}
        tokens = ["left"]
    entity["location"] = tokens or None
    return entity | {"probability": "positive", "probability_score": 3}


def _write_truth(path: Path, studies: list[PhantomStudy]) -> None:
    rows = [
        {"subject_id": str(s.subject_id), "study_id": str(s.study_id), **fact.as_dict()}
        for s in studies
        for fact in s.facts.values()
    ]
    names = ("subject_id", "study_id", "condition", "existence", "side", "zone", "severity")
    write_table(path, pl.DataFrame(rows, infer_schema_length=None), dict.fromkeys(names, pl.String))
