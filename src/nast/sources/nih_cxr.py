"""NIH ChestX-ray14: label table, finding boxes and adjudicated labels -> studies and facts."""

import math
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import polars as pl

from nast.errors import InputError, shown
from nast.facts.conditions import CONDITIONS, Conditions
from nast.sources.image_paths import images_below, refuse_outside
from nast.sources.io.label_tables import (
    one_of,
    read_csv,
    read_text,
    refuse_duplicates,
    whole_ids,
)
from nast.sources.source import FoundFact, Source, as_studies, fact_table, tally
from nast.sources.splits import TRAINING_SHARES, add_split, split_of
from nast.sources.vocabularies import VOCABULARIES, by_word

_WORDS = VOCABULARIES["nih_cxr"]
LISTED, ADJUDICATED = by_word(_WORDS["labels"]), by_word(_WORDS["adjudicated"])
NO_LABEL = "No Finding"
TERMS = "NIH Clinical Center: no restrictions on use; link, CVPR 2017 citation, acknowledgement"
SUFFIX = r"(?i)\.(?:png|jpe?g)$"
"""Copies of the data set that were made smaller are often JPEG, as their tables then say."""
ORIGINAL_SIZE = 1024
"""Boxes are in pixels of the published images, 1024 x 1024."""


def read_nih_cxr(root: Path, conditions: Conditions = CONDITIONS) -> Source:
    """Read NIH ChestX-ray14, or a part of it.

    A listed label is present; one that is not listed is not mentioned, never absent ("No
    Finding" is not "normal"). Where images were adjudicated (Majkowska et al. 2020), YES and NO
    win over the list. A box gives side and zone; image left is the patient's right.

    The source's own split is kept where its lists are there: patients of the test list are `test`,
    the others are divided into `train` and `validate` by their ids, so that the test set is the
    published one, and images that are not listed follow their patient. Google's `Set Id` parts
    adjudicated images only, and is none.

    Args:
        root: folder with `Data_Entry_2017*.csv`, or `sample_labels.csv` of the small sample, or
            the path of either; and where they exist `BBox_List_2017*.csv`, `google2019*.csv`,
            `train_val_list*.txt` and `test_list*.txt`. Images are found by their names up to three
            folders below it, as in `images/`, `images_001/images/` or `sample/images/`.
        conditions: the table of conditions.

    Returns:
        One study per image; facts with sources `nih-boxes`, `nih-adjudicated` and `nih-labels`;
        access class `open`.

    Raises:
        InputError: a file is missing or breaks its schema, an image stands twice, or the lists
            have a patient in both.
    """
    root = Path(root)
    tables = [_maybe(root, name) for name in ("Data_Entry_2017*.csv*", "sample_labels.csv*")]
    entry = root if root.is_file() else tables[0] or tables[1]
    if entry is None:
        expected = "Data_Entry_2017*.csv of NIH ChestX-ray14, or sample_labels.csv of its sample"
        raise InputError(root, found="no such file", expected=expected)
    root = entry.parent
    rows = read_csv(entry, ["Image Index", "Finding Labels", "Patient ID", "View Position"])
    rows = whole_ids(rows, entry, ["Patient ID"])
    refuse_outside(rows["Image Index"], entry)
    refuse_duplicates(rows, entry, ["Image Index"])
    boxes, google = _maybe(root, "BBox_List_2017*.csv*"), _maybe(root, "google2019*.csv*")
    found = _Found({image: [] for image in rows["Image Index"]}, {}, tally(), conditions)
    if google:
        _adjudicated(google, found)
    if boxes:
        _boxes(boxes, found)
    labels = _listed(rows, entry, found)
    lists = [_maybe(root, f"{name}*.txt*") for name in ("train_val_list", "test_list")]
    splits, unlisted = _own_split(rows, *lists)
    stems = rows["Image Index"].str.replace(SUFFIX, "")
    images = images_below(root, set(stems))
    studies = rows.select(
        pl.col("Patient ID").alias("subject_id"),
        stems.alias("study_id"),
        pl.Series("image_path", [images.get(s, f"images/{s}.png") for s in stems]),
        pl.col("View Position").alias("view"),
        *(pl.Series(name, [row[name] for row in labels]) for name in conditions.labelled()),
    )
    facts = [
        (patient, re.sub(SUFFIX, "", image), finding)
        for image, patient in rows.select("Image Index", "Patient ID").iter_rows()
        for finding in found.facts[image]
    ]
    return Source(
        name="nih-cxr",
        root=root if images else None,
        studies=as_studies(add_split(studies, splits), conditions),
        facts=fact_table(facts),
        access="open",
        terms=TERMS,
        annotations=found.account,
        counts={"studies": len(rows), **unlisted},
        files=[p for p in (entry, boxes, google, *lists) if p],
        # Google's verdicts are of a part of the images only.
        vocabulary=sorted(set(LISTED.values()) & set(conditions)),
        splits=splits,
    )


