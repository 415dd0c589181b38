"""How a benchmark is divided into shards: every n-th query, every n-th image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from stitch_cir.datasets import Benchmark, Task
from stitch_cir.errors import SettingError

__all__ = ["Shard"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Shard:
    """Number ``number`` of ``count`` shards, from 1. Raises ``SettingError`` for another number."""

    number: int
    count: int

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.number <= self.count:
            raise SettingError(
                f"There is no shard {self.number} of {self.count}.",
                hint="Shards are 1/N to N/N: --shard 1/4 to --shard 4/4.",
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``"2/4"``. Raises ``SettingError`` for anything else."""
        match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text.strip())
        if match is None:
            raise SettingError(
                f"The shard is {text!r}.", hint="Write its number and how many there are: 2/4."
            )
        return cls(int(match[1]), int(match[2]))

    @property
    def folder(self) -> str:
        """The name of the shard's folder."""
        return f"{self.number}-of-{self.count}"

    def part_of(self, benchmark: Benchmark) -> Benchmark:
        """Return this shard's queries, over its share of each gallery and its references."""
        mine = frozenset(list(benchmark.queries)[self.number - 1 :: self.count])
        tasks = (self._part_of_task(task, mine) for task in benchmark.tasks)
        return replace(benchmark, tasks=tuple(task for task in tasks if task.gallery))

    def _part_of_task(self, task: Task, queries: frozenset[str]) -> Task:
        mine = tuple(query for query in task.queries if query.id in queries)
        images = {
            *task.gallery[self.number - 1 :: self.count],
            *(query.reference for query in mine),
        }

        def share(of_all: Mapping[str, Value]) -> dict[str, Value]:
            return {id: value for id, value in of_all.items() if id in images}

        return replace(
            task,
            queries=mine,
            gallery=tuple(id for id in task.gallery if id in images),
            query_images=tuple(id for id in task.query_images if id in images),
            files=share(task.files),
            boxes=share(task.boxes),
            captions=share(task.captions),
        )
