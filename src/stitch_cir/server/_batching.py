"""One encoder for all requests: what they ask at the same time goes through it in one call.

Whoever finds the encoder free takes along what has gathered meanwhile, so a lone request never
waits, and the busier the server, the larger its batches. Where several requests are under way but
have not come to the encoder yet, a few milliseconds are waited for them.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.concepts import Concept
from stitch_cir.encoders import ConceptReader, DenseEncoder, DualEncoder, TextLimits
from stitch_cir.server._cache import ByteBoundedCache
from stitch_cir.views import ViewBox

__all__ = ["Batcher", "BatchingEncoder", "batching"]

In = TypeVar("In")
Out = TypeVar("Out")

Observer = Callable[[str, int], None]
"""Told the kind of a call and how many inputs it had."""


class _Job(Generic[In, Out]):
    def __init__(self, inputs: Sequence[In]) -> None:
        self.inputs = inputs
        self.results: Sequence[Out] | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.results is not None or self.error is not None


class Batcher(Generic[In, Out]):
    """Gathers the inputs of several threads for one call of ``function`` at a time.

    ``function`` takes n inputs and gives n outputs. ``most`` bounds the inputs of one call (a
    thread's own inputs are never split); ``busy`` says how many threads may be on their way here.
    """

    def __init__(
        self,
        function: Callable[[Sequence[In]], Sequence[Out]],
        *,
        most: int,
        seconds: float,
        busy: Callable[[], int],
    ) -> None:
        """Wait at most ``seconds`` for others while ``busy()`` says that there are others."""
        self._function = function
        self._most = most
        self._seconds = seconds
        self._busy = busy
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: list[_Job[In, Out]] = []

    def __call__(self, inputs: Sequence[In]) -> Sequence[Out]:
        """Give the outputs of this thread's inputs; raises what ``function`` raises for them."""
        job: _Job[In, Out] = _Job(inputs)
        with self._lock:
            self._waiting.append(job)
        with self._turn:
            # whoever had the turn before may have taken this job along
            while not job.done:
                self._run(self._gather())
        if job.error is not None:
            raise job.error
        assert job.results is not None
        return job.results

    def _gather(self) -> list[_Job[In, Out]]:
        until = time.monotonic() + self._seconds
        while self._seconds and time.monotonic() < until:
            with self._lock:
                waiting = len(self._waiting)
                inputs = sum(len(job.inputs) for job in self._waiting)
            if inputs >= self._most or waiting >= self._busy():
                break
            time.sleep(self._seconds / 8)
        with self._lock:
            taken, count = 0, 0
            for job in self._waiting:
                if taken and count + len(job.inputs) > self._most:
                    break
                taken, count = taken + 1, count + len(job.inputs)
            batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch

    def _run(self, batch: list[_Job[In, Out]]) -> None:
        try:
            found = self._function([one for job in batch for one in job.inputs])
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for job in batch:  # one bad input must not fail the others
                self._run([job])
            return
        start = 0
        for job in batch:
            job.results = found[start : start + len(job.inputs)]
            start += len(job.inputs)


class BatchingEncoder:
    """A ``DualEncoder`` in front of another one; gives what that gives.

    Vectors of texts and concepts of pictures are remembered (bounded): a page that moves a slider
    asks for the same texts again and again.
    """

    def __init__(
        self,
        encoder: DualEncoder,
        *,
        seconds: float,
        texts: int,
        images: int,
        busy: Callable[[], int],
        observe: Observer,
    ) -> None:
        """Put ``encoder`` behind batches of at most ``texts`` and ``images``."""
        self._inner: Any = encoder
        self._observe = observe
        self.name = encoder.name
        self.weights_tag = encoder.weights_tag
        self.dim = encoder.dim
        self.decode_side = encoder.decode_side
        self.fingerprint = encoder.fingerprint
        self._texts = Batcher(self._texts_now, most=texts, seconds=seconds, busy=busy)
        self._views = Batcher(self._views_now, most=images, seconds=seconds, busy=busy)
        self._concepts = Batcher(self._concepts_now, most=images, seconds=seconds, busy=busy)
        self.text_vectors: ByteBoundedCache[NDArray[np.float32]] = ByteBoundedCache(8 << 20)
        self.image_concepts: ByteBoundedCache[tuple[Concept, ...]] = ByteBoundedCache(2 << 20)

    def warm_up(self) -> None:
        """Open the models now, by using them."""
        self._inner.encode_texts(["a picture"])
        grey = Image.new("RGB", (self.decode_side, self.decode_side), (128, 128, 128))
        self._inner.encode_views([grey], [[ViewBox()]])

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, d) float32, unit rows."""
        known = {text: self.text_vectors.get(text) for text in texts}
        missing = [text for text, vector in known.items() if vector is None]
        if missing:
            for text, own in zip(missing, self._texts(missing), strict=True):
                known[text] = own
                self.text_vectors.put(text, own, own.nbytes + 4 * len(text) + 200)
        if not known:
            return np.empty((0, self.dim), np.float32)
        return np.stack([vector for text in texts if (vector := known[text]) is not None])

    def _texts_now(self, texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        self._observe("texts", len(texts))
        vectors: NDArray[np.float32] = self._inner.encode_texts(texts)
        # rows of their own: a remembered row must not keep its whole batch in memory
        return [vector.copy() for vector in vectors]

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode n pictures' M boxes: (n, M, d) float32, unit rows."""
        pairs = [(image, tuple(own)) for image, own in zip(images, boxes, strict=True)]
        if not pairs:
            return np.empty((0, 0, self.dim), np.float32)
        return np.stack(self._views(pairs))

    def _views_now(
        self, pairs: Sequence[tuple[Image.Image, tuple[ViewBox, ...]]]
    ) -> Sequence[NDArray[np.float32]]:
        self._observe("views", len(pairs))
        found: list[NDArray[np.float32] | None] = [None] * len(pairs)
        for count in dict.fromkeys(len(boxes) for _, boxes in pairs):
            numbers = [n for n, (_, boxes) in enumerate(pairs) if len(boxes) == count]
            vectors = self._inner.encode_views(
                [pairs[n][0] for n in numbers], [pairs[n][1] for n in numbers]
            )
            for number, own in zip(numbers, vectors, strict=True):
                found[number] = own
        return [own for own in found if own is not None]

    def _concepts_now(self, images: Sequence[Image.Image]) -> Sequence[tuple[Concept, ...]]:
        self._observe("concepts", len(images))
        found: list[tuple[Concept, ...]] = self._inner.read_concepts(images)
        return found


