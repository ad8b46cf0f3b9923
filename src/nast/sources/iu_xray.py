"""Indiana University / Open-i reports (XML): indexed findings and denials read from the words."""

import re
from collections import Counter
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import polars as pl

from nast.errors import InputError
from nast.facts.conditions import CONDITIONS, NO_FINDING, Conditions
from nast.hashes import content_hash
from nast.language.read.parse import survey
from nast.language.read.readings import Reading
from nast.records import Fact
from nast.sources.image_paths import folder_entries, images_below, is_inside
from nast.sources.io.label_tables import read_csv
from nast.sources.io.members import read_members
from nast.sources.source import (
    FRONTAL,
    FoundFact,
    Source,
    as_studies,
    attributes_of,
    fact_table,
    tally,
)
from nast.sources.splits import add_split
from nast.sources.vocabularies import VOCABULARIES, by_word

_WORDS = VOCABULARIES["iu_xray"]
HEADS, NO_FINDINGS, ZONES, GRADES = (
    by_word(_WORDS[part]) for part in ("heads", "no_findings", "zones", "grades")
)
QUALIFIED = {tuple(pair): name for name, pairs in _WORDS["qualified"].items() for pair in pairs}
SIDES = _WORDS["sides"]
TERMS = "CC BY-NC-ND 4.0: questions and captions made from it must not be published"
IMAGE_FOLDER = "NLMCXR_png"
"""Where images lie that were not found."""
METADATA = "nlmcxr_dicom_metadata.csv*"


class Report(NamedTuple):
    """One report: its id, images in order, indexed terms, and the text that states findings."""

    study_id: str
    images: tuple[str, ...]
    terms: tuple[str, ...]
    text: str


def read_iu_xray(file: Path, conditions: Conditions = CONDITIONS) -> Source:
    """Read the Indiana University collection.

    Present findings come from the manual index (`MeSH/major`), with side, zone and severity.
    Absences come from FINDINGS and IMPRESSION, where `language.read.parse` reads a plain denial; a
    condition that the index or the words affirm is not absent. One report is one patient.

    Args:
        file: `NLMCXR_reports.tgz`, or a folder with the XML files. Images are found beside it by
            their names, in `NLMCXR_png/` or another folder, and view positions in
            `nlmcxr_dicom_metadata.csv`;
            with those, the first frontal image stands for the report, else the first.
        conditions: the table of conditions.

    Returns:
        Studies and facts with sources `iu-mesh` and `iu-text`; access class `open`, without the
        right to publish derivatives.

    Raises:
        InputError: the archive is damaged, a member would leave its folder, a file is not a
            report, or a report stands twice.
    """
    file = Path(file)
    reports: dict[str, Report] = {}
    for name, data in read_members(file, ".xml", "Open-i reports: a .tgz or a folder of .xml"):
        report = parse_report(data, file, name)
        if report.study_id in reports:
            raise InputError(file, found=f"a report a second time ({name})", expected="each once")
        reports[report.study_id] = report
    if not reports:
        raise InputError(file, found="no .xml file", expected="Open-i reports")
    beside = file if file.is_dir() else file.parent
    metadata = next(iter(sorted(beside.glob(METADATA))), None)
    views: dict[str, str] = {}
    if metadata:
        columns = ["imageid", "View Position"]
        views = dict(read_csv(metadata, columns).select(columns).iter_rows())
    names = {image for report in reports.values() for image in report.images}
    root, images = _find_images(beside, names)
    account, counts = tally(), Counter[str](reports=len(reports))
    studies, facts = [], []
    for report in reports.values():
        indexed = _indexed(report, account, conditions)
        known = {finding.condition for finding in indexed}
        found = [*indexed, *_denied(report, known, account, conditions)]
        facts += [(report.study_id, report.study_id, finding) for finding in found]
        image, view = _image(report, views)
        counts["reports without an image"] += not report.images
        path = images.get(image, f"{IMAGE_FOLDER}/{image}.png") if image else ""
        studies.append((report.study_id, path, view, *_labels(report, found, conditions)))
    columns = ["study_id", "image_path", "view", *conditions.labelled(), NO_FINDING]
    table = pl.DataFrame(studies, schema=dict.fromkeys(columns, pl.String), orient="row")
    table = add_split(table.with_columns(subject_id="study_id"))
    return Source(
        name="iu-xray",
        root=root,
        studies=as_studies(table, conditions),
        facts=fact_table(facts),
        access="open",
        terms=TERMS,
        annotations=account,
        counts=dict(counts),
        files=[path for path in (file, metadata) if path and path.is_file()],
        fingerprint=content_hash(list(reports.values())) if file.is_dir() else "",
    )


