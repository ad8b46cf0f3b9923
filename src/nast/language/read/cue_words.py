"""Words that deny, that leave open, that look like denials, and that end the scope of one.

They follow the common lists of negation detection in radiology (NegEx, ConText, CheXpert, RadText),
reduced to what chest reports use and extended where those lists misread them.
"""

import re

_SEEN = (
    "seen|identified|appreciated|visualized|visualised|evident|demonstrated|present|noted|detected"
    "|observed|apparent|found|shown|visible"
)
_BE = "is|are|was|were"
_NOT = rf"(?:not|(?:{_BE}|do|does|did|has|have|had)n['’]t)"
_SHOW = "show|reveal|demonstrate|identify|detect"
BEFORE = (
    "no evidence of",
    "no sign of",
    "no signs of",
    "negative for",
    "without evidence of",
    "without",
    "unremarkable for",
    "ruled out for",
    "none of",
    "free of",
    "free from",
    "clear of",
    "absence of",
    "lack of",
    "lacking",
    "devoid of",
    rf"fail(?:s|ed)? to (?:{_SHOW})",
    "neither",
    "nor",
    "never",
    "zero",
    "can ?not see",
    _NOT,
    "no",
)
"""Cues that deny what follows, longest first."""
GONE = re.compile(
    r"\b(?:(?:interval|complete) )*(?:resolution|removal|clearing) of\b"
    r"|(?<!partially )(?<!partly )(?<!nearly )(?<!almost )(?<!incompletely )(?<!all but )"
    r"\bresolved\b"
)
"""Cues that deny what follows because it is no longer there."""
_PARTLY = (
    "not|nearly|almost|partly|partially|mostly|largely|slightly|incompletely|somewhat|mildly"
    "|virtually|essentially"
)
AFTER = re.compile(
    rf"\s{{0,3}}[:=(] ?(?:none|absent|negative(?! for)|no(?=\s*(?:[.,;]|$))|not (?:{_SEEN}))"
    r"|\s-\s(?:none|absent)\b"
    rf"|\b(?:absent|{_NOT} (?:\w+ ){{0,2}}?(?:{_SEEN})|no longer (?:{_SEEN})"
    rf"|(?:has|have|had)(?! (?:{_PARTLY})\b)(?: now| since)?(?: been)?(?: \w+)?"
    r" (?:resolved|cleared|excluded|disappeared|gone|removed|ruled out(?! for))"
    rf"|(?:{_BE}|been) (?:now )?(?:excluded|resolved|ruled out(?! for)|gone|removed)"
    rf"|(?:{_BE}) not(?=\s*(?:[,.;]|$)))\b"
)
"""Cues that deny what stands before them."""
_DOUBLE = (
    r"\b(?:no|not an?) (?:absence|lack) of\b"
    rf"|\b(?:{_NOT}|never) (?:\w+ )?(?:without|free of|free from|devoid of|negative for|lacking"
    r"|clear of)\b|\bthere (?:is|are) not no\b|\b(?:not|no longer) absent\b"
)
DOUBLE = re.compile(_DOUBLE)
"""Two denials that make a presence."""
UNTRUE = re.compile(r"\bnot (?:true|the case) that\b")
"""Words that turn what follows into its opposite."""
_CHANGE = (
    "change|changes|increase|decrease|improvement|progression|worsening|difference"
    "|enlargement of(?! (?:the )?(?:heart|cardiac|mediast))"
)
_NEXT = r",? (?:but|however|although|though|while|whereas)\b|,? (?:and|with) (?:no|there|new)\b"
PSEUDO = re.compile(
    rf"\b(?:no|without)(?: \w+){{0,3}}? (?:{_CHANGE})\b"
    rf"(?:(?!{_NEXT}|, (?:no|with|without|there)\b)[^.;]){{0,400}}"
    rf"|{_DOUBLE}|\bno longer\b(?! (?:seen|any)\b)|\bno (?:larger|smaller|better|worse)\b"
    r"|\bgram[ -]negative\b|\bwithout (?:difficulty|complications?|incident|excluding)\b"
    rf"|\b{_NOT} (?:without|only|certain|sure|clear|significantly|necessarily|extend|drain|cause"
    r"|\w+ed by)\b"
    r"|\b(?:can ?not|could not|not|difficult to|impossible to) (?:\w+ )?(?:be )?"
    r"(?:exclude|excluded|rule out|ruled out)\b"
)
"""Words that look like cues and deny nothing, such as "no significant change in"."""
LESS = re.compile(
    r"\bno (?:\w+ )?(?:development|appearance|recurrence|reaccumulation|cause) of\b"
    r"|\bno (?:other|new|further|additional) (?:\w+ )?(?:evidence|signs?) of\b"
)
"""Cues that deny less than what follows: "no recurrence of" does not say that there is none."""
BORDER = re.compile(
    r"\.(?!\d)|[;!?\n:]|\s[-–—]\s|\bbut\b"
    r"|(?<!consistent )(?<!compatible )(?<!associated )(?<!keeping )\bwith\b"
    r"|\bhowever\b|\balthough\b|\bthough\b|\bexcept\b|\bother than\b"
    r"|\baside from\b|\bapart from\b|\bthere (?:is|are|was|were)\b"
    r"|\bbecause\b|, (?:the|a|an)\b|\bnevertheless\b|, still\b"
    r"|\bwhile\b|\bwhereas\b|\byet\b|\bplus\b|\bdespite\b|\balong with\b"
    r"|(?:,|\band) (?=(?:stable|unchanged|again|persistent|chronic|old|healed|mild|minimal)\b)"
    # "No pneumothorax, small left effusion" names a second finding; nobody denies a small one.
    # A list that ends in "or" is one list, and "no large effusion" is a thing that reports say.
    r"|(?:,|\band)\s+(?=(?:(?:small|tiny|trace|moderate|left|right|bilateral|bibasilar)\b))"
    r"(?!(?:(?!\b(?:with|without|but|no)\b)[^.;]){0,200}\bn?or\b)"
)
"""Where the scope of a cue ends."""
BREAK = re.compile(
    r"\bnoted\b|\bpresent\b|\bwhich\b|\bdue to\b|\bsecondary to\b"
    r"|\b(?:seen|identified|demonstrated|visible|evident),? and\b"
)
"""Where the scope of a denial ends and that of a doubt goes on: "may be due to pneumonia"."""
_DOUBT = "unlikely|likely|questionable|possible|probable|suspected|a possibility|considered"
UNSURE_AFTER = re.compile(
    rf"\b(?:(?:can ?not|can['’]t|could not|may not|{_NOT})(?: \w+){{0,3}}? (?:excluded|ruled out)"
    r"|(?:should|must|may|to|can) be (?:excluded|ruled out|considered)"
    r"|(?:has|have|had) not (?:recurred|reaccumulated|returned)"
    rf"|vs|versus|(?:{_BE}) (?:\w+ )?(?:{_DOUBT}))\b"
)
"""Words after a finding that leave it open."""
_MAYBE = "likely|probably|possibly|perhaps|maybe|presumably"
UNSURE = re.compile(
    rf"\b(?:(?:{_MAYBE}) (?:there (?:is|are) )?(?:no|not|without|with|negative for)"
    r"|possib\w+|probabl\w+|likely|may|might|could|questionable|question of|versus|vs"
    r"|perhaps|maybe|presum\w+|equivocal|differential|consider|distinguish|rather than|instead of"
    r"|against"
    r"|(?:can ?not|could not|can['’]t|does not|do not|difficult to|impossible to|without|to)"
    r" (?:\w+ )?(?:exclud(?:e|ing)|rule out)"
    r"|(?:if|whether)(?: there (?:is|are|was|were))?|not (?:certain|sure|clear|necessarily)"
    r"|evaluate for|assess for|rule out|r/o|history of|status post|suspect\w*|question"
    r"|(?:partial|incomplete|near|near-complete) (?:\w+ )?(?:resolution|clearing) of)\b"
)
"""Words before a finding that keep it from being asserted or denied."""
HINT = re.compile(r"\b(?:suspicious for|concern\w* for|worrisome for|suggest\w*)\b")
"""Words before a finding that keep it from being asserted; a denial reaches past them: "no opacity
to suggest pneumonia"."""
