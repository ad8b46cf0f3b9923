"""The words of a chat model's reply without thoughts, markup and the code around an answer."""

import json
import re
import unicodedata
from typing import Any

from nast.language.write.llm.thoughts import spoken
from nast.scoring.reply_words import SPEAKER, TITLE, TURN

LONGEST = 200_000
"""Characters of what is said beside thoughts; a longer reply chooses nothing."""
_FINAL = "\nFinal answer: "
_BOX = re.compile(r"\\boxed\b", re.IGNORECASE)
_MARKS = re.compile(r"\\[a-z]+\b|[*`#$~{}\"\\]|(?<!\w)'|'(?!\w)")
_STRUCK = re.compile(r"~~[^~\n]+~~")
"""What a model wrote and struck out."""
_SAME = str.maketrans("‘’“”_–—−", "''\"\" ---")
_ANSWER_KEY = re.compile(
    r"(?:(?:final|correct|right|best|chosen|selected|predicted|my|the)[\s_-]*)*"
    r"(?:answer|option|choice|letter|response|prediction|selection|label|verdict|decision|"
    r"conclusion|final|selected|chosen|antwort|答案)"
    r"(?:[\s_-]*(?:letter|choice|option|text|key))?",
    re.IGNORECASE,
)
_JUDGED = re.compile(
    r"(?:is[\s_-]*)?(?:correct|right|true|valid|selected|chosen)|verdict|judge?ment|status|"
    r"assessment|evaluation",
    re.IGNORECASE,
)
_NO = ("incorrect", "wrong", "false", "no", "not correct", "unlikely", "rejected", "excluded")
"""What keys say of an option that is not the answer: "verdict": "incorrect"."""
_OBJECTS = 50
"""JSON objects that are looked for in a reply."""
_DUTY = (
    r"(?:\w+\s+)?(?:assist|help|provide|interpret|analy[sz]e|diagnose|comply|view|determine|answer|"
    r"give|offer|make|read|identify|process|access|do|tell|see\s+(?:the|this|any|an)\s+image)\b"
)
_REFUSAL = re.compile(
    r"\b(?:i'm|i am|we are|we're)\s+(?:\w+\s+)?(?:sorry|unable|not\s+(?:able|qualified|allowed|"
    r"permitted|a\s+(?:doctor|physician|radiologist)))\b|\bas\s+an\s+ai\b|^(?:sorry|unable)\b|"
    r"\bi\s+(?:must\s+)?decline\b|\bi\s+(?:cannot|can't|won't)\s*(?:[.,]|$)|"
    rf"\b(?:cannot|can't|can\s+not|won't|will\s+not|(?:unable|not\s+able)\s+to)\s+{_DUTY}|"
    r"\bconsult\s+(?:with\s+)?(?:a|an|your)\s",
    re.IGNORECASE,
)


def without_marks(reply: str) -> str:
    """A reply without thoughts and markup; boxes, tags and keys of answers become words."""
    said = spoken(reply, _FINAL)
    if len(said) > LONGEST:
        return ""
    said = _STRUCK.sub("", said)
    said = _without_objects(unicodedata.normalize("NFKC", said).translate(_SAME))
    said = _MARKS.sub("", _BOX.sub(_FINAL, said))
    lines: list[str] = []
    for line in (SPEAKER.sub("", " ".join(row.split()).rstrip(",")) for row in said.splitlines()):
        if TURN.match(line) and any(lines):
            break
        if lines and TITLE.fullmatch(lines[-1]):
            line = f"{lines.pop().rstrip(':')}: {line}" if line else lines.pop()
        lines += [line] if line else []
    return "\n".join(lines)


def _without_objects(said: str) -> str:
    """Objects of JSON as what their answer says; nothing where none of their keys is an answer."""
    parts, place, tries, listed = [], 0, 0, False
    start = said.find("{")
    while start >= 0 and tries < _OBJECTS:
        tries += 1
        try:
            found, end = json.JSONDecoder().raw_decode(said, start)
        except (ValueError, RecursionError):
            start = said.find("{", start + 1)
            continue
        between = said[place:start]
        answers = _answers(found)
        if place and between.strip() == ",":
            # Entries of one list are one answer, and none where they differ.
            parts += [(" and " if listed else _FINAL) + " and ".join(answers)] if answers else []
            listed = listed or bool(answers)
        else:
            parts += [between, *(_FINAL + value for value in answers)]
            listed = bool(answers)
        place = end
        start = said.find("{", end)
        parts += [] if said[end:start].strip() == "," else ["\n"]
    return "".join([*parts, said[place:]])


def _answers(found: Any) -> list[str]:
    """What the keys of an object that name an answer hold."""
    if any(_JUDGED.fullmatch(key) and _is_no(value) for key, value in found.items()):
        return []
    values = [v for key, v in found.items() if _ANSWER_KEY.fullmatch(key)]
    words = []
    for value in values:
        if isinstance(value, dict):
            words += _answers(value)
        elif isinstance(value, str | list):
            words.append(" and ".join(map(str, value)) if isinstance(value, list) else value)
    text = found.get("text")
    return [f"{word}) {text}" for word in words] if isinstance(text, str) else words


def _is_no(value: Any) -> bool:
    return value is False or (isinstance(value, str) and value.strip().lower() in _NO)


def is_refusal(reply: str) -> bool:
    """Whether a reply that chooses nothing declines to answer."""
    return bool(_REFUSAL.search(without_marks(reply)))
