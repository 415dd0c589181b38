"""Where the objects of a scene are: boxes that make its count and its relation true."""

from __future__ import annotations

import numpy as np

from stitch_cir.datasets.stamps._backgrounds import BACKGROUNDS
from stitch_cir.datasets.stamps._catalogue import Catalogue
from stitch_cir.datasets.stamps._paint import HEIGHT, WIDTH
from stitch_cir.datasets.stamps._scene import Cutout, StampScene

__all__ = ["arrange"]

# centre x, then centre y (or the foot's y, on a ground), and the greatest width and height, all as
# shares of the image
_Slot = tuple[float, float, float, float]
_AFLOAT: dict[int, tuple[tuple[_Slot, ...], ...]] = {
    1: (((0.5, 0.5, 0.7, 0.72),),),
    2: (((0.27, 0.5, 0.42, 0.6), (0.73, 0.5, 0.42, 0.6)),),
    3: (
        ((0.18, 0.5, 0.3, 0.5), (0.5, 0.5, 0.3, 0.5), (0.82, 0.5, 0.3, 0.5)),
        ((0.5, 0.27, 0.4, 0.42), (0.26, 0.73, 0.4, 0.42), (0.74, 0.73, 0.4, 0.42)),
    ),
    4: (tuple((x, y, 0.4, 0.42) for y in (0.27, 0.73) for x in (0.26, 0.74)),),
}
_GROUNDED: dict[int, tuple[tuple[_Slot, ...], ...]] = {
    1: (((0.5, 0.9, 0.7, 0.7),),),
    2: (((0.27, 0.88, 0.42, 0.6), (0.73, 0.88, 0.42, 0.6)),),
    3: (
        ((0.18, 0.88, 0.3, 0.5), (0.5, 0.88, 0.3, 0.5), (0.82, 0.88, 0.3, 0.5)),
        ((0.5, 0.58, 0.34, 0.34), (0.26, 0.95, 0.4, 0.36), (0.74, 0.95, 0.4, 0.36)),
    ),
    4: (
        (
            (0.3, 0.58, 0.34, 0.32),
            (0.7, 0.58, 0.34, 0.32),
            (0.24, 0.96, 0.38, 0.34),
            (0.76, 0.96, 0.38, 0.34),
        ),
    ),
}
_PAIRS: dict[str, tuple[_Slot, _Slot]] = {  # landmark, subject
    "left": ((0.73, 0.5, 0.46, 0.72), (0.24, 0.58, 0.4, 0.5)),
    "right": ((0.27, 0.5, 0.46, 0.72), (0.76, 0.58, 0.4, 0.5)),
    "above": ((0.5, 0.74, 0.6, 0.46), (0.5, 0.24, 0.5, 0.4)),
    "below": ((0.5, 0.26, 0.6, 0.46), (0.5, 0.76, 0.5, 0.4)),
}
_PAIRS_GROUNDED: dict[str, tuple[_Slot, _Slot]] = {
    "left": ((0.73, 0.86, 0.46, 0.72), (0.24, 0.9, 0.42, 0.5)),
    "right": ((0.27, 0.86, 0.46, 0.72), (0.76, 0.9, 0.42, 0.5)),
    "front": ((0.5, 0.78, 0.7, 0.72), (0.5, 0.97, 0.46, 0.44)),
    "behind": ((0.5, 0.97, 0.5, 0.5), (0.5, 0.7, 0.72, 0.64)),
}


def arrange(
    scene: StampScene, catalogue: Catalogue, random: np.random.Generator
) -> tuple[Cutout, ...]:
    """Position the landmark and the subjects, from back to front.

    What no query depends on varies: which stamp of the name, position within the slot, size,
    mirroring.
    """
    ground = BACKGROUNDS[scene.background].ground
    if ground is None:
        ground = scene.relation in ("front", "behind")
    if scene.landmark is not None and scene.relation is not None:
        slots = (_PAIRS_GROUNDED if ground else _PAIRS)[scene.relation]
        pair = (
            _part(scene.landmark, None, slots[0], catalogue, random, ground),
            _part(scene.object, scene.colour, slots[1], catalogue, random, ground),
        )
        return pair[::-1] if scene.relation == "behind" else pair
    layouts = (_GROUNDED if ground else _AFLOAT)[scene.count]
    layout = layouts[int(random.integers(len(layouts)))]
    return tuple(
        _part(scene.object, scene.colour, slot, catalogue, random, ground) for slot in layout
    )


def _part(
    name: str,
    colour: str | None,
    slot: _Slot,
    catalogue: Catalogue,
    random: np.random.Generator,
    ground: bool,
) -> Cutout:
    stamps = catalogue.object(name).stamps
    stamp = stamps[int(random.integers(len(stamps)))]
    mirrored = bool(random.integers(2))
    share, dx, dy = (int(random.integers(0, 101)) / 100 for _ in range(3))
    wide, tall = catalogue.sizes[stamp]
    scale = min(slot[2] * WIDTH / wide, slot[3] * HEIGHT / tall) * (0.82 + 0.18 * share)
    w, h = max(1, round(wide * scale)), max(1, round(tall * scale))
    # jitter within the slot's width, so that neighbours stay apart and the relation true
    room = max(0.0, slot[2] * WIDTH - w)
    x = slot[0] * WIDTH - w / 2 + (dx - 0.5) * min(room, 0.1 * WIDTH)
    if ground:
        y = slot[1] * HEIGHT - h + (dy - 0.5) * 0.05 * HEIGHT
    else:
        spare = max(0.0, slot[3] * HEIGHT - h)
        y = slot[1] * HEIGHT - h / 2 + (dy - 0.5) * min(spare, 0.1 * HEIGHT)
    x = min(max(x, 1.0), WIDTH - w - 1.0)
    y = min(max(y, 1.0), HEIGHT - h - 1.0)
    return Cutout(stamp, name, colour, (round(x), round(y), w, h), mirrored)
