"""The backgrounds by name: how they are said, whether they have a ground, and their light."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FLAT", "GROUND", "PLACES", "PLAIN", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
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


PLACES = {
    place.name: place
    for place in (
        Place("meadow", "on a green meadow", "a green meadow", True, shadow="foot"),
        Place("beach", "on a sandy beach", "a sandy beach", True, shadow="foot"),
        Place("snow", "in the snow", "a snowy landscape", True, shadow="foot"),
        Place("desert", "in the desert", "a desert with dunes", True, shadow="foot"),
        Place("forest", "in a forest", "a forest", True, (0.92, 0.95, 0.9), "foot"),
        Place("road", "on a road", "an asphalt road", True, shadow="foot"),
        Place("sea", "on the open sea", "the open sea", True),
        Place("night", "at night", "a night sky with stars", True, (0.72, 0.75, 0.9), "foot"),
        Place("sunset", "at sunset", "a sunset", True, (1.0, 0.9, 0.82), "foot"),
        Place("sky", "in a cloudy blue sky", "a cloudy blue sky", False),
        Place("underwater", "under water", "an underwater scene", False, (0.85, 0.97, 1.0)),
        Place("brick wall", "in front of a brick wall", "a brick wall", False, shadow="drop"),
        Place("wooden table", "on a wooden table", "a wooden table", False, shadow="drop"),
        Place(
            "tablecloth", "on a checked tablecloth", "a checked tablecloth", False, shadow="drop"
        ),
        Place("white", "on a plain white background", "a plain white background", None),
        Place("grey", "on a plain grey background", "a plain grey background", None),
        Place("black", "on a plain black background", "a plain black background", None),
    )
}
GROUND = tuple(place.name for place in PLACES.values() if place.ground)
FLAT = tuple(place.name for place in PLACES.values() if place.ground is False)
PLAIN = tuple(place.name for place in PLACES.values() if place.ground is None)
