"""Thumbnails of the pictures that a report shows: small JPEG files, made once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from stitch_cir.benchmarks._data import Benchmark, Box, Task
from stitch_cir.errors import (
    BrokenImageError,
    ImageError,
    ImageTooLargeError,
    NotAnImageError,
)
from stitch_cir.images import open_image

__all__ = ["SIDE", "Shown", "make_thumbs"]

SIDE = 256
WIDEN = 0.7
"""GeneCIS' regions are widened by this share of their size on each side, as in its protocol."""


_PROBLEMS: dict[type[ImageError], str] = {
    NotAnImageError: "is of no known image format",
    BrokenImageError: "is truncated or damaged",
    ImageTooLargeError: "has too many pixels",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """How a gallery id is shown: a thumbnail's file name, or captions, or why there is neither."""

    id: str
    thumb: str = ""
    captions: tuple[str, ...] = ()
    problem: str = ""


def make_thumbs(
    data: Benchmark | None,
    wanted: Sequence[tuple[str, str]],
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> list[Shown]:
    """Make the thumbnails of (task, id) pairs, at most 256 pixels wide and high.

    One that is there and no older than its picture is kept, so that an interrupted report goes on
    where it was. Missing and damaged pictures are told, never raised. Raises ``OSError`` when the
    folder cannot be written.
    """
    tasks = {task.name: task for task in data.tasks} if data is not None else {}
    found = []
    for number, (name, id) in enumerate(wanted, 1):
        task = tasks.get(name)
        found.append(
            Shown(id, problem="the data set cannot be read")
            if task is None or data is None
            else _show(data.name, task, id, folder)
        )
        if progress is not None:
            progress(number, len(wanted))
    return found


def _show(benchmark: str, task: Task, id: str, folder: Path) -> Shown:
    if id in task.captions:
        return Shown(id, captions=tuple(task.captions[id]))
    if task.captions:
        return Shown(id, problem="it has no captions")
    if id not in task.files:
        return Shown(id, problem="no file is named for it")
    source, box = task.images / task.files[id], task.boxes.get(id)
    if not source.is_file():
        return Shown(id, problem="the picture is missing")
    # by what it shows, not by where the data set lies: the same report on every machine
    what = "\0".join((benchmark, task.files[id], str(box), str(SIDE)))
    name = hashlib.sha256(os.fsencode(what)).hexdigest()[:20] + ".jpg"
    target = folder / name
    if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
        return Shown(id, thumb=name)
    try:
        small = _small(source, box)
    except ImageError as error:
        return Shown(id, problem=f"the picture {_PROBLEMS.get(type(error), 'cannot be read')}")
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    small.save(part, "JPEG", quality=82, optimize=True)
    part.replace(target)
    return Shown(id, thumb=name)


def _small(source: Path, box: Box | None) -> Image.Image:
    if box is None:
        picture = open_image(source, decode_side=SIDE)
    else:
        whole = open_image(source)
        x, y, w, h = box
        picture = whole.crop(
            (
                max(0, round(x - WIDEN * w)),
                max(0, round(y - WIDEN * h)),
                max(1, min(whole.width, round(x + (1 + WIDEN) * w))),
                max(1, min(whole.height, round(y + (1 + WIDEN) * h))),
            )
        )
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return picture
