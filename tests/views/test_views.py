"""View boxes: reproducible, inside the image, and cut as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stitch_cir.errors import SettingError
from stitch_cir.views import ViewBox, ViewRecipe, content_key, cut, pad_to_ratio

SIZES = [(640, 480), (1, 1), (1, 20_000), (20_000, 1), (3, 2), (333, 777)]


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["grid", "random"])
@pytest.mark.parametrize("size", SIZES)
def test_boxes_lie_in_the_image(kind: str, size: tuple[int, int]) -> None:
    image = Image.new("RGB", size)
    for count in (1, 2, 10, 11, 40):
        boxes = ViewRecipe(kind=kind, count=count).boxes(*size, b"key")  # type: ignore[arg-type]
        assert len(boxes) == count
        assert boxes[0] == ViewBox()
        for box in boxes:
            assert 0 <= box.x0 < box.x1 <= 1
            assert 0 <= box.y0 < box.y1 <= 1
            view = cut(image, box)
            assert min(view.size) >= 1


def test_the_grid_of_ten() -> None:
    boxes = set(ViewRecipe().boxes(640, 480, b""))
    halves = {(0, 0, 1, 0.5), (0, 0.5, 1, 1), (0, 0, 0.5, 1), (0.5, 0, 1, 1)}
    quadrants = {(x, y, x + 0.5, y + 0.5) for x in (0, 0.5) for y in (0, 0.5)}
    rest = {(0, 0, 1, 1), (0.25, 0.25, 0.75, 0.75)}
    assert boxes == {ViewBox(*box) for box in halves | quadrants | rest}


def test_grids_are_nested_and_never_repeat() -> None:
    largest = ViewRecipe(count=60).boxes(9, 9, b"")
    assert len(set(largest)) == 60
    for count in range(1, 60):
        assert ViewRecipe(count=count).boxes(4, 5, b"x") == largest[:count]


def test_random_boxes_are_the_same_on_every_machine() -> None:
    boxes = ViewRecipe("random", count=4, seed=7).boxes(640, 480, b"a picture")
    assert [_pixels(box, 640, 480) for box in boxes] == [
        (0, 0, 640, 480, False),
        (199, 38, 613, 430, False),
        (169, 67, 439, 314, False),
        (125, 42, 640, 468, True),
    ]


def _pixels(box: ViewBox, width: int, height: int) -> tuple[int, int, int, int, bool]:
    x0, x1 = round(box.x0 * width), round(box.x1 * width)
    y0, y1 = round(box.y0 * height), round(box.y1 * height)
    return x0, y0, x1, y1, box.flip


def test_random_boxes_depend_on_seed_and_content_only() -> None:
    recipe = ViewRecipe("random", seed=1)
    assert recipe.boxes(64, 48, b"a") == ViewRecipe("random", seed=1).boxes(64, 48, b"a")
    assert recipe.boxes(64, 48, b"a") != recipe.boxes(64, 48, b"b")
    assert recipe.boxes(64, 48, b"a") != ViewRecipe("random", seed=2).boxes(64, 48, b"a")
    longer = ViewRecipe("random", seed=1, count=20).boxes(64, 48, b"a")
    assert longer[:10] == recipe.boxes(64, 48, b"a")


def test_random_crops_follow_scale_and_ratio() -> None:
    recipe = ViewRecipe("random", count=200)
    width, height = 1000, 800
    areas, ratios, flips = [], [], []
    for number in range(10):
        for box in recipe.boxes(width, height, bytes([number]))[1:]:
            w, h = (box.x1 - box.x0) * width, (box.y1 - box.y0) * height
            areas.append(w * h / (width * height))
            ratios.append(w / h)
            flips.append(box.flip)
    assert 0.079 < min(areas) < 0.1
    assert max(areas) <= 1
    assert 0.74 < min(ratios) < 0.76
    assert 1.32 < max(ratios) < 1.34
    assert abs(np.mean(np.log(ratios))) < 0.03
    assert 0.45 < np.mean(flips) < 0.55


@pytest.mark.parametrize(
    ("size", "expected"), [((100, 10), (13, 10)), ((10, 100), (10, 13)), ((1, 20_000), (1, 1))]
)
def test_where_no_crop_fits_the_centre_is_taken(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    box = ViewRecipe("random", count=2, scale=(1.0, 1.0)).boxes(*size, b"")[1]
    view = cut(Image.new("RGB", size), box)
    assert view.size == expected
    assert abs((box.x0 + box.x1) / 2 - 0.5) <= 1 / size[0]
    assert abs((box.y0 + box.y1) / 2 - 0.5) <= 1 / size[1]


@given(
    width=st.integers(1, 30_000),
    height=st.integers(1, 30_000),
    key=st.binary(max_size=8),
    seed=st.integers(0, 2**64 - 1),
    low=st.floats(1e-4, 1),
)
def test_any_size(width: int, height: int, key: bytes, seed: int, low: float) -> None:
    for box in ViewRecipe("random", seed=seed, scale=(low, 1.0)).boxes(width, height, key):
        x0, y0, x1, y1, _ = _pixels(box, width, height)
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height


def test_content_key() -> None:
    image = noise((80, 60))
    assert content_key(image) == content_key(image.copy())
    assert len(content_key(image)) == 32
    assert content_key(image) != content_key(noise((80, 60), 1))
    assert content_key(image) != content_key(image.resize((60, 80)))


def test_cut_and_mirror() -> None:
    image = noise((10, 8))
    assert cut(image, ViewBox()) is image
    pixels = np.asarray(image)
    part = cut(image, ViewBox(0.2, 0.25, 0.7, 1.0))
    assert np.array_equal(np.asarray(part), pixels[2:8, 2:7])
    mirrored = cut(image, ViewBox(0.2, 0.25, 0.7, 1.0, flip=True))
    assert np.array_equal(np.asarray(mirrored), pixels[2:8, 2:7][:, ::-1])


def test_cutting_a_large_image_does_not_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert cut(noise((40, 40)), ViewBox(0, 0, 0.5, 1)).size == (20, 40)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 100), (100, 100)),
        ((100, 81), (100, 81)),
        ((100, 80), (100, 80)),
        ((100, 50), (100, 80)),
        ((50, 100), (80, 100)),
        ((1, 1), (1, 1)),
        ((1, 20_000), (3277, 4096)),
        ((20_000, 1), (4096, 3277)),
    ],
)
def test_padding(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert pad_to_ratio(Image.new("RGB", size)).size == expected


def test_padding_is_black_and_centred() -> None:
    padded = np.asarray(pad_to_ratio(Image.new("RGB", (100, 50), "white")))
    assert padded[:15].max() == 0
    assert padded[15:65].min() == 255
    assert padded[65:].max() == 0


def test_recipes_are_recorded() -> None:
    for recipe in (ViewRecipe(), ViewRecipe("random", 5, 3, (0.2, 0.9), (0.5, 2.0))):
        assert ViewRecipe.from_dict(recipe.to_dict()) == recipe
    for data in ({}, {"kind": "grid"}, {**ViewRecipe().to_dict(), "scale": 3}):
        with pytest.raises(SettingError):
            ViewRecipe.from_dict(data)


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "spiral"},
        {"count": 0},
        {"count": 257},
        {"count": True},
        {"count": 2.5},
        {"seed": -1},
        {"seed": 1 << 64},
        {"scale": (0.0, 1.0)},
        {"scale": (0.5, 0.4)},
        {"scale": (0.5, 1.1)},
        {"scale": (math.nan, 1.0)},
        {"scale": (0.5,)},
        {"ratio": (0.0, 1.0)},
        {"ratio": (1.0, math.inf)},
    ],
)
def test_settings_outside_their_ranges(settings: dict[str, object]) -> None:
    with pytest.raises(SettingError) as caught:
        ViewRecipe(**settings)  # type: ignore[arg-type]
    assert caught.value.hint


def test_no_boxes_of_nothing() -> None:
    with pytest.raises(SettingError):
        ViewRecipe("random").boxes(0, 5, b"")
    with pytest.raises(SettingError):
        pad_to_ratio(Image.new("RGB", (4, 2)), 0.5)
