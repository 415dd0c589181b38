"""View boxes: which crops of an image form its view set, cut reproducibly (method §3)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from stitch_cir.errors import SettingError

__all__ = ["ViewBox", "ViewRecipe", "content_key", "cut", "pad_to_ratio"]


@dataclass(frozen=True, slots=True)
class ViewBox:
    """One crop as fractions of the image's sides, 0 ≤ x0 < x1 ≤ 1 and 0 ≤ y0 < y1 ≤ 1.

    ``flip`` mirrors the crop left to right. The box (0, 0, 1, 1) without flip is the original view.
    """

    x0: float = 0.0
    y0: float = 0.0
    x1: float = 1.0
    y1: float = 1.0
    flip: bool = False


_GRID: tuple[ViewBox, ...] = (
    ViewBox(),
    ViewBox(0.0, 0.0, 1.0, 0.5),
    ViewBox(0.0, 0.5, 1.0, 1.0),
    ViewBox(0.0, 0.0, 0.5, 1.0),
    ViewBox(0.5, 0.0, 1.0, 1.0),
    ViewBox(0.25, 0.25, 0.75, 0.75),
    ViewBox(0.0, 0.0, 0.5, 0.5),
    ViewBox(0.5, 0.0, 1.0, 0.5),
    ViewBox(0.0, 0.5, 0.5, 1.0),
    ViewBox(0.5, 0.5, 1.0, 1.0),
)
"""The first ten grid views: original, four halves, centre, four quadrants."""


@dataclass(frozen=True, slots=True)
class ViewRecipe:
    """How the M = ``count`` views of every image are chosen; the first is always the original.

    ``kind="grid"``: the same boxes for every image: original, halves, centre, quadrants; beyond
    ten, windows of 1/3, 1/4, … of the sides, row by row. ``count`` 1 is the original alone.

    ``kind="dense"``: the boxes of the grid, but encoded from the patch vectors of one forward pass
    an image (see ``DenseEncoder``): cheaper, and not the same vectors.

    ``kind="random"``: RandomResizedCrop (area ``scale``, aspect ``ratio`` drawn log-uniformly, ten
    tries, then the largest centred crop of an allowed aspect) and a mirror with probability ½, as
    in method §3, but seeded from ``seed`` and the content of the image.

    Raises ``SettingError`` for values outside their ranges.
    """

    kind: Literal["grid", "dense", "random"] = "grid"
    count: int = 10
    seed: int = 0
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.kind not in ("grid", "dense", "random"):
            raise SettingError(
                f"There is no kind of views {self.kind!r}.", hint="Kinds: grid, dense, random."
            )
        if not _is_whole(self.count) or not 1 <= self.count <= 256:
            raise SettingError(
                f"The number of views is {self.count!r}.", hint="It must be between 1 and 256."
            )
        if not _is_whole(self.seed) or not 0 <= self.seed < 1 << 64:
            raise SettingError(
                f"The views' seed is {self.seed!r}.", hint="It must be a whole number, 0 … 2⁶⁴−1."
            )
        _check_span("scale", self.scale, 1.0)
        _check_span("ratio", self.ratio, 1e6)

    def boxes(self, width: int, height: int, key: bytes) -> tuple[ViewBox, ...]:
        """Return the boxes of an image of ``width`` × ``height`` pixels.

        ``key`` identifies its content (see :func:`content_key`); the grid ignores size and key.
        """
        if width < 1 or height < 1:
            raise SettingError(f"An image cannot be {width} × {height} pixels.")
        if self.kind != "random":
            return _grid(self.count)
        digest = hashlib.sha256(self.seed.to_bytes(8, "big") + key).digest()
        # named explicitly: the stream of default_rng may change between versions of NumPy
        source = np.random.SeedSequence(int.from_bytes(digest, "big"))
        random = np.random.Generator(np.random.PCG64(source))
        crops = (self._crop(width, height, random) for _ in range(self.count - 1))
        return (ViewBox(), *crops)

    def _crop(self, width: int, height: int, random: np.random.Generator) -> ViewBox:
        area = width * height
        flip = bool(random.random() < 0.5)
        log_ratio = np.log(self.ratio)
        for _ in range(10):
            target = area * random.uniform(*self.scale)
            ratio = math.exp(random.uniform(*log_ratio))
            w, h = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
            if 0 < w <= width and 0 < h <= height:
                left = int(random.integers(0, width - w + 1))
                top = int(random.integers(0, height - h + 1))
                return _fractions(left, top, w, h, width, height, flip)
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        w = min(width, max(1, round(height * ratio)))
        h = min(height, max(1, round(width / ratio)))
        return _fractions((width - w) // 2, (height - h) // 2, w, h, width, height, flip)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, recorded with the gallery."""
        return {**asdict(self), "scale": list(self.scale), "ratio": list(self.ratio)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ViewRecipe:
        """Read what :meth:`to_dict` wrote; ``SettingError`` when something is missing or odd."""
        try:
            return cls(
                kind=data["kind"],
                count=data["count"],
                seed=data["seed"],
                scale=tuple(data["scale"]),
                ratio=tuple(data["ratio"]),
            )
        except (KeyError, TypeError) as error:
            raise SettingError(
                f"The view recipe {dict(data)!r} cannot be understood.",
                hint="It needs kind, count, seed, scale and ratio.",
            ) from error


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_span(name: str, span: tuple[float, float], most: float) -> None:
    try:
        low, high = (float(end) for end in span)
    except (TypeError, ValueError):
        low = high = math.nan
    if not 0 < low <= high <= most:
        raise SettingError(
            f"The views' {name} is {span!r}.", hint=f"It needs 0 < low ≤ high ≤ {most:g}."
        )


def _grid(count: int) -> tuple[ViewBox, ...]:
    boxes = list(_GRID[:count])
    cells = 3
    while len(boxes) < count:
        boxes += [
            ViewBox(x / cells, y / cells, (x + 1) / cells, (y + 1) / cells)
            for y in range(cells)
            for x in range(cells)
        ]
        cells += 1
    return tuple(boxes[:count])


def _fractions(left: int, top: int, w: int, h: int, width: int, height: int, flip: bool) -> ViewBox:
    return ViewBox(left / width, top / height, (left + w) / width, (top + h) / height, flip)


def content_key(image: Image.Image) -> bytes:
    """Return 32 bytes that identify what an upright image shows.

    A digest of its size and a small RGB reduction, so that lossless copies (another container,
    another EXIF orientation) get equal random views.
    """
    small = image.convert("RGB").resize((32, 32), Image.Resampling.BOX)
    return hashlib.sha256(repr(image.size).encode() + small.tobytes()).digest()


def cut(image: Image.Image, box: ViewBox) -> Image.Image:
    """Return one view of an image: at least one pixel, mirrored if the box says so."""
    left = min(round(box.x0 * image.width), image.width - 1)
    top = min(round(box.y0 * image.height), image.height - 1)
    right = max(round(box.x1 * image.width), left + 1)
    bottom = max(round(box.y1 * image.height), top + 1)
    if (left, top, right, bottom) != (0, 0, image.width, image.height):
        # not Image.crop, which warns about every piece of more than 89 megapixels
        image = image.resize(
            (right - left, bottom - top), Image.Resampling.NEAREST, box=(left, top, right, bottom)
        )
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if box.flip else image


LONGEST_PADDED = 4096
"""Longest side of a padded image: 1 × 20,000 pixels must not become 16,000 × 20,000."""


def pad_to_ratio(image: Image.Image, ratio: float = 1.25) -> Image.Image:
    """Zero-pad the short side, centred, until long/short is ``ratio`` (target padding, method §3).

    Images whose sides differ by less than ``ratio`` stay as they are. An image to be padded
    whose long side exceeds ``LONGEST_PADDED`` is scaled down to it first.

    Raises ``SettingError`` for a ratio below 1.
    """
    if not ratio >= 1:
        raise SettingError(f"The padding ratio is {ratio!r}.", hint="It must be at least 1.")
    width, height = image.size
    if max(width, height) / min(width, height) < ratio:
        return image
    if max(width, height) > LONGEST_PADDED:
        shrink = LONGEST_PADDED / max(width, height)
        width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
        image = image.resize((width, height), Image.Resampling.BOX)
    size = (
        max(width, round(height / ratio)) if width < height else width,
        max(height, round(width / ratio)) if height < width else height,
    )
    padded = Image.new(image.mode, size)
    padded.paste(image, ((size[0] - width) // 2, (size[1] - height) // 2))
    return padded
