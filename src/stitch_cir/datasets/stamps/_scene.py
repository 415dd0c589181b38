"""What an image of the benchmark shows, as attributes: the ground truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = ["COLOURS", "COUNTS", "KINDS", "RELATIONS", "Cutout", "SceneImage", "StampScene"]

KINDS = ("object", "colour", "count", "background", "relation")
"""Kinds of modification: each names the one attribute of a scene that it changes."""
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
COUNTS = (1, 2, 3, 4)
RELATIONS = ("left", "right", "front", "behind", "above", "below")
"""Where the subject is, relative to the landmark."""


@dataclass(frozen=True, slots=True)
class StampScene:
    """The attributes of an image; two images with equal scenes answer the same queries.

    ``colour`` is None for objects in their natural colours; ``landmark`` and ``relation`` are both
    None where the subject stands alone, and ``count`` is 1 where they are not.
    """

    object: str
    colour: str | None
    count: int
    background: str
    landmark: str | None = None
    relation: str | None = None

    def differs(self, other: StampScene) -> tuple[str, ...]:
        """Return the attributes in which the two scenes differ, ``landmark`` included."""
        mine, theirs = asdict(self), asdict(other)
        return tuple(name for name, value in mine.items() if theirs[name] != value)

    def changed(self, kind: str, value: str | int) -> StampScene:
        """Return this scene with a changed attribute."""
        return replace(self, **{kind: value})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A cut-out in an image: its stamp, name and colour, and its box (x, y, w, h) in pixels."""

    stamp: str
    name: str
    colour: str | None
    box: tuple[int, int, int, int]
    mirrored: bool


@dataclass(frozen=True, slots=True)
class SceneImage:
    """An image: its number, its scene, the cut-outs from back to front, its family and split."""

    id: int
    scene: StampScene
    parts: tuple[Cutout, ...]
    family: int
    split: str

    @property
    def file_name(self) -> str:
        """Name in the folder of images, in COCO's form."""
        return f"{self.id:012d}.jpg"

    def to_dict(self) -> dict[str, Any]:
        """Return the attribute record, JSON-ready."""
        parts = [{**asdict(part), "box": list(part.box)} for part in self.parts]
        return {
            "id": self.id,
            "file_name": self.file_name,
            **asdict(self.scene),
            "family": self.family,
            "split": self.split,
            "parts": parts,
        }
