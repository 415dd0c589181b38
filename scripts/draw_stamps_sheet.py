"""Draw docs/images/stamps-benchmark.png: one query a kind, with what is right and what is not.

    python scripts/draw_stamps_sheet.py FOLDER docs/images/stamps-benchmark.png

FOLDER is one that ``stitch bench make`` made. The image shows reduced stamps: see
docs/images/LICENSE.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stitch_cir.datasets import load_benchmark
from stitch_cir.datasets.stamps import KINDS

WIDE, TALL, GAP, LINE = 176, 141, 8, 34
RIGHT, WRONG = (46, 140, 80), (176, 60, 50)


def main() -> None:
    """Draw the first query of each kind that has two right answers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    task = load_benchmark("stamps", arguments.folder).tasks[0]
    lines = (arguments.folder / "scenes.jsonl").read_text(encoding="utf-8").splitlines()
    scenes = {str(scene["id"]): scene for scene in map(json.loads, lines)}
    sheet = Image.new("RGB", (5 * (WIDE + GAP) + GAP, len(KINDS) * (TALL + LINE) + LINE), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for column, title in enumerate(("reference", "right", "right", "no change", "another change")):
        draw.text((GAP + column * (WIDE + GAP), 8), title, fill="black", font=font)
    for row, kind in enumerate(KINDS):
        query, same, other = next(
            (query, same, other)
            for query in task.queries
            if query.kinds == (kind,) and len(query.answers) > 1
            for same, other in [_distractors(scenes, query.reference, kind, query.answers)]
            if same and other
        )
        top = LINE + row * (TALL + LINE)
        shown = [query.reference, *query.answers[:2], same, other]
        for column, id in enumerate(shown):
            image = Image.open(task.images / task.files[id]).resize((WIDE, TALL))
            left = GAP + column * (WIDE + GAP)
            sheet.paste(image, (left, top))
            if column:
                colour = RIGHT if column < 3 else WRONG
                draw.rectangle(
                    (left, top, left + WIDE - 1, top + TALL - 1), outline=colour, width=4
                )
        text = f"{kind}: {query.shared} + “{query.text}”"
        draw.text((GAP, top + TALL + 4), text, fill="black", font=font)
    sheet.quantize(128).save(arguments.out, optimize=True)


def _distractors(
    scenes: dict[str, dict[str, object]], reference: str, kind: str, answers: tuple[str, ...]
) -> tuple[str | None, str | None]:
    """Find an image like the reference, and one with the target value but another change."""
    names = (*KINDS, "landmark")
    mine, target = scenes[reference], scenes[answers[0]]
    same = other = None
    for id, scene in scenes.items():
        differing = [name for name in names if scene[name] != mine[name]]
        if not differing and id != reference:
            same = same or id
        if len(differing) == 2 and scene[kind] == target[kind]:
            other = other or id
    return same, other


if __name__ == "__main__":
    main()
