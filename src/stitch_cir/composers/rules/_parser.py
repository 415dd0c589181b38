"""The parser of modifications: from text to edits."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from stitch_cir.composers.rules._edits import Edit, Reading
from stitch_cir.composers.rules._english import article, is_plural
from stitch_cir.composers.rules._lexicon import alternatives, is_colour, lexicon
from stitch_cir.composers.rules._phrases import (
    BACK_TO_REFERENCE,
    NUMBER,
    PREPOSITION,
    bare,
    clauses,
    head_noun,
    is_noun,
    leading_number,
    looks_english,
    parts_of_list,
    same_thing,
    sentences,
    split_phrase,
    unframe,
    without_colours,
)
from stitch_cir.composers.rules._predicates import (
    added_thing,
    looks_like_view,
    predicate,
    prepositional,
)

__all__ = ["read_modification"]

Handler = Callable[[re.Match[str]], list[Edit]]


def read_modification(text: str) -> Reading:
    """Parse a cleaned modification. Nothing is lost: words not understood become ``other`` edits."""
    if not text:
        return Reading(text)
    if not looks_english(text):
        return Reading(text, english=False)
    edits: list[Edit] = []
    for sentence in sentences(text):
        edits += _read_sentence(sentence)
    kept: list[Edit] = []
    for edit in edits:
        if edit not in kept:
            kept.append(edit)
    return Reading(text, tuple(kept) or (Edit("other", text),))


def _read_sentence(sentence: str) -> list[Edit]:
    framed = re.sub(
        r"^there (?:is|are) (?=an?\b|two|three|four)", "", unframe(sentence), flags=re.I
    )
    if _is_scene(framed):
        return [Edit("scene", framed)]
    edits: list[Edit] = []
    for clause in clauses(sentence):
        edits += _read_clause(unframe(clause))
    return edits


def _is_scene(text: str) -> bool:
    """Return whether a sentence describes an image rather than a change of one."""
    words = text.split()
    if len(words) < 4 or BACK_TO_REFERENCE.search(text) or _imperative().match(text):
        return False
    if re.match(rf"(?:{PREPOSITION}|with|is|are|has|have|as|from|in)\b", text, re.I):
        return False
    if re.match(
        r"(?:the [\w-]+(?: [\w-]+)?|background|setting|[\w-]+ colou?r) (?:is|are|has|have)\b",
        text,
        re.I,
    ):
        return False
    if words[0].lower() in lexicon().comparatives or is_colour(" ".join(words[:2])):
        return False
    before, after = split_phrase(text)
    if is_colour(before) or not after:
        return False
    verb = re.match(r"(?!with|and|of|without)\S+", after)
    countable = re.match(rf"(?:an?|the|{NUMBER})\b", text, re.I) is not None
    noun = is_noun(head_noun(before)) and head_noun(before) not in lexicon().parts
    return bool(verb or countable) and (noun or (countable and len(words) > 5))


@cache
def _imperative() -> re.Pattern[str]:
    return re.compile(
        r"(?:make|put|place|turn|move|switch|swap|zoom|let|give|take|use|set|drop|delete|have|get|convert|transform|cut|"
        r"exclude|include|line|fold|focus|target on|crop)\b",
        re.I,
    )


def _read_clause(clause: str) -> list[Edit]:
    clause = clause.strip(" ,.")
    if not clause:
        return []
    if re.fullmatch(
        r"(?:(?:exactly )?(?:the )?same(?: (?:one|thing))?|(?:like|as) (?:this|that)(?: one)?|this|this one|it)",
        clause,
        re.I,
    ):
        return [Edit("keep")]
    for pattern, handler in _rules():
        match = pattern.fullmatch(clause)
        if match is not None:
            edits = handler(match)
            if edits:
                return edits
    return _noun_or_other(clause)


def _noun_or_other(clause: str) -> list[Edit]:
    """Parse a clause without a verb of change: a predicate, a thing, or just words."""
    if _is_scene(clause):
        return [Edit("scene", clause)]
    edits = predicate(clause)
    if edits and edits[0].kind != "other":
        return edits
    before, after = split_phrase(clause)
    number, _ = leading_number(before)
    if number and not after and is_noun(head_noun(before)):
        return _count(clause)
    if is_noun(head_noun(before)) or re.match(r"an? ", clause, re.I):
        return [Edit("scene", clause)]
    return [Edit("other", clause)]


def _replace(old: str, new: str) -> list[Edit]:
    """Replace ``old`` by ``new``; colours and numbers on both sides change only those."""
    old, new = bare(old), new.strip()
    if re.fullmatch(r"colou?rs?", old, re.I):
        return [Edit("colour", (is_colour(new) or bare(new)).lower())]
    old_colour, new_colour = is_colour(old), is_colour(bare(new))
    if new_colour:
        return [Edit("colour", new_colour.lower(), "" if old_colour else without_colours(old)[0])]
    number, rest = leading_number(new)
    old_number, old_rest = leading_number(old)
    if (
        number
        and (not rest or not old_rest or same_thing(rest, old_rest))
        and (old_number or not rest)
    ):
        return [Edit("number", number, rest or old_rest)]
    if _is_background(old):
        return prepositional(new) or [
            Edit("place", f"in {new}" if is_noun(head_noun(new)) else new)
        ]
    if re.search(r"\b(?:angle|view|viewpoint|perspective|camera)\b", old, re.I):
        return [Edit("view", new)]
    if head_noun(new) in lexicon().patterns and (not old or head_noun(old) in lexicon().patterns):
        return [Edit("pattern", bare(new))]
    made, extra = split_phrase(new)
    return [Edit("replace", made.strip(), old), *(_read_clause(extra) if extra else [])]


def _background(what: str) -> Edit:
    what = bare(what)
    return Edit("place", f"on {article(what)} {what} background")


def _is_background(text: str) -> bool:
    return (
        re.fullmatch(
            r"(?:back ?ground|setting|scenery|location|place|scene|surroundings?)", text, re.I
        )
        is not None
    )


def _change(match: re.Match[str]) -> list[Edit]:
    subject, new = bare(match["x"]), match["y"]
    colour_of = re.fullmatch(r"colou?rs? of (?:the )?(.+)|(.+?)(?:'s)? colou?rs?", subject, re.I)
    if colour_of:
        thing = bare(colour_of[1] or colour_of[2] or "")
        return [Edit("colour", is_colour(new) or bare(new), "" if _it(thing) else thing)]
    if _it(subject):
        subject = ""
    return prepositional(new) if not subject and prepositional(new) else _replace(subject, new)


def _it(text: str) -> bool:
    return text.lower() in (
        "it",
        "them",
        "this",
        "that",
        "everything",
        "image",
        "picture",
        "photo",
        "object",
        "one",
        "item",
        "",
    )


def _make(match: re.Match[str]) -> list[Edit]:
    """Read "make the dog white", "make it a cat", "make the sleeves longer"."""
    rest = match["y"]
    pronoun = re.match(
        r"(?:it|them|this|that|everything|the (?:image|photo|picture|object|scene))\b\s*",
        rest,
        re.I,
    )
    if pronoun:
        rest = unframe(rest[pronoun.end() :])
        return _about("", rest)
    subject = re.match(r"(?:the|his|her|its|their|this|these|all) ", rest, re.I)
    if subject is None:
        return _read_clause(unframe(rest)) if rest else []
    words = rest[subject.end() :].split()
    for length in (3, 2, 1):
        noun, what = " ".join(words[:length]), " ".join(words[length:])
        if what and is_noun(noun):
            return _about(noun, what)
    return _about(words[0], " ".join(words[1:])) if len(words) > 1 else []


def _about(subject: str, what: str) -> list[Edit]:
    """Parse what follows a subject; an empty subject is the main object."""
    subject = "" if _it(subject) else bare(subject)
    if _is_background(subject):
        thing = bare(re.sub(r"^(?:an? |to )", "", what))
        return prepositional(what) or [_background(thing)]
    if re.fullmatch(r"(?:the )?colou?rs?", subject, re.I):
        return [Edit("colour", is_colour(what) or bare(what))]
    if re.match(
        r"(?:missing|gone|removed|not (?:visible|there|present)|no longer|disappear)", what, re.I
    ):
        return [Edit("remove", subject)]
    edits = predicate(what) or _read_clause(what)
    return [
        Edit(e.kind, e.object, e.subject or subject) if e.kind in _TAKES_SUBJECT else e
        for e in edits
    ]


_TAKES_SUBJECT = ("colour", "attribute", "pattern", "replace", "number", "place", "view", "other")


def _remove(match: re.Match[str]) -> list[Edit]:
    phrase = match["x"]
    only = re.match(
        r"(?:all|everything|everyone) (?:but|except)(?: for)? (?:the )?(.+)", phrase, re.I
    )
    if only:
        number, noun = leading_number(only[1])
        return [Edit("number", number or "one", bare(noun))]
    removed, after = split_phrase(phrase)
    extra = (
        []
        if not after
        or re.match(
            r"(?:from|in|on|at|of|of the|to|behind|near|that|which|and|or|,)\b", after, re.I
        )
        else _read_clause(after)
    )
    names = parts_of_list(phrase if re.match(r"(?:and|or|,)", after) else removed)
    names = [re.sub(r"^other ", "", name, flags=re.I) for name in names]
    return [Edit("remove", name) for name in names] + extra


def _add(match: re.Match[str]) -> list[Edit]:
    edits: list[Edit] = []
    phrase = match["x"].strip()
    none = re.fullmatch(r"(?:no|not any|zero) (.+)", phrase, re.I)
    if none:
        return [Edit("remove", name) for name in parts_of_list(none[1])]
    back = re.fullmatch(
        r"(?:an? |the )?(.+?) (?:back ?ground|setting|backdrop)(?: effect| scene)?", phrase, re.I
    )
    if back and not re.search(rf"\b(?:{PREPOSITION})\b", back[1]):
        return [_background(back[1])]
    number, _ = leading_number(phrase)
    if number in ("more", "fewer", "another", "additional", "extra"):
        return _count(phrase)
    if is_colour(phrase) and re.search(r"colou?r", phrase):
        return [Edit("colour", is_colour(phrase) or phrase)]
    if re.fullmatch(r"(?:less|more) .*", phrase, re.I):
        return predicate(phrase)
    for part in re.split(r",\s*(?:and )?|\s+and (?=(?:an?|the|some|with) )", phrase):
        part = part.strip()
        if part:
            edits.append(added_thing(part))
    return edits


def _count(text: str) -> list[Edit]:
    """Read a counted thing: "two of them", "only one dog", "more people in the background"."""
    number, rest = leading_number(text)
    if re.match(r"(?:them|it|these|those|this|that)\b", rest, re.I):
        rest = re.sub(r"^\w+\s*", "", rest)
    if re.match(rf"(?:{PREPOSITION}|with|in)\b", rest, re.I):
        thing, after = "", rest
    else:
        thing, after = split_phrase(rest)
    thing = bare(thing)
    if thing.lower() in ("pair", "pairs", "times", "items", "ones", "things", "copies"):
        thing = ""
    if not number:
        return []
    if number in ("more", "fewer") and thing:
        head = head_noun(thing)
        countable = is_plural(head) or head in lexicon().uncountable
        if not is_noun(head) or (not countable and thing.lower() != head):
            return predicate(text)
    if number in ("additional", "extra"):
        number = "another"
    if number in ("a few", "several", "many", "multiple", "lots of", "a lot of"):
        number = "several" if number == "a few" else "many" if "lot" in number else number
    if number in ("a single", "single"):
        number = "one"
    return [Edit("number", number, thing), *(_read_clause(after) if after else [])]


def _keep(match: re.Match[str]) -> list[Edit]:
    thing, rest = split_phrase(re.sub(r"^(?:the )?same ", "", match["x"], flags=re.I))
    thing = re.sub(r"^same ", "", bare(thing), flags=re.I)
    if rest.lower().startswith("of "):
        thing, rest = f"{thing} {rest}", ""
    rest = re.sub(r"^(?:but|and|as)\b[, ]*", "", rest, flags=re.I)
    if re.fullmatch(r"(?:it|this|that|picture|image|photo|before|one)?", rest, re.I):
        rest = ""
    return [
        Edit("keep", "", "" if _it(thing) else thing),
        *(_read_clause(unframe(rest)) if rest else []),
    ]


def _predicate_of(match: re.Match[str]) -> list[Edit]:
    subject = bare(match["x"])
    if not (
        is_noun(head_noun(subject))
        or _it(subject)
        or _is_background(subject)
        or re.search(r"colou?r", subject)
    ):
        return []
    verb, what = match["v"].lower(), match["y"]
    if verb in ("has", "have", "wears", "wear"):
        return _add(_X.fullmatch(what)) if _X.fullmatch(what) else []  # type: ignore[arg-type]
    return _about(subject, what)


_X = re.compile(r"(?P<x>.+)", re.S)


def _instead(match: re.Match[str]) -> list[Edit]:
    return _replace(match["x"], match["y"])


def _instead_first(match: re.Match[str]) -> list[Edit]:
    """Read "instead of a dog a cat": the second article or a comma parts old from new."""
    parts = re.match(
        r"(?P<x>(?:(?:an?|the|some|two|three) )?[\w -]+?)(?:, ?(?:make it |have |show |use |put )?| (?=(?:an?|the|some|two|three) ))(?P<y>.+)",
        match["x"],
        re.I,
    )
    if parts:
        return _instead(parts)
    return [Edit("remove", bare(split_phrase(match["x"])[0]))]


def _alone(match: re.Match[str]) -> list[Edit]:
    """Read "Y instead", where Y may be a colour, a place or a thing."""
    new = match["y"].strip(" ,")
    edits = predicate(new) if not re.match(r"an? ", new, re.I) or is_colour(new) else []
    if edits and edits[0].kind not in ("other", "replace"):
        return edits
    return prepositional(new) or _replace(
        "", re.sub(r"^(?:with|make it|have|use) ", "", new, flags=re.I)
    )


def _put(match: re.Match[str]) -> list[Edit]:
    """Read "put a hat on the dog", "place it on a table"."""
    thing, where = split_phrase(match["x"])
    if not re.match(rf"(?:{PREPOSITION}|from|to)\b", where, re.I):
        return [added_thing(match["x"])]
    if _it(bare(thing)):
        return prepositional(where) or [Edit("place", where)]
    if re.match(r"(?:the|its|his|her|their) ", thing, re.I):
        return [Edit("keep", "", bare(thing)), *(prepositional(where) or [Edit("place", where)])]
    return [Edit("add", match["x"].strip())]


def _whole(kind: str) -> Handler:
    def handler(match: re.Match[str]) -> list[Edit]:
        return predicate(match["y"]) if kind == "predicate" else prepositional(match[0])

    return handler


def _view(match: re.Match[str]) -> list[Edit]:
    return [Edit("view", match[0])] if looks_like_view(match[0]) else []


@cache
def _rules() -> tuple[tuple[re.Pattern[str], Handler], ...]:
    """The grammar: the first rule that fits a whole clause and yields edits wins."""
    number = (
        rf"(?:(?:only|just|exactly|at least) )?(?:{NUMBER}|more|fewer|another|additional|extra)"
    )
    insteads = r"(?:,? instead of|,? rather than|,? in place of|,? in lieu of|,? and not|, not|,? rather (?:making|showing|having|being|than)(?: with)?)"
    comparative = alternatives(lexicon().comparatives.keys())
    rules: list[tuple[str, Handler]] = [
        (r"(?:remove|delete|erase|lose|drop|omit|get rid of|take (?:away|out|off)|without|with no|with out|minus|exclude|eliminate|no longer (?:has|with)?|"
         r"(?:has|have|contains?|shows?|is with|with|having|there (?:is|are)) no|(?:does|do|should|did)(?: not|n't) (?:have|show|contain|include)|doesnt have|isn't|no|not any|cut out|hide)s? (?P<x>.+)", _remove),
        (r"(?:the )?(?P<x>.+?) (?:is|are|should be|gets?|has been|have been) (?:missing|gone|removed|deleted|not visible|no longer visible|absent|taken (?:away|out|off))", _remove),
        (r"(?:replace|swap|substitute|exchange|switch)s?(?:d)? (?P<x>.+?) (?:with|by|for|to|into) (?P<y>.+)", _instead),
        (r"replaced? (?:it |them )?(?:with|by) (?P<y>.+)", lambda m: _replace("", m["y"])),
        (r"(?:the )?(?P<x>.+?) (?:is|are|was|were|gets?) (?:replaced|swapped|substituted|changed|turned|exchanged) (?:with|by|to|into|for) (?P<y>.+)", _instead),
        (r"(?P<y>.+?) (?:takes?|took) the place of (?P<x>.+)", _instead),
        (rf"(?:is |are |has |have |with |make it |make |uses? )?(?P<y>.+?){insteads} (?P<x>.+)", _instead),
        (r"instead of (?P<x>.+)", _instead_first),
        (r"instead,? (?P<y>.+)", _alone),
        (r"(?:make it |have |use |is |are |it is )?(?P<y>.+?),? (?:instead|rather)", _alone),
        (r"(?:change|turn|convert|transform|modify|make|alter|switch) (?P<x>.+?) (?:in)?to (?:be )?(?P<y>.+)", _change),
        (r"(?:change|turn|switch) (?P<x>it|them|the \w+) (?P<y>.+)", _make_from_change),
        (r"(?:changes?|turns?|converts?|becomes?|turned|changed) (?:in)?to (?P<y>.+)|becomes? (?P<z>.+)", lambda m: _replace("", m["y"] or m["z"])),
        (r"(?:the )?(?P<x>.+?) (?:becomes?|turns? into|changes? (?:in)?to|is now|are now|turned into) (?P<y>.+)", lambda m: _about(bare(m["x"]), m["y"])),
        (r"(?P<x>(?:keep|same|the same|maintain|preserve|retain|leave|still|has the same|is the same|have the same|with the same|are the same|of the same|from the same)\b.+)", _keep_verb),
        (rf"(?P<x>{number} (?:of (?:them|it|these|those|the)\b.*|.+)|{number})", lambda m: _count(m["x"])),
        (rf"(?:is|are|has|have|show|with|there are|make it|make) (?P<x>(?:only |just |exactly |at least |more than )?(?:{NUMBER}|more|fewer|another)(?: of (?:them|it|these|those))?|(?:only |just |exactly )(?:{NUMBER}) .+|(?:multiple|several|many|fewer|more|another) .+)", lambda m: _count(m["x"].replace("more than one", "several"))),
        (r"(?:add|adds|added|adding|include|includes|plus|also|give it|give (?:him|her|them)|insert|has|have|having|got|contains?|including|wears?|wearing|and|with the addition of|there (?:is|are|should be|must be|will be)|introduce|attach) (?P<x>.+)", _add),
        (r"with (?P<x>.+)", _add),
        (r"(?:put|place|set|position|move|lay) (?P<x>.+)", _put),
        (r"(?:make|have|let|get|render|paint|dye|color|colour)s? (?P<y>.+)", _make),
        (r"(?:is|are|be|being|should be|looks?|appears?|seems?|feels?|is more like) (?P<y>.+)", _whole("predicate")),
        (r".+", _view),
        (rf"(?:is |are )?(?:{PREPOSITION}|as|outdoors?|indoors?|outside|inside|during|against|from)\b.*", _whole("prepositional")),
        (r"(?:an? |the )?(?:back ?ground|backdrop|setting) (?:is|of|should be|becomes|with|in|to)?\s*(?P<y>.+)", lambda m: _about("background", m["y"])),
        (r"(?:an? )?(?P<y>.+?) (?:back ?ground|backdrop)", lambda m: [_background(m["y"])]),
        (r"(?P<x>(?:the |an? |his |her |its )?[\w' -]+?) (?P<v>is|are|has|have|should be|wears?|looks?) (?P<y>.+)", _predicate_of),
        (rf"(?P<y>(?:much |slightly |a bit |a little |even |more |less |not |{comparative}).*)", _whole("predicate")),
    ]  # fmt: skip
    return tuple((re.compile(pattern, re.I | re.S), handler) for pattern, handler in rules)


def _keep_verb(match: re.Match[str]) -> list[Edit]:
    text = re.sub(
        r"^(?:keep|maintain|preserve|retain|leave|still|has|have|is|are|with|of|from)\s+",
        "",
        match["x"],
        flags=re.I,
    )
    return _keep(_X.fullmatch(text)) if _X.fullmatch(text) else []  # type: ignore[arg-type]


def _make_from_change(match: re.Match[str]) -> list[Edit]:
    return _about(bare(match["x"]), match["y"])
