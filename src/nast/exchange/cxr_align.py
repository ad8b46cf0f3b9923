"""CXR-Align 1.0.0 (PhysioNet) in: reports, and what negating or leaving out a finding makes."""

from collections.abc import Iterator
from pathlib import Path

from nast.exchange.fields import Entry, entry_of, read_whole
from nast.exchange.peer_items import Item

KINDS = ("truth", "negation", "omitted")
"""Of the three texts. Accuracy against one of the wrong ones is that of its kind."""


def read_cxr_align(file: Path) -> Iterator[Item]:
    """`{"mimic": {dicom_id: {report, negation, omitted, chosen, location}}}`.

    The report is right; the one with a finding negated and the one without it are not.
    """
    row = 0
    for part in read_whole(file, dict).values():
        for name, value in entry_of(part, file, None).values.items():
            row += 1
            entry = entry_of(value, file, row)
            image = Entry({"dicom_id": name}, file, row).path("dicom_id")
            texts = tuple(entry.text(n) for n in ("report", "negation", "omitted"))
            yield Item(f"{row:06d}", f"{image}.jpg", {"": texts}, 0, KINDS)
