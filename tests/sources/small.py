"""Small label tables in the published formats, for the tests of the readers."""

import json
import tarfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import Image

from nast.errors import NastError
from nast.facts.conditions import CONDITIONS, NO_FINDING

LABELS = [*CONDITIONS.labelled(), NO_FINDING]


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(str, row)) for row in [header, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (16, 16), 90).save(path)
    return path


def mimic(root: Path, studies: list[dict], images: bool = False) -> Path:
    """A MIMIC-CXR-JPG tree; a study is subject, study, split, and optionally views, labels, size.

    `labels=None` leaves the study out of the label table.
    """
    labels, meta, split = [], [], []
    for s in studies:
        if s.get("labels", {}) is not None:
            cells = [s.get("labels", {}).get(name, "") for name in LABELS]
            labels.append([s["subject"], s["study"], *cells])
        for dicom, view, size in s.get("views", [(f"d{s['study']}", "PA", 10)]):
            meta.append([dicom, s["subject"], s["study"], view, size, 10])
            split.append([dicom, s["study"], s["subject"], s["split"]])
            if images:
                subject = str(s["subject"])
                picture(root / f"files/p{subject[:2]}/p{subject}/s{s['study']}/{dicom}.jpg")
    name = str(root / "mimic-cxr-2.0.0-{}.csv")
    write_csv(Path(name.format("chexpert")), ["subject_id", "study_id", *LABELS], labels)
    header = ["dicom_id", "subject_id", "study_id", "ViewPosition", "Rows", "Columns"]
    write_csv(Path(name.format("metadata")), header, meta)
    header = ["dicom_id", "study_id", "subject_id", "split"]
    write_csv(Path(name.format("split")), header, split)
    return root


CHEXPERT = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", NO_FINDING, *CONDITIONS.labelled()]


def chexpert(file: Path, rows: list[tuple[str, str, dict]]) -> Path:
    """A CheXpert table; a row is path below the data set, view (`LATERAL` for lateral), labels."""
    table = [
        [
            f"CheXpert-v1.0-small/{path}",
            "Female",
            60,
            "Lateral" if view == "LATERAL" else "Frontal",
            "" if view == "LATERAL" else view,
            *(labels.get(n, "") for n in [NO_FINDING, *CONDITIONS.labelled()]),
        ]
        for path, view, labels in rows
    ]
    return write_csv(file, CHEXPERT, table)


def nih(root: Path, rows: list[tuple], boxes: list[tuple] = (), google: list[tuple] = ()) -> Path:
    """An NIH folder: (image, labels, patient), (image, label, x, y, w, h), (image, 4 verdicts)."""
    header = ["Image Index", "Finding Labels", "Patient ID", "View Position"]
    write_csv(root / "Data_Entry_2017_v2020.csv", header, [[*row, "PA"] for row in rows])
    if boxes:
        header = ["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"]
        write_csv(root / "BBox_List_2017.csv", header, [list(b) for b in boxes])
    if google:
        header = ["Image Index", "Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass"]
        write_csv(root / "google2019.csv", header, [list(g) for g in google])
    return root


def cad(file: Path, entities: dict, **record: object) -> Path:
    """A CAD-Chest file of one record."""
    base = {"subject_id": "10000032", "study_id": "50414267", "dicom_id": "d", "entity": entities}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([base | record]), encoding="utf-8")
    return file


def only_nast_errors(call) -> None:
    """Any other exception than nast's own fails the test."""
    with suppress(NastError):
        call()


def tar(to: Path | BytesIO, files: dict[str, bytes], mode: str = "w:gz") -> Path | BytesIO:
    """An archive of some files, in their order."""
    place = {"fileobj": to} if isinstance(to, BytesIO) else {"name": to}
    with tarfile.open(mode=mode, **place) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, BytesIO(data))
    return to


def wide_mapping(file: Path) -> None:
    """The mapping of a table of patient, study and edema."""
    file.write_text(
        "layout: wide\ncolumns: {subject_id: patient, study_id: study}\nlabels: {Edema: edema}\n"
        'values: {present: ["1"], absent: ["0"]}\n'
    )
