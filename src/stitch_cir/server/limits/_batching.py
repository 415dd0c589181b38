"""One encoder for all requests: concurrent calls are batched into one.

A thread that gets the encoder takes along the inputs that have queued meanwhile, so a lone request
never waits, and the busier the server, the larger its batches. Where several requests are under way
but have not reached the encoder yet, it waits a few milliseconds for them.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.concepts import Concept
from stitch_cir.encoders import (
    ComposedEncoder,
    ComposedInput,
    ConceptReader,
    DenseEncoder,
    DualEncoder,
    TextLimits,
)
from stitch_cir.server.limits._cache import ByteBoundedCache
from stitch_cir.views import ViewBox

__all__ = ["Batcher", "BatchingEncoder", "batching"]

In = TypeVar("In")
Out = TypeVar("Out")

Observer = Callable[[str, int], None]
"""Called with the kind of a call and its number of inputs."""


class _Job(Generic[In, Out]):
    def __init__(self, inputs: Sequence[In]) -> None:
        self.inputs = inputs
        self.results: Sequence[Out] | None = None
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.results is not None or self.error is not None


class Batcher(Generic[In, Out]):
    """Combines the inputs of several threads into one call of ``function`` at a time.

    ``function`` maps n inputs to n outputs. ``max_inputs`` bounds one call (the inputs of a single
    thread are never split); ``busy`` returns how many threads may be about to call.
    """

    def __init__(
        self,
        function: Callable[[Sequence[In]], Sequence[Out]],
        *,
        max_inputs: int,
        seconds: float,
        busy: Callable[[], int],
    ) -> None:
        """Wait at most ``seconds`` for others while ``busy()`` exceeds the threads waiting here."""
        self._function = function
        self._max_inputs = max_inputs
        self._seconds = seconds
        self._busy = busy
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: list[_Job[In, Out]] = []

    def __call__(self, inputs: Sequence[In]) -> Sequence[Out]:
        """Return the outputs of this thread's inputs; raises what ``function`` raises for them."""
        job: _Job[In, Out] = _Job(inputs)
        with self._lock:
            self._waiting.append(job)
        with self._turn:
            # the previous thread may have taken this job along
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
            if inputs >= self._max_inputs or waiting >= self._busy():
                break
            time.sleep(self._seconds / 8)
        with self._lock:
            taken, count = 0, 0
            for job in self._waiting:
                if taken and count + len(job.inputs) > self._max_inputs:
                    break
                taken, count = taken + 1, count + len(job.inputs)
            batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch

    def _run(self, batch: list[_Job[In, Out]]) -> None:
        try:
            outputs = self._function([value for job in batch for value in job.inputs])
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            for job in batch:  # a bad input must not fail the others
                self._run([job])
            return
        start = 0
        for job in batch:
            job.results = outputs[start : start + len(job.inputs)]
            start += len(job.inputs)


