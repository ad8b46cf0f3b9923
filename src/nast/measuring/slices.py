"""How a sentence denies: by which words, on which side of the finding, and how far they reach.

A model may hear "no edema" and not "edema is absent", or lose the second finding of "no edema or
effusion". `subsets` makes a subset of every construction, so that each has its accuracy with n and
interval.
"""

import re
from functools import lru_cache

from nast.language.read.cue_words import BORDER, DOUBLE, GONE
from nast.language.read.lexicon import AFTER, PSEUDO
from nast.language.read.lists import reach
from nast.language.read.mentions import mentions
from nast.language.read.scope import DENY

_UNCERTAIN = re.compile(
    r"\b(?:can ?not|can['’]t|could not|not|difficult to|impossible to)(?: \w+){0,2}?"
    r" (?:exclude|excluded|rule out|ruled out)\b|\bunlikely\b"
)
_FAMILIES = (
    ("no evidence of A", re.compile(r"(?:no|without) (?:evidence|signs?)\b")),
    ("no A", re.compile(r"(?:no|zero)$")),
    ("without A", re.compile(r"without$")),
    ("no A or B", re.compile(r"(?:neither|nor)$")),
    ("does not show A", re.compile(r"not$|.*n['’]t$|never$|fail|can ?not see")),
)
_OR = re.compile(r"\bn?or\b")


@lru_cache(maxsize=1 << 16)
def denials(text: str) -> tuple[str, ...]:
    """The constructions in which a text denies something, sorted; none where it has no negator.

    Before the finding: `no A`, `without A`, `no evidence of A`, `does not show A`, and `free of A`
    for all other words (negative for, lacking, absence of). Behind it: `A absent`, `A not seen`.
    Either: `A resolved`. Where one of them reaches several findings also `no A or B`. What looks
    like a denial and is none: `double negation`, `pseudo-negation` (no change in), `uncertain`
    (cannot be excluded).

    Args:
        text: of any domain; only "A and B are absent" needs findings that the reader knows.
    """
    rest, found = text.lower(), set()
    # Each rule blanks what it has used, as the sentence reader does.
    for name, pattern in (("double negation", DOUBLE), ("uncertain", _UNCERTAIN)):
        found |= {name for _ in pattern.finditer(rest)}
        rest = _without(pattern, rest)
    for cue in AFTER.finditer(rest):
        found.add(_behind(cue.group()))
        if len(reach(rest, cue, mentions(rest))) > 1:
            found.add("no A or B")
    rest = _without(AFTER, rest)
    found |= {"pseudo-negation" for _ in PSEUDO.finditer(rest)}
    rest = _without(PSEUDO, rest)
    found |= {"A resolved" for _ in GONE.finditer(rest)}
    cues = list(DENY.finditer(rest))
    ends = [c.start() for c in cues] + [b.start() for b in BORDER.finditer(rest)] + [len(rest)]
    for cue in cues:
        found.add(_before(cue.group()))
        if _OR.search(rest, cue.end(), min(end for end in ends if end >= cue.end())):
            found.add("no A or B")
    return tuple(sorted(found))


def _without(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: " " * len(match.group()), text)


def _before(cue: str) -> str:
    return next((name for name, pattern in _FAMILIES if pattern.match(cue)), "free of A")


def _behind(cue: str) -> str:
    if re.search(r"\bno longer\b|\bnot\b|n['’]t\b", cue):
        return "A not seen"
    return "A absent" if re.search(r"\b(?:none|absent|negative|no)\b", cue) else "A resolved"
