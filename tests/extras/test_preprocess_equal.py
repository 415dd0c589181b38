"""Our preprocessing and transformers' Pillow processors give the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from stitch_cir.encoders.clip import Preprocess

SIZES = [
    (224, 224),
    (225, 224),
    (337, 123),
    (123, 337),
    (1, 1),
    (1, 50),
    (500, 3),
    (641, 479),
    (223, 901),
    (31, 33),
    (1023, 769),
]


def image(width: int, height: int, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(width * 1000 + height)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [224, 336, 32])
def test_clip(size: tuple[int, int], side: int) -> None:
    from transformers import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )
    config = processor.to_dict()
    ours = replace(Preprocess.from_config(config, "config"), pad=None)
    theirs = np.asarray(processor(image(*size), return_tensors="np")["pixel_values"])
    assert np.abs(ours([image(*size)]) - theirs).max() <= 1e-5


@pytest.mark.parametrize("size", SIZES)
def test_siglip(size: tuple[int, int]) -> None:
    from transformers import SiglipImageProcessorPil

    processor = SiglipImageProcessorPil(size={"height": 224, "width": 224})
    ours = replace(Preprocess.from_config(processor.to_dict(), "config"), pad=None)
    theirs = np.asarray(processor(image(*size), return_tensors="np")["pixel_values"])
    assert np.abs(ours([image(*size)]) - theirs).max() <= 1e-5


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_other_modes_are_converted_as_transformers_does(mode: str) -> None:
    from transformers import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil()
    ours = replace(Preprocess.from_config(processor.to_dict(), "config"), pad=None)
    theirs = np.asarray(processor(image(300, 200, mode), return_tensors="np")["pixel_values"])
    assert np.abs(ours([image(300, 200, mode)]) - theirs).max() <= 1e-5


def test_what_we_write_is_read_back_and_by_transformers() -> None:
    from transformers import CLIPImageProcessorPil

    ours = replace(Preprocess(side=48, resize=48), pad=None)
    assert replace(Preprocess.from_config(ours.to_config(), "x"), pad=None) == ours
    theirs = CLIPImageProcessorPil(**ours.to_config())
    original = image(77, 101)
    assert (
        np.abs(
            ours([original]) - np.asarray(theirs(original, return_tensors="np")["pixel_values"])
        ).max()
        <= 1e-5
    )
