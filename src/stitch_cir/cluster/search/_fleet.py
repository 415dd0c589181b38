"""The interface between a router and the shards of a dataset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from stitch_cir.cluster.search._counts import ShardCount

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["Answers", "Fleet", "FleetState"]


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of shards, in their order; ``missing``: why other shards did not answer.

    The keys of ``missing`` are numbers of shards, from 0.
    """

    values: list[Any] = field(repr=False)
    missing: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetState:
    """The last known state of a dataset's shards, at the version that is searched.

    ``images``: the number of images, ``None`` until all shards have reported theirs; ``missing``:
    why shards do not answer, by their number from 0; ``nodes``: on how many nodes replicas of each
    shard answered when they were last checked.
    """

    version: int
    images: int | None
    missing: Mapping[int, str] = field(default_factory=dict)
    nodes: Mapping[int, int] = field(default_factory=dict)


class Fleet(Protocol):
    """The shards of a dataset, each of which may have replicas; safe to share between threads."""

    def version(self) -> int:
        """Return the version that all replicas hold, and that is searched."""

    def facts(self, version: int) -> Mapping[str, Any]:
        """Return what shaped the vectors of a version; for an unknown one those of the current."""

    def encoder(self, version: int) -> DualEncoder | None:
        """Return the encoder that was loaded for a version before it was searched, if one was."""

    def state(self) -> FleetState:
        """Return the last known state of the shards, at once and without asking them."""

    def shard_counts(self) -> Sequence[ShardCount]:
        """Return the counters of every shard that was asked."""

    def ask(
        self,
        version: int,
        question: str,
        arguments: Sequence[Sequence[Any]],
        *,
        without: Collection[int] = (),
        may_miss: bool = False,
    ) -> Answers:
        """Return the answers of all shards to a question, a method of ``ShardGallery``.

        ``version``: at which all answer. ``arguments``: one sequence for each shard, or a single
        one for all. ``without``: numbers of shards that are not asked. With ``may_miss`` further
        shards may be missing, but not all.

        Raises
        ------
        VersionGoneError
            A shard no longer holds the version.
        ClusterError
            A shard does not answer: the error names it, and the cause.
        StitchError
            What a shard raises.
        """
