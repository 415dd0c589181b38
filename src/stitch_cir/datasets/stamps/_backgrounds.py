"""The backgrounds by name: how they are worded, whether they have a ground, their light."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BACKGROUNDS", "FLAT", "GROUND", "PLAIN", "Background"]


@dataclass(frozen=True, slots=True)
class Background:
    """A background: ``phrase`` follows an object ("a dog …"), ``noun`` stands alone.

    ``ground``: whether things stand on it, below a horizon; None where either is right.
    ``light``: factors of red, green and blue that fall on the things. ``shadow``: "foot", "drop"
    or "" for none.
    """

    name: str
    phrase: str
    noun: str
    ground: bool | None
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shadow: str = ""


BACKGROUNDS = {
    background.name: background
    for background in (
        Background("meadow", "on a green meadow", "a green meadow", True, shadow="foot"),
        Background("beach", "on a sandy beach", "a sandy beach", True, shadow="foot"),
        Background("snow", "in the snow", "a snowy landscape", True, shadow="foot"),
        Background("desert", "in the desert", "a desert with dunes", True, shadow="foot"),
        Background("forest", "in a forest", "a forest", True, (0.92, 0.95, 0.9), "foot"),
        Background("road", "on a road", "an asphalt road", True, shadow="foot"),
        Background("sea", "on the open sea", "the open sea", True),
        Background("night", "at night", "a night sky with stars", True, (0.72, 0.75, 0.9), "foot"),
        Background("sunset", "at sunset", "a sunset", True, (1.0, 0.9, 0.82), "foot"),
        Background("sky", "in a cloudy blue sky", "a cloudy blue sky", False),
        Background("underwater", "under water", "an underwater scene", False, (0.85, 0.97, 1.0)),
        Background("brick wall", "in front of a brick wall", "a brick wall", False, shadow="drop"),
        Background("wooden table", "on a wooden table", "a wooden table", False, shadow="drop"),
        Background(
            "tablecloth", "on a checked tablecloth", "a checked tablecloth", False, shadow="drop"
        ),
        Background("white", "on a plain white background", "a plain white background", None),
        Background("grey", "on a plain grey background", "a plain grey background", None),
        Background("black", "on a plain black background", "a plain black background", None),
    )
}
GROUND = tuple(item.name for item in BACKGROUNDS.values() if item.ground)
FLAT = tuple(item.name for item in BACKGROUNDS.values() if item.ground is False)
PLAIN = tuple(item.name for item in BACKGROUNDS.values() if item.ground is None)
