"""The vision tower of ``mini``: EfficientNet-Lite2, one pass an image, pooled over view boxes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.encoders._session import open_session
from stitch_cir.encoders.mini._files import data_file
from stitch_cir.views import ViewBox

__all__ = ["VisionTower", "box_weights", "fit"]

SIDE = 288
"""The input has about SIDE × SIDE pixels, in the image's own shape."""
STRIDE = 32
MOST_STRETCHED = 3.0
"""Images longer than this are squeezed to it: a strip has no shape to keep."""


class VisionTower:
    """Images to label logits and features for each view box.

    Opened at the first image; threads share it.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
        self._lock = threading.Lock()
        self._session: Any = None

    def open(self) -> Any:
        """Open the session once."""
        with self._lock:
            if self._session is None:
                # threads that spin between images would starve decoding and NumPy
                file = data_file("efficientnet-lite2.onnx")
                self._session = open_session(file, spinning=False)
            return self._session

    def read(
        self,
        pixels: NDArray[np.uint8],
        boxes: Sequence[ViewBox],
        *,
        whole_share: float = 0.0,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Score the 1,000 labels in each box of an image (see :func:`fit`), and return features.

        (M, 1000) and (M, 1752) float32. One forward pass; the feature maps are averaged over each
        box (a flip changes nothing), and with weight ``whole_share`` over the whole image.
        """
        cells = box_weights(boxes, pixels.shape[0] // STRIDE, pixels.shape[1] // STRIDE)
        cells = (1 - whole_share) * cells + np.float32(whole_share / cells.shape[1])
        inputs = {"image": pixels[None], "boxes": cells}
        logits, features = self.open().run(["logits", "features"], inputs)
        return np.asarray(logits, dtype=np.float32), np.asarray(features, dtype=np.float32)


def fit(image: Image.Image) -> NDArray[np.uint8]:
    """Resize an RGB image to about SIDE² pixels, sides multiples of the stride: (h, w, 3)."""
    shape = min(max(image.width / image.height, 1 / MOST_STRETCHED), MOST_STRETCHED)
    width = max(STRIDE, round(SIDE * shape**0.5 / STRIDE) * STRIDE)
    height = max(STRIDE, round(SIDE * shape**-0.5 / STRIDE) * STRIDE)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)


def box_weights(boxes: Sequence[ViewBox], rows: int, columns: int) -> NDArray[np.float32]:
    """Share of each cell of a rows × columns grid in each box: (M, rows·columns), rows sum to 1."""
    edges = np.array([[b.y0, b.y1, b.x0, b.x1] for b in boxes], dtype=np.float64)
    down = _overlap(edges[:, 0], edges[:, 1], rows)
    across = _overlap(edges[:, 2], edges[:, 3], columns)
    shares = down[:, :, None] * across[:, None, :]
    shares /= shares.sum(axis=(1, 2), keepdims=True)
    return np.asarray(shares.reshape(len(boxes), -1), dtype=np.float32)


def _overlap(
    low: NDArray[np.float64], high: NDArray[np.float64], cells: int
) -> NDArray[np.float64]:
    """Length of [low, high] in each of ``cells`` equal cells of [0, 1]: (M, cells), never all 0."""
    grid = np.arange(cells + 1) / cells
    covered = np.minimum(high[:, None], grid[1:]) - np.maximum(low[:, None], grid[:-1])
    # a sliver thinner than rounding still lies in the cell of its middle
    middle = np.minimum(((low + high) / 2 * cells).astype(np.int64), cells - 1)
    lengths: NDArray[np.float64] = np.maximum(covered, 0.0)
    lengths[np.arange(len(low)), middle] += 1e-9
    return lengths
