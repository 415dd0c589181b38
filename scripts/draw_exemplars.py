"""Draw the images of the prompts' worked examples (our own drawings, licensed as the code)."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 192
SCALE = 4
"""Drawn four times larger and reduced, for smooth edges."""


def canvas(colour: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Make an empty image and a pen."""
    image = Image.new("RGB", (SIDE * SCALE, SIDE * SCALE), colour)
    return image, ImageDraw.Draw(image)


def scaled(*points: float) -> list[float]:
    """Scale coordinates to the large drawing."""
    return [value * SCALE for value in points]


def boat() -> Image.Image:
    """Draw a sailing boat with a red sail on a sunny sea."""
    image, draw = canvas("#9bd4f5")
    draw.ellipse(scaled(140, 14, 176, 50), fill="#ffd94a")
    draw.rectangle(scaled(0, 122, 192, 192), fill="#2f7fb8")
    for x in range(6, 190, 34):
        draw.arc(scaled(x, 150, x + 24, 162), 180, 360, fill="#8cc3e6", width=2 * SCALE)
    draw.polygon(scaled(46, 116, 150, 116, 132, 140, 62, 140), fill="#7a4a23")
    draw.rectangle(scaled(94, 34, 98, 116), fill="#5a3a1c")
    draw.polygon(scaled(100, 36, 100, 108, 150, 108), fill="#d42a2a")
    draw.polygon(scaled(92, 46, 92, 108, 58, 108), fill="#e85b4f")
    return image


def flower() -> Image.Image:
    """Draw a red flower in a blue pot before a window."""
    image, draw = canvas("#e8efe2")
    draw.rectangle(scaled(14, 10, 178, 132), fill="#c6e4f7", outline="#ffffff", width=6 * SCALE)
    draw.rectangle(scaled(93, 10, 99, 132), fill="#ffffff")
    draw.rectangle(scaled(0, 150, 192, 192), fill="#d8cdbf")
    draw.rectangle(scaled(93, 62, 98, 120), fill="#3f8a3a")
    draw.ellipse(scaled(98, 84, 124, 98), fill="#4fa548")
    for x, y in ((96, 40), (80, 52), (112, 52), (86, 70), (106, 70)):
        draw.ellipse(scaled(x - 13, y - 13, x + 13, y + 13), fill="#d8232f")
    draw.ellipse(scaled(88, 47, 104, 63), fill="#f6c52e")
    draw.polygon(scaled(68, 114, 124, 114, 116, 160, 76, 160), fill="#2f5fb8")
    draw.rectangle(scaled(64, 106, 128, 118), fill="#3b72d6")
    return image


def dress() -> Image.Image:
    """Draw a red dress with short sleeves."""
    image, draw = canvas("#f7f7f7")
    draw.polygon(scaled(74, 30, 118, 30, 112, 84, 80, 84), fill="#c81e3a")
    draw.polygon(scaled(80, 84, 112, 84, 142, 160, 50, 160), fill="#c81e3a")
    draw.polygon(scaled(74, 30, 84, 30, 66, 60, 56, 50), fill="#c81e3a")
    draw.polygon(scaled(118, 30, 108, 30, 126, 60, 136, 50), fill="#c81e3a")
    draw.pieslice(scaled(84, 18, 108, 44), 0, 180, fill="#f7f7f7")
    draw.rectangle(scaled(79, 82, 113, 88), fill="#8e1228")
    return image


def shirt() -> Image.Image:
    """Draw a striped T-shirt."""
    image, draw = canvas("#f2f2ee")
    outline = scaled(66, 34, 126, 34, 164, 66, 146, 88, 132, 76, 132, 162, 60, 162, 60, 76, 46, 88)
    shape = Image.new("L", image.size, 0)
    ImageDraw.Draw(shape).polygon([*outline, *scaled(28, 66)], fill=255)
    stripes = Image.new("RGB", image.size, "#ffffff")
    pen = ImageDraw.Draw(stripes)
    for y in range(20, 180, 16):
        pen.rectangle(scaled(0, y, 192, y + 7), fill="#24427c")
    image.paste(stripes, mask=shape)
    draw.pieslice(scaled(82, 20, 110, 48), 0, 180, fill="#f2f2ee")
    return image


def main() -> None:
    """Draw all of them into the prompts' folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("src/stitch_cir/chat/prompts")
    for name, draw in (("boat", boat), ("flower", flower), ("dress", dress), ("shirt", shirt)):
        image = draw().resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        image.quantize(64).save(folder / f"{name}.png", optimize=True)
        print(f"{name}.png {(folder / f'{name}.png').stat().st_size} bytes")


if __name__ == "__main__":
    main()
