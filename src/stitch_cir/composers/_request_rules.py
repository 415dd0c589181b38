"""What requests for a change look like in English: patterns without code, which :mod:`_requests` reads.

Whoever adds a rule gives it a kind and a pattern of a whole clause. Groups of the pattern: ``new``
(what is there afterwards), ``old`` (what is to vanish), ``subject`` or ``kept`` (what it concerns),
``behind`` (a new background).
"""

from __future__ import annotations

from typing import Literal

ChangeKind = Literal[
    "scene", "replace", "add", "colour", "number", "location", "quality", "remove", "words"
]

COLOUR = (
    r"(?:(?:light|dark|bright|pale|navy|sky|royal|olive|hot|neon) )?(?:red|orange|yellow|green|blue|"
    r"purple|pink|brown|black|white|gr[ae]y|beige|gold(?:en)?|silver|navy|turquoise|teal|violet|"
    r"burgundy|cream|khaki|olive|tan)"
)
NUMBER = r"(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|several|many|(?:a )?single)"
SINGLE = r"1|one|(?:a )?single"
THE = r"(?:(?:the|an?|its|his|her|their|this|these|all the|any) )"
WHERE = (
    r"(?:on|in|at|by|near|under|inside|outside|next to|beside|in front of|behind|above|below|against|"
    r"over|through|to the (?:left|right) of|underwater|outdoors|indoors)\b"
)
DETERMINER = (
    r"(?:an?|the|some|his|her|its|their|no|many|several|another|both|all|one|two|three|four|five|six|\d+|"
    r"a pair of|lots of) (?:single )?"
)
DOING = r"\w*[aeiouy]\w*ing\b"
POSTFIX = rf"(?:{WHERE}|{DOING} (?:{THE}|(?:up|down|with|to)\b|{WHERE}))"
"""How a place begins, or what something does: it follows its noun."""
ADVERBIAL = (
    rf"(?:{POSTFIX}|(?:with|without|for|from|as|like|of|to|into|onto|across|along|around|between|among|off|during|after|"
    r"before|while|up|down)\b)"
)
"""How any phrase begins that has no article."""
INTO = r"(?:to be|to|with|by|for|into)"
CHANGE = r"(?:change|replace|swap|turn|transform|convert)[sd]?"
NO_THING = (
    r"(?:in|is|are|was|to|with|for|of|on|at|as|but|and|or|time|way|kind|sort|ones?|available)\b"
)
SUBJECT = rf"(?P<subject>[\w-]+(?: (?!{NO_THING})[\w-]+)??)"
BARE_COLOUR = rf"{COLOUR}(?! (?:with|in|on|at)\b| (?:and|or) \S+$)"
"""A colour of something that follows: "red with dots" and "brown and bigger" lack it."""
SHOWING = r"(?:showing|making|having)"
RULES: tuple[tuple[ChangeKind, str], ...] = (
    ("colour", rf"(?:something )?(?:in )?(?P<new>{COLOUR})"),
    ("colour", rf"{CHANGE} {THE}?colou?rs?(?: of {THE}?(?P<subject>.+?))?(?: from (?P<old>{COLOUR}))? {INTO} (?P<new>{COLOUR})"),
    ("colour", rf"(?:(?:{CHANGE}|make|paint) )?{THE}{SUBJECT} (?:(?:{INTO}|should be|is|are) )?(?P<new>{COLOUR})"),
    ("number", rf"(?:(?:reduce|increase|change|decrease) )?{THE}?(?:number|amount) of (?P<subject>.+?)(?: (?:is|are|has been))?"
               rf"(?: (?:reduc|increas|chang|decreas)ed)? to (?P<new>{NUMBER})"),
    ("number", rf"(?:with |show |only |just )*(?P<new>{NUMBER})(?: of (?:them|these|those|the same)|(?: of the same)? {SUBJECT})?"),
    ("location", rf"{CHANGE} {THE}?background(?: from .+?)? {INTO} (?P<behind>.+)"),
    ("replace", rf"{CHANGE} (?:(?:it|this|them)|(?!{THE}?colou?r)(?P<old>.+?)) {INTO} (?P<new>.+)"),
    ("replace", rf"(?P<old>[\w' -]{{2,40}}?)(?: (?:has|have|is|are))?(?: been)? (?:changed|replaced|turned) {INTO} (?P<new>.+)"),
    ("remove", rf"(?:remov(?:e|es|ing)|delete|erase|get rid of|take (?:away|out|off)|lose|without|instead of|(?:(?:with|has|have) )?no) {THE}?(?P<old>.+)"),
    ("scene", r"(?P<new>.+?) (?:without|with no|and no) (?P<old>.+)"),
    ("location", rf"(?:(?:the same things, but )?(?=put|place|move|.* (?:is|are|should be) )(?:put |place |move )?{THE}{SUBJECT} "
                 rf"(?:(?:is|are|should be) )?)?(?P<new>{POSTFIX}.*|(?(subject){DOING}|(?(kept){DOING}|(?!))))"),
    ("add", r"(?:adds?|adding|includ(?:e|es|ing)|(?:with|has|have|having)(?! (?:the|it|them|him|her)\b)) (?:also )?(?P<new>.+)"),
    ("quality", r"(?P<new>(?:more|less|much) [\w-]+|(?!other|over|under|after|her)\w+er)"),
    ("scene", rf"(?:(?:only|just|leave|keep) )?(?P<new>(?:(?<=\w )the|an?|{NUMBER}|{BARE_COLOUR}) (?!(?:\w+ )?(?:shade|bit|little|lot|touch)\b).+)"),
    ("replace", r"(?:show )?(?P<new>(?:an? |some )?[\w-]+(?: [\w-]+){0,3})"),
)  # fmt: skip
"""Kinds and patterns; the first that matches a whole clause counts, the last only before "instead"."""
INSTEAD = (
    rf"(?P<new>.+?),? (?:instead|(?:instead of|rather than|in place of|as opposed to|and not|but not|not|(?:rather|instead)"
    rf"(?= {SHOWING}))(?: {SHOWING}(?: with)?)? (?P<old>.+))"
)  # fmt: skip
"""A clause of any kind, and what it takes the place of."""
FRAME = (
    r"(?:(?:please|then|also|now|and|but|hi|hello|maybe|(?:can|could|would) you(?: please)?|"
    r"i(?: a|')m looking for|looking for|i(?:'d| would)? (?:want|like|need|prefer)(?: to (?:see|have))?(?: it)?|"
    r"(?:find|give|show) me|find|(?:do|have) you (?:have|got)|got|(?:is|are|do|does) (?:it|this|these|they)(?: also)? (?:available|come)),? |(?:in )?(?:the |this |an? )?(?:target|desired|new|second|image|photo|photograph|picture)"
    r"(?: (?:image|photo|photograph|picture))? (?:should (?:be|show|have)|must (?:be|show|have)|shows?|is of|is|has|have|depicts?|contains?|of) |"
    r"(?:shows?|showing|depicts?|features?|target(?:ing)?(?: on| is)?|focus(?:ing)?(?: only)?(?: in)? on|"
    r"there (?:should be|must be|is|are)|make (?:out )?with) (?=\S+ \S))"
)
"""What only announces the content that follows."""
THIS = r"(?:(?:exactly )?(?:the )?same|this|these)"
BEFORE = (
    rf"(?:{THIS}\b(?: (?P<kept>(?!{NO_THING})[\w-]+))??,?(?: (?:but|and|only)\b)? )?"
    r"(?:(?:make |put |move |place )?(?:it|them|this|these|that)(?:'s| is| are| should be)? |(?:is|are|be) )?"
)
COMMAND = (
    r"(?:makes?|making|give|put|place|have|let|keep|leave|get|use|change|adds?|includes?|create)(?: (?:it|them|this|out)\b)?"
    r"(?: (?:with|on|to|into|at|of|in|as|be|so|have|for|like)\b)* "
    rf"|(?:is|are) (?={COLOUR}\b)"
)
"""What also goes from the beginning of a clause that no rule matches."""
SPLIT = (
    r"(?<=[.!?;])\s+|,?\s+(?:and|but|then)\s+(?=(?:{v}|in|on|is|are)\b)|,\s*(?=(?:{v}|only|just)\b)|"
    r",? (?:please|thanks|thank you|now)(?=\W*$|,)"
).replace("{v}", "add|remove|delete|change|replace|swap|turn|make|put|show|place|include|has|have|no|"
          "without|with|get rid of|reduce|increase|focus|must|should")  # fmt: skip
