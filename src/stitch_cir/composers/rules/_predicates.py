"""Parse predicates: colours, patterns, attributes, locations, views, styles."""

from __future__ import annotations

import re
from functools import cache

from stitch_cir.composers.rules._edits import Edit
from stitch_cir.composers.rules._english import article, gerund
from stitch_cir.composers.rules._lexicon import alternatives, find_colours, is_colour, lexicon
from stitch_cir.composers.rules._phrases import PREPOSITION, bare, head_noun, is_noun, split_phrase
from stitch_cir.composers.rules._qualified import (
    adjective_of_pronoun,
    is_participle,
    qualified_noun,
)

__all__ = ["added_thing", "looks_like_view", "predicate", "prepositional"]

_VIEW = re.compile(
    r"(?:(?:is |are )?(?:seen|shot|taken|viewed|photographed|captured|shown|pictured)?\s*(?:from|at) (?:the |a |an )?"
    r"(?:[\w-]+ )?(?:side|sides|back|front|top|above|below|behind|bottom|distance|angle|afar|far away|far|viewpoint|perspective|left|right|close|near|ground|inside|rear)\b.*"
    r"|(?:a |an |the |in |in a |make )?(?:more |much |extreme |very )?(?:close(?:r)?[ -]?(?:up|view|shot|look)|closer|nearer|further away|farther away|farther|far away(?: shot)?)(?: (?:view|shot|up|of|photo|picture|to|from|on)\b.*)?"
    r"|zoom(?:ed)?[ -]?(?:in|out)\b.*|(?:is )?(?:cropped|crop|tightly cropped)\b.*"
    r"|(?:a |an |the )?(?:side|front|back|rear|top|aerial|bird's[ -]eye|profile|overhead|full[ -]body|wide|wider|different|three-quarter)[ -](?:view|shot|angle|perspective|profile)\b.*"
    r"|(?:is |are )?(?:now )?(?:facing|looking|turned|turning) (?:to |at |towards? |away|left|right|forward|the|up|down|back|straight|sideways|directly|into).*)",
    re.I,
)


def looks_like_view(text: str) -> bool:
    """Return whether a text is a viewpoint, a crop or a direction someone faces."""
    return _VIEW.fullmatch(text.strip()) is not None


def predicate(text: str) -> list[Edit]:
    """Parse what may follow "is": "a darker blue and striped", "more formal", "a tank top"."""
    text = re.sub(
        r"^(?:is|are|be|a bit|a little|a lot|slightly|much|bit|also|now)\s+(?=\S)",
        "",
        text.strip(" ,."),
        flags=re.I,
    )
    if not text:
        return []
    colour = is_colour(text)
    if colour:
        return [Edit("colour", colour.lower())]
    if looks_like_view(text):
        same = re.search(r"\bsame\b", text, re.I)
        return [Edit("keep", "", "the view")] if same else [Edit("view", text)]
    placed = prepositional(text)
    if placed:
        return placed
    if text.split()[0].lower() in lexicon().verbs and not is_noun(text.split()[0]):
        return [Edit("attribute", gerund(text))]
    cut = re.search(rf" (?:with|without|that|which|{PREPOSITION}|from|has|have)\b", text, re.I)
    if cut and not re.match(
        r"(?:off|one|see|button|zip|color|colou?r) ?-?\w*",
        text[: cut.start()].strip() if " " not in text[: cut.start()].strip() else "",
        re.I,
    ):
        before, after = text[: cut.start()], text[cut.start() :].strip()
        first = predicate(before)
        if first and first[0].kind != "other":
            return [*first, *_rest(after)]
    negated = re.match(
        r"(?:not|no longer|isn't|less|aren't) (?:as |so |very )?(?P<what>.+)", text, re.I
    )
    if negated:
        return _negated(negated["what"], text)
    edits: list[Edit] = []
    for part in _parts(text):
        edits += _simple(part)
    return edits


def _rest(text: str) -> list[Edit]:
    """Parse what follows a predicate: "with short sleeves", "in colour", "on a beach"."""
    if re.fullmatch(
        r"in (?:colou?r|colou?red|appearance|style|length|size|shade|tone|shape)s?", text, re.I
    ):
        return []
    removed = re.fullmatch(
        r"(?:without|with no|that has no|has no|have no)(?: any)? (.+)", text, re.I
    )
    if removed:
        return [Edit("remove", bare(removed[1]))]
    thing = re.fullmatch(r"(?:with|has|have|that has|that have|which has) (.+)", text, re.I)
    if thing:
        return [added_thing(part) for part in re.split(r" and (?=(?:an?|with|has) )", thing[1])]
    return prepositional(text) or [Edit("other", text)]


