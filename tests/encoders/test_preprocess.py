"""CLIP's preprocessing and the geometry that dense views rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from stitch_cir.encoders._dense import coverage
from stitch_cir.encoders.clip import CLIP_MEAN, CLIP_STD, Preprocess
from stitch_cir.errors import ModelError


def test_a_plain_image_becomes_its_normalised_colour() -> None:
    tensor = Preprocess(side=8, resize=8)([Image.new("RGB", (20, 20), (255, 0, 51))])
    assert tensor.shape == (1, 3, 8, 8)
    assert tensor.dtype == np.float32
    expected = (np.array([1.0, 0.0, 0.2]) - CLIP_MEAN) / CLIP_STD
    np.testing.assert_allclose(tensor[0, :, 4, 4], expected, atol=1e-5)


def test_long_images_are_padded_with_zeros() -> None:
    tensor = Preprocess(side=32, resize=32)([Image.new("RGB", (200, 50), (255, 255, 255))])
    black = (0 - CLIP_MEAN[0]) / CLIP_STD[0]
    np.testing.assert_allclose(tensor[0, 0, 0], black, atol=1e-5)
    assert tensor[0, 0, 16].min() > 1


@pytest.mark.parametrize("size", [(200, 50), (50, 200), (64, 64), (120, 100), (7, 90), (640, 480)])
@pytest.mark.parametrize("resize", [32, None])
def test_geometry_maps_points(size: tuple[int, int], resize: int | None) -> None:
    """A white dot is found where the geometry says it lies."""
    preprocess = Preprocess(side=32, resize=resize)
    width, height = size
    image = Image.new("RGB", size)
    half = max(1, round(min(size) / 10))
    x, y = width // 2, height // 3
    image.paste((255, 255, 255), (x - half, y - half, x + half, y + half))
    geometry = preprocess.geometry(width, height)
    u, v = (
        x / width * geometry.scale_x + geometry.shift_x,
        y / height * geometry.scale_y + geometry.shift_y,
    )
    light = preprocess([image])[0].sum(0)
    light -= light.min()
    across, down = (light.sum(0) @ (np.arange(32) + 0.5), light.sum(1) @ (np.arange(32) + 0.5))
    assert across / light.sum() / 32 == pytest.approx(u, abs=0.03)
    assert down / light.sum() / 32 == pytest.approx(v, abs=0.03)


def test_coverage_is_by_area_and_sums_to_one() -> None:
    np.testing.assert_allclose(coverage(0, 0.5, 1, 0, 4), [0.5, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(coverage(0, 0.375, 1, 0, 4), [2 / 3, 1 / 3, 0, 0], atol=1e-6)
    np.testing.assert_allclose(
        coverage(0, 0.01, 2, -0.5, 4), [1, 0, 0, 0], atol=1e-6
    )  # cropped away
    np.testing.assert_allclose(coverage(0.99, 1.0, 2, -0.5, 4), [0, 0, 0, 1], atol=1e-6)


@pytest.mark.parametrize(
    "config",
    [
        {"size": 224, "crop_size": 224, "resample": 3},
        {
            "size": {"shortest_edge": 224},
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": True,
        },
        {
            "size": {"height": 224, "width": 224},
            "crop_size": {"height": 224, "width": 224},
            "do_center_crop": False,
        },
    ],
)
def test_reads_old_and_new_forms(config: dict[str, Any]) -> None:
    assert Preprocess.from_config(config, "x").side == 224


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"size": {"height": 3, "width": 4}},
        {"size": {"shortest_edge": 224}},
        {"size": 224, "image_mean": [1]},
    ],
)
def test_refuses_what_gives_no_square(config: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="how images are prepared"):
        Preprocess.from_config(config, "x")


def test_a_thin_image_needs_no_gigabytes() -> None:
    assert Preprocess(pad=None)([Image.new("RGB", (1, 20_000))]).shape == (1, 3, 224, 224)
