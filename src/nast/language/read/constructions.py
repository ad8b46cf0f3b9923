"""The grammar of a clause: patterns of chunks, and what each says of the findings in it.

A chunk is a letter, and a construction is a pattern of letters:

    F finding          P phrase of an absence     S statement about an organ
    G other thing      e property                 O thing elsewhere in the body
    J adjective        N number                   L place that leads
    f "of"             p preposition              x unknown word
    n denial before    t "not"                    z gone        m removal of
    D double denial    q change in                Y "not true that"
    h doubt            i hint                     r cannot be told
    y not about this film
    E "there is"       b is   B has  v shows      s seen     u a state
    c comma   a and    o or   k with  X except    : -

Gone before a clause is read: d article, j adjunct, w but, ( ) brackets.
"""

import re

from nast.language.read.lists import DENIED, JOIN, MORE, STATED

_DENIED = rf"(?P<list>{DENIED}(?:{JOIN}{DENIED})*)"
_STATED = rf"(?P<list>{STATED}(?:{JOIN}{STATED})*)"
_LEAD = "(?:[ka]?L[c:]?)?"
_BEFORE = "[JNGeLEbBvsua]*?"
_STATE = "(?:[bBsuJNv]|t(?=[uJNL])|tz|L|p[JN]*[Ge]+(?:f[JN]*[Ge]+)*|L[JN]*[Ge]+)*(?:q[JNGe]*)?"
_SEEN = "(?:[bBJ]*s)*"
CONSTRUCTIONS = tuple(
    (re.compile(pattern), verdict)
    for pattern, verdict in (
        (rf"{_LEAD}k?{_BEFORE}n{_DENIED}{_SEEN}", "denied"),
        (rf"{_LEAD}k?{_BEFORE}n{_DENIED}i(?P<hint>{DENIED}(?:{JOIN}{DENIED})*){_SEEN}", "denied"),
        (rf"n[JNGeL]+[bB]?v{_DENIED}", "denied"),
        (rf"t{_DENIED}", "not"),
        (rf"{_LEAD}k?{_BEFORE}m{_DENIED}(?:[bB]*s)?", "denied"),
        (rf"{_LEAD}{_DENIED}[bB]*(?:t[bB]*s|z|(?<=b)t)", "behind"),
        (rf"{_LEAD}z{_DENIED}", "denied"),
        (rf"{_LEAD}[kX:]?{_BEFORE}D?{_STATED}{_STATE}", "stated"),
        (
            rf"{_LEAD}[k:]?{_BEFORE}{_STATED}{_STATE}i(?P<open>{STATED}(?:{JOIN}{STATED})*)",
            "stated",
        ),
        (rf"{_LEAD}{_STATED}[bBv]n(?:[JNGeu]+{JOIN})*[JNGeu]+", "stated"),
        (rf"{_LEAD}(?P<list>[JN]*e+f{MORE}F)[bB]*(?:t[bB]*s|r)", "part"),
        (r"[ak]?[EbBvsua]*J?S[bBsuJNa]*(?:[JN]*[Ge]+)?", "organ"),
        (r"[JNGeLEbBvsuak:f]*q[JNGeLsuapbBf]*", "nothing"),
        (rf"{_BEFORE}(?P<list>{STATED})cBz", "behind"),
        (r"[JNGeOLEbBvsuakp:f]*", "nothing"),
    )
)
"""Patterns of a clause, and what each says of its list; the first that fits counts."""
DOUBTED = re.compile("[hy][hybBJNGevikEsu]*F|h[bB]*[ivk][JNGevikEsuf]*[Ge]|ch[JN]+$")
"""A doubt with a finding of its own, which may follow a clause without a comma."""
QUIET_DOUBT = re.compile("[JN]*[Ge]+[bB]*h[JNGeu]+|[JNGeL]+[bB]*r[JNGeukp]*")
"""A doubt about something else: "heart size is at the upper limits of normal"."""
AFTER_DOUBT = re.compile("c*(?:h[bB]*[ivk][JNGevikEsupfaoc]*|h[JN]+)")
"""What a doubt says of the finding before it: "opacity, which may be due to scarring"."""
OTHERS = re.compile("[JNGeOf]+")
"""Things that no table names: a list goes on behind them."""
HELD = re.compile("(?:[hytqYinp]|[JnF]o)[bB]*$")
"""Words that hold what follows them."""
LABEL = re.compile("[JNEbvsu]*[Ge][JNGeEbvsuac]*")
"""A heading before a colon."""
UNSAID = frozenset("nthyqzmDYiXr")
"""What denies or doubts must have a finding in its own clause."""
TURNED = re.compile("[bBstuzJNhvxi]*[htzxi][bBstuzJNhvxiGe]*|[bBsuJNp]+")
"""What takes back, without a subject, what stands before "but"."""