def _maybe(root: Path, pattern: str) -> Path | None:
    return next(iter(sorted(root.glob(pattern))), None)


class _Found(NamedTuple):
    """What has been read so far.

    Attributes:
        facts: image -> its findings.
        judged: image -> condition -> present or absent, as adjudicated.
        account: what became of every annotation.
        conditions: the table of conditions; a label of another condition is another finding.
    """

    facts: dict[str, list[FoundFact]]
    judged: dict[str, dict[str, str]]
    account: Counter[str]
    conditions: Conditions


def _adjudicated(path: Path, found: _Found) -> None:
    """Findings of the YES/NO columns."""
    rows = read_csv(path, ["Image Index", *ADJUDICATED])
    refuse_duplicates(rows, path, ["Image Index"])
    for column in ADJUDICATED:
        one_of(rows, path, column, ["YES", "NO"], "YES or NO")
    for row in rows.iter_rows(named=True):
        image = row["Image Index"]
        for column, condition in ADJUDICATED.items():
            found.account["present"] += 1
            if image not in found.facts:
                found.account["set aside: adjudicated image without a row"] += 1
            elif condition not in found.conditions:
                found.account["set aside: other finding"] += 1
            else:
                existence = "present" if row[column] == "YES" else "absent"
                found.judged.setdefault(image, {})[condition] = existence
                finding = FoundFact(condition, existence, source="nih-adjudicated", words=column)
                found.facts[image].append(finding)
                found.account["kept"] += 1


def _boxes(path: Path, found: _Found) -> None:
    # Upstream's header splits "[x,y,w,h]" over four cells, named "Bbox [x" ... "h]", or names one.
    rows = read_csv(path, ["Image Index", "Finding Label"])
    named = {re.sub(r"(?i)bbox|[\[\] ]", "", column): column for column in rows.columns}
    for letter in "xywh":
        if letter not in named:
            raise InputError(
                path, found="no such column", expected="four numbers: x, y, w and h", column=letter
            )
    numbers = [named[letter] for letter in "xywh"]
    account = found.account
    for number, row in enumerate(rows.iter_rows(named=True), 1):
        image, label = row["Image Index"], row["Finding Label"]
        known = found.conditions.get(LISTED.get(label, ""))
        try:
            x, y, width, height = (float(row[c].replace(",", ".")) for c in numbers)
            if not math.isfinite(x + y + width + height):
                raise ValueError
        except ValueError:
            cells = ", ".join(shown(row[c]) for c in numbers)
            raise InputError(path, found=cells, expected="four numbers", row=number) from None
        account["present"] += 1
        if image not in found.facts:
            account["set aside: box of an image without a row"] += 1
        elif known is None:
            account["set aside: box of another label"] += 1
        elif found.judged.get(image, {}).get(known.name) == "absent":
            account["set aside: box overruled by adjudication"] += 1
        else:
            side, zone = box_place(x, y, width, height)
            finding = FoundFact(
                known.name,
                "present",
                side if known.sided else None,
                zone if zone in known.zones else None,
                source="nih-boxes",
                words=label,
            )
            found.facts[image].append(finding)
            account["kept"] += 1


