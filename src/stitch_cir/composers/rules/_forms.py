"""The forms captions take: pools of candidates, best first, for each kind of knowledge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from stitch_cir.composers._text import fold, tidy, unique
from stitch_cir.composers.rules._aspects import parts_named
from stitch_cir.composers.rules._edits import Edit, Reading
from stitch_cir.composers.rules._phrases import PREPOSITION
from stitch_cir.composers.rules._realise import (
    edits_phrase,
    noun_phrase,
    only_changes,
    render_caption,
    with_object,
)
from stitch_cir.composers.rules._recaption import (
    content_of,
    content_parts,
    edit_caption,
    unframe_caption,
)
from stitch_cir.composers.rules._scene import Scene

__all__ = [
    "Candidate",
    "append_phrases",
    "from_captions",
    "from_scenes",
    "from_text",
    "reworded",
    "unchanged",
]

Candidate: TypeAlias = "tuple[str, float, str]"
"""A caption's text, its weight and the name of its form."""

# a caption with the user's text may name what is removed, and text encoders do not negate
_FAITHFUL = 0.5


def from_scenes(
    before: Sequence[Scene], after: Sequence[Scene], reading: Reading
) -> Iterator[Candidate]:
    """Yield captions of the concepts that an encoder recognised, each with another emphasis."""
    best, old = after[0], before[0]
    if best.sentence:
        yield from _from_sentence(best, before, reading)
        return
    yield render_caption(best), 1.0, "full"
    if len(after) > 1:
        yield render_caption(after[1], positive=True), _share(after[1]), "second"
    named = parts_named(reading.edits)
    change = only_changes(old, best, named)
    replaced = old.object in best.removed
    if best.object and not replaced:
        yield with_object(_named(best, old), reading.text), _FAITHFUL, "words"
    else:
        yield reading.text, _FAITHFUL, "words"
    changed = edits_phrase(change)
    if changed and best.object:
        yield tidy(f"{changed}, {noun_phrase(best, positive=True, plain=True)}"), 1.0, "edit-first"
    yield render_caption(change, positive=True), 1.0, "short"
    yield (
        render_caption(
            best, with_location=bool(change.location or change.light or change.view), positive=True
        ),
        1.0,
        "object",
    )
    if len(after) > 2:
        yield render_caption(only_changes(old, after[2], named)), _share(after[2]), "third"
    yield render_caption(best, positive=True), 1.0, "full"
    for scene in after[1:]:
        yield (
            render_caption(only_changes(old, scene, named), positive=True),
            _share(scene),
            "second",
        )
        yield render_caption(scene), _share(scene), "second"


def _from_sentence(best: Scene, before: Sequence[Scene], reading: Reading) -> Iterator[Candidate]:
    """Yield variants of a description of the whole; the reference adds little, at a low weight."""
    yield best.sentence, 1.0, "scene"
    yield render_caption(best), 1.0, "scene"
    yield f"a photo of {_lower(best.sentence)}", 1.0, "scene"
    start = best.sentence.split(",")[0]
    yield f"a scene with {_lower(start)}", 1.0, "scene"
    old = before[0]
    if old.light and not re.search(rf"\b(?:{PREPOSITION})\b", best.sentence):
        yield f"{best.sentence} {old.light}", 0.3, "scene+light"


def _named(after: Scene, before: Scene) -> Scene:
    """Return the scene whose object the user's text refers to: the old, unless it was replaced."""
    return before if before.object and before.object not in after.removed else after


def _share(scene: Scene) -> float:
    return round(max(0.2, min(scene.share, 1.0)), 3)


def from_captions(
    captions: Sequence[str], after: Sequence[Scene], reading: Reading, count: int
) -> Iterator[Candidate]:
    """Yield captions that people wrote, each edited and followed by what the edits add."""
    parts = content_parts(reading.edits)
    edited = unique(edit_caption(caption, reading.edits) for caption in captions)
    room = max(1, count - 2) if count > 2 else count
    joined = [append_phrases(caption, parts) for caption in edited]
    for text in joined[:room]:
        yield text, 1.0, "caption"
    if not reading.alone and after and after[0].object:
        yield render_caption(after[0], positive=True), 1.0, "short"
    # alone rather than after a caption of the reference: measured, it retrieves more
    yield reading.text, _trust(reading), "words"
    for text in joined[room:]:
        yield text, 1.0, "caption"
    for caption in captions:
        yield append_phrases(unframe_caption(caption), [reading.text]), _trust(reading), "words"


