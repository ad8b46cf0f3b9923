"""What is said of a finding after its name: "in the left lower zone", "is small", ", left"."""

import re

_BE = r"is|are|was|were"
_SAID = (
    "seen|noted|present|identified|visible|visualized|visualised|evident|found|located"
    "|demonstrated|lies|lie|lying|persists|persist"
)
_SAY = (
    rf"(?:\s+(?:{_BE}))?(?:\s+(?:again|now|also|still))?(?:\s+(?:{_SAID}))?"
    r"(?:\s+(?:again|now|also|still))?"
)
_LAND = (
    r"(?:lungs?(?:\s+(?:zones?|fields?|bases?|apex|apices))?|lobes?|zones?|bases?|apex|apices|sides?"
    r"|hemithorax|hemithoraces|chest|pleural\s+(?:space|cavity)s?)"
)
_SIDE = r"(?:left|right)(?:\s+and\s+(?:the\s+)?(?:left|right))?"
_NO_SIDE = r"(?!\s+(?:clinical|heart|atri|ventric|setting))"
""""The right clinical setting" is no place."""
_STOP = (
    r"(?=\s*(?:[^\w\s]|$|(?:and|with|without|but|while|whereas|on|in|at|or|although|though|however"
    r"|bilaterally)\b))"
)
"""What may follow a predicate; before a noun the same words belong to that noun."""


def tail_pattern(zones: str, sizes: str) -> re.Pattern[str]:
    """What matches the words after a name that place or grade it, from the end of the name.

    Args:
        zones: adjectives of zones, as alternatives.
        sizes: adjectives of grades, as alternatives.
    """
    side = r"left-sided|right-sided|left[ -]sided|right[ -]sided|left|right|bilateral"
    word = rf"(?:{side}|{zones}|lung)\b"
    where = (
        rf"(?:(?:the|both|each|either|all)\s+){{0,2}}"
        rf"(?:(?:{word}(?:,?\s+(?:and|or))?(?:\s+the)?[\s-]+){{0,5}}{_LAND}\b"
        rf"|(?:{_SIDE})\b{_NO_SIDE})"
    )
    place = rf"(?:in|at|on|of|within|involving|over)\s+{where}"
    size = rf"(?:{sizes})(?:\s+in\s+(?:size|extent|degree|severity)|[-\s]sized)?\b"
    item = rf"(?:{size}|(?:left|right)[ -]sided\b|bilateral\b|{place})"
    verb = rf"\s+(?:and\s+)?(?:{_BE}|appears?|remains?|seems?)(?:\s+(?:now|again|still|also|only))?"
    adjective = rf"(?:{size}|{word})"
    row = rf"{adjective}(?:[\s-]+(?:{adjective}|and\b|than\b|greater\b|more\b|larger\b)){{0,6}}"
    than = (
        r"(?:\s*,)?\s+(?:left|right)\s+(?:greater|more|larger|worse|>)\s*(?:than)?\s+(?:the\s+)?"
        r"(?:left|right)\b"
    )
    return re.compile(
        r"(?:\s+(?:changes|ribs?)\b)?(?:"
        rf"{than}"
        rf"|{verb}\s+{item}(?:(?:\s*,(?:\s+and)?|\s+and)(?:\s+is)?\s+{item}){{0,4}}{_STOP}"
        rf"|{_SAY}\s+{place}"
        rf"|\s*,\s+(?:{row}|{place})(?=\s*(?:[,.;)]|$))"
        rf"|\s*\({row}\)"
        rf"|{_SAY}\s+bilaterally\b"
        rf"|\s+of\s+(?:{sizes})\s+(?:size|degree|extent|severity)\b"
        r"){1,3}"
    )


_LEAD = re.compile(
    r"\b(?:(?P<side>left|right)(?:\s+(?P<zone>upper|mid|middle|lower))?"
    r"\s+(?:lung|hemithorax|lobe|base)(?:\s+(?:zone|field|base))?"
    rf"\s+(?:{_BE}|remains?|appears?|shows?|demonstrates?)\b(?:\s+now\b)?"
    r"|[oi]n the (?P<on>left|right)(?:\s+(?:lung|side|hemithorax))?,?\s+there\s+(?:is|are)\b)"
)
_TURN = re.compile(
    r"[.;:]|\b(?:but|with|while|whereas|however|there)\b|,\s*(?:and\s+)?(?:no|without|the)\b"
)


def stated_before(text: str, start: int) -> tuple[str, ...]:
    """The side and zone of the part of the body whose state is told: "the left lung shows ..."."""
    leads = list(_LEAD.finditer(text, max(0, start - 100), start))
    if not leads or _TURN.search(text, leads[-1].end(), start):
        return ()
    return tuple(filter(None, leads[-1].group("side", "zone", "on")))
