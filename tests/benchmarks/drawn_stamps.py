"""Cut-outs of our own in place of Tux Paint's, at the places and with the names of the list."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

LISTED: list[dict[str, Any]] = json.loads(
    files("stitch_cir.datasets.stamps").joinpath("objects.json").read_text(encoding="utf-8")
)["objects"]
GREY, RED, BROWN = (210, 210, 210), (200, 30, 40), (120, 90, 60)


def draw_stamps(folder: Path) -> Path:
    """Save a body with a dark wheel on a transparent ground for each stamp, with its caption."""
    for number, thing in enumerate(LISTED):
        body = {"hue": RED, "tint": GREY, None: BROWN}[thing.get("recolour")]
        for stamp in thing["stamps"]:
            image = Image.new("RGBA", (70 + number % 40, 90 - number % 30))
            draw = ImageDraw.Draw(image)
            w, h = image.size
            shapes = (draw.ellipse, draw.rectangle, draw.rounded_rectangle)
            shapes[number % 3]((5, 5, w - 6, h - 6), fill=(*body, 255))
            draw.ellipse((w // 3, h // 2, w // 3 + 14, h // 2 + 14), fill=(30, 30, 30, 255))
            path = folder / stamp
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
            path.with_suffix(".txt").write_text(f"A fine {thing['name']}.\n")
    return folder
