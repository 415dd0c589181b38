"""Split texts into sentences, clauses, lists and noun phrases, and find the heads of phrases."""

from __future__ import annotations

import re
from functools import cache

from stitch_cir.composers.rules._english import number_word, singular
from stitch_cir.composers.rules._lexicon import alternatives, colour_pattern, find_colours, lexicon

__all__ = [
    "BACK_TO_REFERENCE", "NUMBER", "PREPOSITION", "bare", "clauses", "head_noun", "is_noun",
    "looks_english", "parts_of_list", "same_thing", "sentences", "split_phrase", "unframe",
]  # fmt: skip

PREPOSITION = (
    "on|in|at|by|near|inside|outside|under|underneath|beneath|below|beside|besides|next to|close to|in front of|"
    "behind|against|along|over|above|among|amid|around|across|through|towards?|into|onto|between|within"
)
NUMBER = (
    r"\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|a dozen|a single|"
    r"single|a couple of|a pair of|a few|several|many|multiple|some|lots of|a lot of|both"
)
BACK_TO_REFERENCE = re.compile(
    r"\b(?:instead|rather|same|more|less|fewer|another|(?<!each )other|without|no|not|only|remove[sd]?|add(?:s|ed)?|replaced?"
    r"|changed?|turn(?:ed)? into|keep|lose|missing|different|similar|than|also|too|becomes?|its?|them|this)\b",
    re.I,
)
_FRAME = re.compile(
    r"(?:(?:please|now|then|also|and|but|so|just|maybe|exactly|ok|yes|hi|hello)[, ]+"
    r"|(?:i(?:'m| am) looking for|i (?:want|need|would like|wish)(?: to (?:see|have))?|i'd like(?: to (?:see|have))?|(?:can|could) you(?: please)?|find(?: me)?"
    r"|let there be|let's|give me|search for|looking for) "
    r"|(?:show(?:s|ing)?|depicts?|display(?:s|ing)?|features?)(?: me)? (?!up\b)"
    r"|(?:the |this )?(?:target|second|desired|new|wanted|other|image|photo|picture|result)+"
    r"(?: (?:image|photo|picture|one))? (?:(?:shows?|depicts?|has|have|contains?|features?|is of|is)|should (?:be|have|show)) "
    r"|(?:it's|its|it is|they are|they're|that is|which is) "
    r"|(?:it|they) (?=has|have|should|is|are|becomes?|looks?)|should (?=be|have)|make (?:it|them) (?=with|in|on|at|from|as|look)"
    r"|(?:the same|same|like this|as this|like that|this one|this|similar)(?: (?:one|thing|picture|image|photo))?,?(?: but|,| and) "
    r"|(?:the same|same)(?: (?:one|thing|picture|image|photo))? (?=in|on|at|with|without|as|from|facing)"
    r"|(?:something|anything)(?: that(?:'s| is| has| looks))? (?!else\b|like\b|similar\b|different\b|new\b|for\b|to\b)"
    r"|(?:an? |the )?(?:photo|photograph|picture|image) of (?=an?\b|the\b|\w+s\b))", re.I,
)  # fmt: skip


def unframe(clause: str) -> str:
    """Drop polite and framing words at the beginning ("show me", "same but")."""
    clause = re.sub(r"[,\s]+(?:please|thanks|thank you)$", "", clause, flags=re.I)
    while True:
        match = _FRAME.match(clause)
        if match is None or match.end() == len(clause):
            return clause
        clause = clause[match.end() :].lstrip(" ,")


def sentences(text: str) -> list[str]:
    """Split a text into sentences."""
    return [s.strip(" .!?;") for s in re.split(r"(?<=[.!?;])\s+", text) if s.strip(" .!?;")]


@cache
def _starter() -> re.Pattern[str]:
    """Return the pattern of words that begin a new clause after a comma or "and"."""
    lex = lexicon()
    return re.compile(
        r"(?:it|they|(?:the |his |her |its )?[\w-]+(?: [\w-]+)? (?:is|are|has|have|should|becomes?|replaces)|the [\w-]+"
        r" [\w-]+ing|is|are|has|have|having|with|without|no|not|adds?|adding|removes?|removing|make|makes|change|changes|replaces?|"
        r"turn|put|place|move|keep|lose|drop|delete|swap|zoom|shows?|in|on|at|as|from|against|more|less|fewer|only|just"
        r"|also|instead|another|there|does|doesn't|do|take|use|background|closer|facing|close[ -]up|seen|shot|taken|outdoors"
        rf"|indoors|cut|give|let|{alternatives(lex.comparatives.keys())})\b",
        re.I,
    )