def _negated(what: str, whole: str) -> list[Edit]:
    if whole.lower().startswith("less"):
        return [Edit("attribute", whole)]
    return [Edit("remove", bare(part)) for part in re.split(r" (?:and|or) ", what) if bare(part)]


def _parts(text: str) -> list[str]:
    """Split "blue and striped" at the conjunction, but not "black and white"."""
    colours = [match.span() for match in find_colours(text)]
    pieces, start = [], 0
    for joint in re.finditer(r",\s*(?:and )?|\s+(?:and|but)\s+", text):
        if not any(a < joint.start() and joint.end() <= b for a, b in colours):
            pieces.append(text[start : joint.start()])
            start = joint.end()
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if piece.strip()]


def _simple(text: str) -> list[Edit]:
    """Parse one part of a predicate."""
    lex = lexicon()
    quality = adjective_of_pronoun(text)
    if quality:
        return _simple(quality)
    painted = re.fullmatch(r"(?:painted|dyed|tinted|colou?red)(?: in)? (.+)", text, re.I)
    if painted and is_colour(painted[1]):
        text = painted[1]
    colour = is_colour(text)
    if colour:
        return [Edit("colour", colour.lower())]
    words = bare(text)
    low = words.lower()
    if not low:
        return []
    if low in lex.media or re.fullmatch(r"(?:in )?(?:black and white|gr[ae]yscale|sepia)", low):
        return [Edit("medium", low)]
    noun_like = re.match(r"an? ", text, re.I) is not None
    coloured = _coloured(words)
    if low in lex.patterns or re.fullmatch(
        rf".*\b(?:pattern|print|patterned)|(?:{_patterns()})(?: (?:pattern|print|design))?", low
    ):
        return [Edit("pattern", low)]
    if coloured and re.fullmatch(
        r"stripes?|striped|dots|polka dots|spots|plaid|checks|checkered|print|pattern|patterns",
        coloured[1],
        re.I,
    ):
        return [Edit("pattern", low), Edit("colour", coloured[0])]
    if coloured and (coloured[1].lower() in lex.attributes or coloured[1].lower() in lex.patterns):
        rest = coloured[1].lower()
        kept = Edit("pattern", rest) if rest in lex.patterns else Edit("attribute", rest)
        return [Edit("colour", coloured[0]), kept]
    if coloured and coloured[1].lower() in ("one", "ones", "version"):
        return [Edit("colour", coloured[0])]
    head = head_noun(words)
    if re.search(r"\bcolou?r(?:ed|s|ful)?$", low):
        return [Edit("attribute", low)]
    if low in lex.attributes or low.split()[0] in (
        *lex.comparatives,
        "more",
        "less",
        "most",
        "very",
        "too",
    ):
        part = is_noun(head) and len(low.split()) > 1 and low not in lex.attributes
        if part and head in lex.parts:
            return [Edit("add", words)]
        if part and not noun_like and low == f"{low.split()[0]} {head}":
            # "bigger cup" compares what is there, "a bigger cup" names another
            return [Edit("attribute", low.split()[0], head)]
        if part and (noun_like or low.split()[0] in lex.comparatives or len(low.split()) > 2):
            # "a more formal dress" is one dress; as a number "more" would make it several
            degree = r"^(?:an? )?(?:more|most|very|too) (?=\w)"
            return [Edit("replace", re.sub(degree, "", text, flags=re.I))]
        return [Edit("attribute", low)]
    named = qualified_noun(words)
    if named == "colour" and coloured:
        return [Edit("colour", coloured[0])]
    if named == "detail":
        return [Edit("add", words)]
    if named == "thing":
        return [Edit("replace", text)]
    if named == "place":
        return [Edit("other", text)]
    first, last = low.split()[0], low.split()[-1]
    if last in lex.attributes and not is_noun(head):
        return [Edit("attribute", low)]
    if noun_like and (is_noun(head) or first not in lex.attributes) and not head.endswith("ing"):
        return [Edit("replace", text)] if head not in lex.parts else [Edit("add", text)]
    if head in lex.parts and not re.search(rf"\b(?:{PREPOSITION})\b", low):
        return [Edit("add", words)]
    if is_participle(first):
        return [Edit("attribute", low)]
    if head in lex.garments:
        return [Edit("replace", words)]
    if first in lex.verbs:
        return [Edit("attribute", gerund(low))]
    return [Edit("other", text)]


def _coloured(words: str) -> tuple[str, str] | None:
    """Cut "red and white stripes" into colour and rest, when it begins with a colour."""
    for match in find_colours(words):
        rest = words[match.end() :].strip(" -")
        if match.start() == 0 and rest:
            return match.group().lower(), rest
        break
    return None


