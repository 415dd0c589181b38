"""Questions to begin with, made of what the encoder reads in a few images of the gallery."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stitch_cir.composers import Reference, VerbatimComposer
from stitch_cir.errors import StitchError
from stitch_cir.gallery import Gallery
from stitch_cir.searcher import Searcher

__all__ = ["Example", "ExampleMaker"]

_LOOKED_AT = 8
"""Images that are read, at even distances in id order."""
_SURE = 0.3
"""Weight of an object from which on it is named; a wrong name would be a bad beginning."""
_LONGEST = 60
"""Characters of a caption that is short enough to be an example."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question: what should change about the image ``reference``; ``None``: words alone."""

    reference: str | None
    text: str


class ExampleMaker:
    """Makes up to three examples for each state of a gallery; safe to share between threads."""

    def __init__(self) -> None:
        """Start without any."""
        self._lock = threading.Lock()
        self._made: tuple[tuple[str, int, Sequence[str]], tuple[Example, ...]] | None = None

    def examples(self, gallery: Gallery, without: Sequence[str] = ()) -> tuple[Example, ...]:
        """Return the examples of a gallery as it is now: the same ones while it does not change.

        ``without``: parts of it that do not answer.
        """
        key = (str(gallery.directory), gallery.generation, without)
        with self._lock:
            if self._made is None or self._made[0] != key:
                self._made = key, _make(gallery)
            return self._made[1]


@dataclass(frozen=True, slots=True)
class _Described:
    id: str
    object: str
    caption: str
    weight: float
    is_red: bool
    has_image: bool


def _make(gallery: Gallery) -> tuple[Example, ...]:
    """Return a change of colour, words alone, and a change of object, as far as they make sense."""
    best: dict[str, _Described] = {}
    for each in sorted(_described(gallery), key=lambda item: (-item.weight, item.id)):
        best.setdefault(each.object, each)
    chosen = list(best.values())[:3]
    images = [each for each in chosen if each.has_image]
    examples = []
    if images:
        colour = "blue" if images[0].is_red else "red"
        examples.append(Example(images[0].id, f"in {colour} instead"))
    words = [each for each in chosen if len(each.caption) <= _LONGEST and each not in images[:1]]
    examples += [Example(None, each.caption) for each in words[: 1 if images else 3]]
    if len(images) > 1:
        examples.append(Example(images[-1].id, f"{images[0].object} instead"))
    return tuple(examples)


def _described(gallery: Gallery) -> Iterator[_Described]:
    searcher, composer = Searcher(gallery), VerbatimComposer()
    count, _ = gallery.find("", limit=0)
    offsets = sorted({(2 * number + 1) * count // (2 * _LOOKED_AT) for number in range(_LOOKED_AT)})
    for offset in offsets:
        for id in gallery.find("", offset=offset, limit=1)[1]:
            try:
                reference = searcher.resolve_id(id).describe(gallery)
                composition = composer.compose(reference, "", 1)
            except StitchError:
                continue  # its file is gone, or nothing is known of it
            described = composition.reference_captions[:1] or (composition.captions[0].text,)
            weight = _weight(reference)
            if weight >= _SURE:
                yield _Described(
                    id,
                    described[0],
                    composition.captions[0].text,
                    weight,
                    any(
                        each.kind == "colour" and each.text == "red" for each in reference.concepts
                    ),
                    reference.image is not None,
                )


def _weight(reference: Reference) -> float:
    """Return how sure it is what an image shows: its captions say so, or the encoder read it."""
    if reference.captions:
        return 1.0
    return max((each.weight for each in reference.concepts if each.kind == "object"), default=0.0)
