"""The lines of a first mapping that say what the words of a table mean."""

import re
from collections.abc import Iterable, Mapping

import polars as pl
import yaml

from nast.records import LABELS
from nast.sources.own_table.cells import CELL
from nast.sources.own_table.guess_names import SPLITS, VALUES, condition_for, words_for
from nast.sources.own_table.mapping import ATTRIBUTES, attribute_values, condition_words

MOST_WORDS = 12
"""A column with more different words is no vocabulary; none of them is written down."""
FILL = "<- fill in, and take the # away"
_EXAMPLES = {"present": '["1", "yes"]', "absent": '["0", "no"]'}


def quoted(text: str) -> str:
    """Text as one line of YAML, in quotes where it is not plain words."""
    if re.fullmatch(r"[A-Za-z]([A-Za-z0-9_ -]*[A-Za-z0-9_])?", text):
        return text
    return _strict(text)


def _strict(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10**9).strip()


def vocabulary(cells: Iterable[pl.Series]) -> list[str] | None:
    """The different words of some columns, None where they are too many."""
    words = {word for column in cells for word in column.alias(CELL).unique().head(MOST_WORDS + 1)}
    return sorted(words) if len(words) <= MOST_WORDS else None


def split_lines(cells: pl.Series) -> list[str] | None:
    """`splits:` for the words that are not the package's own; None where one is not known."""
    words = vocabulary([cells])
    if words is None or any(word.lower() not in SPLITS for word in words):
        return None
    own = set(SPLITS.values())
    lines = [f"  {quoted(w)}: {SPLITS[w.lower()]}" for w in words if w.lower() not in own]
    return ["splits:", *lines] if lines else []


def value_lines(cells: list[pl.Series]) -> list[str]:
    """`values:` with lists of the values of label columns."""
    lines = ["values:   # a value that is in no list stops the reading"]
    words = vocabulary(cells)
    known = {word: VALUES.get(word.lower()) for word in words or ()}
    for label in LABELS:
        listed = ", ".join(_strict(w) for w, meaning in known.items() if meaning == label)
        if listed:
            lines.append(f"  {label}: [{listed}]")
        elif label in _EXAMPLES:
            lines.append(f"  # {label}: a list, such as {_EXAMPLES[label]} {FILL}")
    unknown = ", ".join(_strict(w) for w, meaning in known.items() if meaning is None)
    if unknown:
        lines.append(f"  # in no list yet: {unknown}")
    if words is None:
        lines.append(f"  # there are more than {MOST_WORDS} different values")
    return lines


def fact_lines(cells: pl.DataFrame, facts: dict[str, str]) -> list[str]:
    """`conditions:` and `words:` of a long table.

    Args:
        cells: the table's columns as text.
        facts: name in `facts.parquet` -> column.
    """
    column = cells.get_column(facts["condition"])
    named = {word: condition_for(word) for word in vocabulary([column]) or ()}
    likely = {word.lower(): match[1] for word, match in named.items() if match}
    lines = _word_lines("conditions", column, likely, condition_words())
    words: list[str] = []
    for name in ATTRIBUTES:
        if name in facts:
            own = {value: value for value in attribute_values()[name]}
            words += _word_lines(name, cells.get_column(facts[name]), words_for(name), own)
    return [*lines, *(["words:"] if words else []), *(f"  {line}" for line in words)]


def _word_lines(
    key: str, cells: pl.Series, likely: Mapping[str, str], own: Mapping[str, str]
) -> list[str]:
    """The words of a column that the package does not know, with what they may mean."""
    words = vocabulary([cells])
    if words is None:
        return [
            f"# {key}: under it, word: meaning; the column has more than {MOST_WORDS} words, "
            f"and all but {', '.join(own)} are set aside"
        ]
    lines = []
    for word in words:
        if word and word.lower() not in own:
            meaning = likely.get(word.lower())
            line = f"{quoted(word)}: {meaning or 'is not known, and set aside'}"
            lines.append(f"  {line}" if meaning in own.values() else f"  # {line}")
    return [f"{key}:", *lines] if lines else []
