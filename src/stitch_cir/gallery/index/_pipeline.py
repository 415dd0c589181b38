"""Encoding beside everything else: images are prepared ahead of a model that never waits for us.

    decode (threads) → collect a batch → prepare (threads) → model (one thread) → write
                     ╰──────── caller's thread ────────╯                        ╰ caller's thread

Every hand-over is bounded, so that a slow stage holds back those before it and memory stays flat.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders import PreparingEncoder, check_recipe, encode_set

if TYPE_CHECKING:
    from PIL import Image

    from stitch_cir.encoders import DualEncoder
    from stitch_cir.views import ViewBox, ViewRecipe

__all__ = ["EncodingPipeline"]

Job = Callable[[], Any]


class EncodingPipeline:
    """Encodes batches in the order they come, in a thread of its own; a context manager.

    At most ``ahead`` parts (inputs of one model call) are prepared or being prepared at a time,
    whatever is submitted. An encoder that cannot prepare (see ``PreparingEncoder``) gets each batch
    whole. The encoder is called from one thread at a time, never the caller's.

    ``worked`` and ``waited`` are the seconds the model's thread spent in the model's calls, and
    between them: before a call there was no input ready, the first one included.
    """

    def __init__(self, encoder: DualEncoder, recipe: ViewRecipe, *, ahead: int) -> None:
        """Start no work yet. Raises ``SettingError`` when encoder and recipe do not fit."""
        check_recipe(encoder, recipe)
        self._encoder = encoder
        self._recipe = recipe
        self._ahead = ahead
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._parts: deque[Future[Any]] = deque()
        self._preparing = ThreadPoolExecutor(ahead, thread_name_prefix="prepare")
        self._encoding = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._stopped = False
        self._last = time.perf_counter()
        self.worked = 0.0
        self.waited = 0.0

    @property
    def dim(self) -> int:
        """Return the length of the vectors."""
        return self._encoder.dim

    def submit(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> Future[NDArray[np.float32]]:
        """Queue n ≥ 1 images with M boxes each; the future gives (n, M, d) float32.

        What the encoder raises comes out of the future. Keep few futures open: that, not this
        queue, bounds the images that wait.
        """
        jobs, encode = self._split(images, boxes)
        with self._lock:
            self._jobs += jobs
        self._prepare_ahead()
        shape = (len(images), len(boxes[0]), -1)
        return self._encoding.submit(self._encode, len(jobs), encode, shape)

    def close(self) -> None:
        """Drop what has not begun, and come back when the running calls have ended."""
        self._stop()
        self._preparing.shutdown(wait=True, cancel_futures=True)
        self._encoding.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> EncodingPipeline:
        """Return the pipeline itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the pipeline."""
        self.close()

    def _split(
        self, images: Sequence[Image.Image], boxes: Sequence[Sequence[ViewBox]]
    ) -> tuple[list[Job], Callable[[Any], NDArray[np.float32]]]:
        """Return jobs that prepare parts, and what encodes a part."""
        if isinstance(self._encoder, PreparingEncoder):
            dense = self._recipe.kind == "dense"
            jobs = self._encoder.prepare_views(images, boxes, dense=dense)
            return jobs, self._encoder.encode_prepared

        def encode(part: None) -> NDArray[np.float32]:
            return encode_set(self._encoder, self._recipe, images, boxes)

        return [lambda: None], encode

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            self._jobs.clear()

    def _prepare_ahead(self) -> None:
        with self._lock:
            while self._jobs and len(self._parts) < self._ahead and not self._stopped:
                self._parts.append(self._preparing.submit(self._jobs.popleft()))

    def _encode(
        self,
        count: int,
        encode: Callable[[Any], NDArray[np.float32]],
        shape: tuple[int, int, int],
    ) -> NDArray[np.float32]:
        """Encode the next ``count`` parts, which are those of this batch."""
        try:
            rows = np.concatenate([self._encode_next(encode) for _ in range(count)])
        except BaseException:
            # the parts that are left belong to no batch any more
            self._stop()
            raise
        # a wrong number of rows is left for the caller to refuse
        fits = rows.ndim == 2 and len(rows) == shape[0] * shape[1]
        return rows.reshape(shape) if fits else rows

    def _encode_next(self, encode: Callable[[Any], NDArray[np.float32]]) -> NDArray[np.float32]:
        with self._lock:
            if self._stopped:
                raise CancelledError
            coming = self._parts[0]
        part = coming.result()
        with self._lock:
            self._parts.popleft()
        self._prepare_ahead()
        started = time.perf_counter()
        self.waited += started - self._last
        try:
            return np.asarray(encode(part))
        finally:
            self._last = time.perf_counter()
            self.worked += self._last - started
