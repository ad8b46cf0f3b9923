"""Which option a chat model's reply chooses: verdicts first, then labels, then words.

Whatever can be read in two ways chooses nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from nast.exchange.documents import LETTERS

_THOUGHT = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)
_TOKEN = re.compile(r"<\|[^<>|]*\|>|</?s>")
_FINAL = re.compile(r"\\boxed\b|</?answer>", re.IGNORECASE)
_MARKS = re.compile(r"\\[a-z]+\b|[*`#$~{}\"\\]|(?<!\w)'|'(?!\w)")
_SAME = str.maketrans("‘’“”_–—−", "''\"\" ---")
_AFTER_A = "because|since|as|is|based|due|for|given|and|or|which|would|seems|appears|looks"
_NO_WORD = r"(?![\w'])(?!-\w)"
_WORDS = r"(?:(?:the|option|choice|letter|statement|likely|most|probably|clearly)\s+)*"


def _leads(*heads: str) -> tuple[str, ...]:
    """Words before an option's name, read in any case; the name is not."""
    return tuple(f"(?i:{head}{_WORDS})" for head in heads)


_VERDICT = (
    r"(?:\b(?:answer|choice|selection|response|letter)|\b(?:that|which)\s+is\s+(?:right|correct)|"
    r"\b(?:correct|right|best|true|accurate|final|chosen)\s+"
    r"(?:option|statement|description|match|one))"
    r"\s*(?:\b(?:is|would\s+be|should\s+be|must\s+be)\b|[:=]|->|→)[\s:]*"
)
_STRONG = _leads(_VERDICT, r"^(?:option|choice|letter)\s*[:=]\s*", r"^(?:final\s+)?answer\s+")
_WEAK = _leads(
    r"\b(?:I|I'd|I'll|I\s+would|we)\s+(?:choose|pick|select|go\s+with|say|answer|opt\s+for)\s+",
    r"(?:→|=>|->|⇒)\s*",
    r"\b(?:so|therefore|thus|hence)[,:]?\s+(?:it\s+is\s+|it's\s+|it\s+must\s+be\s+)?",
    r"\b(?:it\s+is|it's|it\s+must\s+be|it\s+should\s+be)\s+",
)
_RIGHT = (
    r"(?i:\s+(?:is|seems|appears|looks|would\s+be)\s+(?:to\s+be\s+)?(?:the\s+)?(?:most\s+|only\s+)?"
    r"(?:likely\s+)?(?:correct|right|best|true|accurate|answer|appropriate)\b)"
)
_UNSAID = re.compile(r"(?:\b(?:not|never|cannot|doubt|if|whether)|n't)\b(?:\s+\w+){0,3}\s*$", re.I)
"""Words before a verdict that take it back: "I do not think that the answer is"."""
REACH = 80
"""Characters before a verdict in which such words are looked for."""
_LED = re.compile(
    r"^(?:(?:the|my|this) )?(?:(?:final|correct|right|best|true|most accurate) )*"
    r"(?:answer|choice|option|statement|description|response)(?: (?:is|would be))?(?: that)? "
    r"|^(?:the|this) (?:image|film|x ray|(?:chest )?(?:radiograph|x ray)) (?:shows|demonstrates) "
)
_TRAILED = re.compile(
    r" is (?:the )?(?:(?:most )?(?:correct|right|best|true|accurate) ?)?"
    r"(?:answer|option|statement|description|choice)?$"
)
_LABEL = re.compile(r"^\s*[-•]?\s*(?:option\s*)?[(\[]?(?:[A-Za-z]|\d\d?)[)\].:]+\s+", re.IGNORECASE)
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


def choice_of(reply: str, options: Sequence[str], mode: str = "letters") -> int | None:
    """The place of the option that a reply chooses, or None.

    Args:
        reply: any text; what a model thinks aloud (`<think>`) does not count.
        options: in the order in which the model saw them. Of equal ones the first is meant.
        mode: `letters`: a verdict ("Answer: C", "\\boxed{C}"), of several the one in the last
            line; else one label ("C", "(c) No edema"); else "C is correct" and its like; else the
            words of an option. `text`: the words only.
    """
    said = _plain(reply)
    whole = _by_words([said], options)
    if mode == "text":
        return whole if whole is not None else _by_passage(said, options)
    name, label = _patterns(len(options))
    found = _verdicts(said, [head + name for head in _STRONG]) or _labels(said, label)
    if len(found) != 1:
        found = _verdicts(said, [*(head + name for head in _WEAK), name + _RIGHT]) or found
    if not found:
        return whole if whole is not None else _by_passage(said, options)
    place = _place(found.pop(), len(options)) if len(found) == 1 else None
    # "B) No edema" where that is what A says.
    return None if whole is not None and _differ(options, whole, place) else place


def is_refusal(reply: str) -> bool:
    """Whether a reply that chooses nothing declines to answer."""
    return bool(_REFUSAL.search(_plain(reply)))


