"""A person's own captions in place of the composed ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from stitch_cir.composers._protocol import Caption, Composition
from stitch_cir.composers._text import clean, fold
from stitch_cir.errors import QueryError

__all__ = ["edit_captions"]


def edit_captions(composition: Composition, captions: Sequence[str | Caption]) -> Composition:
    """Put the user's own captions in place of those of a composition.

    The captions are cleaned, and those that differ only in case or punctuation count once, with
    the weight of the first. A plain text weighs 1. Their origin is ``"user"``; the modification and
    the captions of the unchanged reference stay.
    Raises ``QueryError`` when there is no caption, one without visible characters, or a weight that
    is negative or not finite.
    """
    several = [captions] if isinstance(captions, (str, Caption)) else captions
    given = [Caption(one) if isinstance(one, str) else one for one in several]
    if not given:
        raise QueryError(
            "There is no caption to search with.", hint="Give at least one target caption."
        )
    chosen: dict[str, Caption] = {}
    for number, one in enumerate(given, 1):
        text = clean(one.text)
        if not text:
            raise QueryError(
                f"Caption {number} of {len(given)}, {one.text[:40]!r}, has no visible characters.",
                hint="Write what the wanted picture shows, or leave the caption out.",
            )
        if not (math.isfinite(one.weight) and one.weight >= 0):
            raise QueryError(
                f"Caption {number} of {len(given)} weighs {one.weight!r}.",
                hint="A weight must be a finite number of at least 0.",
            )
        chosen.setdefault(fold(text), Caption(text, float(one.weight)))
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