def _trust(reading: Reading) -> float:
    """Return the weight of the user's text: lower where it names what is removed."""
    return _FAITHFUL if any(edit.kind == "remove" for edit in reading.edits) else 1.0


def append_phrases(caption: str, phrases: Sequence[str]) -> str:
    """Append phrases to an edited caption, except those that it already holds."""
    caption = caption.strip(" .")
    for part in phrases:
        part = part.strip(" .")
        if part and fold(part) not in fold(caption):
            caption = f"{caption}, {_lower(part)}" if caption else part
    return tidy(caption)


def from_text(reading: Reading, after: Sequence[Scene]) -> Iterator[Candidate]:
    """Yield captions of a text without reference: the text itself first."""
    yield reading.text, 1.0, "words"
    content = content_of(reading.edits)
    scene = after[0]
    if scene.object and not scene.sentence:
        yield render_caption(scene, positive=True), 1.0, "full"
    if content:
        yield content, 1.0, "edit"
        if not scene.object and not scene.sentence and _needs_noun(reading.edits[0]):
            yield f"something {content}", 1.0, "edit"
    yield f"a photo of {_nounlike(reading, scene)}", 1.0, "photo"


def _needs_noun(edit: Edit) -> bool:
    return edit.kind not in ("replace", "scene", "other")


def _nounlike(reading: Reading, scene: Scene) -> str:
    if scene.sentence or not reading.english:
        return _lower(reading.text)
    if scene.object:
        return render_caption(scene, positive=True)
    content = content_of(reading.edits)
    if content and reading.edits and _needs_noun(reading.edits[0]):
        return f"something {content}"
    return _lower(content or reading.text)


def unchanged(captions: Sequence[str], scenes: Sequence[Scene]) -> Iterator[Candidate]:
    """Yield captions of the unchanged reference."""
    for caption in captions:
        yield caption, 1.0, "reference"
    for scene in scenes if not captions else ():
        yield render_caption(scene), _share(scene), "reference"
    for scene in scenes:
        if scene.object:
            yield render_caption(scene, with_location=False), _share(scene), "short"
            yield noun_phrase(scene, plain=True), _share(scene), "short"


_OF = (
    "a photo of",
    "a picture of",
    "an image of",
    "a photograph of",
    "a snapshot of",
    "a view of",
    "a shot of",
)
_SHOWS = (
    "in this picture,",
    "photo:",
    "picture:",
    "seen in a photo:",
    "an image in which",
    "a photo in which",
    "the picture shows",
)
_SUFFIXES = ("", ", photographed", ", clearly visible", ", in one picture", ", seen here", ", shown here",
          ", as the subject", ", as a whole", ", in plain view", ", in the frame")  # fmt: skip
_PHRASES = ("full", "second", "short", "object", "third", "photo")


def reworded(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """Yield paraphrases of the candidates, for when more captions are requested.

    Only noun phrases follow "a photo of"; sentences and the user's text follow "in this picture".
    The user's text comes last, since it may name what is removed.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate[2] == "words")
    for suffix in _SUFFIXES:
        for of, shows in zip(_OF, _SHOWS, strict=True):
            for text, weight, form in ordered[:3]:
                if not re.match(r"(?:an? |the |in this )?(?:photo|picture|image)\b", text, re.I):
                    prefix = of if form in _PHRASES else shows
                    yield f"{prefix} {_lower(text)}{suffix}", weight, form


def _lower(text: str) -> str:
    """Write the first letter in lower case, unless the word looks like a name or an acronym."""
    first = text.split(" ", 1)[0]
    if first[1:] != first[1:].lower() or first == "I":
        return text
    return text[:1].lower() + text[1:]
