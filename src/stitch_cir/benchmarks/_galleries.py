"""The galleries of a benchmark: its images, regions or captions, indexed, with each id's row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir.datasets import Benchmark, BenchmarkQuery, Box, GalleryKind, Task
from stitch_cir.encoders import CentredEncoder, DualEncoder
from stitch_cir.errors import ImageError, NotFoundError
from stitch_cir.gallery import Gallery, Progress, index_captions, index_folder, take_encoded
from stitch_cir.images import open_image
from stitch_cir.searcher import ResolvedReference
from stitch_cir.views import ViewRecipe

__all__ = [
    "BenchmarkGallery",
    "centred_on_captions",
    "cut_region",
    "open_galleries",
    "widened_edges",
]

WIDEN = 0.7
"""How much of its size a region gains on each side before it is cut (GeneCIS)."""


@dataclass(frozen=True, slots=True)
class BenchmarkGallery:
    """A task's gallery.

    ``rows``: row of ``gallery.matrix()`` by benchmark id; ``names``: gallery id by benchmark id;
    ``missing``: why an id of the gallery has no vectors, by id; ``unranked``: the rows of images
    that queries refer to and that are no images of the gallery.
    """

    gallery: Gallery
    rows: Mapping[str, int] = field(repr=False)
    names: Mapping[str, str] = field(repr=False)
    missing: Mapping[str, str] = field(repr=False)
    unranked: frozenset[int] = frozenset()

    @property
    def candidates(self) -> NDArray[np.int64]:
        """Rows that queries of the task rank, ascending: (n,) int64."""
        ranked = [row for row in self.rows.values() if row not in self.unranked]
        return np.unique(np.array(ranked, dtype=np.int64))

    def references(self, query: BenchmarkQuery) -> tuple[ResolvedReference, ...]:
        """Return the references of a query, not opened, those without vectors left out.

        Where none has vectors, the first one by its name alone.
        """
        indexed = [id for id in query.references if id in self.rows]
        return tuple(map(self.reference, indexed or query.references[:1]))

    def reference(self, id: str) -> ResolvedReference:
        """Return a reference by its benchmark id, not opened; without vectors, its name alone."""
        return ResolvedReference(id, gallery_id=self.names[id] if id in self.rows else None)

    def facts(self) -> dict[str, Any]:
        """Return what made the vectors, and which ids have none, JSON-ready."""
        info = self.gallery.info()
        names = ("encoder", "weights_tag", "dim", "fingerprint", "recipe")
        return {
            **{name: info[name] for name in names},
            "images": len(self.candidates),
            "views": len(self.gallery.matrix().vectors),
            "without_vectors": sorted(self.missing),
            "reasons": dict(sorted(self.missing.items())),
        }


def centred_on_captions(benchmark: Benchmark, encoder: DualEncoder) -> DualEncoder:
    """Return the encoder, centred on the gallery's captions where the gallery is made of them."""
    texts = [
        text for task in benchmark.tasks for captions in task.captions.values() for text in captions
    ]
    return CentredEncoder.around(encoder, texts) if texts else encoder


def open_galleries(
    benchmark: Benchmark,
    folder: Path,
    *,
    encoder: DualEncoder,
    recipe: ViewRecipe | None = None,
    parts: Sequence[Path] = (),
    progress: Progress | None = None,
) -> dict[str, BenchmarkGallery]:
    """Index what the tasks rank into galleries below ``folder``; return them by task.

    Tasks of one folder of images share a gallery. Interrupted indexing is resumed. What was encoded
    of the same tasks below the folders ``parts`` is taken over.

    Raises ``NotFoundError`` when a task's gallery is unknown or none of its images exists.
    """
    check = f"stitch bench check {benchmark.name} --root {benchmark.root}"
    shared: dict[tuple[Path, GalleryKind], list[Task]] = {}
    for task in benchmark.tasks:
        if not task.gallery:
            raise NotFoundError(
                f"The gallery of {benchmark.name} {task.name} is unknown.",
                hint=f"See what is missing: {check}",
            )
        shared.setdefault((task.images, task.gallery_kind), []).append(task)
    galleries: dict[str, BenchmarkGallery] = {}
    for (images, kind), tasks in shared.items():
        if kind != "captions" and not images.is_dir():
            raise NotFoundError(
                f"The images of {benchmark.name} are missing: there is no folder {images}.",
                hint=f"See what is expected where: {check}",
            )
        name = "-".join(task.name for task in tasks)
        below = folder / name
        indexing = _Indexing(encoder, recipe, [part / name / "index" for part in parts], progress)
        indexed = _INDEXERS[kind](tasks, below, indexing)
        row_of = {id: row for row, id in enumerate(indexed.gallery.matrix().ids)}
        for task in tasks:
            gallery = _gallery_of(task, indexed, row_of)
            if not gallery.rows:
                first = task.gallery[0]
                raise NotFoundError(
                    f"None of the {len(task.gallery):,} images of {benchmark.name} {task.name} "
                    f"could be indexed, first {first!r}: {gallery.missing[first]}.",
                    hint=f"See what is expected where: {check}",
                )
            galleries[task.name] = gallery
    return galleries


