"""What a split of any data set becomes once it is read: tasks of queries over a gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from stitch_cir.datasets._dataset import DataSet

__all__ = ["Benchmark", "BenchmarkQuery", "Box", "GalleryKind", "Task"]

Box = tuple[float, float, float, float]
"""A region of an image: x, y, width and height in pixels."""
GalleryKind = Literal["images", "regions", "captions"]


@dataclass(frozen=True, slots=True)
class BenchmarkQuery:
    """One query and its right answers.

    ``target`` is the first right answer and ``answers`` all of them, the target included; both are
    empty on test splits. ``group`` holds the candidates of a small gallery that belongs to this
    query alone (CIRR's subset, GeneCIS), without the reference. ``kinds`` are CIRCO's semantic
    aspects, or kinds of modification.
    """

    id: str
    reference: str
    text: str
    target: str | None = None
    answers: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    shared: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """Queries that share a gallery. ``gallery`` is empty when the file that lists it is missing.

    ``images`` is the folder of the image files and ``files`` each id's file in it. ``boxes`` holds
    the region that an id stands for where that is not the whole image, ``captions`` the captions
    that an id stands for where there is no image.
    """

    name: str
    queries: tuple[BenchmarkQuery, ...]
    gallery: tuple[str, ...]
    images: Path
    files: Mapping[str, str] = field(default_factory=dict)
    boxes: Mapping[str, Box] = field(default_factory=dict)
    captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def gallery_kind(self) -> GalleryKind:
        """What the ids of the gallery stand for: whole images, regions of them, or captions."""
        if self.captions:
            return "captions"
        return "regions" if self.boxes else "images"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A split of a data set. ``sources`` holds the SHA-256 of every file that was read."""

    dataset: DataSet
    split: str
    root: Path
    tasks: tuple[Task, ...]
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.dataset.name

    @property
    def protocol(self) -> str:
        """The line that says how the split is evaluated; it is printed with every figure."""
        return self.dataset.splits[self.split]

    @property
    def queries(self) -> dict[str, tuple[Task, BenchmarkQuery]]:
        """All queries of all tasks by id."""
        return {query.id: (task, query) for task in self.tasks for query in task.queries}

    @property
    def labelled(self) -> bool:
        """Whether the right answers are public."""
        return all(query.answers for task in self.tasks for query in task.queries)
