"""Notes on edits, checked against the captions that were written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stitch_cir.composers._protocol import Caption
from stitch_cir.composers.rules._aspects import aspect_of
from stitch_cir.composers.rules._edits import Edit
from stitch_cir.composers.rules._english import plural, singular
from stitch_cir.composers.rules._lexicon import lexicon
from stitch_cir.composers.rules._phrases import bare, head_noun
from stitch_cir.composers.rules._scene import Scene

__all__ = ["checked_notes"]

_WRITTEN = {"more": "several", "fewer": "few", "another": "two", "both": "two", "a few": "few"}
"""Numbers of edits in the form that captions use."""
_SMALL = frozenset(
    "a an the of in on at to with and or is are be it its some any as by for from has have that".split()
)


def checked_notes(
    edits: Sequence[Edit], unchanged: Scene, reference: Sequence[str], captions: Sequence[Caption]
) -> list[str]:
    """Return one note for each edit: what was done, or that no caption shows it.

    ``unchanged`` is the reference's scene as an encoder saw it, ``reference`` are captions people
    wrote of it. The caption with the user's text proves nothing, unless there is no other.
    """
    written = [caption.text for caption in captions if caption.origin != "template:words"]
    texts = written or [caption.text for caption in captions]
    return [_note(edit, unchanged, reference, texts) for edit in edits]


def _note(edit: Edit, unchanged: Scene, reference: Sequence[str], texts: Sequence[str]) -> str:
    note = edit.note(unchanged.object)
    match edit.kind:
        case "keep":
            return _kept(edit, unchanged, reference, texts, note)
        case "remove":
            left = any(_holds(text, head_noun(edit.object)) for text in texts)
            return f"still in a caption: {edit.object}" if left and edit.object else note
        case "replace":
            new = head_noun(edit.object)
        case "number":
            new = _WRITTEN.get(edit.object, edit.object)
        case _:
            new = edit.object
    return note if any(_holds(text, new) for text in texts) else f"in no caption: {note}"


def _kept(
    edit: Edit, unchanged: Scene, reference: Sequence[str], texts: Sequence[str], note: str
) -> str:
    """Check what was to be kept: an aspect of the scene, a thing, or the main object."""
    aspect = aspect_of(edit.subject)
    if not aspect and any(_holds(text, head_noun(edit.subject)) for text in texts if edit.subject):
        return note
    if reference:  # people's captions are edited word by word: what no edit names stays in them
        return note
    if not edit.subject:
        shown = unchanged.object and any(_holds(text, unchanged.object) for text in texts)
        return note if shown else "nothing to keep: the object of the reference is not known"
    value = getattr(unchanged, aspect) if aspect else ""
    words = " ".join(value) if isinstance(value, tuple) else value
    if words and any(_holds(text, words) for text in texts):
        return note
    if words:
        return f"in no caption: {note}"
    return f"not known of the reference, so not kept: {bare(edit.subject)}"


def _holds(text: str, phrase: str) -> bool:
    """Return whether a caption holds the words of a phrase, in any number and degree."""
    words = _words(text)
    return all(
        _forms(word) & words
        for word in re.findall(r"[\w'-]+", phrase.lower())
        if word not in _SMALL
    )


def _words(text: str) -> set[str]:
    tokens = set(re.findall(r"[\w'-]+", text.lower()))
    return tokens | {part for word in tokens for part in word.split("-")}


def _forms(word: str) -> set[str]:
    forms = {word, singular(word), plural(singular(word)), lexicon().comparatives.get(word, word)}
    if word in ("more", "much", "very", "less", "most", "one", "single"):
        forms |= _words("more much very less most a an one")
    return forms
