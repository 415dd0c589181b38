"""The galleries of a benchmark: its pictures or captions, indexed, and where each id lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.benchmarks._data import Benchmark, Box, Task
from stitch_cir.encoders import CentredEncoder, DualEncoder
from stitch_cir.errors import ImageError, NotFoundError
from stitch_cir.gallery import Gallery, Progress, index_captions, index_folder
from stitch_cir.images import open_image
from stitch_cir.views import ViewRecipe

__all__ = ["Source", "centred_on_captions", "cut_region", "open_sources"]

WIDEN = 0.7
"""How much of its own size a region gains on each side before it is cut (GeneCIS)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A task's gallery. ``rows``: benchmark id → row of ``gallery.matrix()``; ``names``: benchmark
    id → gallery id; ``missing``: ids without vectors, and why.
    """

    gallery: Gallery
    rows: Mapping[str, int] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    missing: Mapping[str, str] = field(repr=False)

    @property
    def ranked(self) -> NDArray[np.int64]:
        """Rows that queries of the task rank, ascending: (n,) int64."""
        return np.unique(np.fromiter(self.rows.values(), np.int64, len(self.rows)))

    def facts(self) -> dict[str, Any]:
        """Say what made the vectors, and what has none."""
        info = self.gallery.info()
        names = ("encoder", "weights_tag", "dim", "fingerprint", "recipe")
        return {
            **{name: info[name] for name in names},
            "images": len(self.rows),
            "views": len(self.gallery.matrix().vectors),
            "without_vectors": sorted(self.missing),
            "reasons": dict(sorted(self.missing.items())),
        }


def centred_on_captions(benchmark: Benchmark, encoder: DualEncoder) -> DualEncoder:
    """Centre the encoder on the captions of a gallery that is made of them; else give it back."""
    texts = [text for task in benchmark.tasks for own in task.captions.values() for text in own]
    return CentredEncoder.around(encoder, texts) if texts else encoder


def open_sources(
    benchmark: Benchmark,
    place: Path,
    *,
    encoder: DualEncoder,
    recipe: ViewRecipe | None = None,
    progress: Progress | None = None,
) -> dict[str, Source]:
    """Index what the tasks rank into galleries below ``place``; give each task's by name.

    Tasks that share a folder share a gallery. Indexing goes on where it was interrupted.

    Raises ``NotFoundError`` when a task's gallery is unknown or none of its pictures is there.
    """
    sources: dict[str, Source] = {}
    groups: dict[tuple[Path, bool, bool], list[Task]] = {}
    for task in benchmark.tasks:
        if not task.gallery:
            raise NotFoundError(
                f"The gallery of {benchmark.name} {task.name} is unknown.",
                hint=f"See what is missing: stitch bench check {benchmark.name} "
                f"--root {benchmark.root}",
            )
        groups.setdefault((task.images, bool(task.boxes), bool(task.captions)), []).append(task)
    for (images, boxes, captions), tasks in groups.items():
        own = place / "-".join(task.name for task in tasks)
        if captions:
            gallery, names, reasons = _captions(tasks, own, encoder, progress)
        else:
            if not images.is_dir():
                raise NotFoundError(
                    f"The pictures of {benchmark.name} are missing: there is no folder {images}.",
                    hint=f"See what is expected where: stitch bench check {benchmark.name} "
                    f"--root {benchmark.root}",
                )
            make = _crops if boxes else _pictures
            gallery, names, reasons = make(tasks, own, images, encoder, recipe, progress)
        places = {id: row for row, id in enumerate(gallery.matrix().ids)}
        for task in tasks:
            rows = {id: places[names[id]] for id in task.gallery if names.get(id) in places}
            missing = {
                id: reasons.get(names.get(id, id), "not in the gallery")
                for id in task.gallery
                if id not in rows
            }
            if not rows:
                raise NotFoundError(
                    f"None of the {len(task.gallery):,} images of {benchmark.name} {task.name} "
                    f"could be indexed, first {task.gallery[0]!r}: {missing[task.gallery[0]]}.",
                    hint=f"See what is expected where: stitch bench check {benchmark.name} "
                    f"--root {benchmark.root}",
                )
            sources[task.name] = Source(gallery, rows, names, missing)
    return sources


Made = tuple[Gallery, dict[str, str], dict[str, str]]
"""A gallery, gallery ids by benchmark id, and reasons by gallery id of what is not in it."""


def _pictures(
    tasks: list[Task],
    place: Path,
    images: Path,
    encoder: DualEncoder,
    recipe: ViewRecipe | None,
    progress: Progress | None,
) -> Made:
    names = {id: Path(file).as_posix() for task in tasks for id, file in task.files.items()}
    report = index_folder(
        images,
        place / "index",
        encoder=encoder,
        recipe=recipe,
        only=names.values(),
        progress=progress,
    )
    reasons = {name: f"{images / name} is missing" for name in names.values()}
    reasons |= dict(report.skipped)
    return Gallery.open(place / "index", encoder=encoder), names, reasons


def _crops(
    tasks: list[Task],
    place: Path,
    images: Path,
    encoder: DualEncoder,
    recipe: ViewRecipe | None,
    progress: Progress | None,
) -> Made:
    """Cut the regions that ids stand for into pictures of their own, then index those."""
    folder = place / "crops"
    folder.mkdir(parents=True, exist_ok=True)
    names, reasons = {}, {}
    for task in tasks:
        for id, box in task.boxes.items():
            names[id] = f"{id}.png"
            if (folder / names[id]).exists():
                continue
            try:
                crop = cut_region(images / task.files[id], box)
            except (ImageError, NotFoundError) as error:
                reasons[names[id]] = str(error)
                continue
            part = folder / f".{id}.part"
            crop.save(part, "PNG")
            part.replace(folder / names[id])
    report = index_folder(
        folder, place / "index", encoder=encoder, recipe=recipe, progress=progress
    )
    return (
        Gallery.open(place / "index", encoder=encoder),
        names,
        reasons | dict(report.skipped),
    )


def cut_region(path: Path, box: Box) -> Image.Image:
    """Widen the region by 0.7 of its size on each side, cut it, pad it to a square with black."""
    if not path.is_file():
        raise NotFoundError(f"{path} is missing")
    image = open_image(path)
    x, y, width, height = box
    edges = (
        max(0, round(x - WIDEN * width)),
        max(0, round(y - WIDEN * height)),
        min(image.width, round(x + (1 + WIDEN) * width)),
        min(image.height, round(y + (1 + WIDEN) * height)),
    )
    if edges[0] >= edges[2] or edges[1] >= edges[3]:
        raise NotFoundError(f"the region {box} lies outside of {path}")
    cut = image.crop(edges)
    side = max(cut.size)
    square = Image.new("RGB", (side, side))
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    return square


def _captions(
    tasks: list[Task], place: Path, encoder: DualEncoder, progress: Progress | None
) -> Made:
    place.mkdir(parents=True, exist_ok=True)
    texts = {id: own for task in tasks for id, own in task.captions.items() if own}
    file = place / "captions.jsonl"
    lines = [json.dumps({"id": id, "captions": list(own)}) for id, own in texts.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    index_captions(file, place / "index", encoder=encoder, progress=progress)
    names = {id: id for task in tasks for id in task.gallery}
    reasons = {id: "it has no captions" for id in names if id not in texts}
    return Gallery.open(place / "index", encoder=encoder), names, reasons
