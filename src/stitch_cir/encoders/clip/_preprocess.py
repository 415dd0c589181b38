"""CLIP's image preprocessing, written once on Pillow and NumPy (method §3).

resize (bicubic) → centre crop → 1/255 → (x − mean) / std, exactly as transformers' Pillow
processors do it; before it, target padding: images longer than 1.25 : 1 are zero-padded to that.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.errors import ModelError
from stitch_cir.views import pad_to_ratio

__all__ = ["CLIP_MEAN", "CLIP_STD", "Geometry", "Preprocess"]

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
LONGEST_RESIZED = 1 << 16
"""No side grows beyond this: 1 × 20,000 pixels must not become 224 × 4,480,000."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where an image's points lie in the model's input: u = x · scale + shift, both in [0, 1].

    ``x`` is a fraction of the image's side, ``u`` of the input's; values outside were cropped.
    """

    scale_x: float
    shift_x: float
    scale_y: float
    shift_y: float


@dataclass(frozen=True, slots=True)
class Preprocess:
    """From an RGB image to a tensor (3, side, side) float32.

    Parameters
    ----------
    side:
        Side of the model's square input in pixels.
    resize:
        Shorter side before the centre crop; ``None`` resizes to ``side`` × ``side`` without regard
        to the aspect (SigLIP).
    mean, std:
        Of the three channels, on values in [0, 1].
    resample:
        Pillow's number of the filter: 3 bicubic, 2 bilinear.
    pad:
        Ratio of target padding, ``None`` for none.
    """

    side: int = 224
    resize: int | None = 224
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    resample: int = 3
    pad: float | None = 1.25
    version: int = 1

    @classmethod
    def from_config(cls, data: Mapping[str, Any], where: str) -> Preprocess:
        """Read a ``preprocessor_config.json`` of transformers, in its old and new forms.

        Raises ``ModelError`` naming what is missing or unknown.
        """
        try:
            size, crop = data["size"], data.get("crop_size")
            if not data.get("do_center_crop", "crop_size" in data):
                crop = None
            target = _side(crop if crop is not None else size)
            short: int | None = None
            if crop is not None:
                short = int(size["shortest_edge"]) if isinstance(size, Mapping) else int(size)
            elif isinstance(size, Mapping) and "shortest_edge" in size:
                raise ValueError("shortest_edge without a centre crop gives no square")
            made = cls(
                side=target,
                resize=short,
                mean=_three(data.get("image_mean", CLIP_MEAN)),
                std=_three(data.get("image_std", CLIP_STD)),
                resample=_filter(data.get("resample", 3)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{where} does not say how images are prepared: {error!r}.",
                hint="Expected are size, crop_size, image_mean, image_std as transformers writes "
                "them.",
            ) from error
        factor = data.get("rescale_factor", 1 / 255)
        if not (isinstance(factor, (int, float)) and math.isclose(factor, 1 / 255, rel_tol=1e-6)):
            raise ModelError(
                f"{where} multiplies pixels by {factor!r} instead of 1/255, which no encoder here "
                "can honour.",
                hint="Use the preprocessor_config.json of a CLIP or SigLIP model.",
            )
        for name in ("do_resize", "do_rescale", "do_normalize"):
            if data.get(name) is False:
                raise ModelError(
                    f"{where} says {name} is false, which no encoder here can honour.",
                    hint="Use the preprocessor_config.json of a CLIP or SigLIP model.",
                )
        return made

    @classmethod
    def from_folder(cls, folder: Path) -> Preprocess:
        """Read how a model's folder has images prepared.

        ``preprocessor_config.json``, or the part ``image_processor`` of ``processor_config.json``,
        the one file that transformers 5 writes for a whole processor. Raises ``ModelError`` when
        neither is there, or what is there is odd.
        """
        alone, whole = folder / "preprocessor_config.json", folder / "processor_config.json"
        if alone.is_file() or not whole.is_file():
            if not alone.exists():
                raise ModelError(
                    f"{folder} holds neither {alone.name} nor {whole.name}, so it is not known "
                    "how images are prepared.",
                    hint="Fetch the model again, or copy one of the two beside its weights.",
                )
            return cls.from_file(alone)
        return cls.from_file(whole, part="image_processor")

    @classmethod
    def from_file(cls, path: Path, *, part: str | None = None) -> Preprocess:
        """Read one file, or a ``part`` of it; ``ModelError`` when it is missing or odd."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"{path} is missing or no JSON: {error}.", hint="Fetch the model again."
            ) from error
        if part is not None and isinstance(data, Mapping):
            data = data.get(part)
            if data is None:
                raise ModelError(
                    f"{path} says nothing of {part}.", hint="Copy preprocessor_config.json, too."
                )
        if not isinstance(data, Mapping):
            raise ModelError(f"{path} holds no object.", hint="Fetch the model again.")
        return cls.from_config(data, str(path))

    def to_config(self) -> dict[str, Any]:
        """Return the content of a ``preprocessor_config.json``; padding is recorded elsewhere."""
        square = {"height": self.side, "width": self.side}
        return {
            "do_resize": True,
            "size": square if self.resize is None else {"shortest_edge": self.resize},
            "do_center_crop": self.resize is not None,
            **({} if self.resize is None else {"crop_size": square}),
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "resample": self.resample,
            "do_convert_rgb": True,
        }

    def write(self, path: Path) -> None:
        """Write a ``preprocessor_config.json``."""
        path.write_text(json.dumps(self.to_config(), indent=1), encoding="utf-8")

    def to_dict(self) -> dict[str, Any]:
        """Everything that shapes a tensor, for fingerprints."""
        return asdict(self)

    def __call__(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Prepare n RGB images: (n, 3, side, side) float32."""
        tensors = np.empty((len(images), 3, self.side, self.side), np.float32)
        for number, image in enumerate(images):
            self._prepare_image(image, tensors[number])
        return tensors

    def _prepare_image(self, image: Image.Image, into: NDArray[np.float32]) -> None:
        image = image if image.mode == "RGB" else image.convert("RGB")
        if self.pad is not None:
            image = pad_to_ratio(image, self.pad)
        resized = image.resize(self._resized(*image.size), Image.Resampling(self.resample))
        if self.resize is not None:
            # a window that leaves the image is filled with zeros, as transformers does
            left = (resized.width - self.side) // 2
            top = (resized.height - self.side) // 2
            resized = resized.crop((left, top, left + self.side, top + self.side))
        pixels = np.asarray(resized)
        table = _table(self.mean, self.std)
        for channel in range(3):
            # a byte is never out of range; "clip" only spares take its buffer
            np.take(table[channel], pixels[:, :, channel], out=into[channel], mode="clip")

    def _resized(self, width: int, height: int) -> tuple[int, int]:
        if self.resize is None:
            return self.side, self.side
        short, long = min(width, height), max(width, height)
        # transformers truncates; the cap lies far beyond what the centre crop keeps
        other = min(int(self.resize * long / short), LONGEST_RESIZED)
        return (self.resize, other) if width <= height else (other, self.resize)

    def geometry(self, width: int, height: int) -> Geometry:
        """Return where the points of an image of this size lie in the model's input."""
        padded_w, padded_h = float(width), float(height)
        if self.pad is not None and max(width, height) / min(width, height) >= self.pad:
            if width < height:
                padded_w = max(width, height / self.pad)
            else:
                padded_h = max(height, width / self.pad)
        new_w, new_h = self._resized(round(padded_w), round(padded_h))
        axes = []
        for size, padded, new in ((width, padded_w, new_w), (height, padded_h, new_h)):
            scale = size / padded * new / self.side
            start = (padded - size) / 2 / padded * new
            axes.append((scale, (start - (new - self.side) // 2) / self.side))
        return Geometry(*axes[0], *axes[1])


@functools.cache
def _table(mean: tuple[float, ...], std: tuple[float, ...]) -> NDArray[np.float32]:
    """Return the value of each of 256 bytes in each channel: (3, 256) float32.

    Rounded where transformers rounds, so that both agree to the last bits of float32.
    """
    scaled = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
    centred = scaled[None, :] - np.asarray(mean, np.float32)[:, None]
    return np.asarray(centred / np.asarray(std, np.float32)[:, None], dtype=np.float32)


def _side(size: Any) -> int:
    if isinstance(size, Mapping):
        if "height" not in size and "shortest_edge" in size:
            return int(size["shortest_edge"])
        height, width = int(size["height"]), int(size["width"])
        if height != width:
            raise ValueError(f"the input is {width} × {height}, not square")
        return height
    return int(size)


_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def _filter(value: Any) -> int:
    """Return Pillow's number of a resampling filter, given as number or by name."""
    if isinstance(value, str):
        return _FILTERS[value.lower().rpartition(".")[2]]
    number = 3 if value is None else int(value)
    if number not in _FILTERS.values():
        raise ValueError(f"there is no resampling filter {value!r}")
    return number


def _three(values: Any) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