def _plain(reply: str) -> str:
    """A reply without thoughts and markup; boxes and tags of answers become words."""
    said = _TOKEN.sub("\n", unicodedata.normalize("NFKC", reply).translate(_SAME))
    parts = _THOUGHT.split(said)
    opened = _THOUGHT.findall(said)
    said = "" if opened and not opened[-1].startswith("</") else parts[-1]
    said = _FINAL.sub(lambda m: "\n" if m[0].startswith("</") else "\nFinal answer: ", said)
    lines = (" ".join(line.split()) for line in _MARKS.sub("", said).splitlines())
    return "\n".join(line.rstrip(",") for line in lines if line)


def _patterns(n: int) -> tuple[str, str]:
    """How an option is named after a verdict, and how as a label; the groups catch its name."""
    upper, lower = LETTERS[:n], LETTERS[:n].lower()
    letter = (
        rf"(?:(?!A\s+(?!(?:{_AFTER_A})\b)[a-z])[{upper}]{_NO_WORD}"
        rf"|[{lower}](?=\s*(?:[)\].,;:!?>]|$)))"
    )
    numbered = r"(?:(?i:option|choice|statement)\s*)\d{1,2}(?!\w)"
    another = rf"(?:(?i:option)\s*)?[(\[]?[{upper}]{_NO_WORD}[)\]]?"
    more = rf"(?:\s*(?:,|/|&|\+|\band\b|\bor\b)\s*{another})*"
    name = rf"[(\[<]?(?:(?i:option|choice|statement)\s+)?((?:{letter}|{numbered})[)\]>]?{more})"
    return name, rf"[(\[<]?(?:(?i:option|choice)\s+)?({letter}|{numbered})"


def _verdicts(said: str, patterns: Iterable[str]) -> set[str]:
    """The options that the last line with a verdict names."""
    for line in reversed(said.split("\n")):
        found = set()
        for pattern in patterns:
            for match in re.finditer(pattern, line):
                if not _UNSAID.search(line[max(0, match.start() - REACH) : match.start()]):
                    found |= _names(match[1])
        if found:
            return found
    return set()


def _names(text: str) -> set[str]:
    """Every letter or number in what was caught: "A and C" names two."""
    bare = re.sub(r"(?i)option|choice|statement", " ", text)
    return {name.upper() for name in re.findall(r"\b[A-Za-z]\b|\d+", bare)}


def _labels(said: str, label: str) -> set[str]:
    """Options that lines name and say nothing else; without any, all labels if it starts with one.

    Several labels with texts are a list of the options: that chooses none of them.
    """
    lines = said.split("\n")
    alone = rf"(?:{label}[\s.,:;!)\]>/&]*(?:(?:and|or)\b\s*)?)+"
    lone = [line for line in lines if re.fullmatch(alone, line)]
    if lone:
        return {name for line in lone for m in re.finditer(label, line) for name in _names(m[1])}
    if not re.match(rf"{label}\s*(?:[)\].:,]|-\s)", said):
        return set()
    labels = [m for line in lines for m in [re.match(rf"{label}\s*(?:[)\].:,]|-\s)", line)] if m]
    labels += re.finditer(rf"(?<=[;.]\s){label}\s*[):]", said)
    more = re.match(rf"{label}[)\]]?\s*(?:,|/|&|and\b|or\b)\s*{label}", said)
    return {name for m in labels for name in _names(m[1])} | (_names(more[2]) if more else set())


def _place(name: str, n: int) -> int | None:
    place = int(name) - 1 if name.isdecimal() else LETTERS.find(name)
    return place if 0 <= place < n else None


def _differ(options: Sequence[str], first: int, second: int | None) -> bool:
    return second is not None and _bare(options[first]) != _bare(options[second])


def _bare(text: str) -> str:
    """The words of a text, whatever their case and the marks between them."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def _by_words(passages: Iterable[str], options: Sequence[str]) -> int | None:
    """The one option that passages consist of, behind a label or a lead-in or not."""
    places = {_bare(text): place for place, text in reversed(list(enumerate(options)))}
    places.pop("", None)
    found = set()
    for passage in passages:
        whole, rest = _bare(passage), _bare(_LABEL.sub("", passage))
        forms = {whole, rest, _LED.sub("", rest), _TRAILED.sub("", rest)}
        found |= {places[form] for form in forms if form in places}
    return found.pop() if len(found) == 1 else None


def _by_passage(said: str, options: Sequence[str]) -> int | None:
    """The one option that a line or sentence consists of, if no other one is mentioned."""
    lines = said.split("\n")
    sentences = [s for line in lines for s in re.split(r"(?<=[.!?])\s+", line)]
    place = _by_words([*lines, *sentences], options)
    if place is None:
        return None
    own = _bare(options[place])
    rest = f" {_bare(said)} ".replace(f" {own} ", " | ")
    others = {_bare(text) for text in options} - {own, ""}
    return None if any(f" {other} " in rest for other in others) else place
