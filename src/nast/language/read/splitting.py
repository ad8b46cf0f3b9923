"""A text in small letters, sentence by sentence."""

import re
from collections.abc import Iterator

_HTML = re.compile(r"&(?:[a-z]{2,6}|#\d{2,5});", re.IGNORECASE)
_MARK = re.compile(r"[<>]+(?=[\].)]|$)")
_SHORT = re.compile(r"\b(?:vs|v|approx|e\.g|i\.e|resp)\.|-vs-", re.IGNORECASE)
"""Short words whose full stop ends no sentence."""
_SENTENCE = re.compile(r"(?:[^.;!\n]|\.(?=\d))+")
_COLUMN = re.compile(r"(?<![ \t])[ \t]{2,}(?=[a-z][a-z -]{1,40}[:(=])")
LONGEST = 1_000
"""Characters of a sentence; a longer one is not read."""


def small_letters(text: str) -> str:
    """A text in small letters, each where it stands in the text; HTML's marks are blank."""
    text = _HTML.sub(lambda match: " " * len(match.group()), text) if "&" in text else text
    text = _MARK.sub(lambda match: " " * len(match.group()), text)
    text = _SHORT.sub(lambda match: re.sub("[.-]", " ", match.group()), text)
    if text.isascii():
        return text.lower()
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences of a text in small letters, with their places.

    "EFFUSION: NO   EDEMA: NO" has two.
    """
    for match in _SENTENCE.finditer(text):
        start = match.start()
        for gap in _COLUMN.finditer(text, match.start(), match.end()):
            yield start, text[start : gap.start()]
            start = gap.end()
        yield start, text[start : match.end()]
