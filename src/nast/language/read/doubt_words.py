"""Words that leave a finding open: it is suspected, asked for, or of another time or film."""

from nast.language.read.denial_words import ADVERB, FILM, NOT, PRIOR, SEEN

_POORLY = r"(?:well|fully|completely|entirely|adequately|optimally|confidently|reliably)"
_PARTIAL = (
    r"(?:partial|incomplete|near|some|almost|nearly|virtually|minimal|slight|mild|further|continued"
    r"|ongoing|moderate|near-complete|substantial|significant|mostly|slow|gradual|progressive)"
)
_EXCLUDE = r"(?:exclude|excluded|excluding|rule out|ruled out|differentiate|distinguish)"
_MAYBE = (
    "possibly|probably|likely|perhaps|maybe|presumably|possible|probable|questionable|suspected"
    "|equivocal|presumed|doubtful|borderline|suspect|unlikely|uncertain|apparently|conceivable"
    "|conceivably|potential|potentially|suspicion|improbable"
)
_AMOUNT = r"(?:low|high|little|minimal|small|some|moderate|strong)"
LEFT_OPEN = (
    (
        "h",
        "(?:can|could|may) be (?:seen|found) (?:with|in)|or (?:neither|none|not)|if any|replaced"
        "|exchanged|withdrawn",
    ),
    ("o", "or (?:both|all)"),
    (
        "h",
        r"with ?(?:/|or|and) ?without|(?:(?:can|could) ?)?not be (?:confirmed|established|verified)"
        r"|excluding(?! the)|failure of|depending on|(?:does|do|did) not cause|not caused by"
        r"|not inconsistent with|(?<=, )then"
        r"|in the (?:\w+ ){0,2}(?:context|clinical setting)|not clearly an?"
        r"|no (?:evidence|indication|sign|suggestion)s? that",
    ),
    (
        "y",
        r"(?:no )?indications? for|(?:patient|pt) with|at (?:that|the) time|per (?:the )?prior \w+"
        r"|(?:by|per) (?:report|history|outside \w+)|reportedly"
        r"|(?:as )?(?:compared|comparison) (?:to|with)(?: the)?(?: \w+){0,3}"
        r" (?:with|showing|that|which|demonstrating)",
    ),
    (
        "h",
        r"(?:due to|because of|secondary to|(?:exaggerated|accentuated) by) (?:the )?(?:\w+ ){0,2}"
        r"(?:projection|technique|positioning|rotation|artifact|overlap|inspiration|volumes)",
    ),
    (
        "s",
        rf"(?:poorly|incompletely|suboptimally|inadequately|barely|faintly|partially|partly)"
        rf"[ -](?:{SEEN})",
    ),
    ("k", r"(?:is |are |was |were )?(?:obscured|silhouetted|caused|explained) by"),
    ("h", r"(?<!no )(?<!any )apparent(?! (?:on|in|at|from|this|today))(?= \w)"),
    (
        "h",
        r"artifact\w*|nipples?|rotation|projectional|technical|overlap\w*|positional|summation"
        r"|skin ?folds?|superimposition",
    ),
    ("s", rf"(?:can|could) (?:also |now |still |again )?be (?:{ADVERB} )?(?:{SEEN})"),
    (
        "h",
        rf"(?:can ?not|can['’]t|could not|may not|{NOT}|difficult to|impossible to|without"
        r"|hard to|unable to|to|must|should|does not|cannot|not possible to|difficult(?:y)?"
        rf"(?: in)?)(?: \w+){{0,2}}? (?:be )?(?:\w+ )?{_EXCLUDE}",
    ),
    (
        "h",
        rf"(?:(?:most|more|less|very|not|highly) )?(?:{_MAYBE})(?: to be| that)?|(?:may|might|could"
        r"|would|should|can)(?!['’]t| ?not| no longer)|if|unless"
        r"|whether(?: there (?:is|are|was|were))?",
    ),
    (
        "r",
        rf"(?:can ?not be |can['’]t be |could not be |{NOT} (?:be )?)(?:{_POORLY}(?: \w+)?"
        rf"|sufficiently)[ -](?:{SEEN}|evaluated|assessed|characterized|defined|excluded|imaged)"
        rf"|(?:(?:can ?not|could not) be|{NOT}(?: \w+)?) (?:evaluated|assessed|characterized"
        rf"|commented on|determined|judged)|(?:poorly|incompletely"
        r"|suboptimally|inadequately|partially|partly)[ -](?:evaluated|assessed|imaged|defined)",
    ),
    (
        "h",
        r"(?:one|two|some|many|most|part|several|half|all but \w+) of(?: the)?"
        r"(?: (?:two|three|four|five))?",
    ),
    (
        "h",
        rf"(?:{_AMOUNT} )?(?:(?:clinical|radiographic) )?(?:likelihood|probability|possibility"
        r"|chance|suspicion|concern|question|risk|index of suspicion) (?:of|for|that)"
        r"|a possibility|differential\w*|in the differential",
    ),
    (
        "h",
        r"consider\w*|favou?r\w*|question\w*|query|rather than|instead of|against"
        r"|presum\w*|suspect\w*|not (?:certain|sure|clear|necessarily)|little if any|little"
        r"|hardly|scarcely|barely|seldom|rarely|top|(?:at )?(?:the )?upper limits?"
        r"|equivocal(?: for)?|(?:felt|thought|believed|said|reported|known) to (?:be|have)"
        r"|obscur\w+|miss(?:ed)?|argu\w+ against|speaks? against|mimic\w*"
        r"|simulat\w*|as (?:if|though)|yet to be|were it not for",
    ),
    (
        "h",
        rf"{_PARTIAL} (?:{_PARTIAL} |complete |interval )*(?:resolution|clearing)(?: of)?"
        r"|near-?(?:complete )?resolution(?: of)?|all but",
    ),
    ("j", rf"from {PRIOR} {FILM}"),
    (
        "y",
        rf"(?:(?:on|in) )?{PRIOR}(?: \w+)? {FILM}|(?:the )?recent {FILM}|had"
        rf"|(?:previously|formerly)(?! (?:seen|noted|described|identified|visualized|demonstrated"
        r"|reported|known|present|appreciated))"
        r"|yesterday|\w+ (?:days?|weeks?|months?|hours?) ago|in the past|last (?:week|month|year)"
        r"|(?:reason|exam|examination|study|comparison|clinical|order|request|protocol|ddx"
        r"|dx)(?= ?:)"
        r"|(?:after|following)"
        r"(?! (?:\w+ ){0,4}(?:placement|insertion|advancement|exchange|adjustment|repositioning"
        r"|removal|thoracentesis|biopsy|surgery|bronchoscopy|intubation|extubation|drainage))",
    ),
    (
        "y",
        r"(?:past |prior |clinical |remote |known )?history(?: of)?|indications?|reason for \w+"
        r"|evaluat\w+(?: for)?|assess\w*(?: for)?|r/o|rule out|correlat\w+|recommend\w*|repeat\w*"
        r"|follow-?up|follow up|insensitive|sensitive|sensitivity|limit(?:s|ed|ing)"
        r"|clinical concern|ct|mri|please|treated|ensure|document|exclude|prior to"
        r"|evidence of prior|previous(?:ly)? treated|status post|s/p|ordered|scheduled"
        r"|procedure|technique|hx|compare|monitor|watch for|check for|look for|screen\w*"
        r"|treatment|therapy|symptoms?|complain\w*|diagnosed|pre-?op\w*|concern(?= about)"
        r"|precaution\w*|versus prior",
    ),
)
"""What is suspected, asked for or cannot be told, and what is not about this film."""
