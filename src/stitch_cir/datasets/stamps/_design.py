"""The design of a gallery: families of scenes, each of two attributes crossed with each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np

from stitch_cir.datasets.stamps._backgrounds import FLAT, GROUND, PLAIN
from stitch_cir.datasets.stamps._catalogue import Catalogue
from stitch_cir.datasets.stamps._scene import COLOURS, COUNTS, KINDS, StampScene
from stitch_cir.errors import SettingError

__all__ = ["SIZES", "SPLITS", "Family", "Size", "deal", "design", "generator"]

SPLITS = ("val", "test")
PAIRS = (
    ("object", "colour"),
    ("object", "count"),
    ("object", "background"),
    ("object", "relation"),
    ("colour", "count"),
    ("colour", "background"),
    ("count", "background"),
    ("background", "relation"),
)
"""Where there is a relation, there is one of each object, and no colour is requested."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Size:
    """How many images, queries a split, and families (eight pairs, two splits: 16 or 32 …).

    ``levels``: how many values an attribute takes in a family that crosses it, 2 or 4.
    """

    name: str
    images: int
    queries: int
    families: int
    levels: int = 4


SIZES = {
    size.name: size
    for size in (
        Size("small", 600, 100, 16),
        Size("medium", 2_000, 400, 32),
        Size("large", 10_000, 1_000, 128),
    )
}


@dataclass(frozen=True, slots=True)
class Family:
    """Scenes that differ in two attributes only: ``cells`` holds each combination of ``levels``."""

    number: int
    split: str
    levels: dict[str, tuple[str | int, ...]]
    cells: tuple[StampScene, ...]


def generator(*key: int) -> np.random.Generator:
    """Return a separate generator for each purpose, so that no step shifts another's numbers."""
    # named explicitly: the stream of default_rng may change between versions of NumPy
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def design(catalogue: Catalogue, size: Size, seed: int) -> list[Family]:
    """Draw the families: each crosses a few values of one attribute with as many of another.

    The pairs of attributes alternate; what is not crossed is drawn once and stays fixed. So every
    reference has neighbours in each of two directions, one of them the target scene, and the
    requested value also occurs with other values of the other attribute. Families alternate between
    val and test.

    Raises ``SettingError`` for families that cannot be shared out evenly, for other levels than 2
    and 4, and for fewer images than cells.
    """
    if size.families < 1 or size.families % (2 * len(PAIRS)) or size.levels not in (2, 4):
        raise SettingError(
            f"{size.families} families of {size.levels} levels cannot be made.",
            hint=f"Choose a multiple of {2 * len(PAIRS)} families, and 2 or 4 levels.",
        )
    families = [_family(catalogue, number, size.levels, seed) for number in range(size.families)]
    cells = sum(len(family.cells) for family in families)
    if size.images < cells:
        raise SettingError(
            f"{size.images} images cannot fill the {cells} cells of {size.families} families.",
            hint="Ask for more images or fewer families.",
        )
    return families


def _family(catalogue: Catalogue, number: int, count: int, seed: int) -> Family:
    random = generator(seed, 1, number)
    crossed = PAIRS[number % len(PAIRS)]
    coloured = "colour" in crossed or bool(random.integers(2))
    paired = "relation" in crossed or (crossed == ("object", "background") and random.integers(2))
    objects = catalogue.coloured if coloured else catalogue.natural
    # above and below need a background without ground, in front and behind one with it
    flat = bool(random.integers(2))
    scenic = (FLAT if flat else GROUND) if paired else (*GROUND, *FLAT)
    options: dict[str, Sequence[str | int]] = {
        "object": [item.name for item in objects],
        "colour": COLOURS,
        "count": COUNTS,
        # every other background is plain, where colours are easier to see
        "background": _pick(random, scenic, count // 2) + _pick(random, PLAIN, count // 2),
        "relation": _FLOATING if flat else _STANDING,
    }
    levels = {kind: tuple(_pick(random, options[kind], count)) for kind in KINDS}
    base = StampScene(
        object=str(levels["object"][0]),
        colour=str(levels["colour"][0]) if coloured else None,
        count=1 if paired else int(levels["count"][0]),
        # colours are judged before a plain background, unless the background is asked for
        background=str(levels["background"][-1 if "colour" in crossed else 0]),
        landmark=_pick(random, catalogue.landmarks, 1)[0].name if paired else None,
        relation=str(levels["relation"][0]) if paired else None,
    )
    levels = {kind: levels[kind] for kind in crossed}
    cells = [
        base.changed(crossed[0], first).changed(crossed[1], second)
        for first, second in product(*levels.values())
    ]
    return Family(number, SPLITS[number // len(PAIRS) % 2], levels, tuple(cells))


_STANDING = ("left", "right", "front", "behind")
_FLOATING = ("left", "right", "above", "below")


def deal(families: Sequence[Family], size: Size, seed: int) -> list[tuple[Family, StampScene]]:
    """Return every cell once and the rest of the images in random cells, in a random order.

    Returns ``size.images`` pairs; the position in the list becomes the image's number.
    """
    random = generator(seed, 2)
    cells = [(family, scene) for family in families for scene in family.cells]
    rest = random.integers(0, len(cells), size.images - len(cells))
    dealt = cells + [cells[int(index)] for index in rest]
    return [dealt[int(index)] for index in random.permutation(len(dealt))]


def _pick(random: np.random.Generator, values: Sequence[T], count: int) -> list[T]:
    return [values[int(index)] for index in random.permutation(len(values))[:count]]
