"""What a split of any data set becomes once it is read: tasks of queries over a gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
    aspects, or kinds of modification. ``more_references`` are references beside the first one,
    ``negatives`` images that are explicitly wrong, and ``variation_of`` what queries have in common
    that ask the same in other words.
    """

    id: str
    reference: str
    text: str
    target: str | None = None
    answers: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    shared: str = ""
    more_references: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    variation_of: str = ""

    @property
    def references(self) -> tuple[str, ...]:
        """All references, the first one first."""
        return (self.reference, *self.more_references)


@dataclass(frozen=True, slots=True)
class Task:
    """Queries that share a gallery. ``gallery`` is empty when the file that lists it is missing.

    ``images`` is the folder of the image files and ``files`` each id's file in it. ``boxes`` holds
    the region that an id stands for where that is not the whole image, ``captions`` the captions
    that an id stands for where there is no image. ``query_images`` are references that are no
    images of the gallery: they are encoded, and never ranked.
    """

    name: str
    queries: tuple[BenchmarkQuery, ...]
    gallery: tuple[str, ...]
    images: Path
    files: Mapping[str, str] = field(default_factory=dict)
    boxes: Mapping[str, Box] = field(default_factory=dict)
    captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    query_images: tuple[str, ...] = ()

    @property
    def gallery_kind(self) -> GalleryKind:
        """What the ids of the gallery stand for: whole images, regions of them, or captions."""
        if self.captions:
            return "captions"
        return "regions" if self.boxes else "images"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A split of a data set. ``sources`` holds the SHA-256 of every file that was read.

    ``selection`` says which of the split's queries these are, and with which answers, JSON-ready:
    ``sample``, ``subset`` and ``ground_truth``, each where it is not the whole split's.
    """

    dataset: DataSet
    split: str
    root: Path
    tasks: tuple[Task, ...]
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()
    selection: Mapping[str, Any] = field(default_factory=dict)

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
