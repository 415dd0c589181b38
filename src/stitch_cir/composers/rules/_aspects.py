"""The parts of a scene that words and edits name: its pattern, its colours, its location."""

from __future__ import annotations

from collections.abc import Iterable

from stitch_cir.composers.rules._edits import Edit
from stitch_cir.composers.rules._english import singular
from stitch_cir.composers.rules._phrases import head_noun

__all__ = ["PARTS_OF_EDITS", "aspect_of", "parts_named"]

_ASPECTS = {
    "pattern": "pattern",
    "print": "pattern",
    "colour": "colours",
    "color": "colours",
    "background": "location",
    "setting": "location",
    "place": "location",
    "location": "location",
    "scenery": "location",
    "light": "light",
    "lighting": "light",
    "view": "view",
    "angle": "view",
    "perspective": "view",
    "viewpoint": "view",
}
"""Words for a part of a scene, and the field of ``Scene``."""
PARTS_OF_EDITS = {
    "colour": "colours",
    "pattern": "pattern",
    "attribute": "attributes",
    "number": "number",
    "place": "location",
    "light": "light",
    "view": "view",
    "medium": "medium",
}
"""Kinds of edits, and the part of a scene that each changes."""


def aspect_of(subject: str) -> str:
    """Return the part of a scene that a word such as "pattern" names, or ``""``."""
    return _ASPECTS.get(singular(head_noun(subject)), "")


def parts_named(edits: Iterable[Edit]) -> frozenset[str]:
    """Return the parts of a scene that edits name, whether or not they change them."""
    named = {PARTS_OF_EDITS.get(edit.kind, "") for edit in edits}
    named |= {aspect_of(edit.subject) for edit in edits if edit.kind == "keep"}
    return frozenset(named - {""})
