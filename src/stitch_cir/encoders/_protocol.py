"""What an encoder is, and what it can do beyond encoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.concepts import Concept
from stitch_cir.views import ViewBox

__all__ = [
    "ConceptReader",
    "DenseEncoder",
    "DualEncoder",
    "EncoderNotes",
    "PreparingEncoder",
    "ShippedWeights",
    "StandIn",
    "TextLimits",
    "WarmUp",
    "encoder_notes",
    "too_long",
]


@runtime_checkable
class DualEncoder(Protocol):
    """Images and texts into one space of unit vectors (CLIP's contract)."""

    @property
    def name(self) -> str:
        """Short name, e.g. ``"mini"`` or ``"ViT-L-14"``."""
        ...

    @property
    def weights_tag(self) -> str:
        """Which pretrained weights, e.g. ``"openai"``; printed with every number."""
        ...

    @property
    def dim(self) -> int:
        """Length d of every vector."""
        ...

    @property
    def decode_side(self) -> int:
        """Shorter side in pixels that decoding must keep (lets a JPEG be decoded small)."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hex digest of everything that shapes a vector: weights, vocabulary, preprocessing.

        Equal fingerprints mean interchangeable vectors; a gallery remembers it and refuses another.
        """
        ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts: (n,) strings to (n, d) float32, unit rows."""
        ...

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode views: n RGB images, n lists of M boxes → (n, M, d) float32 unit rows.

        Every image has the same number M of boxes; boxes are fractions of the image's sides.
        """
        ...


@runtime_checkable
class ConceptReader(Protocol):
    """An encoder that also names what it sees, for the verbatim composer."""

    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        """Read concepts: for each RGB image its concepts, the heaviest first within each kind."""
        ...


@runtime_checkable
class DenseEncoder(Protocol):
    """An encoder that can pool regions from the patch vectors of few forward passes."""

    @property
    def has_patches(self) -> bool:
        """Whether this model gives patch vectors (not every one of a family does)."""
        ...

    def encode_dense_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode views as ``encode_views`` does, cheaper and less exactly: (n, M, d)."""
        ...


@runtime_checkable
class PreparingEncoder(Protocol):
    """An encoder whose work on images can be split: preparing them, and the model's own calls.

    Optional. Indexing then prepares the next images in other threads while the model works;
    without it an encoder gets whole images in ``encode_views``. Both ways give the same vectors.
    """

    def prepare_views(
        self,
        images: Sequence[Image.Image],
        boxes: Sequence[Sequence[ViewBox]],
        *,
        dense: bool = False,
    ) -> list[Callable[[], Any]]:
        """Split n images' M boxes into jobs: each prepares what one model call takes.

        Jobs may run in any thread, several at a time; until one runs it has copied no pixels.
        ``dense`` asks for the work of ``encode_dense_views``.
        """
        ...

    def encode_prepared(self, part: Any) -> NDArray[np.float32]:
        """Encode what one job returned: (v, d) float32, unit rows.

        The rows of all jobs, in their order, are those of (n, M, d), image by image.
        """
        ...


@runtime_checkable
class TextLimits(Protocol):
    """An encoder that can say which texts it would cut off."""

    @property
    def context_length(self) -> int:
        """Tokens of a text that are read, special ones included."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens, special ones included."""
        ...


@runtime_checkable
class EncoderNotes(Protocol):
    """An encoder that has something to note about its model, such as a guessed setting."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know; shown with every index and search."""
        ...


@runtime_checkable
class WarmUp(Protocol):
    """An encoder that opens its models when they are first needed, or beforehand."""

    def warm_up(self, *, texts: bool = True, images: bool = True) -> None:
        """Open the models for texts, for images, or for both. Raises ``ModelError``."""
        ...


@runtime_checkable
class StandIn(Protocol):
    """An encoder that works everywhere, but falls short of a model that has to be fetched."""

    @property
    def stand_in_for(self) -> str:
        """The name of that model in the catalogue."""
        ...

    @property
    def strengths(self) -> str:
        """What the stand-in is good at, to follow ``good at``."""
        ...


@runtime_checkable
class ShippedWeights(Protocol):
    """An encoder whose files come with installed packages, and are checked there."""

    def verify(self) -> None:
        """Compare every file with its recorded checksum. Raises ``ModelError``."""
        ...


def encoder_notes(encoder: DualEncoder) -> tuple[str, ...]:
    """Return what an encoder notes about its model; nothing where it is no ``EncoderNotes``."""
    return tuple(encoder.notes) if isinstance(encoder, EncoderNotes) else ()


def too_long(encoder: DualEncoder, texts: Sequence[str]) -> list[tuple[str, int]]:
    """Return the texts that an encoder cuts off, each with its number of tokens.

    An encoder that cannot say so has none.
    """
    if not isinstance(encoder, TextLimits):
        return []
    counts = encoder.count_tokens(texts)
    limit = encoder.context_length
    return [(text, count) for text, count in zip(texts, counts, strict=True) if count > limit]
