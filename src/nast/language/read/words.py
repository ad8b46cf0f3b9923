"""The words that may stand beside a finding, each with the part that it takes in a sentence.

A clause is read only if every word of it is here, is in `plain_words`, or names, places or grades a
condition (`lexicon`).
"""

from nast.language.read.denial_words import (
    ADVERB,
    BE,
    DENIALS,
    DOUBLED,
    FILM,
    NO_DENIAL,
    PRIOR,
    SEEN,
    SUGGEST,
)
from nast.language.read.doubt_words import LEFT_OPEN

_WHERE = (
    r"(?:the|this|that|these|any|both|either|all|current|present|today['’]?s?|frontal|lateral"
    r"|portable|single|two|pa|ap|visualized|visible|supine|upright|xxxx|view|plain|each|chest|only)"
)
_LATER = r"(?: to be| again| also| now| still| both| otherwise| currently| grossly| all| well)*"
_VERBS = (
    (
        "E",
        r"(?:(?:as|since|because|given that) )?(?:there|here)(?: (?:is|are|was|were|remains?"
        r"|persists?|has been|have been)|['’]s)"
        r"(?: (?:again|also|now|still|interval|redemonstration of))*|we see|i see",
    ),
    (
        "b",
        r"(?:has|have) (?:now |since |also )?been|(?:is|are|was|were|appears?|appeared"
        r"|remains?|remained|seems?|looks?|being|be)" + _LATER,
    ),
    ("B", r"has|have"),
    (
        "v",
        r"shows?|demonstrates?|reveals?|depicts?|contains?|notable for|positive for|consists? of"
        r"|showing|demonstrating|showed|indicates?|evidence (?:of|for)|signs? of|presence of"
        r"|(?:interval )?(?:development|placement|insertion|appearance|increase|decrease"
        r"|improvement|worsening|enlargement|progression|advancement|repositioning|exchange"
        r"|adjustment)(?: (?:of|in))|redemonstration of|findings? of",
    ),
    (
        "i",
        rf"suspicious for|concern\w* for|worrisome for|suggest\w*(?: of)?|(?:that |which )?"
        rf"(?:would )?(?:{SUGGEST}|representing|represents?|reflects?|reflecting"
        r"|indicative of|compatible with possible)",
    ),
    (
        "j",
        rf"(?:,? ?(?:which|that) (?:(?:{BE}) )?)?(?:previously|formerly)(?: (?:{SEEN}|described"
        rf"|reported|known))|(?:,? ?(?:which|that) )?(?:(?:{BE}) )?(?:{SEEN}|described)"
        rf" (?:previously|earlier|yesterday|before|on {PRIOR}(?: \w+)?)",
    ),
    ("s", r"(?:has |have )?occurred"),
    ("u", r"(?:has |have )?(?:newly |since )?(?:developed|appeared)"),
    ("v", r"pos(?= )"),
    ("s", rf"(?:{ADVERB} )*(?:{SEEN})(?: again| now| today)?|to be (?:{SEEN})"),
    (
        "u",
        r"(?:in|with) (?:(?:good|stable|satisfactory|expected|appropriate|unchanged|standard"
        r"|normal|similar|adequate|xxxx),? )+(?:place|position|situ)|in position"
        r"|in (?:size|extent|appearance|degree|number|contour|caliber|thickness|width|length"
        r"|diameter)"
        r"|persist(?:s|ed|ent|ing)?|remains?|stable|unchanged"
        r"|(?:has |have )?(?:not )?(?:significantly |slightly )?(?:changed|improved|worsened"
        r"|increased|decreased|progressed|migrated|kinked|displaced|moved|recurred|returned|reaccumulated)"
        r"|(?:less|more) (?:apparent|evident|conspicuous|prominent|pronounced|dense)"
        rf"(?: than (?:on )?{PRIOR} {FILM})?"
        r"|increasing|decreasing|improving|worsening|enlarging|recurrent|similar"
        r"|worse|smaller|larger|clear|normal|unremarkable|intact|well (?:expanded|inflated"
        r"|aerated)|placed|inserted|advanced|repositioned|retracted|pulled back"
        r"|works?|terminat\w+|project\w*|overl(?:ie|y)\w*"
        r"|(?:must|may|should|will|has to) have (?:an|another|some other|a different) (?:cause"
        r"|origin|explanation|source)|end(?:s|ing)?|courses?|coursing|l(?:ies|ying)|located|positioned|coil\w*|healed|healing"
        r"|within (?:normal limits?|limits of normal)|kinked|displaced|improved|yes|positive",
    ),
    (
        "w",
        r"(?<=, )(?:still|otherwise)|but|while|whereas|although|though|however|yet|nevertheless"
        r"|even though|then|since then",
    ),
    (
        "k",
        r"since(?= (?:\w+ ){0,4}(?:placement|insertion|advancement|exchange|removal))|with|despite"
        r"|in spite of|along with|after|following"
        r"|(?:is |are |was |were )?(?:due|secondary|related) to|because(?: of)?|associated with"
        r"|(?:is |are |was |were )?(?:most )?(?:consistent|compatible) with"
        r"|in keeping with|plus|leaving|as well as|accompanying"
        r"|(?:is |are |was |were )?(?:accompanied|complicated) by|underlying|adjacent to"
        r"|in addition to|on top of"
        r"|(?:to |that would |which would )?(?:explain|account for)(?:s|ed|ing)?|given|in view of"
        r"|superimposed on|in the setting of|against a background of|as a result of",
    ),
    (
        "X",
        r"besides|other than|(?:with the )?except(?:ion of| for)?|aside from"
        r"|apart from|save for|excluding|barring|sparing|beyond",
    ),
    ("o", r"and ?/ ?or|n?or|-?versus-?|-?vs\.?-?|v|/"),
    ("a", r"and|&"),
    ("c", r","),
)
"""Verbs, states, and what ties clauses together."""
_FILLERS = (
    ("O", r"(?:mediastinum|hila|hilum)(?= ?:)"),
    (
        "j",
        rf"(?:on|in|at|for|by|from|to|within|over|throughout|across|of) (?:{_WHERE} )*"
        rf"(?:{FILM}|chest|thorax|lungs?(?: fields?| zones?| bases?)?|sides?|hemithorax"
        r"|interval|technique|age)",
    ),
    (
        "j",
        r"(?:as )?(?:compared|comparison|in comparison|relative|since|similar)(?: (?:to|with))?"
        rf"(?: the)?(?: (?:{PRIOR}|yesterday|then|that time))*(?: {FILM}| one)?"
        r"(?! (?:the|a))|from (?:the )?prior(?: \w+)?"
        r"|today|currently|at this time|again|now|also|still|grossly|radiographically|clearly"
        r"|bilaterally|throughout|otherwise|overall|both|together|either|anymore|any more"
        r"|any longer|as before|in the interval|interval|here|approximately|about|specifically"
        r"|(?:which )?(?:measuring|measures)(?: up to)?"
        r"|allowing for (?:\w+ )?(?:rotation|technique|differences|positioning|projection)"
        r"|on either side|whatsoever|at all",
    ),
    (
        "p",
        r"above|below|in|at|on|over|near|into|within|from|along|around|between|behind|through"
        r"|under|to|for|by|level with|beneath|underneath|overlying|involving|per|upon|toward"
        r"|towards",
    ),
    (
        "d",
        r"(?:areas?|foci|focus|regions?) of|the|an|a|this|these|those|its|some|any|each|all|of"
        r"|that|which|it|they|i|we|more",
    ),
    ("J", r"\d[\d.]*(?: ?x ?\d[\d.]*)*(?: ?[mc]m)?"),
    (
        "N",
        r"multiple|several|few|numerous|one|two|three|four|many|scattered|innumerable|another"
        r"|both|pair",
    ),
)
"""Adjuncts that change nothing, prepositions, articles and numbers."""
PARTS = (*DOUBLED, *NO_DENIAL, *LEFT_OPEN, *DENIALS, *_VERBS, *_FILLERS)
"""(part, words): the first that fits at a place counts. Letters: see `constructions`."""
