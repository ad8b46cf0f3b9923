"""NIH ChestX-ray14's own split, from the lists of images that are published with it."""

import re
from pathlib import Path

import polars as pl

from nast.errors import InputError
from nast.sources.io.label_tables import read_text
from nast.sources.splits import TRAINING_SHARES, split_of

SUFFIX = r"(?i)\.(?:png|jpe?g)$"
"""Copies of the data set that were made smaller are often JPEG, as their tables then say."""


def nih_split(
    rows: pl.DataFrame, training: Path | None, test: Path | None
) -> tuple[dict[str, str], dict[str, int]]:
    """The split of each patient after the lists that are published with the images.

    Patients of the test list are `test`; the others are divided into `train` and `validate` by
    their ids, so that the test set is the published one. Images that are not listed follow their
    patient. Patients that are not listed are the other part where there is one list, and no test
    patients where there are both; those are counted.

    Args:
        rows: `Image Index` and `Patient ID`.
        training: `train_val_list.txt`, one image a line, or None.
        test: `test_list.txt`, or None.

    Returns:
        Patient -> split, empty without lists; and what was counted.

    Raises:
        InputError: a file is no list of images, or a patient is in both parts.
    """
    if training is None and test is None:
        return {}, {}
    image = pl.col("Image Index").str.replace(SUFFIX, "")
    learnt, tested = (_listed_images(path) if path else [] for path in (training, test))
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


def _listed_images(path: Path) -> list[str]:
    """The images of a list, without folders and suffixes."""
    lines = [line.split() for line in read_text(path, "a list of images").split("\n")]
    names = [re.split(r"[/\\]", words[0])[-1] for words in lines if words]
    wrong = next((n for n, name in enumerate(names, 1) if not re.match(r"\d{8}_\d{3}", name)), 0)
    if wrong or not names:
        found = "another line" if wrong else "no line"
        expected = "the name of an image, such as 00000001_000.png"
        raise InputError(path, found=found, row=wrong or None, expected=expected)
    return [name.partition(".")[0] for name in names]
