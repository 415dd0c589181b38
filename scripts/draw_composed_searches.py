"""Draw composed searches of everyday photographs before and after, for docs/composed-searches.md.

    python scripts/draw_composed_searches.py --photos DIR --captions FILE --out OUT
        [--before "stitch"] [--before-encoder mini-1] [--queries FILE]

The photographs are not part of the project, so the sheet is not either: this makes
``OUT/composed-searches.png`` and ``.html``. ``mini`` after is fitted afresh on three quarters of
the photographs; the fourth quarter, which it does not know, is the gallery. *Before* is the
edition ``mini-1`` under the present composer, or any earlier ``stitch``, which is run as a command.

Queries are JSON Lines ``{"reference": id, "text": …, "shows": [["dog"], ["beach", "sand"]]}``. A
hit counts as right where its captions have a word of every inner list (the beginning of one is
enough): a rough measure that no caption was written for. The sheet marks these hits in green.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import shlex
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import fit_mini_head
import mini_head_data as data
from stitch_cir.errors import StitchError

QUERIES = Path(__file__).parent / "composed_searches.jsonl"
HITS = 5
SIDE, GAP, LINE = 118, 6, 30


@dataclass(frozen=True)
class Answer:
    """What one edition answered to one query."""

    hits: tuple[str, ...]
    right: tuple[bool, ...]
    captions: tuple[str, ...]
    first: int | None


@dataclass(frozen=True)
class Edition:
    """One edition's command, its encoder and its answers in the order of the queries."""

    label: str
    command: Sequence[str]
    encoder: str
    gallery: Path

    def index(self, images: Path) -> None:
        """Index the gallery's images."""
        run([*self.command, "index", str(images), "--gallery", str(self.gallery),
             "--encoder", self.encoder])  # fmt: skip

    def answer(self, query: dict[str, Any], right: set[str], count: int) -> Answer:
        """Search as a user does."""
        text = run([*self.command, "search", str(self.gallery), query["text"],
                    "-r", query["reference"], "-k", str(count), "--json"])  # fmt: skip
        result = json.loads(text)
        ids = [hit["id"] for hit in result["hits"]]
        rank = next((n for n, id in enumerate(ids, 1) if id in right), None)
        captions = tuple(
            each if isinstance(each, str) else each["text"]
            for each in result["composition"]["captions"]
        )
        shown = tuple(ids[:HITS])
        return Answer(shown, tuple(id in right for id in shown), captions, rank)