SPLIT += rf"|,\s*(?=in {COLOUR}\W*(?:$|,))"
ASIDE = r"\b((?:instead of|rather than) [^,.]+),"
WHOLE = (
    r"(?!(?:of|and|or|to(?! the))\b)(?:.*\s)?(?!(?:a|an|the|and|or|but|of|to|by|from|as|is|are|be|has|have|had|it|its|"
    r"their|them|that|than|then|not|no|into|for|with|on|at|in)$)\S*"
)
"""What neither begins nor ends with a word that needs a neighbour."""
BRIEF = r"(?!.*(?:,|\b(?:so|is|are|leaving|making|it|them)\b))(?:\S+(?: \S+){0,5})?"
"""What can name a thing that is to vanish: no sentence."""
BACK = r"\b(?:ones?\b(?! (?!(?:in|with|on|at|that|for|and)\b)\w)|it|they|them|this|these|same|more|less|another|instead|too|like)\b"
"""Words that refer back to the reference: a caption with one describes no image by itself."""
ASPECT = r"cut|style|pattern|print|colou?r|size|shape|length|fit|material|angle|view|background|pose|breed"
MENTION = (
    rf"(?<!with )(?<!without )(?<!remove )(?<!in )(?<!on )\b{THIS} (?P<noun>(?!{ASPECT}|{NO_THING}|same\b)[\w-]+)"
    r"(?=\W*$|[,.;:!?]| (?:but|in|on|with|without|for|from|that|and|or|as|only|instead)\b)"
)
"""What the user calls the reference's object in passing."""
PART = (
    r"(?:stripes|dots|polka dots|checks|flowers|logo|print|pattern|graphic|text|label|collar|sleeves?|buttons?|zip(?:per)?|"
    r"hood|pockets?|belt|straps?|laces|heels?|handle|lid|frame|wheels?|legs|roof|tail|ears|wings|beak)"
)
"""What belongs to a thing: another one in its place leaves the thing what it is."""
QUALITY = r"[\w-]+-(?:length|neck|cut|fit|style|size|\w+ed)"
"""A bare word that is a quality, and no thing."""
