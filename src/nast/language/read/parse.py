"""Sentences back to facts: a sentence is read whole, or not at all.

A finding gives a fact only where each word of its clause has a known part in a known construction
(`constructions`). What is read: denials before and behind a finding, lists ("no A, B, or C"),
sides, zones and grades, Table 5's phrases, plain statements about heart and mediastinum ("heart
size is normal"), and structured lines ("EFFUSION: NO"). All else is not read, and `survey` says
why.
"""

from nast.facts.conditions import CONDITIONS, Conditions
from nast.language.read.attributed import fact_of
from nast.language.read.chunks import chunks
from nast.language.read.clauses import verdicts
from nast.language.read.contradictions import not_taken_back, told_once, without_absences
from nast.language.read.lexicon import lexicon
from nast.language.read.mentions import Mention, mentions
from nast.language.read.normal import statements
from nast.language.read.readings import Reading, Unread
from nast.language.read.said import Said
from nast.language.read.splitting import LONGEST, sentences, small_letters
from nast.language.read.structured import structured_line
from nast.records import Fact


def read(text: str, conditions: Conditions = CONDITIONS) -> list[Reading]:
    """The facts that a text states, in order.

    A finding is absent when a denial before or behind it reaches it, or a Table 5 phrase stands for
    its absence. A presence with an attribute that its condition does not have is read as the plain
    presence that it implies; a denial with one says less than absence and is not read.
    """
    return survey(text, conditions)[0]


def facts_of(text: str, conditions: Conditions = CONDITIONS) -> frozenset[Fact]:
    """The set of facts that a sentence states.

    Examples:
        >>> (fact,) = nast.facts_of("No pneumothorax.")
        >>> fact.condition, fact.existence
        ('Pneumothorax', 'absent')
    """
    return frozenset(reading.fact for reading in read(text, conditions))


def survey(text: str, conditions: Conditions = CONDITIONS) -> tuple[list[Reading], list[Unread]]:
    """What a text states, and the findings that it names without a reading, each in order."""
    readings: list[Reading] = []
    unread: list[Unread] = []
    for offset, sentence in sentences(small_letters(text)):
        told: list[Reading] = []
        doubted: set[str] = set()
        for mention, said in _said(sentence, conditions):
            start, end = offset + mention.start, offset + mention.end
            is_open = said.verdict == "open"
            fact, unsaid = (None, ()) if is_open else fact_of(mention, said, conditions)
            if fact is not None:
                told.append(Reading(fact, start, end, mention.wording, unsaid))
                continue
            why = said.why if is_open else "limited denial"
            unread.append(Unread(mention.condition, start, end, why))
            doubted |= {mention.condition} if why == "doubt" else set()
        # "The absence of fractures does not exclude a fracture."
        readings += without_absences(told_once(told), doubted, "doubt", unread)
    readings = not_taken_back(readings, unread, text, conditions)
    return readings, sorted(unread, key=lambda one: one.start)


def _said(text: str, conditions: Conditions) -> list[tuple[Mention, Said]]:
    """What a sentence in small letters says of each finding that it names."""
    known = lexicon(conditions)
    named = known.mention.search(text) or known.phrase.search(text)
    if not named and not statements(text, conditions):
        return []
    if "?" in text or len(text) > LONGEST:
        why = "question" if "?" in text else "too long"
        return [(mention, Said("open", why=why)) for mention in mentions(text, conditions)]
    found, row = chunks(text, conditions)
    said = structured_line(text, found, row) or verdicts(text, found, row)
    unread = Said("open", why="construction")
    return [(mention, said.get(number, unread)) for number, mention in enumerate(found)]
