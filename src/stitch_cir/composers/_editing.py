"""A person's own captions in place of the composed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stitch_cir.composers._protocol import Caption, Composition
from stitch_cir.composers._text import clean, unique
from stitch_cir.errors import QueryError

__all__ = ["edit_captions"]


def edit_captions(composition: Composition, captions: Sequence[str]) -> Composition:
    """Put the user's own captions in place of those of a composition.

    The captions are cleaned, and those that differ only in case or punctuation count once. Their
    origin is ``"user"``; the modification and the captions of the unchanged reference stay.
    Raises ``QueryError`` when there is no caption, or one without visible characters.
    """
    given = [captions] if isinstance(captions, str) else list(captions)
    if not given:
        raise QueryError(
            "There is no caption to search with.", hint="Give at least one target caption."
        )
    texts = [clean(caption) for caption in given]
    for number, (text, raw) in enumerate(zip(texts, given, strict=True), 1):
        if not text:
            raise QueryError(
                f"Caption {number} of {len(given)}, {raw[:40]!r}, has no visible characters.",
                hint="Write what the wanted picture shows, or leave the caption out.",
            )
    settings = {"composer": "user"}
    if composition.captions:
        settings["edited"] = composition.composer
    return replace(
        composition,
        captions=tuple(Caption(text) for text in unique(texts)),
        composer="user",
        settings=settings,
        notes=(),
    )
