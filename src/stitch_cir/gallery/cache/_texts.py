"""Vectors of texts that never change, kept beside the packed vectors of a gallery."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["cached_texts"]

_PREFIX = "texts-"


def cached_texts(
    cache: Path,
    fingerprint: str,
    texts: Sequence[str],
    dim: int,
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Return the vectors of texts, (n, dim) float32, from the folder ``cache`` if it has them.

    ``fingerprint`` names the encoder. A file that is damaged, or of another encoder, is as if it
    were not there; where nothing can be written, the texts are encoded every time.
    """
    encoder, key = (
        hashlib.sha256(text.encode()).hexdigest()[:16] for text in (fingerprint, "\0".join(texts))
    )
    file = cache / f"{_PREFIX}{encoder}-{key}"
    stored = _read(file, (len(texts), dim))
    if stored is not None:
        return stored
    vectors = np.ascontiguousarray(encode(texts), dtype="<f4")
    with suppress(OSError):
        _write(file, vectors)
        for old in cache.glob(f"{_PREFIX}*"):
            if not old.name.startswith(f"{_PREFIX}{encoder}-"):
                old.unlink()
    return vectors.astype(np.float32)


def _read(file: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, body = content[:32], content[32:]
    if len(body) != 4 * shape[0] * shape[1] or hashlib.sha256(body).digest() != digest:
        return None
    return np.frombuffer(body, "<f4").reshape(shape).astype(np.float32)


def _write(file: Path, vectors: NDArray[np.float32]) -> None:
    """Write a file beside its place, and rename it."""
    body = vectors.tobytes()
    handle, scratch = tempfile.mkstemp(prefix="building-", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(hashlib.sha256(body).digest() + body)
        Path(scratch).chmod(file.parent.stat().st_mode & 0o666)
        Path(scratch).replace(file)
    except OSError:
        Path(scratch).unlink(missing_ok=True)
        raise
