"""What a model thinks aloud is not its answer: where in a reply the answer begins.

What stands before the last closing mark never counts, and a thought that is not closed leaves no
answer. Models mark their thoughts in many ways, and new ones appear all the time. So the tables
hold what is *no* thought: marks of answers, of layout and of turns. Every other mark counts as that
of a thought.
"""

import re
from functools import lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANSWER = _words("""
    answer answers final conclusion response solution output result option choice letter box boxed
    verdict selection decision prediction reply correct right best selected chosen predicted value
    答案 最终答案 回答 结论 answer_letter
""")
"""Words in marks and headings around an answer."""
_INLINE = _words("strong em span code sub sup font mark small big a b i u s q")
_LAYOUT = _INLINE | _words("""
    p br hr div pre ul ol li h1 h2 h3 h4 h5 h6 table tr td th tbody center html body blockquote
    text markdown latex math img image video
""")
_TURN = _words("""
    assistant model bot chatbot ai gpt turn role id header im message eot eom eod eoa eos bos pad
    unk sep cls mask return sentence utterance document
""")
"""Words in marks of turns and of the end of a reply."""
_ROLES = _words("assistant model bot chatbot ai gpt user")
"""Who or what an answer is from or for: "to=user" and "assistant" begin one."""
_SURE = _words("""
    think thinks thinking thought thoughts scratchpad monologue deliberation cot
    思考 思考过程 思维 思维过程 denkprozess gedanken
""")
"""Words that say of a heading that thoughts follow."""
_NUMBERED = {
    "unused94": "think",
    "unused95": "end think",
    "unused16": "think",
    "unused17": "end think",
}
"""Marks of thoughts that have numbers for names: MedGemma's and Pangu's."""
_MAYBE = _words("reason reasoning rationale reflection analysis 推理 推理过程 分析")
_FILL = _words("my the process chain of inner internal step by and")
_CLOSES = _words("end endof stop close suffix")
_BETWEEN = _words("""
    begin beginof start startof open prefix end endof stop close suffix of the token tag
""")

_LT = r"(?:&(?:amp;){0,2}lt;|\\u003c|\\?<)"
_GT = r"(?:&(?:amp;){0,2}gt;|\\u003e|\\?>)"
_LEFT, _RIGHT = r"\[{(«‹◁⟨〈《【「『", r"\]})»›▷⟩〉》】」』"
_SCAN = re.compile(
    # "<|channel|>final<|message|>", "<|im_start|>assistant", "<|open|>think<|sep|>"
    rf"{_LT}(?:\|(?P<head>channel|open|close|start_header_id|im_start|turn|start)\|?"
    rf"|(?P<turn>start_of_turn)){_GT}\s*(?P<words>[^<&\n]{{0,60}}?)\s*"
    rf"(?:(?:{_LT}\|constrain\|{_GT}[^<\n]{{0,20}})?"
    rf"{_LT}\|(?:message|sep|end_header_id)\|{_GT}|\n|(?={_LT})|\Z)"
    rf"|to=(?P<to>[\w.]{{1,40}}){_LT}\|message\|{_GT}"
    r"|(?P<comment><!--)|(?P<uncomment>-->)"
    # "<think time=3>", "</ seed:think >", "<|end_of_thought|>", "<channel|>"
    rf"|{_LT}(?P<gap>\s*)(?P<pipe>\|?)\s*(?P<slash>/?)\s*(?P<name>[^\W\d_][^<>&|\n]{{0,80}}?)"
    rf"\s*(?P<self>/?)\s*(?P<tail>\|?)\s*{_GT}"
    # "<think" without its end
    rf"|{_LT}(?P<cut>\s*\|?\s*/?\s*(?:think(?:ing)?|thoughts?|reasoning)\b)"
    # "[THINK]", "◁/think▷"
    rf"|[{_LEFT}]{{1,2}}\s*(?P<other_slash>/?)\s*(?P<other>[^\W\d_][^{_LEFT}{_RIGHT}<>\n]{{0,40}}?)"
    rf"\s*[{_RIGHT}]{{1,2}}"
    r"|(?P<opening>here(?:['’]s|\s+is)\s+my\s+thought\s+process\b:?|\A\s*(?-i:analysis(?=[A-Z]))"
    r"|(?-i:assistant(?:analysis|commentary)(?=[A-Z])))"
    r"|(?P<answering>here(?:['’]s|\s+is)\s+my\s+response\b:?|\.{3}\s*done\s+thinking\.?"
    r"|(?-i:assistantfinal(?![a-z])))"
    r"|^[ \t]*```+[ \t]*(?P<fence>\w*)"
    r"|^[ \t#*_>(\[-]*(?P<title>[^\W\d_][^\W\d_' -]{0,12}(?:['\s-][^\W\d_' -]{1,12}){0,4}?)[ \t*_]*"
    r"(?P<colon>:|[.…]{1,3}[ \t]*$|$)",
    re.IGNORECASE | re.MULTILINE,
)
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
    for match in _SCAN.finditer(text):
        what, kind = _meaning_of(match)
        family = _family_of(match, kind)
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
    for match in _SCAN.finditer(same, start):
        put = _instead_of(match, same, lead)
        if put is not None:
            parts += [text[place : match.start()], put]
            place = match.end()
    return "".join([*parts, text[place:]])


