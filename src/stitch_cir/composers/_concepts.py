"""The concepts that an encoder recognised, as composers use them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stitch_cir.concepts import Concept, ConceptKind

__all__ = ["likeliest_first", "without_explanation"]


def likeliest_first(concepts: Iterable[Concept], kind: ConceptKind) -> list[Concept]:
    """Return the concepts of a kind by falling weight."""
    return sorted((each for each in concepts if each.kind == kind), key=lambda each: -each.weight)


def without_explanation(label: str) -> str:
    """Return a label of an encoder without its explanation: "ram (adult male sheep)" → "ram"."""
    return re.sub(r"\s*\(.*?\)", "", label)
