"""The one exception tree of the package.

NastError                    anything nast refuses or cannot do; the message says what to do
|-- UsageError               the call was wrong (exit code 2)
|-- InputError               a file does not hold what its format promises
|   `-- ImageError           an image cannot be read
|-- AccessError              the data's terms forbid the step
`-- ModelError               a model cannot be loaded, or breaks its contract
"""

import unicodedata
from pathlib import Path


def shown(value: object) -> str:
    """A cell as an error may show it: what is longer than three characters could be an id or text.

    Returns:
        The quoted value, or what it is made of: "a number of 8 digits", "text of 31 characters".
    """
    text = str(value)
    if not text.strip():
        return "a blank"
    if len(text) <= 3:
        return ascii(text)
    what = "a number of {} digits" if text.isdecimal() else "text of {} characters"
    return what.format(len(text))


def visible(text: str) -> str:
    """A line without what drives a terminal or hides: control and format characters as `?`."""
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cf") else c for c in text)


class NastError(Exception):
    """Base of every error that nast raises on purpose."""


class UsageError(NastError):
    """The call was wrong: an unknown name, an option that does not fit, a folder of another run."""


class InputError(NastError):
    """A file does not hold what its format promises.

    The message has one line: file, row, column, the value found, the value expected.

    Args:
        file: the file that was read.
        found: what it holds; a cell goes through `shown` first, for messages reach logs.
        expected: the rule that it breaks.
        row: 1-based row of the data (the header is not counted), where there is one.
        column: name of the column, where there is one.
        line: 1-based line of a file that is no table, where there is one.
        key: the key of a YAML file, where there is one.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        found: object,
        expected: str,
        row: int | None = None,
        column: str | None = None,
        line: int | None = None,
        key: str | None = None,
    ) -> None:
        place = f", line {line}" if line is not None else ""
        place += f", key {key!r}" if key is not None else ""
        place += f", row {row}" if row is not None else ""
        place += f", column {column!r}" if column is not None else ""
        super().__init__(f"{file}{place}: found {found}, expected {expected}")
        self.file, self.row, self.column = Path(file), row, column


class ImageError(InputError):
    """An image cannot be read. The path is in `file` only: those of MIMIC-CXR hold patient ids.

    Args:
        file: the image.
        found: what it is instead.
    """

    def __init__(self, file: str | Path, found: str) -> None:
        super().__init__(
            "an image of the data",
            found=found,
            expected="a whole JPEG, PNG or DICOM image; nast facts lists the bad "
            "ones in manifest.json",
        )
        self.file = Path(file)


class AccessError(NastError):
    """The data's terms forbid the step, for example mixing phantom and real studies."""


class ModelError(NastError):
    """A model cannot be loaded, or it breaks the contract of its family."""
