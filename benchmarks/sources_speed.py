"""How long the readers take at the size of the real releases, beside plain row-by-row Python.

    python benchmarks/sources_speed.py [--studies 227827] [--only mimic|cad|iu] [--keep FOLDER]

Tables and records are made up, with the real columns, fields, sizes and frequencies; the Indiana
reports lie where the tests left them. Each reading is timed in a new process, after its imports.
The plain side checks and writes nothing. Only absences in the Indiana reports (one regex) differ.
"""

import argparse
import csv
import gzip
import json
import random
import re
import resource
import tarfile
import time
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import yaml

IU = Path.home() / ".cache" / "nast-test-labels" / "NLMCXR_reports.tgz"
TABLE = yaml.safe_load((Path(__file__).parents[1] / "src/nast/facts/conditions.yaml").read_text())
PATH = "files/p{0:.2}/p{0}/s{1}/{2}.jpg"
STUDIES, IMAGES, PATIENTS, APART = 227_827, 377_110, 65_379, 8

KEYS = "study_id split image_path view", "study_id condition existence side zone severity"
LABELS = {
    "Atelectasis": (1976, 41, 432),
    "Fracture": (165, 39, 13),
    "Pneumonia": (688, 1067, 777),
    "Cardiomegaly": (1706, 699, 258),
    "Edema": (1147, 1111, 513),
    "No Finding": (3323, 0, 0),
    "Enlarged Cardiomediastinum": (305, 232, 405),
    "Lung Opacity": (2223, 125, 92),
    "Consolidation": (458, 350, 131),
    "Lung Lesion": (267, 37, 45),
    "Pleural Effusion": (2320, 1191, 233),
    "Pleural Other": (85, 5, 32),
    "Pneumothorax": (411, 1852, 38),
    "Support Devices": (2872, 135, 4),
}
ENTITIES = {
    "pleural effusion": (4625, 1310, 295, 26, 1337),
    "pneumothorax": (5665, 175, 26, 2, 258),
    "edema": (1444, 511, 187, 37, 694),
    "atelectasis": (53, 496, 66, 26, 2695),
    "cardiomegaly": (29, 381, 537, 127, 594),
    "consolidation": (2321, 11, 7, 20, 669),
    "pneumonia": (1286, 13, 1, 21, 1349),
    "lung opacity": (257, 205, 49, 14, 2557),
    "fracture": (220, 10, 1, 7, 322),
    "emphysema": (5, 11, 4, 29, 198),
    "vascular congestion": (404, 250, 19, 1, 297),
    "": (1, 7, 2, 1, 66),
}
"""In 10,000 studies: positive, negative, uncertain; absent, mild, moderate, severe, ungraded."""
PLACES = {
    "bilateral": 22419,
    "right": 19908,
    "left": 19145,
    "bibasilar": 15273,
    "rib": 3757,
    "left lower lung": 6924,
    "retrocardiac": 6128,
    "right basilar": 6204,
    "pericardial": 200,
}
SAID = {
    ("positive", 3): 150,
    ("likely", 2): 25,
    ("may", 2): 13,
    ("possibl", 2): 5,
    ("might", 1): 1,
    ("not exclude", 1): 8,
    ("cannot be assessed", 0): 3,
    ("unlikely", -2): 1,
}
DENIED = {("no ", -3): 60, ("without", -3): 25, ("negative", -3): 5, ("clear of", -3): 4}
VIEWS = {
    "AP": "antero-posterior",
    "PA": "postero-anterior",
    "LATERAL": "lateral",
    "LL": "left lateral",
    "": None,
    "LAO": "left anterior oblique",
}


