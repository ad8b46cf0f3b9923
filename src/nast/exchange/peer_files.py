"""The kinds of files that peers read: CSV, JSON Lines, and tar shards as webdataset reads them.

A sample of a shard is a run of members `KEY.EXTENSION`; the key ends at the first dot of the file
name (webdataset, `tariterators.base_plus_ext`), so keys hold none. Equal input gives equal bytes.
"""

import csv
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
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


def write_shards(
    folder: Path, samples: Iterable[tuple[str, str, bytes]], pattern: str, size: int
) -> dict[str, int]:
    """Write samples of an image and a text into numbered shards.

    Args:
        folder: gets the shards.
        samples: path of the image, extension of the text, the text.
        pattern: name of a shard with a field for its number, such as `{:05d}.tar`.
        size: samples per shard.

    Returns:
        Name of shard -> its samples.
    """
    counts: dict[str, int] = {}
    numbered = enumerate(samples)
    while chunk := list(islice(numbered, size)):
        name = pattern.format(len(counts))
        _write_shard(folder / name, chunk)
        counts[name] = len(chunk)
    return counts


def _write_shard(path: Path, chunk: Sequence[tuple[int, tuple[str, str, bytes]]]) -> None:
    kind = tarfile.USTAR_FORMAT
    with atomic(path) as temporary, tarfile.open(temporary, "w", format=kind) as tar:
        for number, (image, extension, text) in chunk:
            for suffix, data in _members(image, extension, text):
                entry = tarfile.TarInfo(f"s{number:07d}.{suffix}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))


def _members(image: str, extension: str, text: bytes) -> Iterator[tuple[str, bytes]]:
    data = Path(image).read_bytes()
    # By content: the readers choose the decoder by the extension, and names may lie.
    yield ("png" if data.startswith(b"\x89PNG") else "jpg"), data
    yield extension, text
