"""What every benchmark becomes once it is read: tasks of queries over a gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Benchmark", "Query", "Task"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Query:
    """One query with what is known of its right answers.

    ``target`` is the first right answer and ``answers`` all of them, the target among them; both
    are empty on test splits. ``group`` is the small gallery of CIRR's subset recall or of GeneCIS,
    without the reference. ``kinds`` are CIRCO's semantic aspects, or kinds of modification.
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

    ``images`` is the folder of the pictures, ``files`` where each id lies in it, ``boxes`` the
    region (x, y, w, h in pixels) that an id stands for, where it is not the whole picture;
    ``captions`` the captions an id stands for, where it has no picture.
    """

    name: str
    queries: tuple[Query, ...]
    gallery: tuple[str, ...]
    images: Path
    files: Mapping[str, str] = field(default_factory=dict)
    boxes: Mapping[str, Box] = field(default_factory=dict)
    captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A data set's split. ``sources`` gives the SHA-256 of every file that was read."""

    name: str
    split: str
    root: Path
    protocol: str
    tasks: tuple[Task, ...]
    sources: Mapping[str, str]
    keep_reference: bool
    notes: tuple[str, ...] = ()

    @property
    def queries(self) -> dict[str, tuple[Task, Query]]:
        """All queries of all tasks by id."""
        return {query.id: (task, query) for task in self.tasks for query in task.queries}

    @property
    def labelled(self) -> bool:
        """Whether the right answers are known."""
        return all(query.answers for task in self.tasks for query in task.queries)
