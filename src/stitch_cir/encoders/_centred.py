"""An encoder of texts whose origin is moved to the mean of the texts it will search."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.encoders._protocol import DualEncoder, TextLimits
from stitch_cir.errors import VectorError
from stitch_cir.views import ViewBox

__all__ = ["CentredEncoder"]

BATCH = 256


class CentredEncoder:
    """``normalise(f(text) − c)`` for another encoder's f, with c its mean over a gallery's texts.

    Vectors of texts share a large common part, more so within one gallery; without it cosines tell
    texts apart better. c says nothing about queries. It is part of the fingerprint, so that a
    gallery indexed around another mean is refused.
    """

    def __init__(self, base: DualEncoder, mean: NDArray[np.float32]) -> None:
        """Wrap ``base``; ``mean`` is (d,). Raises ``VectorError`` for another shape."""
        if mean.shape != (base.dim,):
            raise VectorError(
                f"The mean has shape {mean.shape}.", hint=f"Its shape must be ({base.dim},)."
            )
        self._base, self._mean = base, np.asarray(mean, np.float32)
        self.name = base.name
        self.dim = base.dim
        self.decode_side = base.decode_side
        self.weights_tag = f"{base.weights_tag}, centred"
        digest = hashlib.sha256(base.fingerprint.encode())
        digest.update(self._mean.astype("<f4").tobytes())
        self.fingerprint = digest.hexdigest()

    @classmethod
    def around(cls, base: DualEncoder, texts: Sequence[str]) -> CentredEncoder:
        """Centre on the mean of n ≥ 1 texts' vectors, each text counted as often as it is given."""
        total = np.zeros(base.dim)
        for start in range(0, len(texts), BATCH):
            total += base.encode_texts(texts[start : start + BATCH]).sum(axis=0, dtype=np.float64)
        return cls(base, np.round(total / max(1, len(texts)), 6).astype(np.float32))

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, d) float32, unit rows."""
        moved = self._base.encode_texts(texts) - self._mean
        lengths = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
        return np.asarray(moved / lengths, dtype=np.float32)

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Refuse images: the mean is one of texts. Raises ``VectorError``."""
        raise VectorError(
            "An encoder centred on captions encodes texts alone.",
            hint="Index images with the encoder itself.",
        )

    @property
    def context_length(self) -> int:
        """Tokens of a text that are read."""
        return self._base.context_length if isinstance(self._base, TextLimits) else 1 << 30

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens, 0 where the encoder wrapped does not say."""
        if isinstance(self._base, TextLimits):
            return self._base.count_tokens(texts)
        return [0] * len(texts)
