"""What a composed-query encoder is: an image, a text and an instruction in, vectors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.errors import VectorError

__all__ = ["ComposedEncoder", "ComposedInput", "check_composed"]

_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class ComposedInput:
    """A reference image and a modification, to be encoded together.

    ``instruction`` is what the model is asked for, ``""`` for its default. ``image_vector`` and
    ``text_vector`` are (d,) unit vectors of the two, where they were encoded before: an encoder
    that needs no more than these does not encode again.
    """

    image: Image.Image | None = field(repr=False)
    text: str
    instruction: str = ""
    image_vector: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    text_vector: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)


@runtime_checkable
class ComposedEncoder(Protocol):
    """Encodes reference image and text together, in the space of a gallery's vectors.

    An encoder of galleries may be one too (``DualEncoder`` and ``ComposedEncoder`` in one object).
    """

    @property
    def name(self) -> str:
        """Short name, e.g. ``"sum"``."""
        ...

    @property
    def needs_image(self) -> bool:
        """Whether pixels are needed; otherwise ``image_vector`` is enough."""
        ...

    def composed_settings(self) -> Mapping[str, Any]:
        """Return everything that shapes the vectors, as JSON-ready data (recorded with results)."""
        ...

    def encode_composed(self, inputs: Sequence[ComposedInput]) -> list[NDArray[np.float32]]:
        """Encode n inputs: n arrays (s, d) float32 of unit rows, s ≥ 1 of its own for each.

        Raises ``ModelError`` where the model cannot be used.
        """
        ...


def check_composed(
    encoder: ComposedEncoder, sets: Sequence[NDArray[np.float32]], count: int, dim: int
) -> None:
    """Check what an encoder returned for ``count`` inputs against a gallery of ``dim`` dimensions.

    Raises ``VectorError`` for another number of sets, another dimension, an empty set, and vectors
    that are not finite or not of unit length.
    """
    if len(sets) != count:
        raise VectorError(
            f"The composed-query encoder {encoder.name} returned {len(sets)} sets for {count} "
            "queries.",
            hint="Ask the author of the package that brings it.",
        )
    for vectors in sets:
        if vectors.ndim != 2 or not len(vectors):
            raise VectorError(
                f"The composed-query encoder {encoder.name} returned vectors of shape "
                f"{vectors.shape}.",
                hint="Expected are one or more rows for each query.",
            )
        if vectors.shape[1] != dim:
            raise VectorError(
                f"The composed-query encoder {encoder.name} returns vectors of "
                f"{vectors.shape[1]:,} dimensions, the gallery has {dim:,}.",
                hint="Both must come from one model: index the gallery with it, or choose another "
                "composed-query encoder.",
            )
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
        if not np.isfinite(vectors).all() or bool((np.abs(lengths - 1) > _TOLERANCE).any()):
            raise VectorError(
                f"The composed-query encoder {encoder.name} returned vectors that are not finite "
                "or not of unit length.",
                hint="Its weights may be damaged.",
            )
