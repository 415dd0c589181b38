"""Messages between a router and its shards: small, and without files or connections."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stitch_cir.gallery import FacetRequest, Occurrences
from stitch_cir.ranking import ShardRanking
from stitch_cir.searcher import EncodedQuery, Hit, SearchSettings, TakingPart

__all__ = ["GroupMembers", "ShardAnswer", "ShardQuery", "ShardTakingPart"]


@dataclass(frozen=True, slots=True)
class ShardQuery:
    """An encoded query, and the ids that it excludes.

    ``hubness`` and ``duplicates`` name columns, computed from the whole gallery, that the shard
    must hold to answer.
    """

    encoded: EncodedQuery = field(repr=False)
    settings: SearchSettings
    excluded: frozenset[str] = frozenset()
    hubness: str | None = None
    duplicates: str | None = None


@dataclass(frozen=True, slots=True)
class ShardTakingPart:
    """The images of one shard that take part; ``groups`` counts those of each named group.

    ``notes``: what is unusual about the shard's images; ``incomplete``: a note that indexing has
    not completed, or ``None``.
    """

    selection: TakingPart
    notes: tuple[str, ...] = ()
    incomplete: str | None = None
    groups: Mapping[Hashable, int] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ShardAnswer:
    """The best of a shard, by id, and what is counted beside.

    ``reaching``: for each cut how many images for themselves reach it, and the names of groups;
    ``facets``: each request with all values that occur. ``hits``: the first of the ranking as they
    are shown, by id, as many as were asked for.
    """

    ranking: ShardRanking
    reaching: tuple[tuple[int, frozenset[Hashable]], ...] = ()
    facets: tuple[tuple[FacetRequest, Occurrences], ...] = ()
    damaged: frozenset[str] = frozenset()
    hits: Mapping[str, Hit] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """The images of one group in one shard: how many take part, and the best of them.

    ``copies``: the ids of each set of near-duplicates among them, by the set's name.
    """

    count: int
    ranking: ShardRanking
    copies: Mapping[Any, tuple[str, ...]] = field(default_factory=dict, repr=False)
