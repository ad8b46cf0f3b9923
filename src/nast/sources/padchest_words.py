"""The vocabulary of PadChest, and the cells that list labels and places by sentence."""

import re
from collections import Counter
from dataclasses import dataclass, field

from nast.facts.conditions import CONDITIONS, Conditions
from nast.sources.source import tally
from nast.sources.vocabularies import VOCABULARIES, by_word

_WORDS = VOCABULARIES["padchest"]
LABELS_OF: dict[str, list[str]] = _WORDS["labels"]
"""Condition -> PadChest labels, in small letters and without a side."""
LABELS = {
    label: [condition for condition in LABELS_OF if label in LABELS_OF[condition]]
    for labels in LABELS_OF.values()
    for label in labels
}
"""PadChest label -> conditions: one, but two for hydropneumothorax."""
NO_FINDINGS = by_word(_WORDS["no_findings"])
OWN_ZONES = by_word(_WORDS["own_zones"])
NOWHERE: frozenset[str] = frozenset()
LEFT, RIGHT = frozenset({"left"}), frozenset({"right"})
SIDE_OF = {LEFT: "left", RIGHT: "right", LEFT | RIGHT: "bilateral"}
_SIDES = {"nowhere": NOWHERE, **{side: sides for sides, side in SIDE_OF.items()}}
PLACES: dict[str, tuple[frozenset[str], str | None]] = {
    place: (_SIDES[side], None if zone == "anywhere" else zone)
    for side, zones in _WORDS["places"].items()
    for place, zone in by_word(zones).items()
}
"""Place -> sides and zone."""
OWN_SIDES = {words: _SIDES[side] for words, side in by_word(_WORDS["own_sides"]).items()}
"""What a label ends with -> its sides."""

LONGEST_CELL = 20_000
"""Characters; the longest real cell has 758."""
_SIDED = re.compile(rf"(.*) ({'|'.join(OWN_SIDES)})")
_ITEM = r"(?:'[^'\\]*'|\"[^\"\\]*\")"
_LIST = rf"\[\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*)?\]"
_PART = rf"(?:{_LIST}|{_ITEM}|nan)"
_CELL = re.compile(rf"\[\s*(?:{_PART}\s*(?:,\s*{_PART}\s*)*)?\]")
_PARTS, _ITEMS = re.compile(_PART), re.compile(_ITEM)


@dataclass(slots=True)
class Cell:
    """What a cell says: facts as (condition, side, zone, words), and an account of its labels."""

    facts: list[tuple[str, str | None, str | None, str]] = field(default_factory=list)
    account: Counter[str] = field(default_factory=tally)


def read_cell(text: str, conditions: Conditions = CONDITIONS) -> Cell | None:
    """The facts of one cell, or None where it cannot be read; `read_padchest` gives the rules."""
    sentences = read_sentences(text)
    if sentences is None:
        return None
    cell = Cell()
    for sentence in sentences:
        if sentence is None:
            cell.account.update(["present", "set aside: sentence could not be read"])
        else:
            _read_sentence(sentence, cell, conditions)
    return cell


def read_sentences(text: str) -> list[list[str] | None] | None:
    """The items of a cell, sentence by sentence.

    Physicians' cells hold a list per sentence. RNN cells are flat, and they were made by joining
    the predictions of the sentences, each `label, label, loc ..., loc ...`; the blank after
    these commas stayed at the labels. So a label with a leading blank belongs to the sentence of
    the label before it, and one without begins a sentence. (On the published table this gives
    as many sentences as the report has for 83,415 of 83,439 studies.)

    Args:
        text: a Python list of quoted strings or of lists of them; `nan` may stand for a sentence.

    Returns:
        One list per sentence, None for a sentence that is `nan`; or None for any other text.
    """
    if len(text) > LONGEST_CELL or not _CELL.fullmatch(text):
        return None
    sentences: list[list[str] | None] = []
    for part in _PARTS.findall(text[1:-1]):
        if part == "nan":
            sentences.append(None)
        elif part[0] == "[":
            sentences.append([item[1:-1] for item in _ITEMS.findall(part)])
        elif sentences and sentences[-1] is not None and part[1:].lower().startswith((" ", "loc ")):
            sentences[-1].append(part[1:-1])
        else:
            sentences.append([part[1:-1]])
    return sentences


def _read_sentence(items: list[str], cell: Cell, conditions: Conditions) -> None:
    """Add a sentence's facts to its cell, and account for its labels."""
    words = [item.strip() for item in items]
    labels = [word for word in words if not word.lower().startswith("loc ")]
    places = [PLACES[word.lower()] for word in words if word.lower() in PLACES]
    several = len({label.lower() for label in labels}) > 1
    for label in labels:
        sided = _SIDED.fullmatch(label.lower())
        name, own = (sided[1], OWN_SIDES[sided[2]]) if sided else (label.lower(), NOWHERE)
        sides, zone = _place(places, own, several)
        zone = OWN_ZONES.get(name, zone)
        facts = [
            (
                c.name,
                SIDE_OF.get(sides) if c.sided else None,
                zone if zone in c.zones else None,
                label,
            )
            for c in (conditions[c] for c in LABELS.get(name, ()) if c in conditions)
        ]
        new = [fact for fact in facts if fact not in cell.facts]
        cell.facts += new
        reason = NO_FINDINGS.get(name, "said before" if facts else "other finding")
        cell.account.update(["present", "kept" if new else f"set aside: {reason}"])


def _place(
    places: list[tuple[frozenset[str], str | None]], own: frozenset[str], several: bool
) -> tuple[frozenset[str], str | None]:
    """Sides and zone of a label that may have a side of its own, or other labels beside it."""
    named = {sides for sides, _ in places if sides}
    unlike = len(named) > 1
    sides = own or (NOWHERE if unlike and several else NOWHERE.union(*named))
    zones = {zone for _, zone in places if zone}
    zoned = NOWHERE.union(*(sides for sides, zone in places if zone))
    fits = zoned == sides if zoned else not unlike
    return sides, zones.pop() if fits and len(zones) == 1 else None
