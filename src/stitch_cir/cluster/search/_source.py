"""One query to all shards, and the merge of their answers into those of one machine."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.cluster.search._attributes import joined_facets
from stitch_cir.cluster.search._gallery import ClusterSnapshot
from stitch_cir.cluster.shards import GroupMembers, ShardAnswer, ShardQuery, ShardTakingPart
from stitch_cir.gallery import Facet, FacetRequest
from stitch_cir.ranking import ShardRanking, merge
from stitch_cir.searcher import (
    Chance,
    Cuts,
    EncodedQuery,
    Hit,
    SearchSettings,
    TakingPart,
)

if TYPE_CHECKING:
    from stitch_cir.cluster.search._engine import ClusterEngine

__all__ = ["ClusterSource", "joined", "notes_of"]


@dataclass(slots=True)
class ClusterSource:
    """A query that the shards rank; the keys of its rankings are ids."""

    engine: ClusterEngine
    snapshot: ClusterSnapshot
    query: ShardQuery
    selection: TakingPart
    shards: int
    notes: tuple[str, ...]
    chance: Chance | None = None
    named: None = None
    _groups: dict[str, Hashable] = field(default_factory=dict, repr=False)
    """The name of the group of each ranked image."""
    _answers: dict[float, list[ShardAnswer]] = field(default_factory=dict, repr=False)
    _cuts: Cuts = field(default_factory=Cuts, repr=False)
    _hits: dict[str, Hit] = field(default_factory=dict, repr=False)
    """What came along with the rankings of the shards."""

    @property
    def encoded(self) -> EncodedQuery:
        """The query as it is ranked."""
        return self.query.encoded

    @property
    def settings(self) -> SearchSettings:
        """The settings that are used."""
        return self.query.settings

    @property
    def missing(self) -> tuple[str, ...]:
        """Why shards did not answer, a sentence each."""
        return tuple(self.snapshot.missing.values())

    def rank(self, depth: int, *, shortlist: int | None = None, cuts: Cuts) -> ShardRanking:
        """Return the best of all shards; a shortlist is found in an extra round before."""
        kept = None
        if shortlist is not None:
            count = max(shortlist, depth)
            nearest: list[ShardRanking] = self._ask("nearest", count)
            kept = list(merge(nearest, count).keys)
        cuts = replace(cuts, shown=_likely_in_one(cuts.shown, self.shards))
        answers: list[ShardAnswer] = self._ask("rank", depth, kept, cuts)
        for answer in answers:
            self._hits.update(answer.hits)
        if not self._answers:
            self._answers = dict.fromkeys(cuts.scores, answers)
            self._cuts = cuts
        ranking = merge([answer.ranking for answer in answers], depth)
        self._groups.update(zip(ranking.keys, ranking.groups, strict=True))
        damaged = [id for answer in answers for id in answer.damaged]
        if damaged:
            selected = self.engine.ask(
                self.snapshot,
                "select",
                self.settings,
                self.query.excluded,
                self.query.duplicates,
            )
            self.selection = joined(selected, self.settings)
            self.selection.check(self.snapshot.address)
            self.snapshot.noted = notes_of(selected)
        return ranking

    def means(self, keys: Sequence[Any]) -> NDArray[np.float32]:
        """Return the normalised mean views of ids (m,): (m, d)."""
        parts = self.snapshot.ask("sets", list(keys))
        sets = {id: each for part in parts for id, each in part.items()}
        return np.stack([sets[id][1] for id in keys])

    def count(self, score: float) -> int:
        """Count the images, or groups, that reach a cut."""
        position = self._cuts.scores.index(score)
        parts = [answer.reaching[position] for answer in self._answers[score]]
        named = frozenset[Hashable]().union(*(names for _, names in parts))
        return sum(alone for alone, _ in parts) + len(named)

    def facets(self, requests: Sequence[str | FacetRequest], score: float) -> list[Facet]:
        """Count facets over the images that reach the first cut."""
        return joined_facets([answer.facets for answer in self._answers[score]])

    def rank_of(self, id: str) -> tuple[int, str, float] | None:
        """Return rank, id and score of an image, ``None`` where it does not take part."""
        scores = [score for score in self._ask("score", id) if score is not None]
        if not scores:
            return None
        before = sum(self._ask("count_before", scores[0], id))
        return before + 1, id, scores[0]

    def hits(
        self, ranked: Sequence[tuple[int, Any, float]], floor: float | None
    ) -> tuple[Hit, ...]:
        """Return hits, each made by the shard that holds it."""
        names = {id: self._groups.get(id) for _, id, _ in ranked} if floor is not None else {}
        groups = list(dict.fromkeys(name for name in names.values() if name is not None))
        of_group: dict[Hashable, _Group] = {}
        if groups:
            parts = self._ask("members", groups)
            size = self.settings.group_size
            of_group = {
                name: _Group.of([part[number] for part in parts], size)
                for number, name in enumerate(groups)
            }
        shown = list(ranked)
        members: dict[str, list[tuple[int, str, float]]] = {}
        for rank, id, _ in ranked:
            group = of_group.get(names.get(id))
            if group is None or self.settings.group_by is None or floor is None:
                continue
            if min(self.settings.group_size, group.count) < 2:
                continue
            members[id] = [
                (rank, member, score)
                for member, score in zip(group.ranking.keys, group.ranking.scores, strict=True)
                if member != id and score >= floor
            ]
            shown += members[id]
        made = self._hits
        unknown = [each for each in shown if each[1] not in made]
        for part in self._ask("hits", unknown) if unknown else []:
            made.update(part)
        hits = []
        for rank, id, score in ranked:
            if id not in made:
                continue  # its shard has gone missing meanwhile; the results say so
            group = of_group.get(names.get(id))
            hit = self._shown(made[id], rank, score, group)
            if group is not None and self.settings.group_by is not None:
                further = [
                    self._shown(made[member], rank, value, group)
                    for _, member, value in members.get(id, ())
                    if member in made
                ]
                hit = replace(hit, group_images=group.count, members=tuple(further))
            hits.append(hit)
        return tuple(hits)

    def _shown(self, hit: Hit, rank: int, score: float, group: _Group | None) -> Hit:
        copies = () if group is None else group.copies_of(hit.id)
        return replace(hit, rank=rank, score=score, query=self.encoded, near_duplicates=copies)

    def _ask(self, question: str, *arguments: Any) -> list[Any]:
        return self.engine.ask(self.snapshot, question, self.query, *arguments)


@dataclass(frozen=True, slots=True)
class _Group:
    """A group over all shards."""

    count: int
    ranking: ShardRanking
    copies: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, parts: Sequence[GroupMembers], size: int) -> _Group:
        names = dict.fromkeys(name for part in parts for name in part.copies)
        copies = tuple(
            tuple(sorted(id for part in parts for id in part.copies.get(name, ())))
            for name in names
        )
        ranking = merge([part.ranking for part in parts], size)
        return cls(sum(part.count for part in parts), ranking, copies)

    def copies_of(self, id: str) -> tuple[str, ...]:
        """Return the near-duplicates that collapse to an image."""
        for copies in self.copies:
            if id in copies:
                return tuple(each for each in copies if each != id)
        return ()


def _likely_in_one(count: int, shards: int) -> int:
    """Return how many of the best ``count`` of all shards a single one hardly exceeds.

    That is the mean, two standard deviations of Poisson's distribution and one more: of ten all in
    two shards, three in twenty. Hits that are not among them, of ten in 2 % of searches at most,
    take a round of their own.
    """
    mean = count / shards
    return min(count, math.ceil(mean + 2 * math.sqrt(mean)) + (count > 0))


def notes_of(parts: Sequence[ShardTakingPart]) -> tuple[str, ...]:
    """Return the notes of all shards without repetitions."""
    return tuple(dict.fromkeys(note for part in parts for note in part.notes))


def joined(parts: Sequence[ShardTakingPart], settings: SearchSettings) -> TakingPart:
    """Return which images take part over all shards."""
    selections = [part.selection for part in parts]
    images, ranked = (
        sum(getattr(each, name) for each in selections) for name in ("images", "ranked")
    )
    matched = tuple(
        (any(each for each, _ in of_pattern), any(below for _, below in of_pattern))
        for of_pattern in zip(*(each.matched for each in selections), strict=True)
    )
    unhashed = sum(each.unhashed for each in selections)
    if settings.group_by is None and settings.near_duplicates != "collapse":
        return TakingPart(images, ranked, ranked, 0, matched, unhashed)
    sizes: dict[Hashable, int] = {}
    for part in parts:
        for name, count in part.groups.items():
            sizes[name] = sizes.get(name, 0) + count
    unnamed = ranked - sum(sizes.values())
    alone = unnamed + sum(count == 1 for count in sizes.values())
    return TakingPart(images, ranked, unnamed + len(sizes), alone, matched, unhashed)
