"""What an encoder saw in an image, in words: the plain data that encoders give to composers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Concept", "ConceptKind"]

ConceptKind = Literal["object", "colour", "light", "background", "medium", "pattern", "other"]


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept read from an image, e.g. ``Concept("miniskirt", "object", 0.41)``.

    ``weight`` is in [0, 1]; weights of one kind in one image sum to at most 1 and order the
    concepts of that kind. They are no calibrated probabilities.
    """

    text: str
    kind: ConceptKind
    weight: float
