"""Small YAML files as text: strictly read, and every refusal names the file and the key."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from nast.errors import InputError, shown
from nast.sources.io.label_tables import read_text

LONGEST = 2**20
"""Characters of a mapping."""


def refuse(file: Path, key: str, found: str, expected: str) -> NoReturn:
    """Refuse what stands under a key.

    Raises:
        InputError: always.
    """
    raise InputError(file, found=found, expected=expected, column=key)


class _Loader(yaml.BaseLoader):
    """Everything is text, as the cells of a table are: `yes`, `1` and `1.0` stay what they are."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; one in which a key stands twice is refused, for the second would win."""
        found = super().construct_mapping(node, deep=deep)
        if len(found) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key twice", node.start_mark)
        return found


def load(file: Path) -> dict[str, Any]:
    """The keys of a YAML file, all values as text, lists and further keys.

    Raises:
        InputError: the file cannot be read, is no YAML, has no keys, or one of them twice.
    """
    written = read_text(file, "a mapping")
    if len(written) > LONGEST:
        raise InputError(file, found="more than 1 MiB", expected="a mapping, key: value")
    try:
        whole = yaml.load(written, Loader=_Loader)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        place = getattr(error, "problem_mark", None)
        found = "a key twice" if getattr(error, "problem", "") == "a key twice" else "no YAML"
        found += f" at line {place.line + 1}" if place else ""
        raise InputError(file, found=found, expected="a mapping, key: value") from None
    if not isinstance(whole, dict):
        raise InputError(file, found="no keys", expected="a mapping, key: value")
    return {text(file, "key", key): value for key, value in whole.items()}


def text(file: Path, key: str, value: Any) -> str:
    """One word or line.

    Raises:
        InputError: there is a list, or keys, in its place.
    """
    if not isinstance(value, str):
        refuse(file, key, "a list or keys", "text")
    if any("\ud800" <= c <= "\udfff" for c in value):
        refuse(file, key, "half a character", "text")
    return value


def one_of(file: Path, key: str, value: Any, allowed: Iterable[str]) -> str:
    """One of some words.

    Raises:
        InputError: another one, or none.
    """
    word, words = text(file, key, value), list(allowed)
    if word not in words:
        found = shown(word) if word else "nothing"
        refuse(file, key, found, f"one of {', '.join(words)}{near(word, words)}")
    return word


def near(word: str, allowed: Iterable[str]) -> str:
    """The allowed word that is written most like another, as the end of a message."""
    found = difflib.get_close_matches(word, list(allowed), 1)
    return f" (perhaps {found[0]})" if found else ""


def part(file: Path, key: str, whole: dict[str, Any]) -> dict[str, Any]:
    """What stands under a key: further keys; none where the key is missing or left empty.

    Raises:
        InputError: there is something else.
    """
    found = whole.get(key, "")
    if found == "":
        return {}
    if not isinstance(found, dict):
        refuse(file, key, "no keys", "name: value, one a line")
    return {text(file, key, name): value for name, value in found.items()}


def texts(
    file: Path,
    key: str,
    whole: dict[str, Any],
    allowed: Sequence[str] = (),
    required: Sequence[str] = (),
) -> dict[str, str]:
    """What stands under a key: name -> text.

    Args:
        file: the file, for messages.
        key: the key.
        whole: the keys of the file.
        allowed: names that may stand there; all where there are none given.
        required: names that must.

    Raises:
        InputError: another name, or one without a text.
    """
    found = {n: text(file, f"{key}: {n}", t) for n, t in part(file, key, whole).items()}
    for name, value in found.items():
        if allowed and name not in allowed:
            expected = f"one of {', '.join(allowed)}{near(name, allowed)}"
            refuse(file, f"{key}: {name}", "an unknown name", expected)
        if not value:
            refuse(file, f"{key}: {name}", "nothing", "text")
    for name in required:
        if name not in found:
            refuse(file, f"{key}: {name}", "nothing", "the name of a column; fill it in")
    return found


def vocabulary(file: Path, key: str, whole: dict[str, Any], own: dict[str, str]) -> dict[str, str]:
    """Words -> what they mean, in small letters: those under a key, and the package's own.

    Args:
        file: the file, for messages.
        key: the key.
        whole: the keys of the file.
        own: the package's words; what they mean is all that a word can mean.

    Raises:
        InputError: a word means something else, or two things.
    """
    found, meanings = dict(own), list(dict.fromkeys(own.values()))
    for word, meaning in texts(file, key, whole).items():
        one_of(file, f"{key}: {word}", meaning, meanings)
        known = found.setdefault(word.strip().lower(), meaning)
        if known != meaning:
            refuse(file, f"{key}: {word}", f"{meaning} for it", f"{known}, its one meaning")
    return found