def clauses(sentence: str) -> list[str]:
    """Split a sentence into clauses; "red and white" stays together."""
    pieces: list[str] = []
    start = 0
    for joint in re.finditer(
        r",\s*(?:and |but |then |plus )?(?:also |then )?|\s+(?:and|but|then|plus|while)\s+(?:also |then )?| & | \+ ",
        sentence, re.I,
    ):  # fmt: skip
        rest = sentence[joint.end() :]
        colours = re.match(colour_pattern(), rest, re.I)
        forced = re.search(r"\b(?:but|plus|then|also)\b|\+", joint.group(), re.I)
        if (
            not forced
            and colours
            and re.search(rf"{colour_pattern()}$", sentence[start : joint.start()], re.I)
        ):
            continue
        if re.search(
            r"\b(?:all|everything|everyone|nothing)$", sentence[start : joint.start()], re.I
        ):
            continue
        between = re.search(r"\bbetween [\w ]+$", sentence[start : joint.start()], re.I)
        if not between and (forced or _starter().match(rest)):
            extra = re.search(r"\bplus\b|\+", joint.group()) or (
                re.search(r"\balso\b", joint.group(), re.I) and not _starter().match(rest)
            )
            word = "add " if extra else ""
            pieces.append(sentence[start : joint.start()])
            sentence = sentence[: joint.end()] + word + rest if word else sentence
            start = joint.end()
            if word:  # the text has grown: begin again behind this joint
                return [p.strip() for p in pieces if p.strip()] + clauses(sentence[start:])
    return [p.strip() for p in (*pieces, sentence[start:]) if p.strip()]


def bare(phrase: str) -> str:
    """Drop a leading article or possessive, and a trailing "too" or "instead"."""
    phrase = re.sub(
        r"^(?:(?:a|an|the|some|any|its|his|her|their|that|this|these|those|all|of)\b\s*)+",
        "",
        phrase.strip(),
        flags=re.I,
    )
    return re.sub(
        r"[,\s]+(?:instead|too|as well|please|now|only|at all|there|on it|in it|to it|in the scene|from it)$",
        "",
        phrase,
        flags=re.I,
    ).strip(" ,.")


def parts_of_list(phrase: str) -> list[str]:
    """Split "the hat, the glasses and the dog" into its parts; colours joined by "and" stay."""
    parts = re.split(
        r",\s*(?:and |or |nor )?|\s+(?:and|or|nor)\s+(?:the |a |an |any |no )?", phrase, flags=re.I
    )
    joined = [part for part in (bare(part) for part in parts) if part]
    if any(re.fullmatch(colour_pattern(), part, re.I) for part in joined):
        return [bare(phrase)] if bare(phrase) else []
    return joined


@cache
def _boundary() -> re.Pattern[str]:
    lex = lexicon()
    return re.compile(
        rf"\b(?:{PREPOSITION}|with|without|of|from|for|to|that|which|who|while|is|are|was|has|have|having|being|and|but|as|up|down|off|"
        rf"wearing|facing|(?:{alternatives(lex.verbs - lex.nouns)})\b|(?!(?:{alternatives(lex.ing_nouns)})\b)[a-z]{{2,}}ing)\b|[,;:(]",
        re.I,
    )


def split_phrase(phrase: str) -> tuple[str, str]:
    """Split "a red dress with dots" into the noun phrase and what follows it."""
    for match in _boundary().finditer(phrase):
        before = phrase[: match.start()].strip()
        if not bare(before):
            continue
        if match.group().lower() in ("and", "or"):
            rest = phrase[match.end() :].strip()
            # "black and white dog": the joining word is part of the phrase
            if re.fullmatch(rf".*\b(?:{colour_pattern()})", before, re.I) and re.match(
                colour_pattern(), rest, re.I
            ):
                continue
        if match.group().lower() == "of" and re.search(
            r"\b(?:group|pair|couple|team|piece|set|bottle|cup|glass|bowl|pack|lots?|slice|plate|herd|flock|number)$",
            before,
            re.I,
        ):
            continue
        return before, phrase[match.start() :].strip(" ,")
    return phrase.strip(), ""


