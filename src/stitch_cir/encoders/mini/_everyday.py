"""People, actions and places in what ``mini`` reads: they have no label, but the head scores words.

A word is named when its estimated probability reaches ``LEAST``: docs/mini.md says how often that
is right. Objects of the labels follow, with the rest of the weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.concepts import Concept
from stitch_cir.encoders.mini._head import MiniHead

__all__ = ["LEAST", "join_concepts"]

LEAST = 0.5
"""Probability from which a word is named."""
CLEAR = 0.6
"""An object of at least this weight is what the image shows: labels come first where they hold."""
ANIMALS = frozenset(
    "ape bear bird cat cow dog elephant fox goat horse monkey pig rabbit sheep wolf".split()
)
"""Labels that may do something: a coat does not stand."""
UNLIKE = ("plain background", "drawing")
"""What is unlike the photographs that heads are fitted on."""


def join_concepts(
    objects: Sequence[Concept],
    appearance: Sequence[Concept],
    head: MiniHead,
    scores: NDArray[np.float32],
) -> tuple[Concept, ...]:
    """Join objects of the labels with the people, action and place that ``scores`` (W,) name.

    The first object becomes a phrase such as "man riding a bicycle"; the place is a background.
    Weights of the objects still sum to at most 1. Drawings and things before a plain background are
    left as they are: the head was fitted on photographs of scenes.
    """
    if any(concept.text in UNLIKE for concept in appearance):
        return (*objects, *appearance)
    best = {kind: _best(head, scores, kind) for kind in ("people", "actions", "places")}
    people, action, location = best["people"], best["actions"], best["places"]
    clear = bool(objects) and objects[0].weight >= CLEAR
    named = list(objects)
    rest = list(appearance)
    if people is not None and not clear:
        text = f"{people[0]} {action[0]}" if action else people[0]
        named = [Concept(text, "object", people[1]), *_shrunk(objects, 1 - people[1])]
        # colours are measured on the whole foreground, and a man in a forest is not green
        rest = [concept for concept in rest if concept.kind != "colour"]
    elif action is not None and objects and objects[0].text in ANIMALS:
        first = objects[0]
        named = [replace(first, text=f"{first.text} {action[0]}"), *objects[1:]]
    if location is not None:
        rest = [concept for concept in rest if concept.kind != "background"]
        rest.append(Concept(location[0], "background", location[1]))
    return (*named, *rest)


def _best(head: MiniHead, scores: NDArray[np.float32], kind: str) -> tuple[str, float] | None:
    """Return the likeliest word of a kind, if it is likely enough."""
    likely = [
        (float(score), word)
        for score, word, of in zip(scores, head.words, head.word_kinds, strict=True)
        if of == kind and score >= LEAST
    ]
    if not likely:
        return None
    score, word = max(likely)
    return word, score


def _shrunk(objects: Sequence[Concept], rest: float) -> list[Concept]:
    total = sum(concept.weight for concept in objects)
    share = min(1.0, rest / total) if total else 0.0
    return [replace(c, weight=c.weight * share) for c in objects if c.weight * share > 0.01]
