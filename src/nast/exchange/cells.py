"""What a cell may hold so that the readers of others take it as it is, and the files of cells."""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nast.errors import InputError
from nast.files import atomic

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PANDAS_NA = re.compile(
    r"(#N/A( N/A)?|#NA|-?1\.#(IND|QNAN)|-?(NaN|nan)|<NA>|N/A|n/a|NA|NULL|null|None)?"
)
"""Words that `pandas.read_csv` turns into "not a number" by default (pandas 2, `STR_NA_VALUES`)."""
CLIP_TOKENS = 77
"""What CLIP's text tower takes, begin and end included; the rest is cut without a word."""
_BREAK = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


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
    found, expected = "", "one line of text"
    if PANDAS_NA.fullmatch(text):
        found, expected = "a word that pandas reads as a missing value", "a sentence"
    elif _BREAK.search(text):
        found = "a line break or another control character"
    elif caption and (tokens := clip_tokens(text)) > CLIP_TOKENS:
        found = f"a text of {tokens} tokens"
        expected = f"at most {CLIP_TOKENS}; CLIP cuts the rest without a word"
    if found:
        raise InputError(file, found=found, expected=expected, row=row, column=column)
    return text


def write_rows(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[object]], separator: str = ","
) -> None:
    """Write a CSV file in UTF-8 with line feeds, whole or not at all."""
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_lines(path: Path, documents: Iterable[Mapping[str, Any]]) -> None:
    """Write JSON Lines in UTF-8, whole or not at all."""
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            file.write(json.dumps(document, ensure_ascii=False) + "\n")
