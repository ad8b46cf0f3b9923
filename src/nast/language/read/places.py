"""Places: after the name of a finding ("in the left lower zone"), and before what is said of it."""

import re

_BE = r"is|are|was|were"
_SAID = (
    "seen|noted|present|identified|visible|visualized|visualised|evident|found|located"
    "|demonstrated|lies|lie|lying|persists|persist|remains?|projects?|projecting|increased"
    "|decreased|worsened|improved|developed|developing|unchanged"
)
_SAY = (
    rf"(?:\s+(?:which|that))?(?:\s+(?:{_BE}|appears?\s+to\s+be|(?:has|have)(?:\s+been)?))?"
    rf"(?:\s+(?:again|now|also|still))?(?:\s+(?:{_SAID}))?(?:\s+(?:again|now|also|still))?"
)
_LAND = (
    r"(?:mid-?lungs?|lungs?(?:\s+(?:zones?|fields?|bases?|apex|apices))?|lobes?|zones?|bases?"
    r"|apex|apices|lingula|sides?|hemithorax|hemithoraces|chest|pleural\s+(?:spaces?|cavity|cavities)|regions?"
    r"|costophrenic\s+(?:angles?|sulci|sulcus))"
)
_SIDE = r"(?:left|right)(?:\s+and\s+(?:the\s+)?(?:left|right))?"
_NO_SIDE = r"(?!\s+(?:clinical|heart|atri|ventric|setting))"
""""The right clinical setting" is no place."""
_STOP = (
    r"(?=\s*(?:[^\w\s]|$|(?:and|with|without|but|while|whereas|on|in|at|or|although|though|however"
    r"|bilaterally)\b))"
)
"""What may follow a predicate; before a noun the same words belong to that noun."""

_END = (
    r"(?=\s*(?:[,.;)]|$|(?:is|are|was|were|has|have|fully|completely|resolved|cleared|unchanged|stable"
    r"|persists?|seen|noted|may|might|could|likely|with|which)\b))"
)
"""What may follow a place without a preposition: "nodule left upper zone"."""
_REGION = (
    r"(?:(?:lung )?(?P<end>base|apex)|lung(?: (?:zone|field))?|hemithorax|lobes?|side|chest|zone"
    r"|hemidiaphragm|pleural space|costophrenic angle)"
)
_ZONE = re.compile(
    r"(?:(?:in|on|at|within|over) )?(?:the )?(?:(?P<both>both|bilateral) )?"
    r"(?:(?P<zone>upper|mid|middle|lower)(?: (?:and|or) (?:upper|mid|middle|lower))?"
    r" (?:lungs?(?: (?:zones?|fields?))?|lobes?|zones?)"
    r"|(?:lung )?(?P<end>bases?|apex|apices))\b(?! ?-)"
)
_PLACE = re.compile(
    rf"(?:(?:in|on|at|within|over) )?(?:the )?(?P<side>left|right|[rl](?= lung))"
    rf"(?: (?P<zone>upper|mid|middle|lower))?(?: {_REGION})?\b(?! ?-)"
    r"(?! lateral \w*(?:view|film|decub))"
)
"""A place with a side: "in the left lung"."""


def tail_pattern(zones: str, sizes: str) -> re.Pattern[str]:
    """What matches the words after a name that place or grade it, from the end of the name.

    Args:
        zones: adjectives of zones, as alternatives.
        sizes: adjectives of grades, as alternatives.
    """
    side = r"left-sided|right-sided|left[ -]sided|right[ -]sided|left|right|bilateral"
    word = rf"(?:{side}|{zones}|lung|lateral|medial|posterior|anterior|visualized)\b"
    where = (
        rf"(?:(?:the|both|each|either|all|several|multiple|many|two|three)\s+){{0,2}}"
        rf"(?:(?:{word}(?:,?\s+(?:and|or))?(?:\s+the)?[\s-]+){{0,5}}{_LAND}\b"
        rf"|(?:(?:posterior|anterior|lateral|medial|distal|proximal|mid)\s+)?"
        rf"(?:{_SIDE})\b{_NO_SIDE}|(?:rul|rml|rll|lul|lll)\b)"
    )
    place = rf"(?:in|at|on|of|within|involving|over|overl(?:ying|ies|ie)|throughout)\s+{where}"
    size = rf"(?:{sizes})(?:\s+in\s+(?:size|extent|degree|severity)|[-\s]sized)?\b"
    item = rf"(?:{size}|(?:left|right)[ -]sided\b|bilateral\b|{place})"
    verb = (
        rf"(?:,?\s+(?:which|that))?\s+(?:and\s+)?(?:{_BE}|appears?|remains?|seems?)"
        r"(?:\s+(?:now|again|still|also|only))?"
    )
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
        rf"|\s+(?:(?:left|right|bilateral)\s+(?:(?:{zones})\s+)?{_LAND}|rul|rml|rll|lul|lll)\b{_END}"
        rf"|\s+of\s+(?:{sizes})\s+(?:size|degree|extent|severity)\b"
        r"){1,3}"
    )


def leading_place(text: str, start: int, limit: int) -> tuple[int, tuple[str, ...]] | None:
    """Where a place that begins at `start` ends, with its side and zone: "in the left lung"."""
    found = _PLACE.match(text, start, limit) or _ZONE.match(text, start, limit)
    return (found.end(), tuple(filter(None, found.groupdict().values()))) if found else None