class BatchingEncoder:
    """A ``DualEncoder`` in front of another; its vectors are the same.

    Vectors of texts and concepts of images are cached (bounded): a page that moves a slider sends
    the same texts again and again.
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
        """Call ``encoder`` in batches of at most ``texts`` texts and ``images`` images."""
        self._inner: Any = encoder
        self._observe = observe
        self.name = encoder.name
        self.weights_tag = encoder.weights_tag
        self.dim = encoder.dim
        self.decode_side = encoder.decode_side
        self.fingerprint = encoder.fingerprint
        self._texts = Batcher(self._texts_now, max_inputs=texts, seconds=seconds, busy=busy)
        self._views = Batcher(self._views_now, max_inputs=images, seconds=seconds, busy=busy)
        self._concepts = Batcher(self._concepts_now, max_inputs=images, seconds=seconds, busy=busy)
        self.text_vectors: ByteBoundedCache[NDArray[np.float32]] = ByteBoundedCache(8 << 20)
        self.image_concepts: ByteBoundedCache[tuple[Concept, ...]] = ByteBoundedCache(2 << 20)

    def warm_up(self) -> None:
        """Open the models by using them."""
        self._inner.encode_texts(["an image"])
        grey = Image.new("RGB", (self.decode_side, self.decode_side), (128, 128, 128))
        self._inner.encode_views([grey], [[ViewBox()]])

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode n texts: (n, d) float32, unit rows."""
        cached = {text: self.text_vectors.get(text) for text in texts}
        missing = [text for text, vector in cached.items() if vector is None]
        if missing:
            for text, encoded in zip(missing, self._texts(missing), strict=True):
                cached[text] = encoded
                self.text_vectors.put(text, encoded, encoded.nbytes + 4 * len(text) + 200)
        if not cached:
            return np.empty((0, self.dim), np.float32)
        return np.stack([vector for text in texts if (vector := cached[text]) is not None])

    def _texts_now(self, texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        self._observe("texts", len(texts))
        vectors: NDArray[np.float32] = self._inner.encode_texts(texts)
        # copies: a cached row must not keep its whole batch in memory
        return [vector.copy() for vector in vectors]

    def encode_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode M boxes of each of n images: (n, M, d) float32, unit rows."""
        pairs = [(image, tuple(views)) for image, views in zip(images, boxes, strict=True)]
        if not pairs:
            return np.empty((0, 0, self.dim), np.float32)
        return np.stack(self._views(pairs))

    def _views_now(
        self, pairs: Sequence[tuple[Image.Image, tuple[ViewBox, ...]]]
    ) -> Sequence[NDArray[np.float32]]:
        self._observe("views", len(pairs))
        encoded: list[NDArray[np.float32] | None] = [None] * len(pairs)
        for count in dict.fromkeys(len(boxes) for _, boxes in pairs):
            numbers = [n for n, (_, boxes) in enumerate(pairs) if len(boxes) == count]
            vectors = self._inner.encode_views(
                [pairs[n][0] for n in numbers], [pairs[n][1] for n in numbers]
            )
            for number, views in zip(numbers, vectors, strict=True):
                encoded[number] = views
        return [views for views in encoded if views is not None]

    def _concepts_now(self, images: Sequence[Image.Image]) -> Sequence[tuple[Concept, ...]]:
        self._observe("concepts", len(images))
        concepts: list[tuple[Concept, ...]] = self._inner.read_concepts(images)
        return concepts


class _ConceptMixin(BatchingEncoder):
    def read_concepts(self, images: Sequence[Image.Image]) -> list[tuple[Concept, ...]]:
        """Return the concepts of images; see ``ConceptReader``."""
        keys = [hashlib.sha256(repr(i.size).encode() + i.tobytes()).digest() for i in images]
        cached = dict(zip(keys, map(self.image_concepts.get, keys), strict=True))
        by_key = dict(zip(keys, images, strict=True))
        missing = [key for key, concepts in cached.items() if concepts is None]
        if missing:
            new = self._concepts([by_key[key] for key in missing])
            for key, concepts in zip(missing, new, strict=True):
                cached[key] = concepts
                self.image_concepts.put(key, concepts, 200 + 100 * len(concepts))
        return [stored for key in keys if (stored := cached[key]) is not None]


class _TextLimitsMixin(BatchingEncoder):
    @property
    def context_length(self) -> int:
        """The number of tokens of a text that the encoder reads."""
        return int(self._inner.context_length)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text."""
        counts: list[int] = self._inner.count_tokens(texts)
        return counts


class _DenseMixin(BatchingEncoder):
    @property
    def has_patches(self) -> bool:
        """Whether the encoder has patch vectors."""
        return bool(self._inner.has_patches)

    def encode_dense_views(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> NDArray[np.float32]:
        """Encode views from patch vectors; not batched."""
        vectors: NDArray[np.float32] = self._inner.encode_dense_views(images, boxes)
        return vectors


class _ComposedMixin(BatchingEncoder):
    @property
    def needs_image(self) -> bool:
        """Whether the encoder needs the pixels of a reference."""
        return bool(self._inner.needs_image)

    def composed_settings(self) -> Mapping[str, Any]:
        """Return what shapes the vectors of reference and text together."""
        settings: Mapping[str, Any] = self._inner.composed_settings()
        return settings

    def encode_composed(self, inputs: Sequence[ComposedInput]) -> list[NDArray[np.float32]]:
        """Encode references with their texts; not batched."""
        sets: list[NDArray[np.float32]] = self._inner.encode_composed(inputs)
        return sets


def batching(encoder: DualEncoder, **options: Any) -> BatchingEncoder:
    """Return an encoder that batches calls; it has exactly the abilities of ``encoder``."""
    abilities = (
        (ConceptReader, _ConceptMixin),
        (TextLimits, _TextLimitsMixin),
        (DenseEncoder, _DenseMixin),
        (ComposedEncoder, _ComposedMixin),
    )
    bases = tuple(mixin for protocol, mixin in abilities if isinstance(encoder, protocol))
    kind = type("BatchingEncoder", bases or (BatchingEncoder,), {})
    batched: BatchingEncoder = kind(encoder, **options)
    return batched
