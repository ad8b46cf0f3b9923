"""Drawn radiographs as ChestX-ray14 lays out its own: a label table, and names by patient."""

import shutil
from pathlib import Path

from nast.phantom.write import build_phantom
from nast.sources.collect import build_facts, read_facts

WORDS = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Pleural Effusion": "Effusion",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
}
"""Our condition -> NIH's label."""


def nih_tree(root, patients):
    """A folder in NIH's layout, of drawn patients."""
    drawn = root.with_name("drawn")
    build_phantom(drawn, patients, 5, workers=2)
    build_facts([f"mimic-cxr-jpg:{drawn}"], root.with_name("drawn-facts"))
    studies = read_facts(root.with_name("drawn-facts")).studies
    numbers = {p: n for n, p in enumerate(studies["subject_id"].unique().sort(), 1)}
    (root / "images").mkdir(parents=True)
    lines, judged, seen = [], [], {}
    for study in studies.iter_rows(named=True):
        patient = numbers[study["subject_id"]]
        seen[patient] = seen.get(patient, -1) + 1
        name = f"{patient:08}_{seen[patient]:03}"
        place = Path(study["image_path"])
        shutil.copyfile(place, root / "images" / f"{name}{place.suffix}")
        found = [word for condition, word in WORDS.items() if study[condition] == "present"]
        lines.append(f"{name}.png,{'|'.join(found) or 'No Finding'},{patient},{study['view']}")
        if patient % 5 == 0:
            verdict = "YES" if study["Pneumothorax"] == "present" else "NO"
            judged.append(f"{name}.png,NO,{verdict},NO,NO")
    header = "Image Index,Finding Labels,Patient ID,View Position"
    (root / "Data_Entry_2017.csv").write_text("\n".join([header, *lines]) + "\n")
    header = "Image Index,Fracture,Pneumothorax,Airspace opacity,Nodule or mass"
    (root / "google2019.csv").write_text("\n".join([header, *judged]) + "\n")
    return root
