"""What a model thinks aloud is not its answer: where in a reply the answer begins.

What stands before the last closing mark never counts, and a thought that is not closed leaves no
answer. Which marks there are is in `marks`.
"""

import re

from nast.language.write.llm.marks import SCAN, family_of, instead_of, meaning_of

LONGEST = 1_000_000
"""Characters of a reply, thoughts included; a longer one is no answer."""
_SAME = str.maketrans("＜＞［］｜／：▁", "<>[]|/: ")
"""Marks that look alike, one for one, so that places in a text stay what they are."""
_HIDDEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def spoken(reply: str, lead: str = "\n") -> str:
    """What a reply says beside thoughts and marks; blank where a thought stays open.

    `lead` stands for the mark that begins an answer.
    """
    if len(reply) > LONGEST:
        return ""
    text = _HIDDEN.sub("", reply)
    same = text.translate(_SAME)
    start = _start(same)
    if start is None:
        return ""
    return _without_marks(text, same, start, lead)


def _start(text: str) -> int | None:
    """Where the answer begins, or None where a thought is open to the end."""
    start = 0
    opened: dict[str, tuple[str, re.Match[str]]] = {}
    for match in SCAN.finditer(text):
        what, kind = meaning_of(match)
        family = family_of(match, kind)
        if what == "open":
            opened.setdefault(family, (kind, match))
        elif what == "close" and (family in opened or kind not in ("fence", "comment")):
            start = match.end()
            opened.pop(family, None)
        elif what == "answer" and kind != "heading":
            start, opened = match.end(), {}
        elif what == "answer" and opened and all(by == "heading" for by, _ in opened.values()):
            # A heading or a tag of an answer ends thoughts that a heading began, and no others.
            start, opened = match.start(), {}
    if not opened:
        return start
    # A last mark that nobody knows, and nothing after it, ends a reply.
    known = any(by != "mark" or family == "thought" for family, (by, _) in opened.items())
    first = min(match.end() for _, match in opened.values())
    rest = _without_marks(text, text, first, " ")
    return None if known or re.search(r"\w", rest) else start


def _without_marks(text: str, same: str, start: int, lead: str) -> str:
    parts, place = [], start
    for match in SCAN.finditer(same, start):
        put = instead_of(match, same, lead)
        if put is not None:
            parts += [text[place : match.start()], put]
            place = match.end()
    return "".join([*parts, text[place:]])
