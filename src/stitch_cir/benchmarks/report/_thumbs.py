"""Thumbnails of the images that a report shows: small JPEG files, made once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from stitch_cir.benchmarks._galleries import widened_edges
from stitch_cir.datasets import Benchmark, Box, Task
from stitch_cir.errors import (
    BrokenImageError,
    ImageError,
    ImageTooLargeError,
    NotAnImageError,
)
from stitch_cir.images import open_image

__all__ = ["SIDE", "Thumbnail", "make_thumbnails"]

SIDE = 256

_PROBLEMS: dict[type[ImageError], str] = {
    NotAnImageError: "is of no known image format",
    BrokenImageError: "is truncated or damaged",
    ImageTooLargeError: "has too many pixels",
}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """How a gallery id is shown: its thumbnail's file name, or captions, or why it has neither."""

    id: str
    file: str = ""
    captions: tuple[str, ...] = ()
    problem: str = ""


def make_thumbnails(
    data: Benchmark | None,
    images: Sequence[tuple[str, str]],
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> list[Thumbnail]:
    """Make the thumbnails of (task, id) pairs, at most 256 pixels wide and high.

    An existing one that is no older than its image is kept, so that an interrupted report resumes.
    Missing and damaged images are described in ``problem``, never raised. Raises ``OSError`` when
    the folder cannot be written.
    """
    tasks = {task.name: task for task in data.tasks} if data is not None else {}
    thumbnails = []
    for number, (name, id) in enumerate(images, 1):
        task = tasks.get(name)
        thumbnails.append(
            Thumbnail(id, problem="the data set cannot be read")
            if task is None or data is None
            else _show(data.name, task, id, folder)
        )
        if progress is not None:
            progress(number, len(images))
    return thumbnails


def _show(benchmark: str, task: Task, id: str, folder: Path) -> Thumbnail:
    """Make one thumbnail, or say why there is none."""
    if id in task.captions:
        return Thumbnail(id, captions=tuple(task.captions[id]))
    if task.captions:
        return Thumbnail(id, problem="it has no captions")
    if id not in task.files:
        return Thumbnail(id, problem="no file is named for it")
    source, box = task.images / task.files[id], task.boxes.get(id)
    if not source.is_file():
        return Thumbnail(id, problem="the image is missing")
    # by what it shows, not by where the data set is: the same report on every machine
    key = "\0".join((benchmark, task.files[id], str(box), str(SIDE)))
    name = hashlib.sha256(os.fsencode(key)).hexdigest()[:20] + ".jpg"
    target = folder / name
    if target.is_file() and target.stat().st_mtime >= source.stat().st_mtime:
        return Thumbnail(id, file=name)
    try:
        small = _small(source, box)
    except ImageError as error:
        return Thumbnail(id, problem=f"the image {_PROBLEMS.get(type(error), 'cannot be read')}")
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    small.save(part, "JPEG", quality=82, optimize=True)
    part.replace(target)
    return Thumbnail(id, file=name)


def _small(source: Path, box: Box | None) -> Image.Image:
    """Open the image or its region, widened as it is indexed, at thumbnail size."""
    if box is None:
        image = open_image(source, decode_side=SIDE)
    else:
        whole = open_image(source)
        left, top, right, bottom = widened_edges(box, whole.size)
        image = whole.crop((left, top, max(1, right), max(1, bottom)))
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return image
