"""Rules of English: articles, plurals, gerunds, numbers in words."""

from __future__ import annotations

import re
from functools import cache

from stitch_cir.composers.rules._lexicon import lexicon

__all__ = [
    "article",
    "gerund",
    "is_plural",
    "number_word",
    "plural",
    "singular",
    "singular_head",
    "with_article",
]

_LIKE_CONSONANT = re.compile(
    r"(?:uni(?!n|m)|use|usu|util|ukulele|utensil|ufo\b|urine|eu|ewe|one\b|one-|once|ouija|u-)", re.I
)
_LIKE_VOWEL = re.compile(r"(?:hour|heir|honest|honou?r|herb\b|8|11\b|18\b|x-ray)", re.I)
_SPELT_OUT = re.compile(r"[AEFHILMNORSX](?:[A-Z0-9]*$|-|\d)")
_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()
_DOUBLED = frozenset("run sit swim hug nap cut get put hit dig hop jog skip step".split())
_SAME_IN_S = ("ss", "us", "is", "as")


def article(word: str) -> str:
    """Return ``"a"`` or ``"an"`` by the sound the word begins with."""
    first = word.split(" ", 1)[0]
    if _LIKE_VOWEL.match(first):
        return "an"
    if len(first) > 1 and first.isupper():
        return "an" if _SPELT_OUT.match(first) else "a"
    if _LIKE_CONSONANT.match(first):
        return "a"
    return "an" if first[:1].lower() in "aeiou" and first[:1] else "a"


@cache
def plural(noun: str) -> str:
    """Return the plural of a noun or of a phrase's last word; plurals are left as they are."""
    head, _, last = noun.rpartition(" ")
    if head and noun.lower() not in lexicon().plurals:
        return f"{head} {plural(last)}"
    low = noun.lower()
    if not noun or not low[-1:].isalpha() or is_plural(noun) or low in lexicon().uncountable:
        return noun
    irregular = lexicon().plurals.get(low)
    if irregular is not None:
        return irregular
    if re.search(r"(?:s|x|z|ch|sh)$", low):
        return noun + "es"
    if re.search(r"[^aeiou]y$", low):
        return noun[:-1] + "ies"
    return noun + "s"


@cache
def singular(noun: str) -> str:
    """Return the singular of a noun or of a phrase's last word; singulars are left as they are."""
    head, _, last = noun.rpartition(" ")
    if head and noun.lower() not in lexicon().singulars:
        return f"{head} {singular(last)}"
    low = noun.lower()
    irregular = lexicon().singulars.get(low)
    if irregular is not None:
        return irregular
    if low in lexicon().nouns and not low.endswith("s"):
        return noun
    if re.search(r"(?:ss|x|z|ch|sh)es$", low):
        return noun[:-2]
    if re.search(r"[^aeiou]ies$", low) and len(low) > 4:
        return noun[:-3] + "y"
    if low.endswith("s") and not low.endswith(_SAME_IN_S) and len(low) > 3:
        return noun[:-1]
    return noun


@cache
def is_plural(noun: str) -> bool:
    """Return whether the last word of a phrase is a plural."""
    low = noun.lower()
    for form in (low, low.rpartition(" ")[2]):
        if form in lexicon().singulars:
            return True
        if form in lexicon().plurals:
            return False
    last = low.rpartition(" ")[2]
    return last.endswith("s") and not last.endswith(_SAME_IN_S) and len(last) > 3


def gerund(phrase: str) -> str:
    """Turn a phrase that begins with a verb into its -ing form: "lie down" → "lying down"."""
    verb, _, rest = phrase.partition(" ")
    low = verb.lower()
    if low.endswith("s") and low[:-1] in lexicon().verbs:
        low = low[:-1]
    if low.endswith("ie"):
        form = low[:-2] + "ying"
    elif low in _DOUBLED:
        form = low + low[-1] + "ing"
    elif low.endswith("e") and not low.endswith(("ee", "ye", "oe")):
        form = low[:-1] + "ing"
    else:
        form = low + "ing"
    return f"{form} {rest}".strip()


def singular_head(noun: str) -> str:
    """Return the singular of the last word in lower case, by which two phrases match."""
    return singular(noun.strip().lower().rpartition(" ")[2])


def number_word(text: str) -> str:
    """Write digits up to twenty as a word; anything else stays as it is."""
    if text.isascii() and text.isdigit() and len(text) < 3 and int(text) < len(_NUMBERS):
        return _NUMBERS[int(text)]
    return text.lower()


def with_article(phrase: str, noun: str) -> str:
    """Put ``a``, ``an``, ``a pair of`` or nothing before a phrase whose noun is ``noun``."""
    low = noun.lower()
    if low in lexicon().pairs or low.rpartition(" ")[2] in lexicon().pairs:
        return f"a pair of {phrase}"
    if is_plural(low) or low in lexicon().uncountable:
        return phrase
    return f"{article(phrase)} {phrase}"