def parse_report(data: bytes, file: Path, name: str) -> Report:
    """One XML file -> a report.

    Raises:
        InputError: it is not an Open-i report.
    """
    try:
        # Without zeros, for the file may be UTF-16.
        if b"<!DOCTYPE" in data.replace(b"\0", b""):
            raise ValueError
        root = ElementTree.fromstring(data)
        uid = root.find("uId")
        study_id = uid.attrib["id"] if uid is not None else ""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", study_id):
            raise ValueError
    except (ElementTree.ParseError, KeyError, ValueError, LookupError, RecursionError):
        found = f"{name}, no XML with a uId"
        raise InputError(file, found=found, expected="Open-i reports") from None
    images = [i.get("id", "") for i in root.iter("parentImage")]
    text = [
        " ".join((t.text or "").split())
        for t in root.iter("AbstractText")
        if t.get("Label", "").upper() in ("FINDINGS", "IMPRESSION")
    ]
    return Report(
        study_id,
        tuple(i for i in images if i and is_inside(i)),
        tuple(" ".join((m.text or "").split()) for m in root.iter("major")),
        ".\n".join(text),
    )


def _indexed(report: Report, account: Counter[str], conditions: Conditions) -> list[FoundFact]:
    """Present facts from the index."""
    found: list[FoundFact] = []
    for term in report.terms:
        account["present"] += 1
        head, *qualifiers = [part.strip() for part in term.lower().split("/")]
        names = [HEADS.get(head), *(QUALIFIED.get((head, q)) for q in qualifiers)]
        known = conditions.get(next(filter(None, names), ""))
        if known is not None:
            account["kept"] += 1
            place = attributes_of(
                known,
                {q for q in qualifiers if q in SIDES},
                {ZONES[q] for q in qualifiers if q in ZONES},
                {GRADES[q] for q in qualifiers if q in GRADES},
            )
            found.append(FoundFact(known.name, "present", *place, "iu-mesh", term))
        else:
            account[f"set aside: {NO_FINDINGS.get(head, 'other finding')}"] += 1
    return found


def _denied(
    report: Report, indexed: Set[str], account: Counter[str], conditions: Conditions
) -> list[FoundFact]:
    """Absences from the words, each condition once and none that the index has as present."""
    readings, unread = survey(report.text, conditions)
    for mention in unread:
        account["present"] += 1
        account[f"not read: {mention.why}"] += 1
    affirmed = {r.fact.condition for r in readings if r.fact.existence == "present"}
    found: dict[str, FoundFact] = {}
    for reading in readings:
        if reading.fact.existence == "present":
            continue
        name = reading.fact.condition
        account["present"] += 1
        if reading.fact != Fact(name, "absent"):
            account["set aside: denial of a size or a place"] += 1
        elif name in indexed:
            account["set aside: denied in words, indexed as present"] += 1
        elif name in affirmed:
            account["set aside: denied and affirmed in words"] += 1
        elif name in found:
            account["set aside: denied a second time"] += 1
        else:
            account["kept"] += 1
            words = _sentence(report, reading)
            found[name] = FoundFact(name, "absent", source="iu-text", words=words)
    return list(found.values())


def _sentence(report: Report, reading: Reading) -> str:
    start = max(report.text.rfind(mark, 0, reading.start) for mark in ".\n") + 1
    ends = (report.text.find(mark, reading.end) for mark in ".\n")
    end = min((e for e in ends if e >= 0), default=len(report.text))
    return " ".join(report.text[start:end].split())


def _labels(report: Report, found: list[FoundFact], conditions: Conditions) -> list[str]:
    """A label for each condition, and "No Finding"."""
    known = {finding.condition: finding.existence for finding in found}
    normal = [t.lower() for t in report.terms] == ["normal"]
    return [
        *(known.get(name) or "not_mentioned" for name in conditions.labelled()),
        "present" if normal else "not_mentioned",
    ]


def _image(report: Report, views: dict[str, str]) -> tuple[str, str]:
    """The image that stands for a report, and its view."""
    order = {view: place for place, view in enumerate(FRONTAL)}
    ranked = sorted(report.images, key=lambda i: order.get(views.get(i, ""), len(order)))
    return (ranked[0], views.get(ranked[0], "")) if ranked else ("", "")


def _find_images(beside: Path, names: set[str]) -> tuple[Path | None, dict[str, str]]:
    """The folder that image paths start from, and image -> path, of those that are there.

    They lie with the reports, or in a folder beside theirs, called as it is handed out.
    """
    found = images_below(beside, names, 2)
    if found:
        return beside, found
    for entry in sorted(folder_entries(beside.parent), key=lambda e: e.name):
        if entry.name.lower().startswith(("nlmcxr", "images")):
            there = images_below(Path(entry.path), names, 1)
            found |= {image: f"{entry.name}/{path}" for image, path in there.items()}
    return (beside.parent if found else None), found
