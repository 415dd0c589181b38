"""Vectors of texts that were encoded for a benchmark, kept beside its galleries.

A resumed run, and every other run that shares the galleries, reads what was encoded before. The
file is a cache: deleted, it is made again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir._sqlite_files import connect_for_writing
from stitch_cir.encoders import DualEncoder, TextLimits
from stitch_cir.errors import CacheError
from stitch_cir.views import ViewBox

__all__ = ["TEXT_VECTORS", "RememberingEncoder", "copy_vectors"]

TEXT_VECTORS = "text-vectors.sqlite"

_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID"


class RememberingEncoder:
    """Another encoder, which encodes every text at most once.

    ``file`` may hold the vectors of other encoders as well, and other processes may use it.
    """

    def __init__(self, base: DualEncoder, file: Path) -> None:
        """Wrap ``base``; the file is opened when it is needed."""
        self._base, self._file = base, file
        self.name = base.name
        self.dim = base.dim
        self.decode_side = base.decode_side
        self.weights_tag = base.weights_tag
        self.fingerprint = base.fingerprint

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, d) float32, unit rows. Raises ``CacheError`` for a damaged file."""
        vectors = np.empty((len(texts), self.dim), np.float32)
        with _opened(self._file) as database:
            keys = [self._key(text) for text in texts]
            new: dict[bytes, str] = {}
            for row, (key, text) in enumerate(zip(keys, texts, strict=True)):
                line = database.execute("SELECT vector FROM vectors WHERE key = ?", (key,))
                kept = line.fetchone()
                if kept is None:
                    new[key] = text
                else:
                    vectors[row] = np.frombuffer(kept[0], "<f4")
            if new:
                encoded = dict(zip(new, self._base.encode_texts(list(new.values())), strict=True))
                lines = [(key, each.astype("<f4").tobytes()) for key, each in encoded.items()]
                with database:
                    database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", lines)
                for row, key in enumerate(keys):
                    if key in encoded:
                        vectors[row] = encoded[key]
        return vectors

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode views as the encoder wrapped does."""
        return self._base.encode_views(images, boxes)

    @property
    def context_length(self) -> int:
        """Tokens of a text that are read."""
        return self._base.context_length if isinstance(self._base, TextLimits) else 1 << 30

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens, 0 where the encoder wrapped does not say."""
        if isinstance(self._base, TextLimits):
            return self._base.count_tokens(texts)
        return [0] * len(texts)

    def _key(self, text: str) -> bytes:
        content = f"{self.fingerprint} {text}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(content).digest()


def copy_vectors(sources: Iterable[Path], file: Path) -> None:
    """Copy the vectors that other such files hold. Raises ``CacheError`` for a damaged file."""
    for source in sources:
        if not source.is_file():
            continue
        with _opened(source) as other, _opened(file) as database, database:
            rows = other.execute("SELECT key, vector FROM vectors")
            database.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        database = connect_for_writing(file, timeout=60)
        try:
            database.isolation_level = "DEFERRED"
            database.execute(_SCHEMA)
            yield database
        finally:
            database.close()
    except (sqlite3.Error, OSError) as error:
        raise CacheError(
            f"The vectors of texts in {file} cannot be used: {error}.",
            hint="Delete the file: the texts are encoded again.",
        ) from error