class _Reads(BatchingEncoder):
    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        """Read the concepts of pictures; see ``ConceptReader``."""
        keys = [hashlib.sha256(repr(i.size).encode() + i.tobytes()).digest() for i in images]
        known = dict(zip(keys, map(self.image_concepts.get, keys), strict=True))
        by_key = dict(zip(keys, images, strict=True))
        missing = [key for key, found in known.items() if found is None]
        if missing:
            new = self._concepts([by_key[key] for key in missing])
            for key, own in zip(missing, new, strict=True):
                known[key] = own
                self.image_concepts.put(key, own, 200 + 100 * len(own))
        return [found for key in keys if (found := known[key]) is not None]


class _Counts(BatchingEncoder):
    @property
    def context_length(self) -> int:
        """Tokens of a text that are read."""
        return int(self._inner.context_length)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count each text's tokens."""
        counts: list[int] = self._inner.count_tokens(texts)
        return counts


class _Dense(BatchingEncoder):
    @property
    def has_patches(self) -> bool:
        """Whether the encoder gives patch vectors."""
        return bool(self._inner.has_patches)

    def encode_dense_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode views from patch vectors; not batched."""
        vectors: NDArray[np.float32] = self._inner.encode_dense_views(images, boxes)
        return vectors


def batching(encoder: DualEncoder, **options: Any) -> BatchingEncoder:
    """Put an encoder behind batches; the result can exactly what the encoder can."""
    abilities = ((ConceptReader, _Reads), (TextLimits, _Counts), (DenseEncoder, _Dense))
    bases = tuple(mixin for protocol, mixin in abilities if isinstance(encoder, protocol))
    kind = type("BatchingEncoder", bases or (BatchingEncoder,), {})
    made: BatchingEncoder = kind(encoder, **options)
    return made
