"""Draw and write what docs/method.md shows: ``python scripts/draw_method.py [GALLERY]``.

Needs the gallery of ``make demo``. Everything is of one search that really runs here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import stitch_cir as st
from marked import write_block
from stitch_cir.images import open_image
from stitch_cir.views import ViewBox

OUT = Path("docs/images")
PAGE = Path("docs/method.md")
REFERENCE, TEXT = "vehicles/auto/sedan.png", "a truck instead"
MOST_BYTES = 250_000
SIDE, GAP = 150, 14


def main() -> int:
    """Search, draw the best hit in four ways, and write the figures; return the exit code."""
    directory = sys.argv[1] if len(sys.argv) > 1 else "demo/gallery"
    gallery = st.Gallery.open(directory)
    results = st.search(gallery, reference=REFERENCE, text=TEXT, settings=st.SearchSettings(k=3))
    hit = results[0]
    save(draw_views(hit), "method-views.png")
    for kind in ("matches", "heatmap", "contributions"):
        save(st.draw_hit(hit, kind=kind), f"method-{kind}.png")
    captions = zip(hit.query.labels, hit.query.weights, strict=True)
    write_block(PAGE, "captions", "\n".join(f"{weight:.2f}  {label}" for label, weight in captions))
    write_block(PAGE, "score", figures(hit))
    return 0


def draw_views(hit: st.Hit) -> Image.Image:
    """Return the views of a hit in two rows, numbered as in the plan."""
    assert hit.path is not None, "the best hit has no file"
    image, columns = open_image(hit.path, max_pixels=hit.max_pixels).convert("RGB"), 5
    rows = -(-len(hit.views) // columns)
    width, height = columns * (SIDE + GAP) + GAP, rows * (SIDE + GAP + 18) + GAP
    sheet = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for number, view in enumerate(hit.views):
        box = view.box or ViewBox()
        x0, x1 = box.x0 * image.width, box.x1 * image.width
        y0, y1 = box.y0 * image.height, box.y1 * image.height
        cut = image.crop((round(x0), round(y0), round(x1), round(y1)))
        cut.thumbnail((SIDE, SIDE))
        left = GAP + (number % columns) * (SIDE + GAP)
        top = GAP + (number // columns) * (SIDE + GAP + 18)
        sheet.paste(cut, (left + (SIDE - cut.width) // 2, top + (SIDE - cut.height) // 2))
        pen.rectangle((left - 1, top - 1, left + SIDE, top + SIDE), outline=(205, 200, 190))
        pen.text(
            (left + SIDE / 2, top + SIDE + 3),
            f"{number}  {view.short}",
            font=font,
            fill="black",
            anchor="ma",
        )
    return sheet


def figures(hit: st.Hit) -> str:
    """Return what each caption gives to the score of a hit, and the sum."""
    forward, backward = hit.caption_halves()
    lines = [f"{'caption':24} {'looks':>8} {'is seen':>8}"]
    for label, ahead, back in zip(hit.query.labels, forward, backward, strict=True):
        lines.append(f"{label:24} {ahead:8.3f} {back:8.3f}")
    lines.append(f"{'sum':24} {forward.sum():8.3f} {backward.sum():8.3f}   score {hit.score:.3f}")
    return "\n".join(lines)


def save(image: Image.Image, name: str) -> None:
    """Write a PNG of at most 250 kB: smaller where it would be larger."""
    image = image.convert("RGB")
    while True:
        image.quantize(256, dither=Image.Dither.NONE).save(OUT / name, optimize=True)
        if (OUT / name).stat().st_size <= MOST_BYTES:
            break
        image = image.resize((round(image.width * 0.85), round(image.height * 0.85)))
    print(f"{OUT / name}: {image.width} × {image.height}, {(OUT / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