class _Indexed(NamedTuple):
    """A gallery, gallery ids by benchmark id, and why others are not in it, by gallery id."""

    gallery: Gallery
    names: dict[str, str]
    reasons: dict[str, str]


def _gallery_of(task: Task, indexed: _Indexed, row_of: Mapping[str, int]) -> BenchmarkGallery:
    names, reasons = indexed.names, indexed.reasons
    ids = (*task.gallery, *task.query_images)
    rows = {id: row_of[names[id]] for id in ids if names.get(id) in row_of}
    missing = {
        id: reasons.get(names.get(id, id), "not in the gallery")
        for id in task.gallery
        if id not in rows
    }
    ranked = {rows[id] for id in task.gallery if id in rows}
    unranked = frozenset(rows[id] for id in task.query_images if id in rows) - ranked
    return BenchmarkGallery(indexed.gallery, rows, names, missing, unranked)


@dataclass(frozen=True, slots=True)
class _Indexing:
    """What every gallery of a run is indexed with."""

    encoder: DualEncoder
    recipe: ViewRecipe | None
    parts: Sequence[Path]
    progress: Progress | None

    def index_files(
        self, root: Path, names: dict[str, str], reasons: Mapping[str, str], folder: Path
    ) -> _Indexed:
        """Index files below ``root``, ``names`` by benchmark id, and nothing else there.

        ``reasons`` say why a file is not there, should it be missing.
        """
        if self.parts:
            take_encoded(
                root, folder / "index", self.parts, encoder=self.encoder, recipe=self.recipe
            )
        report = index_folder(
            root,
            folder / "index",
            encoder=self.encoder,
            recipe=self.recipe,
            only=names.values(),
            progress=self.progress,
        )
        return _Indexed(self._open(folder), names, {**reasons, **dict(report.skipped)})

    def index_captions(
        self, file: Path, names: dict[str, str], reasons: dict[str, str], folder: Path
    ) -> _Indexed:
        """Index the captions of a file; ``reasons`` say why an id has none."""
        index_captions(file, folder / "index", encoder=self.encoder, progress=self.progress)
        return _Indexed(self._open(folder), names, reasons)

    def _open(self, folder: Path) -> Gallery:
        return Gallery.open(folder / "index", encoder=self.encoder)


def _index_images(tasks: list[Task], folder: Path, indexing: _Indexing) -> _Indexed:
    images = tasks[0].images
    names = {id: Path(file).as_posix() for task in tasks for id, file in task.files.items()}
    reasons = {name: f"{images / name} is missing" for name in names.values()}
    return indexing.index_files(images, names, reasons, folder)


def _index_regions(tasks: list[Task], folder: Path, indexing: _Indexing) -> _Indexed:
    """Cut the regions that ids stand for into image files, then index those."""
    crops = folder / "crops"
    crops.mkdir(parents=True, exist_ok=True)
    names, reasons = {}, {}
    for task in tasks:
        for id, box in task.boxes.items():
            names[id] = f"{id}.png"
            if (crops / names[id]).exists():
                continue
            try:
                crop = cut_region(task.images / task.files[id], box)
            except (ImageError, NotFoundError) as error:
                reasons[names[id]] = str(error)
                continue
            part = crops / f".{id}.part"
            crop.save(part, "PNG")
            part.replace(crops / names[id])
    return indexing.index_files(crops, names, reasons, folder)


def _index_captions(tasks: list[Task], folder: Path, indexing: _Indexing) -> _Indexed:
    folder.mkdir(parents=True, exist_ok=True)
    texts = {id: texts for task in tasks for id, texts in task.captions.items() if texts}
    file = folder / "captions.jsonl"
    lines = [json.dumps({"id": id, "captions": list(captions)}) for id, captions in texts.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    names = {id: id for task in tasks for id in task.gallery}
    reasons = {id: "it has no captions" for id in names if id not in texts}
    return indexing.index_captions(file, names, reasons, folder)


_INDEXERS: Mapping[GalleryKind, Callable[[list[Task], Path, _Indexing], _Indexed]] = {
    "images": _index_images,
    "regions": _index_regions,
    "captions": _index_captions,
}


def widened_edges(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a region, widened by 0.7 of its size on each side.

    They stay within an image of ``size`` (width, height), all in pixels; a region outside of it has
    edges that cross.
    """
    x, y, width, height = box
    return (
        max(0, round(x - WIDEN * width)),
        max(0, round(y - WIDEN * height)),
        min(size[0], round(x + (1 + WIDEN) * width)),
        min(size[1], round(y + (1 + WIDEN) * height)),
    )


def cut_region(path: Path, box: Box) -> Image.Image:
    """Widen the region by 0.7 of its size on each side, cut it, pad it to a square with black.

    Raises ``NotFoundError`` when the file is missing or the region lies outside of the image.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} is missing")
    image = open_image(path)
    edges = widened_edges(box, image.size)
    if edges[0] >= edges[2] or edges[1] >= edges[3]:
        raise NotFoundError(f"the region {box} lies outside of {path}")
    region = image.crop(edges)
    side = max(region.size)
    square = Image.new("RGB", (side, side))
    square.paste(region, ((side - region.width) // 2, (side - region.height) // 2))
    return square
