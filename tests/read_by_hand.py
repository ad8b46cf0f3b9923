"""Readings that were written by hand, and how many of the reader's facts agree with them."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from nast.language.read.parse import facts_of
from nast.records import SEVERITIES, SIDES, Fact


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a table of `language/`."""
    with open(Path(__file__).parent / "language" / name, encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def readings(cell: str) -> list[frozenset[Fact]]:
    """The readings of a cell, where readers may differ: "nothing | present Edema"."""
    return [reading(words) for words in cell.split(" | ")]


def reading(words: str) -> frozenset[Fact]:
    """The facts of "absent Edema; present Pleural Effusion: left, mild"; of "nothing" none."""
    return frozenset() if words == "nothing" else frozenset(map(fact, words.split("; ")))


def fact(words: str) -> Fact:
    name, _, said = words.partition(": ")
    existence, name = name.split(" ", 1)
    attributes = {
        "side" if word in SIDES else "severity" if word in SEVERITIES else "zone": word
        for word in filter(None, said.split(", "))
    }
    return Fact(name, existence, **attributes)


def score(told: Iterable[tuple[str, str]]) -> Counter[str]:
    """Counts over sentences and their readings.

    Returns:
        `sentences`; `right`: read as one of the readings; per existence, `said present` facts that
        were read, of which `right present` are of the nearest reading, that has `there present`,
        and `kind present` are if side, zone and severity are left out;
        `flipped`: facts of which a reading says the opposite; `extra`: those of none of them.
    """
    count: Counter[str] = Counter()
    for sentence, cell in told:
        said, allowed = facts_of(sentence), readings(cell)
        nearest = min(allowed, key=lambda r: (len(said - r), len(r - said)))
        count.update(["sentences", *["right"] * (said in allowed)])
        count.update(f"said {f.existence}" for f in said)
        count.update(f"right {f.existence}" for f in said & nearest)
        count.update(f"there {f.existence}" for f in nearest)
        kinds = {(f.condition, f.existence) for f in nearest}
        count.update(f"kind {f.existence}" for f in said if (f.condition, f.existence) in kinds)
        other = said - frozenset().union(*allowed)
        named = {(f.condition, f.existence) for r in allowed for f in r}
        count["extra"] += len(other)
        count["flipped"] += sum(
            any(name == f.condition and existence != f.existence for name, existence in named)
            for f in other
        )
    return count


def misread(told: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The sentences with another reading than the given ones, for messages."""
    for sentence, cell in told:
        if facts_of(sentence) not in readings(cell):
            yield f"{sentence} -> {sorted(facts_of(sentence), key=repr)}, not {cell}"
