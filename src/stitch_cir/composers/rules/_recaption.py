"""Edit captions that people wrote of the reference: what no edit changes stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stitch_cir.composers._text import tidy
from stitch_cir.composers.rules._edits import Edit
from stitch_cir.composers.rules._english import (
    article,
    is_plural,
    plural,
    singular,
    with_article,
)
from stitch_cir.composers.rules._lexicon import find_colours
from stitch_cir.composers.rules._phrases import (
    PREPOSITION,
    bare,
    head_noun,
    leading_number,
    same_thing,
    split_phrase,
)

__all__ = ["content_of", "content_parts", "edit_caption", "unframe_caption"]

_FRAME = re.compile(
    r"(?:(?:the|this|an?) )?(?:image|photo|photograph|picture|shot|scene|view)(?: here)? "
    r"(?:shows|depicts|displays|features|captures|contains|presents|showcases|portrays|is of|of) (?=\w)"
    r"|this is (?:an? (?:photo|image|picture|close-up|photograph) of )?(?=an?\b)",
    re.I,
)
_SHOWN = re.compile(
    r" (?:is|are) (?:shown|pictured|depicted|displayed|featured|seen|captured|visible)"
    r"(?: in (?:the|this) (?:image|photo|picture|photograph|foreground))?\.?$",
    re.I,
)


def unframe_caption(caption: str) -> str:
    """Drop "The image shows …" and "… is shown"."""
    text = _SHOWN.sub("", _FRAME.sub("", caption.strip(), count=1)).rstrip(" .")
    if text.split(" ", 1)[0].lower() in _OPENERS:
        text = text[0].lower() + text[1:]
    return text


_OPENERS = frozenset("a an the two three four five six several many some group his her its".split())


def edit_caption(caption: str, edits: Iterable[Edit]) -> str:
    """Remove from a caption what the edits contradict, and insert what has a clear position.

    Colours and replaced nouns are exchanged, removed things and old locations dropped, counted
    nouns inflected. The rest stays; the result may be empty.
    """
    text = unframe_caption(caption)
    for edit in edits:
        match edit.kind:
            case "colour":
                text = _recolour(text, edit)
            case "replace":
                text = _replace_noun(text, edit)
            case "remove":
                text = _drop(text, edit.object)
            case "number":
                text = _recount(text, edit)
            case "place":
                text = _drop_location(text)
    return _articles(tidy(text))


def _recolour(text: str, edit: Edit) -> str:
    colours = list(find_colours(text))
    if edit.subject:
        colours = [c for c in colours if same_thing(_next_phrase(text, c.end()), edit.subject)]
    if colours:
        first = colours[0]
        return f"{text[: first.start()]}{edit.object}{text[first.end() :]}"
    return text


def _next_phrase(text: str, end: int) -> str:
    return split_phrase(text[end:].strip())[0]


def _replace_noun(text: str, edit: Edit) -> str:
    new = edit.object
    if not edit.subject:
        before, after = split_phrase(text)
        return f"{new} {after}".strip() if before else new
    return _swap(text, edit.subject, new)


def _swap(text: str, old: str, new: str) -> str:
    """Substitute a phrase for the noun phrase that ends in ``old``."""
    head = singular(head_noun(old))
    if not head:
        return text
    if leading_number(new)[0] == "" and not re.match(r"(?:an?|the|his|her|its)\b", new, re.I):
        new = with_article(new, head_noun(new))
    first, after = split_phrase(text)
    if same_thing(first, old):
        return f"{new} {after}".strip()
    noun = rf"(?:{re.escape(head)}|{re.escape(plural(head))})"
    match = re.search(
        rf"\b(?:an?|the|two|three|its|his|her)\s+(?:[\w'-]+\s+){{0,3}}?{noun}\b", text, re.I
    )
    match = match or re.search(rf"\b{noun}\b", text, re.I)
    if match is None:
        return text
    return f"{text[: match.start()]}{new}{text[match.end() :]}"


def _drop(text: str, name: str) -> str:
    """Drop the shortest phrase about a thing: "with a hat", "and a hat", "wearing a hat"."""
    head = head_noun(name)
    if not head:
        return text
    noun = rf"(?:{re.escape(singular(head))}|{re.escape(plural(singular(head)))})"
    words = r"(?:[\w'-]+ ){0,4}?"
    for joint in (
        rf",? (?:with|wearing|and|holding|without|by|next to|beside|near|in|on|of|has|have) {words}",
        words,
    ):
        match = re.search(rf"{joint}\b{noun}\b", text, re.I)
        if match is not None and match.start() > 0:
            return text[: match.start()] + text[match.end() :]
    return re.sub(rf"\b{noun}\b", "", text, flags=re.I)


def _recount(text: str, edit: Edit) -> str:
    number = edit.object
    if number in ("more", "fewer", "another"):
        return text
    before, after = split_phrase(text)
    _, rest = leading_number(before)
    rest = bare(rest)
    rest = re.sub(
        r"^(?:group|pair|couple|team|set|herd|flock|pack) of (?:\w+ (?=\w+ \w))?", "", rest
    )
    if edit.subject and not same_thing(edit.subject, head_noun(rest)):
        return text
    is_single = number in ("one", "single", "a single", "1")
    if not rest or (is_single and not is_plural(rest)):
        return text
    return f"{number} {singular(rest) if is_single else plural(singular(rest))} {after}".strip()


_LOCATION = re.compile(
    rf",? (?:{PREPOSITION}|standing (?:on|in)|set against)\s(?:(?!with\b|and\b)[\w'-]+\s?)+$", re.I
)


def _drop_location(text: str) -> str:
    """Drop the location a caption ends with, when something else is left."""
    match = None
    for candidate in re.finditer(rf" (?:{PREPOSITION}) ", text, re.I):
        match = candidate
    if match is None or len(text[: match.start()].split()) < 2:
        return text
    return text[: match.start()] if _LOCATION.search(text[match.start() :]) else text


def _articles(text: str) -> str:
    """Correct "a" and "an" for the word that now follows."""

    def agree(match: re.Match[str]) -> str:
        fitting = article(match[2])
        return f"{fitting.capitalize() if match[1][0].isupper() else fitting} {match[2]}"

    return re.sub(r"\b(an?) ([\w-]+)", agree, text, flags=re.I)


def content_parts(edits: Iterable[Edit]) -> list[str]:
    """Return the content that edits add: no removed thing, no old object, no "instead of"."""
    phrases: list[str] = []
    for edit in edits:
        about = bare(edit.subject)
        match edit.kind:
            case "remove" | "keep":
                continue
            case "add":
                thing = edit.object
                phrases.append(
                    thing if thing.lower().startswith(("in ", "with ")) else f"with {thing}"
                )
            case "number":
                noun = about and (about if edit.object in ("one", "another") else plural(about))
                phrases.append(f"{edit.object} {noun}".strip())
            case "colour" | "attribute" | "pattern":
                phrases.append(f"{edit.object} {about}".strip())
            case "place" | "view" | "other":
                phrases.append(f"{about} {edit.object}".strip())
            case _:
                phrases.append(edit.object)
    return [tidy(part) for part in dict.fromkeys(phrases) if tidy(part)]


def content_of(edits: Iterable[Edit]) -> str:
    """Return the content that edits add as one phrase."""
    return ", ".join(content_parts(edits))
