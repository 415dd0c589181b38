"""How a modification is worded: several templates a kind, filled with the scene's words."""

from __future__ import annotations

from string import Formatter
from typing import Protocol

import numpy as np

from stitch_cir.datasets.stamps._backgrounds import BACKGROUNDS
from stitch_cir.datasets.stamps._catalogue import Catalogue, NamedObject
from stitch_cir.datasets.stamps._scene import StampScene

__all__ = ["TEMPLATES", "all_wordings", "phrase_modification", "shared_concept"]

NUMBERS = ("no", "one", "two", "three", "four")
_WHERE = {
    "left": "to the left of the {}",
    "right": "to the right of the {}",
    "front": "in front of the {}",
    "behind": "behind the {}",
    "above": "above the {}",
    "below": "below the {}",
}
TEMPLATES: dict[str, tuple[str, ...]] = {
    "object": (
        "{new} instead of the {old}",
        "replace the {old} with {new}",
        "{new} instead",
        "change the {old} to {new}",
        "swap the {old} for {new}",
        "show {new} rather than the {old}",
        "with {new} in place of the {old}",
    ),
    "colour": (
        "in {colour} instead",
        "the same but {colour}",
        "make {it} {colour}",
        "make the {old} {colour}",
        "{colour} instead of {old_colour}",
        "change the colour to {colour}",
        "the {old} should be {colour}",
    ),
    "count": (
        "make it {number}",
        "{number} {things} instead of {old_number}",
        "show {number} {things}",
        "the same with {number} {things}",
        "there should be {number} of them",
    ),
    "more": ("add another {thing}", "with one more {thing}"),
    "less": ("take one {thing} away", "with one {thing} fewer"),
    "single": (
        "only one {thing}",
        "just a single {thing} instead",
        "the same with only one {thing}",
    ),
    "background": (
        "{place} instead",
        "the same but {place}",
        "put {it} {place}",
        "the same {old} {place}",
        "the {old} should be {place}",
        "change the background to {noun}",
    ),
    "relation": (
        "{where} instead",
        "put the {old} {where}",
        "move the {old} {where}",
        "the same things, but the {old} is {where}",
        "the {old} should be {where}",
    ),
}
"""By kind. "more", "less" and "single" join the templates of "count" where they apply."""


class Words(Protocol):
    """What a wording needs of the catalogue: the words for an object."""

    def object(self, name: str) -> NamedObject:
        """Return the object of that name."""
        ...


def phrase_modification(
    scene: StampScene,
    kind: str,
    value: str | int,
    catalogue: Catalogue,
    random: np.random.Generator,
) -> str:
    """Return the request that ``kind`` of ``scene`` become ``value``, in one of several wordings.

    Every wording alone, beside the reference, determines the target scene.
    """
    wordings = all_wordings(scene, kind, value, catalogue)
    return wordings[int(random.integers(len(wordings)))]


def all_wordings(
    scene: StampScene, kind: str, value: str | int, catalogue: Words
) -> tuple[str, ...]:
    """Return the request that ``kind`` of ``scene`` become ``value`` in every wording."""
    words = _words(scene, kind, value, catalogue)
    templates = TEMPLATES[kind]
    if kind == "count":
        step = int(value) - scene.count
        templates = TEMPLATES["single"] if value == 1 else templates
        templates += TEMPLATES["more"] if step == 1 else ()
        templates += TEMPLATES["less"] if step == -1 and scene.count > 2 else ()
    return tuple(Formatter().vformat(template, (), words) for template in templates)


def shared_concept(scene: StampScene, catalogue: Catalogue) -> str:
    """Return what the reference shows: "two red mugs", "a dog and a windmill"."""
    subject = _counted(scene.object, scene.count, catalogue, scene.colour)
    return subject if scene.landmark is None else f"{subject} and {_article(scene.landmark)}"


def _words(scene: StampScene, kind: str, value: str | int, catalogue: Words) -> dict[str, str]:
    subject = catalogue.object(scene.object)
    old = subject.name if scene.count == 1 else subject.plural
    words = {"old": old, "it": "it" if scene.count == 1 else "them"}
    if kind == "object":
        other = catalogue.object(str(value))
        words["new"] = _article(other.name) if scene.count == 1 else other.plural
    elif kind == "colour":
        words |= {"colour": str(value), "old_colour": str(scene.colour)}
    elif kind == "count":
        words |= {"number": NUMBERS[int(value)], "old_number": NUMBERS[scene.count]}
        words |= {"thing": subject.name, "things": subject.plural}
    elif kind == "background":
        background = BACKGROUNDS[str(value)]
        words |= {"place": background.phrase, "noun": background.noun}
    else:
        words["where"] = _WHERE[str(value)].format(scene.landmark)
    return words


def _counted(name: str, count: int, catalogue: Catalogue, colour: str | None) -> str:
    tint = "" if colour is None else f"{colour} "
    if count == 1:
        return _article(f"{tint}{name}")
    return f"{NUMBERS[count]} {tint}{catalogue.object(name).plural}"


def _article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
