"""The words of the public data sets and what they mean (`vocabularies.yaml` beside this file)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from nast.yaml_files import load_yaml

T = TypeVar("T")
VOCABULARIES: dict[str, dict[str, Any]] = load_yaml(
    Path(__file__).with_suffix(".yaml"), "the words of the public data sets"
)
"""Reader -> its lists; the file says what each of them is."""


def by_word(meanings: Mapping[T, Sequence[str]]) -> dict[str, T]:
    """Word -> meaning, of lists of words by meaning."""
    return {word: meaning for meaning, words in meanings.items() for word in words}