def run(command: Sequence[str]) -> str:
    """Run a command; return what it wrote. Raises ``StitchError`` with its own words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StitchError(
            f"{shlex.join(command)} ended with {done.returncode}: {done.stderr.strip()}",
            hint="Run it alone to see what it lacks.",
        )
    return done.stdout


def hold_out(
    folder: Path, captions_file: Path, out: Path
) -> tuple[dict[str, list[str]], Path, Path]:
    """Fit a head on three folds; return the fourth's captions, its images' folder and the head."""
    paths, captions = data.read_captions(captions_file, folder)
    domain = data.images_domain(paths, captions, out / "cache")
    assigned = fit_mini_head.folds(len(paths))
    way, share = fit_mini_head.SHIPPED
    train = data.take(domain, np.flatnonzero(assigned != 0))
    head = out / "held-out-head.npz"
    described = [captions[n] for n in np.flatnonzero(assigned != 0)]
    fit_mini_head.write_head(head, way, share, train, described)
    images = out / "images"
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir(parents=True)
    kept = np.flatnonzero(assigned == 0)
    for n in kept:
        shutil.copy(paths[n], images / paths[n].name)
    return {paths[n].name: captions[n] for n in kept}, images, head


def shows(captions: Iterable[str], needed: Sequence[Sequence[str]]) -> bool:
    """Return whether captions have a word of every list."""
    text = " ".join(captions).lower()
    return all(any(re.search(rf"\b{word}", text) for word in words) for words in needed)


def draw(
    queries: Sequence[dict[str, Any]],
    answers: Sequence[Sequence[Answer]],
    labels: Sequence[str],
    images: Path,
) -> Image.Image:
    """Draw a row for every query: the reference, then the hits of each edition."""
    columns = 1 + HITS * len(labels)
    width = columns * (SIDE + GAP) + GAP * (1 + 3 * len(labels))
    sheet = Image.new("RGB", (width, LINE + len(queries) * (SIDE + 2 * LINE)), "white")
    pen, font, small = ImageDraw.Draw(sheet), ImageFont.load_default(14), ImageFont.load_default(10)
    starts = [
        (SIDE + GAP) + n * HITS * (SIDE + GAP) + GAP * (1 + 3 * n) for n in range(len(labels))
    ]
    for start, label in zip(starts, labels, strict=True):
        pen.text((start, 6), label, fill="black", font=font)
    for row, query in enumerate(queries):
        top = LINE + row * (SIDE + 2 * LINE)
        pen.text((GAP, top), f"{row + 1}. + “{query['text']}”", fill="black", font=font)
        paste(sheet, images / query["reference"], GAP, top + LINE - 8)
        for start, edition in zip(starts, answers, strict=True):
            answer = edition[row]
            for column, (id, right) in enumerate(zip(answer.hits, answer.right, strict=True)):
                left = start + column * (SIDE + GAP)
                paste(sheet, images / id, left, top + LINE - 8)
                if right:
                    box = (left, top + LINE - 8, left + SIDE - 1, top + LINE - 9 + SIDE)
                    pen.rectangle(box, outline=(46, 140, 80), width=4)
            first = "none" if answer.first is None else f"first right at {answer.first}"
            text = f"{first} · {' · '.join(answer.captions[1:3])}"
            pen.text((start, top + LINE - 6 + SIDE), text[:104], fill=(90, 90, 90), font=small)
    return sheet


def paste(sheet: Image.Image, file: Path, left: int, top: int) -> None:
    """Paste an image into its square."""
    with Image.open(file) as opened:
        image = opened.convert("RGB")
    image.thumbnail((SIDE, SIDE))
    sheet.paste(image, (left + (SIDE - image.width) // 2, top + (SIDE - image.height) // 2))


def as_html(sheet: Image.Image, rows: Sequence[str]) -> str:
    """Return a page with the sheet and the table of figures."""
    stream = BytesIO()
    sheet.save(stream, "JPEG", quality=82)
    table = "\n".join(html.escape(row) for row in rows)
    source = b64encode(stream.getvalue()).decode()
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Composed searches</title>'
        f'<h1>Composed searches before and after</h1><img alt="reference and hits of each query" '
        f'src="data:image/jpeg;base64,{source}"><pre>{table}</pre></html>\n'
    )


def compare(arguments: argparse.Namespace) -> list[str]:
    """Fit, index, search and draw; return a line of figures for every query and a last one."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.queries.read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line) for line in lines if line.strip()]
    captions, images, head = hold_out(arguments.photos, arguments.captions, arguments.out)
    absent = [query["reference"] for query in queries if query["reference"] not in captions]
    if absent:
        raise StitchError(
            f"{len(absent)} references are not in the gallery of {len(captions)} images, such as "
            f"{absent[0]!r}.",
            hint="Give queries of your own with --queries; see the first lines of this script.",
        )
    present = [sys.executable, "-m", "stitch_cir"]
    before = shlex.split(arguments.before) if arguments.before else present
    editions = [
        Edition("before", before, arguments.before_encoder, arguments.out / "gallery-before"),
        Edition("after", present, f"mini:{head}", arguments.out / "gallery-after"),
    ]
    answers: list[list[Answer]] = []
    for edition in editions:
        shutil.rmtree(edition.gallery, ignore_errors=True)
        edition.index(images)
        answers.append([])
        for query in queries:
            right = {
                id
                for id, texts in captions.items()
                if id != query["reference"] and shows(texts, query["shows"])
            }
            answers[-1].append(edition.answer(query, right, len(captions)))
    rows = []
    for n, query in enumerate(queries):
        figures = [f"{sum(a[n].right)} of {len(a[n].hits)}, first {a[n].first}" for a in answers]
        rows.append(f"{n + 1:2}  {query['text']:40}  " + "  ->  ".join(figures))
    for edition, each in zip(editions, answers, strict=True):
        hits = sum(sum(answer.right) for answer in each) / (HITS * len(each)) * 100
        mrr = sum(1 / a.first for a in each if a.first) / len(each) * 100
        rows.append(f"{edition.label}: P@{HITS} {hits:.1f} %, MRR {mrr:.1f} %")
    sheet = draw(queries, answers, [edition.label for edition in editions], images)
    sheet.save(arguments.out / "composed-searches.png")
    (arguments.out / "composed-searches.html").write_text(as_html(sheet, rows), encoding="utf-8")
    return rows


def main() -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of images")
    parser.add_argument("--captions", type=Path, required=True, help="JSON Lines of captions")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheet")
    parser.add_argument("--queries", type=Path, default=QUERIES, help="JSON Lines, see above")
    parser.add_argument("--before", help="command of an earlier stitch [the present one]")
    parser.add_argument("--before-encoder", default="mini-1", help="its encoder [mini-1]")
    try:
        print("\n".join(compare(parser.parse_args())))
    except StitchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
