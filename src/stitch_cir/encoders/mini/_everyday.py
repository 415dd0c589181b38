"""People, actions, things and places in what ``mini`` reads, named by words that the head scores.

Few of these have a label. A word is named when its estimated probability reaches ``LEAST``:
docs/mini-measured.md says how often that is right. Labels take the rest of the weight, or come
first where one is clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.concepts import Concept
from stitch_cir.encoders.mini._head import WORD_KINDS, MiniHead

__all__ = ["LEAST", "join_concepts"]

LEAST = {"people": 0.45, "actions": 0.55, "places": 0.4, "things": 0.35, "scenery": 0.4}
"""Probability from which a word of each kind is named."""
CLEAR = 0.6
"""An object of at least this weight is what the image shows: labels come first where they hold."""
CLEAR_GARMENT = 0.2
"""The same for clothes: who hardly shows in a photograph of them is no man who wears a coat."""
BESIDE = 0.25
"""Weight that a label needs to be named beside people or things: weaker ones are mostly wrong."""
ANIMALS = frozenset(
    "ape bear bird cat cow dog elephant fox goat horse monkey pig rabbit sheep wolf".split()
)
"""Labels that may do something: a coat does not stand."""
COATS = frozenset(("black", "brown", "white"))
"""Colours that are an animal's where its image is a scene: green is the grass, grey anything."""
NEAR_PEOPLE = 0.25
"""Most that a thing weighs beside a person, of the person's weight: both are there, and a wall that
does tricks is no second reading of a child who does."""
GARMENTS = frozenset(
    "apron bikini cardigan cloak coat dress gown hat jeans kimono miniskirt overskirt pajamas "
    "pants poncho sandal sarong shoe shorts skirt sneaker sombrero suit sweater sweatshirt "
    "t-shirt".split()
) | {"cowboy boot", "cowboy hat", "fur coat", "lab coat", "swim trunks", "trench coat"}
"""Labels and groups that are worn."""
UNLIKE = ("plain background", "drawing")
"""What is unlike the photographs that heads are fitted on."""


def join_concepts(
    objects: Sequence[Concept],
    appearance: Sequence[Concept],
    head: MiniHead,
    scores: NDArray[np.float32],
) -> tuple[Concept, ...]:
    """Join objects of the labels with the people, action, things and places of ``scores`` (W,).

    The first object becomes a phrase such as "man riding a bicycle"; other things come before the
    labels where no label is clear, and behind them where one is. Places and scenery are
    backgrounds. Weights of one kind still sum to at most 1. Drawings and things before a plain
    background are left as they are: the head was fitted on photographs of scenes.
    """
    if any(concept.text in UNLIKE for concept in appearance):
        return (*objects, *appearance)
    likely = {kind: _likely(head, scores, kind) for kind in WORD_KINDS}
    people, actions = likely["people"], likely["actions"]
    things = [Concept(word, "object", score) for score, word in likely["things"]]
    clear = _is_clear(objects[0]) if objects else False
    rest = list(appearance)
    if clear:
        labels = {concept.text for concept in objects}
        left = 1 - sum(concept.weight for concept in objects)
        others = [concept for concept in things if concept.text not in labels]
        named = [*objects, *_shrunk(others, max(0.0, left))]
    else:
        sure = [each for each in objects if each.weight >= BESIDE or not (people or things)]
        named = _merged(things, sure)
    if people and not clear:
        score, word = people[0]
        text = f"{word} {actions[0][1]}" if actions else word
        others = [concept for concept in named if concept.text not in text.split()]
        beside = [
            c if c.text in GARMENTS else replace(c, weight=min(c.weight, NEAR_PEOPLE * score))
            for c in _shrunk(others, 1 - score)
        ]
        named = [Concept(text, "object", score), *beside]
        # colours are measured on the whole foreground, and a man in a forest is not green
        rest = [concept for concept in rest if concept.kind != "colour"]
    elif actions and named and named[0].text in ANIMALS:
        first = named[0]
        named = [replace(first, text=f"{first.text} {actions[0][1]}"), *named[1:]]
    around = [Concept(word, "background", score) for score, word in likely["places"][:1]]
    left = 1 - sum(concept.weight for concept in around)
    scenery = [Concept(word, "background", score) for score, word in likely["scenery"]]
    around += _shrunk([each for each in scenery if not _is_in(each, around)], left)
    if around:
        # what is measured on the whole foreground is mostly the colour of the surroundings
        animal = bool(named) and named[0].text.split()[0] in ANIMALS
        kept = COATS if animal else frozenset()
        rest = [c for c in rest if c.kind != "colour" or c.text in kept]
        rest = [concept for concept in rest if concept.kind != "background"]
    return (*named, *rest, *around)


def _is_clear(label: Concept) -> bool:
    return label.weight >= (CLEAR_GARMENT if label.text in GARMENTS else CLEAR)


def _likely(head: MiniHead, scores: NDArray[np.float32], kind: str) -> list[tuple[float, str]]:
    """Return the words of a kind that are likely enough, the likeliest first."""
    return sorted(
        (
            (float(score), word)
            for score, word, of in zip(scores, head.words, head.word_kinds, strict=True)
            if of == kind and score >= LEAST[kind]
        ),
        reverse=True,
    )


def _merged(things: Sequence[Concept], objects: Sequence[Concept]) -> list[Concept]:
    """Put things before objects of the labels, each name once, weights of at most 1 in all."""
    names = {concept.text for concept in things}
    first = _shrunk(things, 1.0)
    left = max(0.0, 1 - sum(concept.weight for concept in first))
    return [*first, *_shrunk([each for each in objects if each.text not in names], left)]


def _is_in(concept: Concept, phrases: Sequence[Concept]) -> bool:
    return any(concept.text in phrase.text.split() for phrase in phrases)


def _shrunk(objects: Sequence[Concept], rest: float) -> list[Concept]:
    total = sum(concept.weight for concept in objects)
    share = min(1.0, rest / total) if total else 0.0
    return [replace(c, weight=c.weight * share) for c in objects if c.weight * share > 0.01]
