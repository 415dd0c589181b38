"""Rules that read a request clause by clause: what is new, what it applies to, what is to vanish.

A rule matches a whole clause or does nothing, and a clause that no rule matches stays as the user
wrote it: no caption is ever made of half a clause.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

__all__ = ["COLOUR", "Change", "read_request"]

ChangeKind = Literal[
    "scene", "replace", "add", "colour", "number", "location", "quality", "remove", "words"
]

COLOUR = (
    r"(?:(?:light|dark|bright|pale|navy|sky|royal|olive|hot|neon) )?(?:red|orange|yellow|green|blue|"
    r"purple|pink|brown|black|white|gr[ae]y|beige|gold(?:en)?|silver|navy|turquoise|teal|violet|"
    r"burgundy|cream|khaki|olive|tan)"
)
_NUMBER = r"(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|several|many|(?:a )?single)"
_WHERE = (
    r"(?:on|in|at|by|near|under|inside|outside|next to|beside|in front of|behind|above|below|against|"
    r"over|to the (?:left|right) of|underwater|outdoors|indoors)\b"
)
_THE = r"(?:(?:the|an?|its|his|her|their|this|these|all the|any) )"
_NOT = r"(?:instead of|rather than|in place of|as opposed to|and not|but not|not|rather (?:showing|making|with|having))"
_INTO = r"(?:to be|to|with|by|for|into)"
_CHANGE = r"(?:change|replace|swap|turn|transform|convert)[sd]?"
_SUBJECT = r"(?P<subject>[\w-]+(?: [\w-]+)??)"
_COUNT = rf"{_THE}?(?:number|amount) of (?P<subject>.+?)"
_BEFORE = (
    r"(?:(?:exactly )?(?:the )?same\b(?: (?P<kept>[\w-]+))??,?(?: (?:but|and|only)\b)? )?"
    r"(?:(?:make |put |move |place )?(?:it|them|this|these|that)(?:'s| is| are| should be)? |(?:is|are|be) )?"
)
_RULES: tuple[tuple[ChangeKind, str], ...] = (
    ("colour", rf"(?:something )?(?:in )?(?P<new>{COLOUR})(?: instead)?(?: {_NOT} (?P<old>{COLOUR}))?"),
    ("colour", rf"{_CHANGE} {_THE}?colou?rs?(?: of {_THE}?(?P<subject>.+?))?(?: from (?P<old>{COLOUR}))? {_INTO} (?P<new>{COLOUR})"),
    ("colour", rf"(?:(?:{_CHANGE}|make|paint) )?{_THE}{_SUBJECT} (?:(?:{_INTO}|should be|is|are) )?(?P<new>{COLOUR})"),
    ("number", rf"(?:(?:reduce|increase|change|decrease) )?{_COUNT}(?: (?:is|are|has been))?(?: (?:reduc|increas|chang|decreas)ed)? to (?P<new>{_NUMBER})"),
    ("number", rf"(?:with |show |only |just )*(?P<new>{_NUMBER})(?: of (?:them|these)| {_SUBJECT}(?: instead| {_NOT} (?P<old>{_NUMBER}))?)?"),
    ("location", rf"{_CHANGE} {_THE}?background(?: from .+?)? {_INTO} (?P<behind>.+)"),
    ("replace", rf"{_CHANGE} (?:(?:it|this|them)|(?!{_THE}?colou?r)(?P<old>.+?)) {_INTO} (?P<new>.+)"),
    ("replace", rf"(?P<old>[\w' -]{{2,40}}?)(?: (?:has|have|is|are))?(?: been)? (?:changed|replaced|turned) {_INTO} (?P<new>.+)"),
    ("replace", rf"(?:show )?(?P<new>(?!(?:is|are) )[\w-]+ .+?|[\w-]+s),? {_NOT} (?P<old>.+)|instead of (?P<gone>[^,]+), (?P<newer>.+)"),
    ("remove", rf"(?:remov(?:e|es|ing)|delete|erase|get rid of|take (?:away|out|off)|lose|without|(?:(?:with|has|have) )?no) {_THE}?(?P<old>.+)"),
    ("scene", r"(?P<new>.+?) (?:without|with no|and no) (?P<old>.+)"),
    ("location", rf"(?:(?:the same things, but )?(?=put|place|move|.* (?:is|are|should be) )(?:put |place |move )?{_THE}{_SUBJECT} (?:(?:is|are|should be) )?)?"
                 rf"(?P<new>{_WHERE}.*?)(?: instead)?"),
    ("add", r"(?:adds?|adding|includ(?:e|es|ing)|(?:with|has|have|having)(?! (?:the|it|them|him|her)\b)) (?:also )?(?P<new>.+)"),
    ("quality", r"(?P<new>(?:more|less|much) [\w-]+|(?!other|over|under|after|her)\w+er)"),
    ("scene", rf"(?:(?:only|just|leave|keep) )?(?P<new>(?:(?<=\w )the|an?|{_NUMBER}|{COLOUR}) (?!(?:\w+ )?(?:shade|bit|little|lot|touch)\b).+)"),
    ("replace", r"(?:show )?(?P<new>(?:an? |some )?[\w-]+(?: [\w-]+){0,3}) instead"),
)  # fmt: skip
"""Kinds and patterns; the first that matches a whole clause counts."""
_FRAME = (
    r"(?:(?:please|then|also|now|and|but|hi|hello|maybe|(?:can|could|would) you(?: please)?|"
    r"i(?: a|')m looking for|looking for|i(?:'d| would)? (?:want|like|need|prefer)(?: to (?:see|have))?(?: it)?|"
    r"(?:find|give|show) me|find),? |(?:in )?(?:the |this |an? )?(?:target|desired|new|second|image|photo|photograph|picture)"
    r"(?: (?:image|photo|photograph|picture))? (?:should (?:be|show|have)|must (?:be|show|have)|shows?|is of|is|has|have|depicts?|contains?|of) |"
    r"(?:shows?|showing|depicts?|features?|target(?:ing)?(?: on| is)?|focus(?:ing)?(?: only)?(?: in)? on|"
    r"there (?:should be|must be|is|are)|make (?:out )?with) (?=\S+ \S))"
)
"""What only announces the content that follows."""
_SPLIT = (
    r"(?<=[.!?;])\s+|,?\s+(?:and|but|then)\s+(?=(?:{v}|in|on|is|are)\b)|,\s*(?=(?:{v})\b)"
).replace("{v}", "add|remove|delete|change|replace|swap|turn|make|put|show|place|include|has|have|no|"
          "without|with|get rid of|reduce|increase|focus|must|should")  # fmt: skip
_LOOSE = frozenset(
    "a an the and or but of to by from as is are be has have had it its their them that than then "
    "not no into for with on at in".split()
)
"""Words that no phrase ends with."""
_BACK = r"\b(?:ones?\b(?! (?!(?:in|with|on|at|that|for|and)\b)\w)|it|they|them|this|these|same|more|less|another|instead|too|like)\b"
"""Words that refer back to the reference: a caption with one describes no image by itself."""
_ASPECT = r"cut|style|pattern|print|colou?r|size|shape|length|fit|material|angle|view|background|pose|breed"


@dataclass(frozen=True, slots=True)
class Change:
    """One clause of a request.

    ``text`` is the new content in the user's words, ``subject`` the thing it applies to ("" is the
    main object), ``removed`` what is to vanish. A clause that no rule matches is of kind ``"words"``
    and its ``text`` is the clause as written.
    """

    kind: ChangeKind
    text: str = ""
    subject: str = ""
    removed: str = ""

    @property
    def phrase(self) -> str:
        """The content as a phrase: "two dogs", "ball behind the cat"."""
        parts = (self.text, self.subject) if self.kind != "location" else (self.subject, self.text)
        return " ".join(filter(None, parts)) if self.text else ""


def read_request(text: str) -> tuple[Change, ...]:
    """Return the changes that a cleaned, one-line request asks for, clause by clause.

    >>> [(each.kind, each.text, each.removed) for each in read_request("Replace the cat with two dogs")]
    [('replace', 'two dogs', 'cat')]
    """
    clauses = (piece.strip(" ,.;!?") for piece in _compiled(_SPLIT).split(text))
    return tuple(_read_clause(clause) for clause in clauses if clause)


def _read_clause(clause: str) -> Change:
    rest = re.sub(r",? (?:please|thanks|thank you|now)$", "", clause, flags=re.I)
    while (frame := _compiled(_FRAME).match(rest)) and frame.end() < len(rest):
        rest = rest[frame.end() :].lstrip(" ,")
    for kind, pattern in _RULES:
        match = _compiled(rf"{_BEFORE}(?:{pattern})").fullmatch(rest)
        if match is None:
            continue
        parts = {name: part.strip(" ,") for name, part in match.groupdict().items() if part}
        new, old = parts.get("new", parts.get("newer", "")), parts.get("old", parts.get("gone", ""))
        if "behind" in parts:
            new = f"with {parts['behind']} in the background"
        old = re.sub(r"^with (?:an? )?| ones?$", "", _bare(old))
        subject = _bare(parts.get("subject", parts.get("kept", "")))
        alone = kind not in ("scene", "replace") or not _compiled(_BACK).search(new)
        brief = len(old.split()) <= 6 and not re.search(r",|\b(?:so|is|are|leaving|making)\b", old)
        whole = all(map(_is_whole, filter(None, (new, old)))) and brief
        if whole and alone and not _compiled(_ASPECT).fullmatch(subject):
            return Change(kind, new, subject, old)
    if rest != clause and _is_whole(rest) and not _compiled(_BACK).search(rest):
        return Change("scene", rest)
    return Change("words", clause)


def _is_whole(phrase: str) -> bool:
    """Return whether a phrase neither begins nor ends with a word that needs a neighbour."""
    words = phrase.lower().split()
    return words[-1] not in _LOOSE and not re.match(r"(?:of|and|or|to(?! the))\b", phrase, re.I)


def _bare(phrase: str) -> str:
    return re.sub(rf"^{_THE}", "", phrase, flags=re.I)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.I)