def make(root, studies):
    """MIMIC-CXR-JPG's tables and a CAD-Chest file; each lacks 8 studies that the other has."""
    import numpy as np
    import polars as pl

    from nast.phantom.write import _LEVELS, CAD_NAMES, write_mark
    from nast.sources.cad_chest import DISEASES

    root.mkdir(parents=True, exist_ok=True)
    rng, number = np.random.default_rng(7), studies + APART
    patients, images = (n * studies // STUDIES for n in (PATIENTS, IMAGES))
    patient = np.sort(np.r_[:patients, patients * rng.random(number - patients) ** 1.5]).astype(int)
    split = rng.choice(["train", "validate", "test"], patients, p=[0.988, 0.0075, 0.0045])[patient]
    subject = 10_000_000 + rng.choice(10_000_000, patients, replace=False)[patient]
    study = 50_000_000 + rng.choice(10_000_000, number, replace=False)
    of = np.repeat(range(number), 1 + rng.multinomial(images - number, [1 / number] * number))
    first = rng.choice([*VIEWS], images, p=[0.59, 0.365, 0.02, 0.01, 0.0149, 0.0001])
    view = rng.choice([*VIEWS], images, p=[0.085, 0.088, 0.525, 0.22, 0.0819, 0.0001])
    view = np.where(np.append(True, of[1:] != of[:-1]), first, view)
    dicom = np.array(["-".join(re.findall(".{8}", rng.bytes(20).hex())) for _ in of])
    ids = {"dicom_id": dicom, "subject_id": subject[of], "study_id": study[of]}
    metadata = ids | {
        "PerformedProcedureStepDescription": np.where(view == "AP", "CHEST (PORTABLE AP)", "CHEST"),
        "ViewPosition": view,
        **{n: rng.choice([3056, 2544], images) for n in ("Rows", "Columns")},
        "StudyDate": rng.integers(21100101, 22001231, number)[of],
        "StudyTime": rng.integers(0, 235959999, images) / 1000,
        "ProcedureCodeSequence_CodeMeaning": ["CHEST (PA AND LAT)"] * images,
        "ViewCodeSequence_CodeMeaning": [VIEWS[v] for v in view.tolist()],
        "PatientOrientationCodeSequence_CodeMeaning": ["Erect"] * images,
    }
    labels = {"subject_id": subject, "study_id": study}
    for name, counts in sorted(LABELS.items()):
        place = np.searchsorted(np.cumsum(counts) / 10_000, rng.random(number), side="right")
        labels[name] = np.array(["1.0", "0.0", "-1.0", ""])[place]
    order = rng.permutation(number)
    tables = {"chexpert": pl.DataFrame(labels)[np.sort(order[APART:])], "metadata": metadata}
    for name, table in (tables | {"split": ids | {"split": split[of]}}).items():
        rows = pl.DataFrame(table).with_columns(pl.col(pl.String).replace("", None)).write_csv()
        (root / f"mimic-cxr-2.0.0-{name}.csv.gz").write_bytes(gzip.compress(rows.encode(), 6))
    frontal_first = np.lexsort((~np.isin(view, ["AP", "PA"]), of))
    chosen = frontal_first[np.searchsorted(of, np.sort(order[:-APART]))]
    cells = np.array([ENTITIES.get(name, ENTITIES[""]) for name in DISEASES])
    row, disease = np.nonzero(rng.random((len(chosen), len(cells))) < cells.sum(1) / 10_000)
    edges = (cells.cumsum(1) / cells.sum(1, keepdims=True))[disease]
    grades = (rng.random((len(row), 1)) >= edges).sum(1).clip(max=4)
    pick = random.Random(7).choices
    draws = [disease.tolist(), grades.tolist(), rng.random((len(row), 3)).tolist()]
    draws += [pick([*t], [*t.values()], k=len(row)) for t in (PLACES, SAID, DENIED)]
    entities, names, levels = zip(*draws, strict=True), [*DISEASES], [(), *_LEVELS.values(), ()]
    blank = dict.fromkeys(("post_location", "location2", "type2", "level2", "post_location2"))
    many = np.bincount(row, minlength=len(chosen))
    with open(root / "cad_disease.json", "w", encoding="utf-8") as out:
        for i, at in enumerate(chosen):
            found = {}
            for kind, grade, luck, place, said, denied in islice(entities, many[i]):
                name, words, (word, score) = names[kind], levels[grade], said if grade else denied
                level = [words[int(luck[0] * len(words))]] if words else None
                located = grade and name in CAD_NAMES.values() and luck[1] < 0.435
                entity = {
                    "id": len(found),
                    "entity_name": name,
                    "report_name": name,
                    "type": None,
                    "location": place.split() if located else None,
                    "level": level,
                    **(blank if luck[2] < 0.6 else {}),
                    "infer": None,
                    "derived_from": None,
                    "probability": word,
                    "probability_score": score,
                }
                if located and place == "left" and luck[2] < 0.1:
                    entity |= {"location2": ["right", "lower"], "level2": level}
                found[name.replace("descending aorta", "descending aorta ")] = entity
            record = {"study_id": str(study[of[at]]), "subject_id": str(subject[of[at]])}
            record |= {"dicom_id": str(dicom[at]), "view": VIEWS[view[at]], "study_order": i % 5}
            out.write((", " if i else "[") + json.dumps(record | {"entity": found}))
        out.write("]")
    write_mark(root)


def rows_of(root, name):
    with gzip.open(root / f"mimic-cxr-2.0.0-{name}.csv.gz", "rt", newline="") as file:
        yield from csv.DictReader(file)


def plain_mimic(root, cad):
    from nast.sources.cad_chest import DISEASES, GRADES, SIDES, ZONES

    splits = {r["study_id"]: r["split"] for r in rows_of(root, "split")}
    best = {}
    for r in rows_of(root, "metadata"):
        view, size = r["ViewPosition"], int(r["Rows"]) * int(r["Columns"])
        row = ({"PA": 0, "AP": 1}.get(view, 2), -size, r["dicom_id"], r["subject_id"], view)
        best[r["study_id"]] = min(row, best.get(r["study_id"], row))
    records = json.loads((root / "cad_disease.json").read_text()) if cad else []
    studies, facts, known = {}, set(), {r["study_id"] for r in records}
    names, said = LABELS.keys() - {"No Finding"}, {"1.0": "present", "0.0": "absent"}
    for r in rows_of(root, "chexpert"):
        study, (_, _, dicom, subject, view) = r["study_id"], best[r["study_id"]]
        studies[study] = (splits[study], PATH.format(subject, study, dicom), view)
        if study not in known:
            facts |= {(study, n, said[r[n]], "", "", "") for n in names if r[n] in said}
    for r in records:
        study, path = r["study_id"], PATH.format(r["subject_id"], r["study_id"], r["dicom_id"])
        studies.setdefault(study, (splits[study], path, ""))
        for disease, e in r["entity"].items():
            name, score = DISEASES[disease.strip()], e.get("probability_score", 3)
            pericardial = name == "Pleural Effusion" and "pericardial" in (e["location"] or [])
            if name and abs(score) == 3 and not pericardial:
                for n in ("", "2") if e.get("location2") or e.get("level2") else ("",):
                    tokens, level = e.get(f"location{n}") or [], e.get(f"level{n}") or []
                    place = place_of(name, tokens, level, SIDES, ZONES, GRADES)
                    facts.add((study, name, "present" if score == 3 else "absent", *place))
    return {(study, *row) for study, row in studies.items()}, distinct(facts)


def plain_iu(file):
    from nast.sources.iu_xray import GRADES, HEADS, QUALIFIED, SIDES, ZONES

    studies, facts = set(), set()
    denial = re.compile(r"\b(?:no|without|free of|negative for|clear of)\b[^.;]*")
    words = {name: (known["term"], *known.get("synonyms", ())) for name, known in TABLE.items()}
    with tarfile.open(file) as archive:
        members = [archive.extractfile(m).read() for m in archive if m.name.endswith(".xml")]
    for root in map(ElementTree.fromstring, members):
        study, present = root.find("uId").get("id"), set()
        for term in root.iter("major"):
            head, *more = [" ".join(part.split()) for part in term.text.lower().split("/")]
            pairs = (QUALIFIED[head, q] for q in more if (head, q) in QUALIFIED)
            if name := HEADS.get(head) or next(pairs, None):
                present.add(name)
                place = place_of(name, more, more, {s: s for s in SIDES}, ZONES, GRADES)
                facts.add((study, name, "present", *place))
        text = " . ".join(t.text or "" for t in root.iter("AbstractText"))
        denied = " . ".join(denial.findall(text.lower()))
        absent = {n for n, some in words.items() if any(w.strip("*") in denied for w in some)}
        facts |= {(study, name, "absent", "", "", "") for name in absent - present}
        studies.add((study,))
    return studies, distinct(facts)


def place_of(name, tokens, level, *words):
    pairs = zip((tokens, tokens, level), words, strict=True)
    found = [{meaning[t] for t in said if t in meaning} for said, meaning in pairs]
    side, zone, grade = ("".join(values) if len(values) == 1 else "" for values in found)
    side = "bilateral" if len(found[0]) > 1 else side
    known, wider = TABLE[name], {"apical": "upper", "retrocardiac": "lower"}.get(zone)
    fits = {zone, wider} & {*known.get("zones", [])}
    return side * known.get("sided", False), zone * bool(fits), grade * bool(known.get("grades"))


def distinct(facts):  # neither contradictions nor bare presences beside fuller ones
    torn = {f[:2] for f in facts if f[2] == "absent"} & {f[:2] for f in facts if f[2] == "present"}
    facts = {f for f in facts if f[:2] not in torn}
    fuller = {f[:2] for f in facts if any(f[3:]) and not TABLE[f[1]].get("sided")}
    return {f for f in facts if f[2] == "absent" or any(f[3:]) or f[:2] not in fuller}


def timed(job, *args):
    """Seconds (and of the processor), largest MB, and what was found; `job` None is ours."""
    if job is None:
        from nast.sources import collect
    start, busy = time.perf_counter(), time.process_time()
    found = job(*args) if job else collect.build_facts(*args)
    spent, busy = time.perf_counter() - start, time.process_time() - busy
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if job is None:
        tables = zip(collect.read_facts(args[1]), KEYS, strict=True)
        found = [{*table.select(key.split()).fill_null("").iter_rows()} for table, key in tables]
    said = f"{len(found[0]):,} studies, {len(found[1]):,} facts"
    return spent, busy, memory, said, sha256(repr([*map(sorted, found)]).encode()).hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--only", choices=["mimic", "cad", "iu"])
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool, TemporaryDirectory() as scratch:
        root = (args.keep or Path(scratch)) / f"mimic-{args.studies}"
        if args.only != "iu" and not (root / "PHANTOM").exists():
            pool.apply(make, (root, args.studies))
        mimic, cad = f"mimic-cxr-jpg:{root}", f"cad-chest:{root / 'cad_disease.json'}"
        jobs = [
            ("mimic", [mimic], plain_mimic, (root, False), "10 s, 1 GB"),
            ("cad", [mimic, cad], plain_mimic, (root, True), "40 s, 2 GB"),
            ("iu", [f"iu-xray:{IU}"], plain_iu, (IU,), "15 s"),
        ]
        print("       seconds (processor), MB: ours | plain | plain / ours | target")
        for name, specs, plain, given, target in jobs:
            if name == "iu" and not IU.exists():
                print(f"iu     skipped: no {IU}")
            elif args.only in (None, name):
                ours = pool.apply(timed, (None, specs, Path(scratch) / name))
                other = pool.apply(timed, (plain, *given))
                a, b = (f"{s:.1f} ({p:.1f}), {m:,.0f}" for s, p, m, *_ in (ours, other))
                print(f"{name:6} {a} | {b} | {other[0] / ours[0]:.1f} | {target}")
                print(f"       {ours[3]} | {'the same' if ours[4] == other[4] else other[3]}")


if __name__ == "__main__":
    main()
