"""Words for what was measured in a picture's pixels: colours, light, background, medium."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stitch_cir.concepts import Concept
from stitch_cir.encoders._colour import Looks
from stitch_cir.encoders._vocabulary import Vocabulary

__all__ = ["name_looks", "weigh_attributes"]

TOLD = ("dark", "plain background", "drawing")
"""Attributes worth a word in a caption: the others are what one expects of a picture."""
LEAST_COLOUR = 0.15
MOST_COLOURS = 3


def weigh_attributes(looks: Looks) -> NDArray[np.float32]:
    """Weigh the attributes, in the vocabulary's order, each in [0, 1]: (7,) float32."""
    dark = np.clip((0.45 - looks.light) / 0.2, 0, 1)
    bright = np.clip((looks.light - 0.7) / 0.2, 0, 1)
    drawn = np.clip((looks.flat - 0.75) / 0.2, 0, 1) if not looks.plain else 0.0
    # a grey thing on white is no black-and-white picture
    grey = 0.0 if looks.plain else np.clip((0.012 - looks.chroma) / 0.008, 0, 1)
    plain = float(looks.plain)
    return np.array([dark, bright, plain, 1 - plain, drawn, 1 - drawn, grey], dtype=np.float32)


def name_looks(looks: Looks, words: Vocabulary) -> list[Concept]:
    """Name the colours and attributes of one measured region, the heaviest first."""
    found = []
    for number in np.argsort(-looks.colours[0], kind="stable")[:MOST_COLOURS].tolist():
        share = float(looks.colours[0, number])
        if share >= LEAST_COLOUR:
            found.append(Concept(words.palette.names[number], "colour", min(1.0, share)))
    for (name, kind), weight in zip(words.attributes, weigh_attributes(looks), strict=True):
        if weight >= 0.5 and name in TOLD:
            found.append(Concept(name, kind, float(weight)))
    return found