def _meaning_of(match: re.Match[str]) -> tuple[str, str]:
    """What a mark does (open, close, answer or nothing), and by which kind of mark."""
    if match["head"] or match["turn"] or match["to"]:
        named = _split(match["words"] or match["to"] or "")
        if match["head"] == "close":
            return ("" if named <= _ANSWER | _TURN else "close"), "mark"
        return (
            "answer" if named <= _ANSWER | _ROLES - {"user"} or match["to"] == "user" else "open"
        ), "head"
    if match["comment"] or match["uncomment"]:
        return ("open" if match["comment"] else "close"), "comment"
    if match["opening"] or match["answering"]:
        return ("open" if match["opening"] else "answer"), "phrase"
    if match["fence"] is not None:
        return ("open" if match["fence"].lower() in _SURE | _MAYBE else "close"), "fence"
    if match["cut"]:
        return ("close" if "/" in match["cut"] else "open"), "head"
    return _heading(match) if match["title"] else _bracket(match)


def _heading(match: re.Match[str]) -> tuple[str, str]:
    """Of a line such as "## Thinking" or "Final answer: B"."""
    named = _split(match["title"]) - _FILL
    if named and named <= _SURE | _MAYBE and named & _SURE:
        return "open", "heading"
    named -= {"is"}
    return ("answer" if named and named <= _ANSWER else ""), "heading"


def _bracket(match: re.Match[str]) -> tuple[str, str]:
    named = _named(match)
    core = named - _BETWEEN
    if match["other"]:
        words = _SURE | _MAYBE | _FILL | _BETWEEN
        if not match["other_slash"] and not (named <= words and core & (_SURE | _MAYBE)):
            return ("answer" if core and core <= _ANSWER else ""), "heading"
    elif len(match["name"]) == 1 or (match["gap"] and not core <= _SURE | _MAYBE | _ANSWER):
        # An option's letter, or "smaller than".
        return "", ""
    if core <= _ANSWER | _LAYOUT | _TURN:
        return ("answer" if core & _ANSWER and not _closing(match) else ""), "heading"
    return ("close" if _closing(match) else "open"), "heading" if match["other"] else "mark"


def _closing(match: re.Match[str]) -> bool:
    slash = match["slash"] or match["self"] or match["other_slash"]
    return bool(slash or _named(match) & _CLOSES or (match["tail"] and not match["pipe"]))


def _named(match: re.Match[str]) -> frozenset[str]:
    """The words in the name of a mark, without its attributes."""
    name = match["other"] or match["name"] or ""
    if match["name"] and not match["pipe"]:
        name = re.split(r"[\s=\"']", name, maxsplit=1)[0]
    return _split(name)


@lru_cache(maxsize=1024)
def _split(name: str) -> frozenset[str]:
    """Words of "FinalAnswer", "end_of_thought" or "endofthought", in small letters."""
    name = _NUMBERED.get(name.lower(), name)
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    apart = re.sub(r"(?i)\b(begin|start|end)(?:of)?(?=[a-z]{3})", r"\1 ", apart)
    return frozenset(re.findall(r"[^\W_]+", apart.lower()))


def _family_of(match: re.Match[str], kind: str) -> str:
    """Which marks close each other: those of thoughts, and those of one name."""
    if kind in ("fence", "comment"):
        return kind
    if match["head"] in ("channel", "turn"):
        return str(match["head"])
    core = (_named(match) or _split(match["words"] or "")) - _BETWEEN
    thought = kind in ("heading", "phrase") or match["cut"] or core & (_SURE | _MAYBE)
    return "thought" if thought else " ".join(sorted(core))


def _instead_of(match: re.Match[str], text: str, lead: str) -> str | None:
    """What stands for a mark in what a reply says; None where it is a part of that."""
    if match["fence"] is not None or match["title"] or match["comment"] or match["uncomment"]:
        return None
    if match["other"]:
        said, colon, _ = match["other"].partition(":")
        if colon and _split(said) <= _SURE | _MAYBE:
            # "(thinking: A looks right)"
            return " "
        what, _ = _bracket(match)
        return lead if what == "answer" else "\n" if what or match["other_slash"] else None
    if match["name"] is None:
        return "\n"
    what, kind = _bracket(match)
    if not kind:
        # "<C>" is an answer, "<b>C</b>" is layout.
        name = match["name"].lower()
        return "" if len(name) == 1 and (match["slash"] or f"</{name}>" in text.lower()) else None
    if _named(match) <= _INLINE:
        return ""
    return lead if what == "answer" else "\n"
