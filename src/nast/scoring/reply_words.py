"""How replies name an option, in the languages that chat models answer in: tables of patterns.

A head stands before an option's name and is read in any case; the name is read as it is written.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from nast.items.table import LETTERS

_ADJECTIVE = (
    r"(?:correct[aoe]?|right|best|true|accurate|final[ea]?|chosen|richtige|korrekte|beste|"
    r"zutreffende|endgültige|bonne|meilleure?|juste|exacte|corrett?[ao]|giust[ao]|cert[ao]|mejor|"
    r"juiste|goede|rätta?|poprawna|prawidłowa|правильный|верный|окончательный|doğru|đúng|yang|benar)"
)
_NOUN = (
    r"(?:answer|choice|selection|response|letter|conclusion|verdict|decision|prediction|antwort|"
    r"lösung|auswahl|réponse|choix|respuesta|elección|risposta|scelta|resposta|escolha|alternativa|"
    r"antwoord|svar(?:et)?|odpowiedź|odpověď|ответ|відповідь|cevap|yanıt|đáp\s+án|jawaban|vastaus|"
    r"απάντηση|उत्तर|الإجابة|الجواب|תשובה)"
)
_THING = (
    r"(?:option|statement|description|match|one|aussage|beschreibung|affirmation|opción|opzione|"
    r"opção|вариант)"
)
"""Nouns that need an adjective: "the correct option is", not "this option is"."""
_IS = (
    r"(?:is|would\s+be|should\s+be|must\s+be|ist|lautet|wäre|est|serait|es|sería|è|é|seria|to|är|"
    r"adalah|là|είναι|है|هي|هو)"
)
_THEN = r"\s*(?:\b" + _IS + r"(?!\w)|'s(?!\w)|[:=]|->|→)[\s:]*"
_WORDS = (
    r"(?:(?:the|option|choice|letter|statement|likely|most|probably|clearly|therefore|thus|die|der|"
    r"das|buchstabe|la|le|lettre|el|letra|(?-i:a|o)|opción|opção|opzione|lettera|вариант)\s+|l'|选项|選項)*"
)
_EASTERN = (
    r"(?:答案|选项|選項|答え|正解|回答|정답|답)\s*(?:应该|应|應該|應)?\s*(?:是|为|為|は|은|는|选|選|[:=])\s*"
    r"|(?<![不非别未])(?:选择|選擇|选|選)\s*[:=]?\s*"
)
"""Heads of languages that put no blanks between words."""


def _heads(*heads: str) -> tuple[str, ...]:
    return tuple(f"(?i:(?:{head}){_WORDS})" for head in heads)


STRONG = _heads(
    rf"\b{_NOUN}(?:\s+{_ADJECTIVE})*{_THEN}",
    rf"\b{_ADJECTIVE}\s+(?:likely\s+)?{_THING}{_THEN}|\b{_THING}\s+{_ADJECTIVE}{_THEN}",
    r"\b(?:that|which)\s+is\s+(?:right|correct)" + _THEN,
    r"^(?:my\s+)?(?:option|choice|letter|final|result|output|solution|pick|ans|selected|label)"
    r"\s*[:=]\s*",
    rf"\b(?:{_NOUN}|{_THING})\s+(?:that|which)\s+(?:best\s+)?(?:fits|matches|applies|remains)"
    rf"(?:\s+(?:the|this)\s+\w+)?{_THEN}",
    rf"^(?:{_ADJECTIVE}\s+)*{_NOUN}\s+(?=\W?\w\W*(?:$|[.,;:)\]]))",
    _EASTERN,
)
"""Verdicts: "the correct answer is", "Antwort:"."""
WEAK = _heads(
    r"\b(?:I|I'd|I'll|I\s+would|we)\s+"
    r"(?:choose|pick|select|go\s+with|say|answer|opt\s+for|conclude\s*:|lean\s+(?:to|towards?))\s+",
    r"\b(?:ich\s+(?:wähle|nehme)|je\s+choisis|elijo|scelgo|escolho|wybieram|ik\s+kies)\s+",
    r"\b(?:not|nicht)\s+(?-i:[A-Z]),?\s+(?:but|sondern)\s+",
    r"^(?:overall|sure|certainly|of\s+course|that\s+would\s+be)[,:!]?\s+",
    r"\b(?:left\s+with|leaves|leaving)\s+",
    r"(?:→|=>|->|⇒)\s*",
    r"\bbut\s+(?:rather\s+|instead\s+)?",
    r"\b(?:so|therefore|thus|hence)[,:]?\s+(?:it\s+is\s+|it's\s+|it\s+must\s+be\s+)?",
    r"\b(?:it\s+is|it's|it\s+must\s+be|it\s+should\s+be)\s+",
    r"\b(?:consistent\s+with|corresponds\s+(?:best\s+)?to|matches|match\s+(?:is|with)|described\s+by|"
    r"favou?rs|supports|points\s+to)\s+(?:the\s+)?(?:option|choice|statement|letter)\s+",
)
CLEAN = (
    r"(?=[)\]>]*\s*(?:[.,;:!。]|-\s|$"
    r"|(?i:because|since|as|due|given|over|rather|instead|with|based)\b))"
)
"""What may follow a name behind one of `WEAK`."""
RIGHT = (
    r"(?i:\s*(?:\b(?:is|seems|appears|looks|would\s+be|must\s+be|ist|est|es|è|é|är)\b|是|は)\s*(?:to\s+be\s+)?"
    r"(?:(?:the|die|das|la|el|most|only|likely)\s+)*"
    r"(?:correct[ao]?e?|right|best|true|accurate|answer|appropriate|richtig|korrekt|juste|corret[ao]|"
    r"giust[ao]|rätt|正确|正確|正解)(?![a-z]))"
)
"""What follows a name that is right: "B is correct"."""
UNSAID = re.compile(
    r"(?:\b(?:not|never|cannot|(?<!\bno )doubt|nobody|no\s+one|if|whether|unless|"
    r"might|may|could|thought|suppose|assum\w+|wonder|initially|first|seems|nicht|kein|wenn|falls|ob|si|non|pas|не|если)\b|n't)"
    r"(?:\s+\w+){0,3}\s*$"
    r"|\b(?:wrong|incorrect|false|worst|unlikely|improbable|impossible|least|falsche|mauvaise|"
    r"incorrecta|sbagliata)(?:\s+(?:likely|plausible|probable|suitable|fitting|correct))?\s*$"
    r"|\b(?:unlikely|improbable|impossible|wrong|false|incorrect|no\s+(?:evidence|reason|sign|way))"
    r"\s+(?:that|for|to)(?:\s+\w+){0,3}\s*$"
    r"|(?:^|[.!?]\s+)(?:(?:if|had)\b(?!\s+(?:i|we)\b)|wenn|falls|si|se|если|如果)\b[^.!?]*$"
    r"|(?:[不非别未勿]|如果|若)[^\W\d_A-Za-z]{0,3}$",
    re.IGNORECASE,
)
"""Words before a verdict that take it back: "I do not think that the answer is"."""
DENIED = re.compile(
    r"\W*(?:(?:is|are|was|would\s+be|can\s+be|ist|est|es)\s+)?(?:(?:clearly|also|most|only)\s+)?"
    r"(?:(?:not|nicht)\b(?!\s+[A-Z]\b)|isn't|does|cannot\b|can't|wrong|incorrect|false\b|unlikely|excluded|"
    r"ruled\s+out|out\b|impossible|unless\b|if\b|when\b|provided\b|assuming\b|falsch|faux|"
    r"falso|错误|不|では|じゃ|[가이은는]?\s*아니)",
    re.IGNORECASE,
)
"""Words after a name that deny it or make it depend on something."""
CHANGED = re.compile(
    r"\W*(?:no\s*[,.;:!-]|nope\b|wait\b|hmm|actually\b|sorry\b|rather\b(?!\s+than)|scratch\s+that|correction\b|"
    r"or\s+(?:maybe|perhaps|rather|is)\b|[^.!?\n]*\b(?:otherwise|else|sonst|sinon)\b|"
    r"[^\n]*\b(?:could|might|may|can)\s+(?:also|equally|just\s+as\s+well|as\s+well)\s+be\s+(?:option\s+)?(?-i:[A-Z])\b)",
    re.IGNORECASE,
)
"""Words after a name that look for another one."""
ANEW = re.compile(
    r"^(?:(?:but|no|oh),?\s+)?(?:wait|hmm+|hold\s+on|actually|on\s+second\s+thought|scratch\s+that|"
    r"correction|let\s+me\s+re\w+)\b",
    re.IGNORECASE,
)
"""How a line begins that takes back all before it."""
ASIDE = re.compile(
    r"(?:(?:brief|short|step-by-step|detailed|my)\s+)*(?:explanation|reasoning|rationale|"
    r"justification|analysis|notes?|disclaimer|comments?|begründung|erklärung|explication|"
    r"explicación|spiegazione|解释|理由|分析)\s*(?::|$)",
    re.IGNORECASE,
)
"""How a line begins after which reasons are given; they count where nothing else chooses."""
TURN = re.compile(r"(?:user|human|question|q|patient|instruction)\s*:", re.IGNORECASE)
"""How a line begins with which a model goes on to talk to itself."""
SPEAKER = re.compile(r"^(?:assistant|ai|bot|chatbot|model|gpt|radiologist)\s*:\s*", re.IGNORECASE)
TITLE = re.compile(
    rf"(?:(?:the|my|die|la|el)\s+)?(?:{_ADJECTIVE}\s+)*(?:{_NOUN}|{_THING}|final|答案|正解)"
    rf"(?:\s+{_IS})?\s*:?",
    re.IGNORECASE,
)
"""A line that is the head of the next one."""


class Grammar(NamedTuple):
    """How options are named; the first group of each pattern catches names.

    Attributes:
        strong: verdicts.
        weak: words that name an option and may say less than a verdict.
        label: the name at the start of a line, with the mark behind it.
        names: a name as a label has it.
        alone: a line that names options and says nothing else.
        listed: a label within a line.
        several: two labels, the second one in the second group.
    """

    strong: tuple[re.Pattern[str], ...]
    weak: tuple[re.Pattern[str], ...]
    label: re.Pattern[str]
    names: re.Pattern[str]
    alone: re.Pattern[str]
    listed: re.Pattern[str]
    several: re.Pattern[str]


@lru_cache
def grammar(n: int) -> Grammar:
    """The patterns for n options."""
    letter, numbered, end = _names(n)
    another = rf"(?:(?i:option)\s*)?[(\[]?[{LETTERS[:n]}]{end}[)\]]?"
    joined = r"(?:,|/|&|\+|、|\b(?:and|or|und|oder|et|ou|y|o|e|и|или)\b|和|或)"
    after = (
        rf"[(\[<]?(?:(?i:option|choice|statement)\s+)?"
        rf"((?:{letter}|{numbered})[)\]>]?(?:\s*{joined}\s*{another})*)"
    )
    lead = (
        r"[(\[<]?(?:(?i:option|choice|antwort|opción|opção|opzione|opcja)\s+[(\[]?"
        r"|选项|選項|选|選)?"
    )
    label = rf"{lead}({letter}|{numbered})"
    bullet, marks = r"(?:[-•>+)\]✅✔☑✓]\s*|(?:and|or)\s+)?", r"[\s.,:;!)\]>/&。、-]*"
    weak = [*(head + after + CLEAN for head in WEAK), after + RIGHT]
    return Grammar(
        tuple(re.compile(head + after) for head in STRONG),
        tuple(map(re.compile, weak)),
        re.compile(rf"{label}\s*(?:[)\].:,]|-\s)"),
        re.compile(label),
        re.compile(rf"{bullet}(?:{label}{marks}(?:(?:and|or)\b\s*)?)+"),
        re.compile(rf"(?<=\s){label}\s*[):]"),
        re.compile(rf"{label}[)\]]?\s*(?:,|/|&|and\b|or\b)\s*{label}"),
    )


def _names(n: int) -> tuple[str, str, str]:
    """A letter as the name of an option, a number, and what ends a letter."""
    upper, lower = LETTERS[:n], LETTERS[:n].lower()
    # Chinese, Japanese and Korean words may touch a letter.
    end = r"(?![^\W一-鿿぀-ヿ가-힣]|')(?!-\w)"
    because = (
        "because|since|as|is|based|due|for|given|and|or|which|would|seems|appears|looks|"
        "over|rather|ist|est|es|è|é|är|weil|da|denn|und|oder|car|parce|et|ou|porque|pues|y|o|perché|"
        "omdat|потому|и|или"
    )
    # "A small effusion" and "I see" name nothing.
    word = rf"(?![AI]\s+(?!(?:{because})\b)[^\W\d_A-Z])(?!I,?\s)"
    letter = rf"(?:{word}[{upper}]{end}|[{lower}](?=\s*(?:[)\].,;:!>。、]|$)))"
    return letter, r"(?:(?i:option|choice|statement)\s*)\d{1,2}(?!\w)", end