def head_noun(phrase: str) -> str:
    """Return the head of a phrase: the longest listed noun that ends it, else its last word."""
    words = bare(split_phrase(phrase)[0]).lower().split()
    for length in (3, 2, 1):
        tail = " ".join(words[-length:])
        if len(words) >= length and is_noun(tail):
            return tail
    return words[-1] if words else ""


def is_noun(word: str) -> bool:
    """Return whether a word or its singular is in the lists of things, parts or places."""
    lex = lexicon()
    low = word.lower()
    return any(
        form in names
        for form in (low, singular(low))
        for names in (lex.nouns, lex.parts, lex.places)
    )


def same_thing(first: str, second: str) -> bool:
    """Return whether two nouns name the same thing: equal heads up to number and case."""
    a, b = (singular(head_noun(text)) for text in (first, second))
    if not a or not b:
        return False
    kin = a in _KIN.get(b, ()) or b in _KIN.get(a, ())
    return a == b or kin or a.rpartition(" ")[2] == b.rpartition(" ")[2]


_KIN: dict[str, tuple[str, ...]] = {
    "dog": ("puppy", "corgi", "poodle", "labrador", "retriever", "husky", "samoyed", "chihuahua", "bulldog", "pug",
            "beagle", "terrier", "spaniel", "collie", "shepherd", "german shepherd", "dalmatian", "rottweiler",
            "doberman", "greyhound", "dachshund", "schnauzer", "chow chow", "mastiff", "hound"),
    "cat": ("kitten", "tabby"), "monkey": ("ape", "gorilla", "baboon", "chimpanzee"),
    "bird": ("parrot", "macaw", "eagle", "owl", "pelican", "duck"), "car": ("convertible", "sports car"),
    "person": ("man", "woman", "boy", "girl", "child", "player"), "t shirt": ("tee", "t-shirt", "tshirt", "shirt"),
    "dress": ("gown", "sundress"), "pants": ("trousers", "jeans"), "shoe": ("sneaker", "running shoe", "boot"),
}  # fmt: skip

_FOREIGN = frozenset(
    "der das ein eine einen einem einer mit ohne und oder statt nicht auf im dem den des zu ist le la les un une des du avec sans et ou dans "
    "sur au aux est el los las una unos con y o en del por para il lo gli uno per di della nel een het met zonder van op "
    "och med utan som og uten jeden bez na w z i ze um uma com sem no e".split()
)
_FUNCTION = frozenset(
    "a an the and or but with without in on at of to from is are has have be it its this that same more less fewer no not only "
    "instead add remove make change replace turn keep put show shows by for into as than one two three four five six seven eight nine "
    "ten them they he she his her their there another other all out up down off i you me my another different similar very".split()
)


def looks_english(text: str) -> bool:
    """Return whether a text looks English, by its letters and its function words."""
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return True
    if sum(c.isascii() for c in letters) < 0.8 * len(letters):
        return False
    words = re.findall(r"[^\W\d_]+", text.lower())
    foreign = sum(word in _FOREIGN for word in words)
    recognised = sum(word in _FUNCTION or _in_lexicon(word) for word in words)
    if len(words) == 1:
        return bool(words[0].isascii())
    ours = sum(word in _FUNCTION for word in words)
    return recognised > 0 and (foreign == 0 or (ours >= foreign and 4 * recognised >= len(words)))


def _in_lexicon(word: str) -> bool:
    lex = lexicon()
    return (
        is_noun(word)
        or any(
            word in names
            for names in (
                lex.colours,
                lex.attributes,
                lex.patterns,
                lex.comparatives,
                lex.shades,
                lex.media,
                lex.verbs,
            )
        )
        or (word.isascii() and word.endswith("ing") and len(word) > 4)
    )


def leading_number(phrase: str) -> tuple[str, str]:
    """Split a leading number off a phrase: ``("two", "white dogs")``."""
    match = re.match(
        rf"(?:(?:only|just|exactly|at least) )?({NUMBER}|more|fewer|another|additional|extra)\b(?: more)?(?: of)?\s*",
        phrase,
        re.I,
    )
    if match is None:
        return "", phrase
    return number_word(match.group(1)), phrase[match.end() :]


def without_colours(phrase: str) -> tuple[str, tuple[str, ...]]:
    """Split colours off a noun phrase: ``("dress", ("dark red",))``."""
    colours = list(find_colours(phrase))
    for match in reversed(colours):
        phrase = phrase[: match.start()] + phrase[match.end() :]
    return " ".join(phrase.split()), tuple(match.group().lower() for match in colours)
