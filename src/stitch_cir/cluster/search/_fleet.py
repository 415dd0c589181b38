"""Shards of one dataset as a router sees them: all are asked at one version, or none answers."""

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
    """What shards answered, in their order; ``missing``: those that did not, and why."""

    values: list[Any] = field(repr=False)
    missing: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetState:
    """What is known of the shards of a dataset at the version that is searched.

    ``images``: how many it has, ``None`` where no look at all shards has counted them;
    ``missing``: the shards that do not answer, by number from 0, and why; ``nodes``: on how many
    nodes replicas of each shard answered at the last look.
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
        """Return what shaped the vectors of a version; of one that is gone, those of today's."""

    def encoder(self, version: int) -> DualEncoder | None:
        """Return the encoder that was loaded for a version before it was searched, if one was."""

    def state(self) -> FleetState:
        """Return what is known of the shards, without asking them: at once, whatever is down."""

    def shard_counts(self) -> Sequence[ShardCount]:
        """Return what was counted of each shard that was asked."""

    def ask(
        self,
        version: int,
        question: str,
        arguments: Sequence[Sequence[Any]],
        *,
        without: Collection[int] = (),
        may_miss: bool = False,
    ) -> Answers:
        """Return what every shard answers to a question of ``ShardGallery``, at one version.

        ``arguments``: for each shard its own, or those of all alone. ``without`` are shards that
        are not asked. With ``may_miss`` others may be missing as well, but not all.

        Raises
        ------
        VersionGoneError
            A shard no longer holds the version.
        ClusterError
            A shard does not answer: the error names it, and the cause.
        StitchError
            What a shard raises.
        """
