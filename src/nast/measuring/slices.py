"""How a sentence denies: by which words, on which side of the finding, and how far they reach.

A model may hear "no edema" and not "edema is absent", or lose the second finding of "no edema or
effusion". `subsets` makes a subset of every construction, so that each has its accuracy with n and
interval.
"""

import re
from functools import lru_cache

from nast.language.read.cues import Cue, cues_of

_FAMILIES = (
    ("no evidence of A", re.compile(r"(?:with )?(?:no|without)\b.* (?:evidence|signs?)\b")),
    ("no A", re.compile(r"(?:no|nil|zero)\b")),
    ("without A", re.compile(r"(?:without|with no|w/o)\b")),
    ("no A or B", re.compile(r"(?:neither|nor)\b")),
    ("does not show A", re.compile(r".*\bnot\b|.*n['’]t\b|never\b|fail|can ?not")),
)
_NAMES = {
    "gone": "A resolved",
    "double": "double negation",
    "uncertain": "uncertain",
    "pseudo": "pseudo-negation",
}


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
    found = set()
    for cue in cues_of(text):
        found.add(_construction(cue))
        if cue.several:
            found.add("no A or B")
    return tuple(sorted(found))


def _construction(cue: Cue) -> str:
    """The construction of which a cue is the mark."""
    if cue.kind == "before":
        names = (name for name, pattern in _FAMILIES if pattern.match(cue.words))
        return next(names, "free of A")
    if cue.kind == "behind":
        if re.search(r"\bno longer\b|\bnot\b|n['’]t\b", cue.words):
            return "A not seen"
        gone = not re.search(
            r"\b(?:none|absent|negative|neg|no|nil|excluded|ruled out)\b", cue.words
        )
        return "A resolved" if gone else "A absent"
    return _NAMES[cue.kind]
