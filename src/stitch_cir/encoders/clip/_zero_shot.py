"""What a CLIP-like encoder sees, in words: zero-shot classification over the shipped vocabulary."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir._paths import data_folder
from stitch_cir.concepts import Concept
from stitch_cir.encoders.mini import load_vocabulary
from stitch_cir.encoders.mini._colour import measure, shrink
from stitch_cir.encoders.mini._vocabulary import name_appearance, name_objects
from stitch_cir.views import ViewBox

if TYPE_CHECKING:
    from stitch_cir.encoders._protocol import DualEncoder

__all__ = ["ZeroShotReader"]

PROMPT = "a photo of a {}."
"""Radford et al., "Learning transferable visual models from natural language supervision", 2021."""
WHOLE = (ViewBox(),)


class _Encoder(Protocol):
    @property
    def fingerprint(self) -> str: ...

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]: ...

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]: ...


class ZeroShotReader:
    """Names objects by softmax(scale · cosine) over 1,000 labels; colours and light are measured.

    The labels' vectors are computed once and kept in the user's data folder under the encoder's
    fingerprint; a folder that cannot be written only costs time.
    """

    def __init__(self, encoder: _Encoder | DualEncoder, scale: float) -> None:
        """Read with ``encoder``, whose learned inverse temperature is ``scale``."""
        self._encoder = encoder
        self._scale = scale
        self._labels: NDArray[np.float32] | None = None

    def read(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        """Read n images; see ``ConceptReader``."""
        if not len(images):
            return []
        words = load_vocabulary()
        vectors = self._encoder.encode_views(images, [WHOLE] * len(images))[:, 0]
        logits = self._scale * (vectors @ self._label_vectors().T)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
        concepts = []
        for image, weights in zip(images, probabilities, strict=True):
            measured = measure(shrink(image), WHOLE, words.palette)
            concepts.append((*name_objects(words, weights), *name_appearance(measured, words)))
        return concepts

    def _label_vectors(self) -> NDArray[np.float32]:
        if self._labels is None:
            file = _labels_file(self._encoder.fingerprint)
            labels = load_vocabulary().labels
            vectors = _stored(file, len(labels))
            if vectors is None:
                vectors = self._encoder.encode_texts([PROMPT.format(label) for label in labels])
                _store(file, vectors)
            self._labels = vectors
        return self._labels


def _labels_file(fingerprint: str) -> Path:
    return data_folder() / "concepts" / f"{fingerprint[:32]}.npy"


def _stored(file: Path, count: int) -> NDArray[np.float32] | None:
    try:
        vectors = np.load(file, allow_pickle=False)
    except (OSError, ValueError):
        return None
    fits = vectors.ndim == 2 and len(vectors) == count and vectors.dtype == np.float32
    return np.asarray(vectors) if fits else None


def _store(file: Path, vectors: NDArray[np.float32]) -> None:
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            np.save(stream, vectors, allow_pickle=False)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
