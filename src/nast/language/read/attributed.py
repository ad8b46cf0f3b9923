"""What is said of a mention -> its fact, with the side, zone and grade that its condition has."""

from nast.facts.conditions import Condition, Conditions
from nast.language.read.lexicon import HARD, Lexicon, lexicon
from nast.language.read.mentions import Mention
from nast.language.read.said import Said
from nast.records import Fact


def fact_of(
    mention: Mention, said: Said, conditions: Conditions
) -> tuple[Fact | None, tuple[str, ...]]:
    """The fact of a mention, None for a denial that says less than absence; and what is unsaid."""
    condition, known = conditions[mention.condition], lexicon(conditions)
    denied = said.verdict == "absent"
    if mention.says == "absence":
        return (Fact(condition.name, "absent") if denied else None), ()
    words = mention.words
    if mention.wording == "name" and not any(word in known.sides for word in words):
        words += said.place
    (side, zone, grade), unsaid = _attributes(words, condition, known)
    if denied and (unsaid or HARD & set(words) or _two_sides(words, known)):
        return None, unsaid
    if said.why == "removed" and condition.grades:
        # Fluid is seldom removed as a whole.
        return None, unsaid
    existence = "absent" if denied else "present"
    return Fact(condition.name, existence, side, zone, grade), unsaid  # type: ignore[arg-type]


def _two_sides(words: tuple[str, ...], known: Lexicon) -> bool:
    """Whether left and right are named apart: "no right and small left effusion"."""
    return {"left", "right"} <= {known.sides[word] for word in words if word in known.sides}


def _attributes(
    words: tuple[str, ...], condition: Condition, known: Lexicon
) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    """Side, zone and grade that words say of a condition, and the words without room."""
    name = condition.name
    grades = {known.grades.get((name, w), known.sizes[w]): w for w in words if w in known.sizes}
    sides = {known.sides[w]: w for w in words if w in known.sides}
    zones = {known.zones[w]: w for w in words if w in known.zones}
    if len(grades) == 3:
        # "No mild, moderate or severe edema" leaves none out.
        grades = {}
    side = next(iter(sides)) if len(sides) == 1 else "bilateral" if sides else None
    zone = next(iter(zones)) if len(zones) == 1 else None
    grade = next(iter(grades)) if len(grades) == 1 else None
    side = side if condition.sided else None
    zone = zone if condition.takes_zone(zone) else None
    grade = grade if condition.grades else None
    unsaid = tuple(
        word
        for kept, all_ in ((side, sides), (zone, zones), (grade, grades))
        if kept is None
        for word in all_.values()
    )
    return (side, zone, grade), unsaid
