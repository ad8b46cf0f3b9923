"""Words that a generated sentence may use beside names, cues and attributes.

The sentence reader knows the conditions of the table and nothing else: "hiatal hernia" passes it
unread. A closed list of words that state nothing keeps a model from adding what cannot be read.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.cues import cues_of
from nast.language.read.lexicon import SIDES, SIZES, lexicon
from nast.language.read.parse import survey
from nast.language.read.plain_words import word_set
from nast.language.read.readings import Reading, Unread
from nast.records import Fact

LINKS = word_set("""
    a an the and or nor any either both of but with while whereas there is are was were also yet
    although though however despite in plus along together accompanied by
""")
"""Words that tie the parts of a sentence together."""
SAID = word_set("""
    seen noted present identified visible visualized visualised evident detected observed
    appreciated apparent demonstrated shown found
""")
"""Words that say that something is there to be seen."""
_OTHER = word_set("""
    this that these it its has have shows show showing demonstrates demonstrate demonstrating
    reveals reveal revealing displays display depicts depict exhibits presents contains
    evidence sign signs finding findings not absent
    image radiograph chest x-ray xray film study view examination exam imaging on all
    co-exist coexist coexists coexisting concurrent concurrently concomitant alongside
    as well be been being
""")
_NEUTRAL = LINKS | SAID | _OTHER
_PLACE = word_set("zone zones lobe lobes lung lungs base apex side hemithorax field fields at")
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")


@lru_cache(maxsize=4096)
def _survey(text: str, conditions: Conditions) -> tuple[list[Reading], list[Unread]]:
    return survey(text, conditions)


def readings_of(text: str, conditions: Conditions = CONDITIONS) -> tuple[Reading, ...]:
    """What `parse.survey` reads in a text; kept, for each check of a text asks for it."""
    return tuple(_survey(text, conditions)[0])


def unread_of(text: str, conditions: Conditions = CONDITIONS) -> tuple[Unread, ...]:
    """The findings that a text names and that cannot be read."""
    return tuple(_survey(text, conditions)[1])


def stray_words(
    text: str, readings: Sequence[Reading], conditions: Conditions = CONDITIONS
) -> list[str]:
    """Words that say something beside the facts that were read: other findings, other attributes.

    Cues such as "not clearly seen" and "has resolved" say more than absence, and are among them.
    The words come in small letters, in order.
    """
    lowered = text.lower()
    known = lexicon(conditions)
    said = [m.span() for m in known.mention.finditer(lowered)]
    said += [m.span() for m in known.phrase.finditer(lowered)]
    said = [(a, b) for a, b in said if any(r.start <= a < r.end for r in readings)]
    rest = lowered
    denials = [(c.start, c.end) for c in cues_of(lowered, conditions) if c.kind == "before"]
    for start, end in [*said, *denials]:
        rest = rest[:start] + " " * (end - start) + rest[end:]
    return [
        m.group()
        for m in _WORD.finditer(rest)
        if m.group() not in _NEUTRAL
        and not any(_belongs(lowered, m, r, conditions) for r in readings)
    ]


def _belongs(text: str, word: re.Match[str], reading: Reading, conditions: Conditions) -> bool:
    """Whether a word is a part of the words of a fact that was read."""
    leads = word.end() <= reading.start and not text[word.end() : reading.start].strip()
    if not leads and not reading.start <= word.start() < reading.end:
        return False
    # The reader takes "effusions" for the name and leaves "pleural" beside it.
    own = conditions[reading.fact.condition].term.split()
    return word.group() in own or (not leads and _attribute(word.group(), reading.fact, conditions))


def _attribute(word: str, fact: Fact, conditions: Conditions) -> bool:
    """Whether a word states an attribute that a fact has."""
    grades = conditions[fact.condition].grades
    if word in SIZES or word in grades.values():
        own = {severity for severity, adjective in grades.items() if adjective == word}
        return fact.severity in own if own else fact.severity == SIZES.get(word)
    if word in SIDES and SIDES[word] != fact.side:
        return False
    zones = lexicon(conditions).zones
    if word in zones:
        return zones[word] == fact.zone
    if fact.zone and word in fact.zone.split():
        return True
    placed = fact.zone is not None or fact.side is not None
    return word in SIDES or (placed and word in _PLACE)
