"""What a cell may hold so that the readers of others take it as it is, and ids without patients."""

import csv
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nast.errors import InputError
from nast.store import atomic, hashed_ids

PANDAS_NA = frozenset(
    ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
     "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]
)  # fmt: skip
"""Words that `pandas.read_csv` turns into "not a number" by default (pandas 2, `STR_NA_VALUES`)."""
CLIP_TOKENS = 77
"""What CLIP's text tower takes, begin and end included; the rest is cut without a word."""
_PIECES = re.compile(r"[^\W\d_]+|\d|[^\w\s]+|_+")
"""As CLIP's tokenizer splits a text before its merges: letters, single digits, other marks."""


def token_bound(text: str) -> int:
    """At most about how many tokens of CLIP's vocabulary a text takes.

    CLIP's merges do not ship with nast, so this is a bound, not a count: a word of n letters
    counts (n + 1) // 2, a digit 1, any other byte 1, begin and end 2. On the words of the table
    of conditions and the captions of NegBench and SugarCrepe it is never below the true count, and
    about twice it.
    """
    pieces = _PIECES.findall(text)
    return 2 + sum(
        (len(p) + 1) // 2 if p.isascii() and p.isalpha() else len(p.encode()) for p in pieces
    )


def check_cell(text: str, file: Path, row: int, column: str, *, caption: bool = True) -> str:
    """Refuse a text that a peer's CSV reader would change, or a caption its model would cut.

    Args:
        text: the cell.
        file: the file that is written, for the message.
        row: 1-based row.
        column: its name.
        caption: whether a CLIP model reads it.

    Returns:
        The text.

    Raises:
        InputError: a word that pandas takes for a missing value, a line break or another control
            character, or more than 77 tokens by `token_bound`.
    """
    if text in PANDAS_NA:
        raise InputError(file, found="a word that pandas reads as a missing value",
                         expected="a sentence", row=row, column=column)  # fmt: skip
    if any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in text):
        raise InputError(file, found="a line break or another control character",
                         expected="one line of text", row=row, column=column)  # fmt: skip
    if caption and token_bound(text) > CLIP_TOKENS:
        raise InputError(file, found=f"a text of up to {token_bound(text)} tokens",
                         expected=f"at most {CLIP_TOKENS}; CLIP cuts the rest without a word",
                         row=row, column=column)  # fmt: skip
    return text


def keyed(*ids: Iterable[str]) -> dict[str, str]:
    """Every id -> its keyed hash; raw ids stay on the machine."""
    names = sorted({i for part in ids for i in part})
    return dict(zip(names, hashed_ids(names), strict=True))


def write_rows(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], separator: str = ","
) -> None:
    """Write a CSV file in UTF-8 with line feeds, whole or not at all."""
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
