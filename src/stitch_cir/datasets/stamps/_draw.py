"""Compositing an image: background, shadows, cut-outs in their colour and light."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from stitch_cir.datasets.stamps._backgrounds import BACKGROUNDS, Background
from stitch_cir.datasets.stamps._catalogue import Catalogue
from stitch_cir.datasets.stamps._design import generator
from stitch_cir.datasets.stamps._paint import HEIGHT, WIDTH, paint_background, paint_front
from stitch_cir.datasets.stamps._recolour import recolour
from stitch_cir.datasets.stamps._scene import Cutout, SceneImage

__all__ = ["Artist"]

SIDE = 256
"""Stamps are cached at most this large: no box is larger."""
CACHED = 300


class Artist:
    """Draws images; caches the cut-outs that it used last, at most ``CACHED`` of them."""

    def __init__(self, catalogue: Catalogue, seed: int) -> None:
        """Draw with the stamps of ``catalogue``; every image has a separate seed."""
        self._catalogue = catalogue
        self._seed = seed
        self._cutouts: OrderedDict[tuple[str, str | None], Image.Image] = OrderedDict()

    def draw(self, scene_image: SceneImage) -> Image.Image:
        """Draw an image: the same for the same scene, seed and library versions."""
        random = generator(self._seed, 4, scene_image.id)
        background = BACKGROUNDS[scene_image.scene.background]
        base = paint_background(background.name, random)
        canvas = Image.fromarray(base.astype(np.uint8), "RGB")
        for part in scene_image.parts:
            self._paste(canvas, part, background)
        front = paint_front(background.name, random)
        if front is not None:
            colour, cover = front
            layer = Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8), "RGB")
            mask = Image.fromarray((255 * np.clip(cover, 0, 1)).astype(np.uint8), "L")
            canvas.paste(layer, (0, 0), mask)
        return canvas

    def _paste(self, canvas: Image.Image, part: Cutout, background: Background) -> None:
        x, y, w, h = part.box
        cutout = self._cutout(part).resize((w, h), Image.Resampling.LANCZOS)
        if part.mirrored:
            cutout = cutout.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        alpha = cutout.getchannel("A")
        if background.shadow:
            canvas.paste((0, 0, 0), (0, 0), _shadow(alpha, x, y, background.shadow))
        lit = Image.merge(
            "RGB",
            [
                channel.point([round(step * factor) for step in range(256)])
                for channel, factor in zip(
                    cutout.convert("RGB").split(), background.light, strict=True
                )
            ],
        )
        if background.name == "sea":  # the lowest part lies in the water
            rows = np.clip((h - np.arange(h)) / max(0.16 * h, 1), 0.25, 1)
            sunk = Image.fromarray((255 * np.tile(rows[:, None], (1, w))).astype(np.uint8), "L")
            alpha = ImageChops.multiply(alpha, sunk)
        canvas.paste(lit, (x, y), alpha)

    def _cutout(self, part: Cutout) -> Image.Image:
        key = (part.stamp, part.colour)
        if key not in self._cutouts:
            with Image.open(self._catalogue.folder / part.stamp) as opened:
                image = opened.convert("RGBA")
            image = image.crop(image.getchannel("A").getbbox())
            image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            how = self._catalogue.object(part.name).recolour
            if part.colour is not None and how is not None:
                image = recolour(image, part.colour, how)
            self._cutouts[key] = image
            if len(self._cutouts) > CACHED:
                self._cutouts.popitem(last=False)
        self._cutouts.move_to_end(key)
        return self._cutouts[key]


def _shadow(alpha: Image.Image, x: int, y: int, kind: str) -> Image.Image:
    """Return the mask (WIDTH × HEIGHT) of a cut-out's shadow: at its foot, or behind it."""
    mask = Image.new("L", (WIDTH, HEIGHT))
    if kind == "drop":
        mask.paste(alpha.point([step // 3 for step in range(256)]), (x + 5, y + 6))
        return mask.filter(ImageFilter.BoxBlur(4))
    w, h = alpha.size
    flat = max(4, h // 12)
    ImageDraw.Draw(mask).ellipse((x + w * 0.06, y + h - flat, x + w * 0.94, y + h + flat), fill=110)
    return mask.filter(ImageFilter.BoxBlur(3))
