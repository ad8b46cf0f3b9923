"""Python list literals read as data: NegBench's `captions` cells, without evaluating them."""

import re

_STRING = re.compile(r"""\s*[uU]?(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*""", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_PLAIN = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "\n": "",
}


def parse_list(text: str) -> list[str]:
    """The strings of a list literal, as `repr` or `json.dumps` writes a list of strings.

    Args:
        text: `['a', "b's"]`; a comma may follow the last string.

    Returns:
        The strings; surrogate pairs of JSON are joined.

    Raises:
        ValueError: anything but a list of string literals; the message does not quote it.
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError("no list in brackets")
    place, end, found = 1, len(text) - 1, []
    while text[place:end].strip():
        match = _STRING.match(text, place, end)
        if match is None:
            raise ValueError("something else than a string in the list")
        found.append(_unescaped(match[1] if match[1] is not None else match[2]))
        place = match.end()
        if place < end:
            if text[place] != ",":
                raise ValueError("no comma between two strings")
            place += 1
    return found


def _unescaped(body: str) -> str:
    text = _ESCAPE.sub(_character, body)
    try:
        # JSON writes characters beyond the first plane as two halves.
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("half a character") from None


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        number = int(code[1:], 16)
        if number > 0x10FFFF:
            raise ValueError("an escape beyond the last character")
        return chr(number)
    if code in "01234567xuUN":
        raise ValueError("an escape that is not read")
    # As Python does, an unknown escape stays as it is written.
    return _PLAIN.get(code, match[0])
