"""Colours as a viewer shows them: embedded ICC profiles are applied, the result is sRGB."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

__all__ = ["changes_colours", "lab_transform", "profile_transform", "to_srgb"]

_GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
_SPACES = {**dict.fromkeys(_GREY, "GRAY"), "CMYK": "CMYK"}
_WITHOUT = ("I", "F", "LAB")
"""Modes whose numbers no profile describes."""
_INPUTS = {"GRAY": "L", "CMYK": "CMYK", "RGB": "RGB"}
_INVISIBLE = 2
"""Levels of 255 by which sRGB profiles differ from each other: a transform has to change more."""


def profile_transform(profile: object, mode: str) -> ImageCmsTransform | None:
    """Make the transform from an embedded profile to sRGB, for images of Pillow's ``mode``.

    Its input mode is L, CMYK or RGB. None when there is nothing to do: no profile, one that is
    broken or belongs to other images, or sRGB itself.
    """
    if not isinstance(profile, bytes) or len(profile) < 128 or mode in _WITHOUT:
        return None
    space = _SPACES.get(mode, "RGB")
    if profile[16:20].strip() != space.encode():
        return None
    from PIL import ImageCms

    input_mode = _INPUTS[space]
    try:
        transform = ImageCms.ImageCmsTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            input_mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return transform if _is_visible(transform, input_mode) else None
    except Exception:  # a damaged profile beside good pixels
        return None


def lab_transform() -> ImageCmsTransform:
    """Make the transform from CIE L*a*b* (D50) to sRGB."""
    from PIL import ImageCms

    return ImageCms.ImageCmsTransform(
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        "LAB",
        "RGB",
    )


def changes_colours(profile: object, mode: str) -> bool:
    """Return whether images of ``mode`` with this embedded profile are not in sRGB."""
    return profile_transform(profile, mode) is not None


def to_srgb(image: Image.Image) -> Image.Image:
    """Return an open image as RGB in sRGB: transparency over white, its profile applied."""
    from stitch_cir.images._pixels import upright_rgb

    image.load()
    return upright_rgb(image, turn=None, factor=1, profile=image.info.get("icc_profile"))


def _is_visible(transform: ImageCmsTransform, mode: str) -> bool:
    """Return whether a transform changes any of some hundred colours."""
    if mode == "CMYK":
        return True
    levels = np.arange(0, 256, 1 if mode == "L" else 51).astype(np.uint8)
    if mode == "L":
        before = np.stack([levels] * 3, axis=-1)[None]
        probe = Image.fromarray(levels[None])
    else:
        before = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        probe = Image.fromarray(before)
    after = np.asarray(transform.apply(probe))
    return bool(np.abs(after.astype(np.int16) - before).max() > _INVISIBLE)