@cache
def _patterns() -> str:
    return alternatives(lexicon().patterns)


@cache
def _medium() -> re.Pattern[str]:
    media = alternatives(lexicon().media)
    return re.compile(
        rf"(?:(?:is |are |shown |made |drawn )*(?:as|like|in)(?: an?| the)?(?: form of)?(?: style of)?(?: an?)? )((?:[\w-]+ )?(?:{media})s?)(?: style| version| form)?"
        rf"|(?:in |is |as )?(?:an? |the )?((?:{media})) (?:style|version|form|effect)|(in (?:the )?style of .+)|in (colou?r)",
        re.I,
    )


def prepositional(text: str) -> list[Edit]:
    """Read a phrase that begins with a preposition: a colour, a style, a light or a place."""
    text = re.sub(
        r"^(?:is|are|be|located|set|placed|shown|shot|taken|seen)\s+(?=\w)",
        "",
        text.strip(" ,."),
        flags=re.I,
    )
    low = text.lower()
    styled = _medium().fullmatch(low)
    if styled:
        return [Edit("medium", next(group for group in styled.groups() if group))]
    coloured = re.fullmatch(r"in (?:a |an |the )?(?:colou?r )?(.+?)", text, re.I)
    if coloured and is_colour(coloured[1]):
        return [Edit("colour", (is_colour(coloured[1]) or "").lower())]
    patterned = re.fullmatch(r"in (?:an? |the )?(.+)", text, re.I)
    if patterned and head_noun(patterned[1]) in lexicon().patterns - lexicon().attributes:
        return [Edit("pattern", bare(patterned[1]).lower())]
    if looks_like_view(text):
        same = re.search(r"\bsame\b", low)
        return [Edit("keep", "", "the view")] if same else [Edit("view", text)]
    if re.fullmatch(r"in the (?:back|fore)ground", low):
        return []
    if low in lexicon().lights or re.fullmatch(
        r"(?:at|by|during|under|in) (?:the |a )?(?:\w+ )?(?:night|day|daytime|daylight|sunset|sunrise|dusk|dawn|noon|morning|evening|afternoon|sunlight|sun|dark|rain|fog|winter|summer|autumn|spring|light|lighting|moonlight)(?: time)?",
        low,
    ):
        return [Edit("light", text)]
    if re.fullmatch(r"(?:outdoors?|indoors?|outside|inside)", low):
        return [Edit("place", {"outdoor": "outdoors", "indoor": "indoors"}.get(low, low))]
    worn = re.fullmatch(r"in (?:an? |the |his |her )?(.+)", text, re.I)
    if worn and head_noun(worn[1]) in lexicon().garments:
        return [Edit("add", text)]
    made = re.fullmatch(r"in (.+)", text, re.I)
    if made and head_noun(made[1]) in lexicon().attributes and not is_noun(head_noun(made[1])):
        return [Edit("attribute", made[1].lower())]
    back = re.fullmatch(
        r"(?:on|against|in front of|over|with|in) (?:an? |the )?(.+?) (?:back ?ground|backdrop)",
        text,
        re.I,
    )
    if back:
        what = bare(back[1])
        return [Edit("place", f"on {article(what)} {what} background")]
    if re.match(rf"(?:{PREPOSITION})\b \S", text, re.I):
        where, after = split_phrase(re.sub(rf"^(?:{PREPOSITION})\b ", "", text, flags=re.I))
        if re.match(r"(?:with|but|and|without)\b", after, re.I) and bare(where):
            tail = text[len(text) - len(after) :]
            head = text[: len(text) - len(after)].strip(" ,")
            return [*prepositional(head), *_rest(re.sub(r"^(?:and|but) ", "", tail))]
        return [Edit("place", text)]
    return []


def added_thing(phrase: str) -> Edit:
    """Parse a thing to add; a pattern or colour of the whole is not a separate thing."""
    phrase = re.sub(r"^(?:with|and|also|has|have) ", "", phrase.strip(), flags=re.I)
    low = bare(phrase).lower()
    lex = lexicon()
    if re.fullmatch(
        rf"(?:(?:more|less) )?(?:(?:{_patterns()})(?: (?:pattern|print|design))|floral|plaid)", low
    ):
        return Edit("pattern", low)
    if low in lex.attributes or re.fullmatch(
        r"(?:more|less) colou?rs?|(?:an? )?(?:lighter|darker|brighter|different) colou?r", low
    ):
        return Edit("attribute", low)
    return Edit("add", phrase)
