"""Target captions that a user wrote, in place of composed ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from stitch_cir.composers._protocol import Caption, Composition
from stitch_cir.composers._text import clean, fold
from stitch_cir.errors import QueryError

__all__ = ["edit_captions"]


def edit_captions(composition: Composition, captions: Sequence[str | Caption]) -> Composition:
    """Return a composition with the user's captions in place of its own.

    The captions are cleaned, and of those that differ only in case or punctuation the first is
    used. A plain text weighs 1. Their origin is ``"user"``; the modification and
    the captions of the unchanged reference stay.
    Raises ``QueryError`` when there is no caption, one without visible characters, or a weight that
    is negative or not finite.
    """
    entries = [captions] if isinstance(captions, (str, Caption)) else captions
    edited = [Caption(entry) if isinstance(entry, str) else entry for entry in entries]
    if not edited:
        raise QueryError(
            "There is no caption to search with.", hint="Give at least one target caption."
        )
    chosen: dict[str, Caption] = {}
    for number, caption in enumerate(edited, 1):
        text = clean(caption.text)
        if not text:
            raise QueryError(
                f"Caption {number} of {len(edited)}, {caption.text[:40]!r}, has no visible characters.",
                hint="Write what the wanted image shows, or leave the caption out.",
            )
        if not (math.isfinite(caption.weight) and caption.weight >= 0):
            raise QueryError(
                f"Caption {number} of {len(edited)} weighs {caption.weight!r}.",
                hint="A weight must be a finite number of at least 0.",
            )
        chosen.setdefault(fold(text), Caption(text, float(caption.weight)))
    settings = {"composer": "user"}
    if composition.captions:
        settings["edited"] = composition.composer
    return replace(
        composition,
        captions=tuple(chosen.values()),
        composer="user",
        settings=settings,
        notes=(),
    )
