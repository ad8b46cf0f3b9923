"""What a cell may hold so that the readers of others take it as it is, and ids without patients."""

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nast.errors import InputError
from nast.files import atomic
from nast.ids import hashed_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PANDAS_NA = frozenset(
    [
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    ]
)
"""Words that `pandas.read_csv` turns into "not a number" by default (pandas 2, `STR_NA_VALUES`)."""
CLIP_TOKENS = 77
"""What CLIP's text tower takes, begin and end included; the rest is cut without a word."""


@cache
def _tokenizer() -> "PreTrainedTokenizerFast":
    # Here, so that formats without captions do not wait for the library.
    from nast.models.clip_bpe import new_clip_tokenizer

    return new_clip_tokenizer()


def clip_tokens(text: str) -> int:
    """How many tokens CLIP's tokenizer makes of a text, begin and end included; nothing is cut."""
    return len(_tokenizer().backend_tokenizer.encode(text).ids)


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
            character, or more than 77 tokens of CLIP's tokenizer.
    """
    if text in PANDAS_NA:
        raise InputError(
            file,
            found="a word that pandas reads as a missing value",
            expected="a sentence",
            row=row,
            column=column,
        )
    if any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in text):
        raise InputError(
            file,
            found="a line break or another control character",
            expected="one line of text",
            row=row,
            column=column,
        )
    if caption and (tokens := clip_tokens(text)) > CLIP_TOKENS:
        raise InputError(
            file,
            found=f"a text of {tokens} tokens",
            expected=f"at most {CLIP_TOKENS}; CLIP cuts the rest without a word",
            row=row,
            column=column,
        )
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