def box_place(x: float, y: float, width: float, height: float) -> tuple[str | None, str]:
    """Side and zone of a box.

    Args:
        x: left edge, in pixels of the 1024 px image.
        y: upper edge.
        width: of the box.
        height: of the box.

    Returns:
        `left` or `right` of the patient (image left is patient right), None for a box with more
        than a quarter of its width on either half; and `upper`, `mid` or `lower` by thirds of the
        part of the film where lungs usually lie (15 % to 80 %), from the box's centre.
    """
    down = (y + height / 2) / ORIGINAL_SIZE
    left_half = min(1.0, max(0.0, (ORIGINAL_SIZE / 2 - x) / width)) if width > 0 else 0.5
    third = (down - 0.15) / 0.65
    zone = "upper" if third < 1 / 3 else "mid" if third < 2 / 3 else "lower"
    side = "right" if left_half >= 0.75 else "left" if left_half <= 0.25 else None
    return side, zone


def _listed(rows: pl.DataFrame, path: Path, found: _Found) -> list[dict[str, str]]:
    """The label columns of each image; adds facts for listed labels that have no better source."""
    table, account = [], found.account
    silent = dict.fromkeys(found.conditions.labelled(), "not_mentioned")
    listed = {label: name for label, name in LISTED.items() if name in found.conditions}
    for number, (image, text) in enumerate(rows.select("Image Index", "Finding Labels").rows(), 1):
        labels = text.split("|")
        for label in labels:
            if label not in LISTED and label not in _WORDS["other_labels"] and label != NO_LABEL:
                raise InputError(
                    path,
                    found=shown(label),
                    expected="one of NIH's labels",
                    row=number,
                    column="Finding Labels",
                )
        account["present"] += len(labels) - labels.count(NO_LABEL)
        known = {finding.condition for finding in found.facts[image]}
        account["set aside: other finding"] += sum(
            label not in listed and label != NO_LABEL for label in labels
        )
        for label in labels:
            condition = listed.get(label)
            if condition in known:
                account["set aside: said by a box, an adjudication or another label"] += 1
            elif condition is not None:
                known.add(condition)
                account["kept"] += 1
                finding = FoundFact(condition, "present", source="nih-labels", words=label)
                found.facts[image].append(finding)
        present = dict.fromkeys((listed[n] for n in labels if n in listed), "present")
        table.append(silent | present | found.judged.get(image, {}))
    return table


def _own_split(
    rows: pl.DataFrame, training: Path | None, test: Path | None
) -> tuple[dict[str, str], dict[str, int]]:
    """Patient -> split after the published lists, empty without them; and what was counted.

    Patients that are not listed are the other part where there is one list, and no test patients
    where there are both; those are counted.
    """
    if training is None and test is None:
        return {}, {}
    image = pl.col("Image Index").str.replace(SUFFIX, "")
    learnt, tested = (_images_of_list(path) if path else [] for path in (training, test))
    patients = (
        rows.group_by(pl.col("Patient ID").alias("subject_id"))
        .agg(learnt=image.is_in(learnt).any(), tested=image.is_in(tested).any())
        .sort("subject_id")
    )
    torn = len(patients.filter("learnt", "tested"))
    if torn:
        raise InputError(
            " and ".join(map(str, (training, test))),
            found=f"{torn} patients with images of both parts",
            expected="each patient in one part, as in the published lists",
        )
    splits = {
        patient: "test"
        if in_test or (test is None and not in_training)
        else split_of(patient, shares=TRAINING_SHARES)
        for patient, in_training, in_test in patients.iter_rows()
    }
    unlisted = len(patients.filter(~pl.col("learnt") & ~pl.col("tested")))
    both = training is not None and test is not None
    return splits, {"patients in neither list": unlisted} if both and unlisted else {}


def _images_of_list(path: Path) -> list[str]:
    """The images of a list, without folders and suffixes."""
    lines = [line.split() for line in read_text(path, "a list of images").split("\n")]
    names = [re.split(r"[/\\]", words[0])[-1] for words in lines if words]
    wrong = next((n for n, name in enumerate(names, 1) if not re.match(r"\d{8}_\d{3}", name)), 0)
    if wrong or not names:
        found = "another line" if wrong else "no line"
        expected = "the name of an image, such as 00000001_000.png"
        raise InputError(path, found=found, row=wrong or None, expected=expected)
    return [name.partition(".")[0] for name in names]
