"""Painted backgrounds: each function returns (H, W, 3) float32 sRGB in [0, 255]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["HEIGHT", "WIDTH", "paint_background", "paint_front"]

WIDTH, HEIGHT = 320, 256
Pixels = NDArray[np.float32]
Random = np.random.Generator
Colour = tuple[float, float, float]
_y, _x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)


def paint_background(name: str, random: Random) -> Pixels:
    """Paint the background of that name."""
    return np.asarray(np.clip(_PAINTERS[name](random), 0, 255), dtype=np.float32)


def paint_front(name: str, random: Random) -> tuple[Pixels, Pixels] | None:
    """Paint what is in front of the objects: colour (H, W, 3), cover (H, W) in [0, 1]; or None."""
    if name == "snow":
        return np.full((HEIGHT, WIDTH, 3), 255, np.float32), _dots(random, 110, 1.0, 2.4)
    if name == "meadow":
        blades = _blades(random, int(HEIGHT * 0.9), 16)
        return _flat((60, 128, 38)) + _noise(random, 40, 32)[..., None] * 40 - 20, blades
    if name == "underwater":
        return np.full((HEIGHT, WIDTH, 3), 235, np.float32), 0.55 * _dots(random, 22, 2, 5)
    return None


def _flat(colour: Colour) -> Pixels:
    return np.broadcast_to(np.array(colour, np.float32), (HEIGHT, WIDTH, 3)).copy()


def _noise(random: Random, across: int, down: int) -> Pixels:
    """Return smooth noise in [0, 1] with about that many bumps."""
    small = random.integers(0, 256, (down + 1, across + 1), dtype=np.uint8)
    grown = Image.fromarray(small).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return np.asarray(np.asarray(grown, dtype=np.float32) / 255, dtype=np.float32)


def _cloudy(random: Random, across: int, down: int) -> Pixels:
    """Return noise of three octaves in [0, 1]."""
    parts = [_noise(random, across * 2**n, down * 2**n) / 2**n for n in range(3)]
    return np.asarray(sum(parts) / 1.75, dtype=np.float32)


def _fade(top: Colour, bottom: Colour, start: float = 0, end: float = HEIGHT) -> Pixels:
    """Return a vertical gradient between two rows."""
    share = np.clip((_y - start) / max(end - start, 1), 0, 1)[..., None]
    return np.asarray(np.array(top) * (1 - share) + np.array(bottom) * share, dtype=np.float32)


def _over(base: Pixels, colour: Pixels | Colour, cover: NDArray[np.generic]) -> Pixels:
    share = cover.astype(np.float32)[..., None]
    return np.asarray(base * (1 - share) + np.asarray(colour, np.float32) * share, np.float32)


def _ridge(random: Random, level: float, height: float, bumps: int) -> Pixels:
    """Return the cover of everything below a wavy line."""
    steps = random.random(bumps + 1).astype(np.float32)
    line = np.interp(np.linspace(0, bumps, WIDTH), np.arange(bumps + 1), steps)
    line = np.convolve(np.pad(line, 20, mode="edge"), np.ones(41) / 41, mode="valid")
    return np.asarray(np.clip(_y - (level - height * line), 0, 1), dtype=np.float32)


def _disc(x: float, y: float, radius: float, soft: float = 1.5) -> Pixels:
    away = np.hypot(_x - x, _y - y)
    return np.asarray(np.clip((radius - away) / soft + 0.5, 0, 1), dtype=np.float32)


def _dots(random: Random, count: int, least: float, most: float) -> Pixels:
    cover = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(count):
        x, y = int(random.integers(WIDTH)), int(random.integers(HEIGHT))
        radius = least + (most - least) * float(random.random())
        reach = int(radius) + 2
        rows = slice(max(0, y - reach), y + reach + 1)
        columns = slice(max(0, x - reach), x + reach + 1)
        away = np.hypot(_x[rows, columns] - x, _y[rows, columns] - y)
        cover[rows, columns] = np.maximum(cover[rows, columns], np.clip(radius - away + 0.5, 0, 1))
    return cover


def _blades(random: Random, root: int, length: int) -> Pixels:
    """Return the cover of blades of grass along the lower edge."""
    tips = random.integers(0, length, WIDTH // 3 + 1).repeat(3)[:WIDTH]
    lean = np.arange(WIDTH) % 3 * 3
    return np.asarray(np.clip(_y - (HEIGHT - 4 - tips + lean), 0, 1) * (_y > root), np.float32)


def _horizon(random: Random) -> float:
    return float(HEIGHT * (0.42 + 0.1 * random.random()))


def _blue_sky(random: Random) -> Pixels:
    sky = _fade((92, 156, 222), (196, 224, 244), 0, HEIGHT * 0.6)
    return _over(sky, (250, 251, 253), np.clip(_cloudy(random, 4, 5) * 3.2 - 1.75, 0, 0.9))


def _meadow(random: Random) -> Pixels:
    line = _horizon(random)
    canvas = _over(_blue_sky(random), (104, 150, 92), _ridge(random, line, 26, 5))
    grass = (
        _fade((126, 182, 74), (66, 138, 42), line) + (_noise(random, 90, 60)[..., None] - 0.5) * 44
    )
    return _over(canvas, grass, _ridge(random, line + 8, 8, 3))


def _beach(random: Random) -> Pixels:
    line = _horizon(random)
    shore = line + HEIGHT * 0.13
    sea = _fade((38, 112, 168), (96, 186, 200), line, shore)
    canvas = _over(_blue_sky(random), sea, _y > line)
    canvas = _over(canvas, (244, 250, 250), _ridge(random, shore, 10, 4))
    grain = (random.random((HEIGHT, WIDTH), dtype=np.float32)[..., None] - 0.5) * 22
    sand = _fade((232, 208, 158), (220, 188, 128), shore) + grain
    return _over(canvas, sand, _ridge(random, shore + 6, 8, 4))


def _snow(random: Random) -> Pixels:
    line = _horizon(random)
    canvas = _fade((170, 190, 212), (222, 230, 238), 0, line)
    canvas = _over(canvas, (186, 200, 216), _ridge(random, line, 60, 6))
    drift = _fade((248, 250, 253), (222, 231, 242), line)
    return _over(
        canvas,
        drift + (_noise(random, 6, 8)[..., None] - 0.5) * 14,
        _ridge(random, line + 6, 14, 4),
    )


def _desert(random: Random) -> Pixels:
    line = _horizon(random)
    canvas = _fade((120, 178, 226), (240, 226, 196), 0, line)
    for step, tone in enumerate(((222, 170, 104), (230, 184, 116), (214, 156, 86))):
        ripples = np.sin(_y * 0.9 + 7 * _noise(random, 5, 5) * 6)[..., None] * 5
        canvas = _over(canvas, _flat(tone) + ripples, _ridge(random, line + 34 * step, 34, 3))
    return canvas


def _forest(random: Random) -> Pixels:
    line = _horizon(random) + 26
    leaves = _cloudy(random, 16, 14)[..., None]
    canvas = _flat((38, 84, 40)) + (leaves - 0.5) * 90
    for _ in range(int(random.integers(7, 11))):
        x, wide = float(random.integers(WIDTH)), float(random.integers(5, 13))
        bark = _flat((84, 62, 42)) + np.sin(_x * 1.6 + _y * 0.05)[..., None] * 12
        canvas = _over(canvas, bark, (np.abs(_x - x) < wide / 2) & (_y < line + 6))
    crowns = np.clip(_cloudy(random, 10, 12) * 4 - 1.4 - _y / 60, 0, 1)
    canvas = _over(canvas, _flat((58, 118, 48)) + (leaves - 0.5) * 70, crowns)
    floor = _fade((88, 82, 46), (62, 74, 34), line) + (_noise(random, 70, 60)[..., None] - 0.5) * 46
    return _over(canvas, floor, _ridge(random, line + 6, 10, 5))


def _road(random: Random) -> Pixels:
    line = _horizon(random)
    canvas = _over(_blue_sky(random), (112, 152, 86), _ridge(random, line, 16, 6))
    canvas = _over(canvas, _fade((128, 160, 84), (96, 136, 62), line), _y > line)
    depth = np.clip((_y - line) / (HEIGHT - line), 0, 1)
    middle, across = WIDTH / 2, np.abs(_x - WIDTH / 2)
    half = 14 + depth * 190
    grain = (random.random((HEIGHT, WIDTH), dtype=np.float32)[..., None] - 0.5) * 16
    canvas = _over(canvas, _flat((92, 94, 98)) + grain, (across < half) & (_y > line))
    canvas = _over(
        canvas, (240, 240, 236), (np.abs(across - half * 0.9) < 1 + 3 * depth) & (_y > line)
    )
    dashes = np.sin(12 * np.log1p(depth * 6)) > 0
    return _over(
        canvas, (246, 226, 120), (np.abs(_x - middle) < 1 + 4 * depth) & dashes & (_y > line)
    )


def _sea(random: Random) -> Pixels:
    line = _horizon(random) - 20
    depth = np.clip((_y - line) / (HEIGHT - line), 0.02, 1)
    waves = np.sin(22 * np.log(depth) + 5 * _noise(random, 9, 14)) + _noise(random, 30, 60) - 0.5
    water = _fade((54, 118, 172), (18, 74, 130), line) + waves[..., None] * 15
    canvas = _over(_blue_sky(random), water, _y > line)
    return _over(canvas, (226, 240, 246), np.clip((waves - 1.15) * 2.5, 0, 0.8) * (_y > line))


def _stars(random: Random, canvas: Pixels) -> Pixels:
    canvas = _over(canvas, (255, 255, 240), _dots(random, 90, 0.2, 1.3))
    x, y = WIDTH * (0.1 + 0.8 * random.random()), HEIGHT * (0.1 + 0.1 * random.random())
    canvas = _over(canvas, (120, 130, 160), 0.35 * _disc(float(x), float(y), 30, 22))
    return _over(canvas, (246, 242, 214), _disc(float(x), float(y), 15))


def _night(random: Random) -> Pixels:
    line = _horizon(random) + 10
    canvas = _stars(random, _fade((8, 10, 34), (30, 38, 78), 0, line))
    canvas = _over(canvas, (16, 22, 40), _ridge(random, line, 44, 6))
    return _over(canvas, _fade((30, 42, 50), (16, 24, 28), line), _ridge(random, line + 10, 8, 3))


def _sunset(random: Random) -> Pixels:
    line = _horizon(random) + 8
    canvas = _fade((84, 58, 122), (244, 122, 66), 0, line * 0.8)
    canvas = np.maximum(canvas, _fade((0, 0, 0), (252, 176, 84), line * 0.5, line))
    clouds = np.clip(_noise(random, 4, 16) * 3 - 1.9, 0, 0.7)
    canvas = _over(canvas, (150, 70, 96), clouds)
    x = float(WIDTH * (0.15 + 0.7 * random.random()))
    canvas = _over(canvas, (255, 226, 150), 0.5 * _disc(x, line - 4, 46, 34))
    canvas = _over(canvas, (255, 240, 190), _disc(x, line - 4, 22))
    canvas = _over(canvas, (92, 48, 62), _ridge(random, line + 4, 20, 6))
    return _over(canvas, _fade((104, 64, 58), (58, 36, 40), line), _ridge(random, line + 14, 8, 3))


def _sky(random: Random) -> Pixels:
    sky = _fade((66, 136, 212), (170, 210, 240))
    return _over(sky, (252, 252, 254), np.clip(_cloudy(random, 4, 4) * 3.6 - 1.8, 0, 0.95))


def _underwater(random: Random) -> Pixels:
    water = _fade((54, 160, 190), (8, 52, 92))
    rays = np.sin((_x + _y * 0.5) / 19 + 3 * _noise(random, 3, 2)) > 0.55
    water = water + (rays * np.clip(1 - _y / 190, 0, 1))[..., None] * 26
    sand = _flat((142, 150, 118)) + (_noise(random, 60, 50)[..., None] - 0.5) * 26
    water = _over(water, sand, 0.8 * _ridge(random, HEIGHT * 0.95, 22, 4))
    for _ in range(5):
        x, tall = float(random.integers(WIDTH)), float(random.integers(50, 110))
        bend = x + 7 * np.sin(_y / 13 + x)
        weed = (np.abs(_x - bend) < 4) & (_y > HEIGHT - tall)
        water = _over(water, (30, 104, 62), weed * 0.9)
    return water


def _brick(random: Random) -> Pixels:
    tall, wide = 22, 52
    row = (_y // tall).astype(int)
    shifted = _x + (row % 2) * wide / 2 + float(random.integers(wide))
    column = (shifted // wide).astype(int)
    tones = random.random((HEIGHT // tall + 1, WIDTH // wide + 4)).astype(np.float32)
    tone = tones[row, column][..., None]
    bricks = (
        np.array((158, 72, 52)) * (0.8 + 0.4 * tone)
        + (_noise(random, 100, 80)[..., None] - 0.5) * 34
    )
    mortar = (_y % tall < 3) | (shifted % wide < 3)
    return _over(bricks.astype(np.float32), (196, 188, 176), mortar)


def _wood(random: Random) -> Pixels:
    tall = int(random.integers(38, 56))
    row = (_y // tall).astype(int)
    tones = random.random(HEIGHT // tall + 1).astype(np.float32)[row][..., None]
    grain = np.sin(_y * 0.8 + 16 * _noise(random, 3, 18) + row * 9)[..., None]
    boards = np.array((172, 116, 66)) * (0.85 + 0.25 * tones) + grain * 11
    return _over(boards.astype(np.float32), (74, 44, 24), _y % tall < 2)


def _tablecloth(random: Random) -> Pixels:
    side = int(random.integers(22, 32))
    checks = ((_x // side) % 2 + (_y // side) % 2)[..., None] / 2
    cloth = np.array((250, 248, 244)) * (1 - checks) + np.array((198, 40, 48)) * checks
    return np.asarray(cloth + (_noise(random, 5, 4)[..., None] - 0.5) * 22, dtype=np.float32)


def _white(random: Random) -> Pixels:
    return _fade((252, 252, 252), (238, 238, 238)) - _noise(random, 2, 2)[..., None] * 4


def _grey(random: Random) -> Pixels:
    return _fade((176, 177, 179), (156, 157, 160)) - _noise(random, 2, 2)[..., None] * 4


def _black(random: Random) -> Pixels:
    return _fade((16, 16, 18), (34, 34, 36)) + _noise(random, 2, 2)[..., None] * 4


_PAINTERS: dict[str, Callable[[Random], Pixels]] = {
    "meadow": _meadow,
    "beach": _beach,
    "snow": _snow,
    "desert": _desert,
    "forest": _forest,
    "road": _road,
    "sea": _sea,
    "night": _night,
    "sunset": _sunset,
    "sky": _sky,
    "underwater": _underwater,
    "brick wall": _brick,
    "wooden table": _wood,
    "tablecloth": _tablecloth,
    "white": _white,
    "grey": _grey,
    "black": _black,
}
