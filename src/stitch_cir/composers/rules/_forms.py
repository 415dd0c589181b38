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
    full,
    noun_phrase,
    only_changes,
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
    "from_captions",
    "from_scenes",
    "from_text",
    "glued",
    "reworded",
    "unchanged",
]

Candidate: TypeAlias = "tuple[str, float, str]"
"""A caption's text, its weight and the name of its form."""

# a caption with the user's own words may name what is to go, which text encoders do not negate
_FAITHFUL = 0.5


def from_scenes(
    before: Sequence[Scene], after: Sequence[Scene], reading: Reading
) -> Iterator[Candidate]:
    """Write captions from what an encoder saw, one emphasis after the other."""
    best, old = after[0], before[0]
    if best.sentence:
        yield from _from_sentence(best, before, reading)
        return
    yield full(best), 1.0, "full"
    if len(after) > 1:
        yield full(after[1], positive=True), _share(after[1]), "second"
    named = parts_named(reading.edits)
    change = only_changes(old, best, named)
    replaced = old.object in best.gone
    if best.object and not replaced:
        yield with_object(_named(best, old), reading.text), _FAITHFUL, "words"
    else:
        yield reading.text, _FAITHFUL, "words"
    changed = edits_phrase(change)
    if changed and best.object:
        yield tidy(f"{changed}, {noun_phrase(best, positive=True, plain=True)}"), 1.0, "edit-first"
    yield full(change, positive=True), 1.0, "short"
    yield (
        full(best, place=bool(change.place or change.light or change.view), positive=True),
        1.0,
        "object",
    )
    if len(after) > 2:
        yield full(only_changes(old, after[2], named)), _share(after[2]), "third"
    yield full(best, positive=True), 1.0, "full"
    for scene in after[1:]:
        yield full(only_changes(old, scene, named), positive=True), _share(scene), "second"
        yield full(scene), _share(scene), "second"


def _from_sentence(best: Scene, before: Sequence[Scene], reading: Reading) -> Iterator[Candidate]:
    """Lean on a description of the whole; the reference lends a little, at little weight."""
    yield best.sentence, 1.0, "scene"
    yield full(best), 1.0, "scene"
    yield f"a photo of {_lower(best.sentence)}", 1.0, "scene"
    start = best.sentence.split(",")[0]
    yield f"a scene with {_lower(start)}", 1.0, "scene"
    old = before[0]
    if old.light and not re.search(rf"\b(?:{PREPOSITION})\b", best.sentence):
        yield f"{best.sentence} {old.light}", 0.3, "scene+light"


def _named(after: Scene, before: Scene) -> Scene:
    """Name the object for the user's words: the old one, unless it was replaced or removed."""
    return before if before.object and before.object not in after.gone else after


def _share(scene: Scene) -> float:
    return round(max(0.2, min(scene.share, 1.0)), 3)


def from_captions(
    captions: Sequence[str], after: Sequence[Scene], reading: Reading, count: int
) -> Iterator[Candidate]:
    """Edit the captions people wrote, one by one, and join what is wanted to each."""
    parts = content_parts(reading.edits)
    edited = unique(edit_caption(caption, reading.edits) for caption in captions)
    room = max(1, count - 2) if count > 2 else count
    joined = [glued(caption, parts) for caption in edited]
    for text in joined[:room]:
        yield text, 1.0, "caption"
    if not reading.alone and after and after[0].object:
        yield full(after[0], positive=True), 1.0, "short"
    # alone rather than behind a caption of the reference: measured, it finds more
    yield reading.text, _trust(reading), "words"
    for text in joined[room:]:
        yield text, 1.0, "caption"
    for caption in captions:
        yield glued(unframe_caption(caption), [reading.text]), _trust(reading), "words"


def _trust(reading: Reading) -> float:
    """Weigh the user's own words: less where they name what is to go."""
    return _FAITHFUL if any(edit.kind == "remove" for edit in reading.edits) else 1.0


def glued(caption: str, wanted: Sequence[str]) -> str:
    """Join an edited caption and the wanted things, without saying a thing twice."""
    caption = caption.strip(" .")
    for part in wanted:
        part = part.strip(" .")
        if part and fold(part) not in fold(caption):
            caption = f"{caption}, {_lower(part)}" if caption else part
    return tidy(caption)


def from_text(reading: Reading, after: Sequence[Scene]) -> Iterator[Candidate]:
    """Write captions of a text alone: its own words first."""
    yield reading.text, 1.0, "words"
    wanted = content_of(reading.edits)
    scene = after[0]
    if scene.object and not scene.sentence:
        yield full(scene, positive=True), 1.0, "full"
    if wanted:
        yield wanted, 1.0, "edit"
        if not scene.object and not scene.sentence and _needs_noun(reading.edits[0]):
            yield f"something {wanted}", 1.0, "edit"
    yield f"a photo of {_nounlike(reading, scene)}", 1.0, "photo"


def _needs_noun(edit: Edit) -> bool:
    return edit.kind not in ("replace", "scene", "other")


def _nounlike(reading: Reading, scene: Scene) -> str:
    if scene.sentence or not reading.english:
        return _lower(reading.text)
    if scene.object:
        return full(scene, positive=True)
    wanted = content_of(reading.edits)
    if wanted and reading.edits and _needs_noun(reading.edits[0]):
        return f"something {wanted}"
    return _lower(wanted or reading.text)


def unchanged(captions: Sequence[str], scenes: Sequence[Scene]) -> Iterator[Candidate]:
    """Describe the reference as it is."""
    for caption in captions:
        yield caption, 1.0, "reference"
    for scene in scenes if not captions else ():
        yield full(scene), _share(scene), "reference"
    for scene in scenes:
        if scene.object:
            yield full(scene, place=False), _share(scene), "short"
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
_AFTER = ("", ", photographed", ", clearly visible", ", in one picture", ", seen here", ", shown here",
          ", as the subject", ", as a whole", ", in plain view", ", in the frame")  # fmt: skip
_PHRASES = ("full", "second", "short", "object", "third", "photo")


def reworded(candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """Say the same again in other words, to fill up when more captions are asked for.

    Only noun phrases stand after "a photo of"; sentences and the user's words stand after "in this
    picture". The user's words come last, for they may name what is to go.
    """
    ordered = sorted(candidates, key=lambda candidate: candidate[2] == "words")
    for after in _AFTER:
        for of, shows in zip(_OF, _SHOWS, strict=True):
            for text, weight, form in ordered[:3]:
                if not re.match(r"(?:an? |the |in this )?(?:photo|picture|image)\b", text, re.I):
                    before = of if form in _PHRASES else shows
                    yield f"{before} {_lower(text)}{after}", weight, form


def _lower(text: str) -> str:
    """Write the first letter small, unless the word is a name or an acronym for all we know."""
    first = text.split(" ", 1)[0]
    if first[1:] != first[1:].lower() or first == "I":
        return text
    return text[:1].lower() + text[1:]
