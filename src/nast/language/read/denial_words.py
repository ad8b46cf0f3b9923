"""Words that deny, and words that only look as if they did.

They follow the common lists of negation detection in radiology (NegEx, ConText, NegBio, CheXpert,
RadText), extended by what reports of chest films say. Letters are explained in `constructions`.
"""

import re

BE = "is|are|was|were"
NOT = rf"(?:not|(?:{BE}|do|does|did|has|have|had|could|would)n['’]t)"
SEEN = (
    "seen|identified|appreciated|visualized|visualised|evident|demonstrated|present|noted|detected"
    "|observed|apparent|found|shown|visible|redemonstrated|evidenced|recognized|confirmed"
    "|in place|in situ|made out|discerned|delineated|documented|discernible|discernable"
    "|identifiable|appreciable|detectable|perceptible|recognizable|in evidence|there"
)
_SHOW = "show|reveal|demonstrate|identify|detect|see|depict|suggest|indicate|find|have|contain"
_EVIDENCE = (
    "suggestion|indications?|findings?|features|suspicions?|hint|appearance|trace|manifestations?"
    "|stigmata|evidence|signs?"
)
_PLAIN = (
    r"(?:any|definite|definitive|convincing|radiographic|obvious|acute|clear|gross|the|frank|overt"
    r"|active|specific|plain|film|x-?ray|imaging|longer|xxxx|an?|typical|appreciable|secondary"
    r"|other secondary|discernible|radiological|direct)"
)
SUGGEST = r"(?:to (?:suggest|indicate|support)|suggesting|suggestive of|indicating|supporting)"
_HOW = (
    r"(?:(?:interval|significant|appreciable|definite|substantial|suspicious|gross|acute|overall"
    r"|further|marked|notable|real|radiographic|evidence of|an?|the|slight|mild|clear|sign of"
    r"|suggestion of|evident|focal|associated|obvious|convincing) )*"
)
_CHANGE = (
    "changes?|increase|decrease|improvement|progression|worsening|difference|growth|reduction"
    "|enlargement|resolution|clearing|removal|development|appearance|recurrence|reaccumulation"
    "|complications?|migration|causes?|evolution|extension|regression|displacement|elevation"
    "|cavitation|calcification|loculation|blunting|shift|layering|deterioration|advancement"
    "|component|separation|angulation|kinking|malposition"
)
_ASPECT = "size|appearance|extent|number|degree|position|severity|volume|configuration"
_ALMOST = (
    "nearly|almost|partially|partly|mostly|largely|slightly|incompletely|somewhat|mildly|virtually"
    "|essentially|all but|near|not quite|not entirely|not completely|not fully|predominantly"
)
GONE = "resolved|cleared|disappeared|gone|removed|vanished|extubated|discontinued"
PRIOR = r"(?:the |a )?(?:most recent )?(?:prior|previous|earlier|last|old)"
FILM = (
    r"(?:study|studies|examination|exam|film|films|views?|radiographs?|images?|imaging|x-?rays?"
    r"|projections?|time|today|comparison|ct|week|month|year)"
)
ADVERB = (
    r"(?:again|also|clearly|definitely|readily|now|currently|still|convincingly|easily|specifically"
    r"|grossly|once again|best|only|further)"
)
DOUBLED = (
    ("Y", r"(?:it is )?not (?:true|the case) that"),
    ("E", r"there (?:is|are|can be) (?:no|little) (?:doubt|question)(?: that| about)?(?! of)"),
    (
        "E",
        rf"there (?:{BE}) not no|(?:there (?:{BE}) )?no (?:absence|lack) of"
        r"|(?:without|no) (?:a )?(?:doubt|question)(?! of),?",
    ),
    (
        "D",
        rf"(?:(?:{BE}) )?(?:{NOT}|never) (?:\w+ )?(?:without|free of|free from|devoid of"
        r"|negative for|lacking|clear of)|not an? (?:absence|lack) of",
    ),
    ("u", r"(?:not|no longer) absent"),
)
"""Two denials that make a presence."""
NO_DENIAL = (
    (
        "J",
        r"not (?:unexpected|uncommon|unusual|insignificant|inconsiderable)|gram[ -]negative"
        r"|not (?:only|just|merely|simply)|non[ -]?(?:specific|displaced|calcified|acute|healed)",
    ),
    ("N", r"(?:no|not) (?:fewer|less) than(?: \w+(?= ))?"),
    ("j", r"not (?:surprisingly|unexpectedly),?"),
    ("u", r"(?:has |have )?fail(?:s|ed) to (?:resolve|clear|improve|re-?expand)|not under tension"),
    ("a", r"but also"),
    ("j", r"without (?:difficulty|complications?|incident|event)"),
    (
        "u",
        rf"(?:(?:has|have|had|{BE}) )?(?:been )?(?:{_ALMOST})(?: \w+)? (?:{GONE})|(?:{GONE})"
        r" (?:somewhat|partially|partly|slightly|incompletely|in part|a little)"
        r"|(?:not|no longer) (?:as|so) \w+(?: as (?:before|previously|yesterday|on the prior"
        r"(?: study| film| exam)?))?|no less \w+",
    ),
    (
        "k",
        r"(?:does|do|did) not (?:drain|reach|displace|extend to)"
        r"|not (?:displaced|obscured|compressed) by",
    ),
    (
        "u",
        r"(?:has |have |had )?not (?:\w+ )?(?:changed|improved|worsened|increased|decreased"
        r"|progressed|migrated|kinked|displaced|moved|enlarged)|(?:does|do|did) not (?:layer"
        r"|move|shift|extend|reach)(?: below| above)?",
    ),
    (
        "j",
        rf",? ?(?:(?:which|that) )?(?:(?:{BE}) )?(?:not (?:previously|formerly)|previously not)"
        rf" (?:{SEEN})"
        rf"|,? ?(?:(?:which|that) )?(?:(?:{BE}) )?not (?:{SEEN}) (?:previously|before"
        r"|earlier(?! today)|yesterday|last \w+|\w+ (?:days?|weeks?|months?|hours?) ago"
        rf"|on {PRIOR}(?: \w+)?"
        rf"|on the (?:outside|initial|first|admission|trauma) {FILM})"
        r"|,? ?(?:which|that) (?:was|were) absent (?:this \w+|yesterday|previously|before|earlier"
        r"|last \w+)",
    ),
    (
        "j",
        rf",? ?(?:which|that) (?:was|were|had been) (?:previously )?(?:{SEEN}|described)"
        rf"(?: (?:previously|earlier|yesterday|before|last \w+|(?:on|in) {PRIOR}(?: {FILM})?"
        rf"|on the {FILM}))?(?: (?:obtained|performed|taken)(?: at| on)?(?: \w+)?(?: hours)?)?",
    ),
    ("u", r"none (?:is |are |of which (?:is |are ))?(?:displaced|healed|acute|new)"),
)
"""Words that look like a denial: what is partly gone, not seen earlier, or not changed."""
DENIALS = (
    (
        "q",
        rf"(?:no|without|nor)(?: any)? {_HOW}(?:{_CHANGE})(?: (?:in|of|from|since|with|to|for"
        rf"|after|by))?(?: the)?(?: (?:{_ASPECT})(?: and (?:{_ASPECT}))?(?: of)?(?: the)?)?",
    ),
    ("q", rf"no (?:new|other|further|additional) (?:\w+ )?(?:{_EVIDENCE}) of"),
    (
        "u",
        r"no (?:larger|smaller|better|worse|different|more prominent)"
        r"(?= than| on| in| at| now| ?[,)]|$)|resolving|clearing(?! of)",
    ),
    ("q", r"no (?:larger|smaller|better|worse|different|more prominent)"),
    (
        "h",
        r"(?:has|have|had) not (?:recurred|reaccumulated|returned|developed|appeared|occurred)"
        r"|(?:no|not) more than(?: an?)?(?: \w+)?",
    ),
    (
        "n",
        rf"(?:with no|no|nil|zero|without)(?: {_PLAIN})*? (?:(?:evidence|signs?)(?: whatsoever)?"
        rf"(?: (?:of|for|{SUGGEST}))?|(?:{_EVIDENCE}) (?:of|for|{SUGGEST}))",
    ),
    (
        "n",
        r"nothing (?:\w+ ){0,3}(?:to|that would) (?:indicate|suggest|support)"
        r"|nothing (?:suggestive|in favou?r) of|negative (?:\w+ )?for"
        r"|neg for|unremarkable for|(?:was )?ruled out for|free (?:of|from)"
        r"|clear of|(?:in the )?absence of|lack of|lacking|devoid of|fail(?:s|ed)? to"
        rf" (?:{_SHOW})|(?:not able|unable) to (?:{_SHOW})|neither|none of"
        rf"|(?:can ?not|{NOT}|do not|does not)(?! only) (?:\w+ )?(?:{_SHOW})|never developed"
        rf"|not associated with|no longer (?:any|an?|has|have|shows?|contains?)(?: evidence of)?"
        rf"|{NOT} any|with no|with neither|w/o|nothing of",
    ),
    (
        "t",
        rf"(?:can )?no longer(?: be)?|can ?not be|can['’]t be|could not be|{NOT}(?: (?:yet|been))*",
    ),
    ("n", r"nor (?:is|are|was|were) there|without(?: any)?|nil|zero|0(?= [a-z])|no(?: such)?"),
    (
        "m",
        r"(?:interval |complete |total |full |now )*(?:resolution|removal|clearing|clearance"
        r"|disappearance)(?: of)?",
    ),
    (
        "z",
        r"(?:to have |completely |entirely |fully |totally |since |now |also |already )*"
        rf"(?:{GONE}|absent|excluded|ruled out)"
        r"(?: now| since| completely| entirely)?|none|negative|neg",
    ),
)
"""What denies what stands after it (n, t, m) or before it (t, z), and what says less (q)."""
NEGATOR = re.compile(
    rf"\b(?:no|none|{NOT}|can ?not|can['’]t|never|neither|nor|nil|zero|without|w/o|absent|absence"
    r"|lack|lacking|negative|neg|free (?:of|from)|clear of|devoid|fail(?:s|ed)? to|nothing"
    r"|unable to|unremarkable for|excluded|ruled out|resolution|removal|clearing|clearance"
    rf"|disappearance|{GONE})\b|\(\s*-"
)
"""A word that may deny, wherever it stands."""
