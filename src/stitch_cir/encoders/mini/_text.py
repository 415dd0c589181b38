"""The text tower of ``mini``: all-MiniLM-L6-v2 (int8 ONNX) with mean pooling."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders._session import open_session
from stitch_cir.encoders.clip import plain_tokenizer
from stitch_cir.encoders.mini._files import data_file, text_model

__all__ = ["CONTEXT", "TextTower"]

CONTEXT = 128
"""Word pieces a text may have; the model was trained on sentences of at most this length."""
BATCH = 32


class TextTower:
    """Sentences to 384 numbers. The model is opened at the first sentence; threads may share it."""

    dim = 384

    def __init__(self) -> None:
        """Open nothing yet."""
        self._lock = threading.Lock()
        self._opened: tuple[Any, Any] | None = None

    def open(self) -> tuple[Any, Any]:
        """Open session and tokenizer once."""
        with self._lock:
            if self._opened is None:
                # threads that spin between texts would take twice the processor time, from other
                # requests; the full level of optimisation takes twice as long and runs as fast
                session = open_session(text_model(), spinning=False, extended=True)
                self._opened = (session, _tokenizer())
            return self._opened

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the word pieces of each text, special ones included."""
        tokenizer = self.open()[1]
        return [len(tokenizer.encode(text).ids) for text in texts]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, 384) float32, unit rows (not centred)."""
        session, tokenizer = self.open()
        pieces = [_cut(tokenizer.encode(text).ids) for text in texts]
        vectors = np.empty((len(texts), self.dim), np.float32)
        # sentences of one length together: no padding, hence the same numbers in any company
        by_length: dict[int, list[int]] = {}
        for number, ids in enumerate(pieces):
            by_length.setdefault(len(ids), []).append(number)
        for numbers in by_length.values():
            for start in range(0, len(numbers), BATCH):
                part = numbers[start : start + BATCH]
                batch = np.array([pieces[number] for number in part], dtype=np.int64)
                states = session.run(
                    None,
                    {
                        "input_ids": batch,
                        "attention_mask": np.ones_like(batch),
                        "token_type_ids": np.zeros_like(batch),
                    },
                )[0]
                vectors[part] = states.mean(axis=1)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / lengths, dtype=np.float32)


def _cut(ids: list[int]) -> list[int]:
    """Keep the beginning and the closing token of a text that is too long."""
    return ids if len(ids) <= CONTEXT else [*ids[: CONTEXT - 1], ids[-1]]


def _tokenizer() -> Any:
    content = gzip.decompress(data_file("minilm-tokenizer.json.gz").read_bytes())
    return plain_tokenizer(content.decode("utf-8"))
