"""The head of ``mini``: a learned residual from the vision tower's features to the text space.

Its file is a ``.npz`` without pickled objects: int8 maps with a float32 scale for each feature.
``scripts/fit_mini_head.py`` writes one for any folder of captioned images.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import ModelError

__all__ = ["WORD_KINDS", "MiniHead"]

FEATURES = 1752
DIM = 384
LARGEST = 8_000_000
"""Bytes of a file that could be a head; more is refused unread."""
WORD_KINDS = ("people", "actions", "places", "things", "scenery")
_TYPES = {
    "weights": np.int8,
    "scales": np.float32,
    "bias": np.float32,
    "share": np.float32,
    "word_weights": np.int8,
    "word_scales": np.float32,
    "word_bias": np.float32,
    "shift": np.float32,
    "scale": np.float32,
    "reach": np.float32,
}
_AGAIN = "Fit it again: python scripts/fit_mini_head.py --photos DIR --captions FILE --out {}"


@dataclass(frozen=True, slots=True)
class MiniHead:
    """Two linear maps of features: to a residual in the text space, and to scores of words.

    ``weights`` (1752, 384) and ``bias`` (384,) give the residual; ``share`` is its weight beside
    the unit vector of the concepts. ``word_weights`` (1752, W) and ``word_bias`` (W,) give the
    estimated probabilities of ``words``, each of a kind of ``WORD_KINDS``. They hold for images
    like those that the head was fitted on: the squared length of ``(x − shift) · scale`` of their
    features x, (1752,) each, is at most ``reach``. Maps are float32. ``digest`` is the SHA-256 of
    all of it.
    """

    weights: NDArray[np.float32] = field(repr=False)
    bias: NDArray[np.float32] = field(repr=False)
    share: float
    words: tuple[str, ...] = field(repr=False)
    word_kinds: tuple[str, ...] = field(repr=False)
    word_weights: NDArray[np.float32] = field(repr=False)
    word_bias: NDArray[np.float32] = field(repr=False)
    shift: NDArray[np.float32] = field(repr=False)
    scale: NDArray[np.float32] = field(repr=False)
    reach: float
    digest: str

    def residual(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map features (M, 1752) to the text space: (M, 384) float32, not of unit length."""
        return np.asarray(_product(features, self.weights) + self.bias, dtype=np.float32)

    def word_scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Estimate the words' probabilities from features (M, 1752): (M, W) in [0, 1].

        0 for images that are beyond the head's reach.
        """
        scores = np.clip(_product(features, self.word_weights) + self.word_bias, 0, 1)
        distances = (((features - self.shift) * self.scale) ** 2).sum(axis=1, keepdims=True)
        return np.asarray(np.where(distances <= self.reach, scores, 0), dtype=np.float32)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Load a head.

        Raises ``ModelError`` naming the file where it is missing, is no head, has another size, or
        was altered since it was written.
        """
        again = _AGAIN.format(file)
        try:
            if file.stat().st_size > LARGEST:
                raise ModelError(f"The head {file} is too large to be one of mini.", hint=again)
            with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except OSError as error:
            raise ModelError(
                f"The head {file} cannot be read: {error.strerror or error}.",
                hint=f"Check the path. {again}",
            ) from error
        except (ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
            raise ModelError(f"The file {file} is no head of mini.", hint=again) from error
        _check(arrays, file, again)
        names = ("words", "word_kinds")
        words, kinds = (tuple(map(str, arrays[name])) for name in names)
        return cls(
            _unpack(arrays["weights"], arrays["scales"]),
            arrays["bias"],
            float(arrays["share"]),
            words,
            kinds,
            _unpack(arrays["word_weights"], arrays["word_scales"]),
            arrays["word_bias"],
            arrays["shift"],
            arrays["scale"],
            float(arrays["reach"]),
            str(arrays["digest"]),
        )

    @staticmethod
    def save(
        file: Path,
        residual: tuple[NDArray[np.floating], NDArray[np.floating]],
        share: float,
        words: Mapping[str, str],
        readout: tuple[NDArray[np.floating], NDArray[np.floating]],
        domain: tuple[NDArray[np.floating], NDArray[np.floating], float],
    ) -> str:
        """Write a head and return its digest; equal numbers give equal bytes.

        ``residual`` and ``readout`` are maps with their biases; ``words`` gives each word its kind;
        ``domain`` is shift, scale and reach.
        """
        weights, scales = _pack(residual[0])
        word_weights, word_scales = _pack(readout[0])
        arrays: dict[str, NDArray[Any]] = {
            "weights": weights,
            "scales": scales,
            "bias": residual[1].astype(np.float32),
            "share": np.array(share, dtype=np.float32),
            "words": np.array(list(words), dtype=np.str_),
            "word_kinds": np.array(list(words.values()), dtype=np.str_),
            "word_weights": word_weights,
            "word_scales": word_scales,
            "word_bias": readout[1].astype(np.float32),
            "shift": domain[0].astype(np.float32),
            "scale": domain[1].astype(np.float32),
            "reach": np.array(domain[2], dtype=np.float32),
        }
        digest = _digest(arrays)
        with file.open("wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, digest=np.array(digest), **arrays)
        return digest


def _check(arrays: Mapping[str, NDArray[Any]], file: Path, again: str) -> None:
    missing = sorted({*_TYPES, "words", "word_kinds", "digest"} - set(arrays))
    if missing:
        raise ModelError(f"The file {file} is no head of mini: it lacks {missing}.", hint=again)
    count = arrays["words"].size
    shapes = {
        "weights": (FEATURES, DIM),
        "scales": (FEATURES,),
        "bias": (DIM,),
        "share": (),
        "words": (count,),
        "word_kinds": (count,),
        "word_weights": (FEATURES, count),
        "word_scales": (FEATURES,),
        "word_bias": (count,),
        "shift": (FEATURES,),
        "scale": (FEATURES,),
        "reach": (),
    }
    for name, shape in shapes.items():
        array = arrays[name]
        if array.shape != shape:
            raise ModelError(
                f"The head {file} has another size: {name} is {array.shape}, not {shape}.",
                hint=again,
            )
        if name in _TYPES and array.dtype != _TYPES[name]:
            raise ModelError(f"The head {file} holds {name} as {array.dtype}.", hint=again)
    if str(arrays["digest"]) != _digest(arrays):
        raise ModelError(f"The head {file} was altered: its checksum differs.", hint=again)


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash names, types, shapes and bytes, so that no change goes unnoticed."""
    digest = hashlib.sha256()
    for name in sorted(set(arrays) - {"digest"}):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {arrays[name].shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _pack(weights: NDArray[np.floating]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round to int8, each row (a feature) with a scale of its own: rows differ by thousands."""
    largest = np.abs(weights).max(axis=1, initial=0.0)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    return np.rint(weights / scales[:, None]).astype(np.int8), scales


def _unpack(weights: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asfortranarray(weights.astype(np.float32) * scales[:, None])


def _product(rows: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply without BLAS, whose spinning threads cost more than this little work."""
    return np.asarray(np.einsum("mf,df->md", rows, weights.T), dtype=np.float32)
