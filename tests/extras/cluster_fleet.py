"""Shards in this process, as a router asks them: no cluster is needed to compare answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from stitch_cir.cluster import (
    Answers,
    ClusterGallery,
    DatasetShard,
    FleetState,
    ShardCount,
    SharedDataset,
    named_error,
)
from stitch_cir.cluster.shards import packed, unpacked
from stitch_cir.encoders import DualEncoder
from stitch_cir.errors import ClusterError


class FleetHere:
    """A fleet of shards in this process; what is asked and answered is pickled, as for others."""

    def __init__(self, uri: str, folder: Path, shards: int) -> None:
        self.uri = uri
        self.newest = SharedDataset.open(uri).version
        bounds = [256 * number // shards for number in range(shards + 1)]
        self.shards = [
            DatasetShard(uri, (first, end), str(folder)) for first, end in pairwise(bounds)
        ]
        self.gone: set[int] = set()
        self.outdated: list[int] = []
        self.goes_after: tuple[int, int] | None = None
        """How many questions there are until a shard is gone, and which."""

    def version(self) -> int:
        return self.outdated.pop() if self.outdated else self.newest

    def facts(self, version: int) -> Mapping[str, Any]:
        return SharedDataset.open(self.uri, min(version, self.newest)).facts

    def encoder(self, version: int) -> None:
        """Have whoever needs it load it."""

    def state(self) -> FleetState:
        missing = {number: self._missing(number) for number in sorted(self.gone)}
        images = [shard.hello()["images"].get(self.newest) for shard in self.shards]
        return FleetState(self.newest, None if None in images else sum(images), missing)

    def shard_counts(self) -> Sequence[ShardCount]:
        return [ShardCount(number + 1) for number in range(len(self.shards))]

    def _missing(self, number: int) -> str:
        return f"The shard {number} of {self.uri} does not answer."

    def ask(
        self,
        version: int,
        question: str,
        arguments: Sequence[Sequence[Any]],
        *,
        without: Collection[int] = (),
        may_miss: bool = False,
    ) -> Answers:
        values, missing = [], {}
        if self.goes_after is not None:
            left, number = self.goes_after
            self.goes_after = None if left == 0 else (left - 1, number)
            self.gone |= {number} if left == 0 else set()
        numbers = [number for number in range(len(self.shards)) if number not in without]
        for position, number in enumerate(numbers):
            if number in self.gone:
                missing[number] = self._missing(number)
                if not may_miss:
                    raise ClusterError(missing[number])
                continue
            sent_to_shard = arguments[position] if len(arguments) > 1 else arguments[0]
            kind, *rest = self.shards[number].answer(
                version, question, packed(tuple(sent_to_shard))
            )
            if kind == "error":
                raise named_error(*rest)
            values.append(unpacked(rest[2])[1])
        return Answers(values, missing)


def open_here(
    uri: str, folder: Path, shards: int, encoder: DualEncoder, *, may_miss: bool = False
) -> ClusterGallery:
    """Return a dataset as a gallery that shards in this process search."""
    fleet = FleetHere(uri, folder, shards)
    return ClusterGallery(uri, fleet, SharedDataset.open(uri).facts, encoder, may_miss=may_miss)
