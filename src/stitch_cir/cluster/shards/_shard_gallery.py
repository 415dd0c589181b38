"""How a shard ranks its images."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.cluster._errors import ColumnMissingError
from stitch_cir.cluster.shards._questions import (
    GroupMembers,
    ShardAnswer,
    ShardQuery,
    ShardTakingPart,
)
from stitch_cir.cluster.shards._shard_reader import ShardReader
from stitch_cir.gallery import (
    FacetRequest,
    NearDuplicates,
    Occurrences,
    Snapshot,
)
from stitch_cir.ranking import (
    RankingProblem,
    ShardRanking,
    count_before,
    keep_keys,
    nearest_in_shard,
    rescore_float64,
)
from stitch_cir.searcher import (
    Candidates,
    Cuts,
    GalleryRanker,
    GallerySolvers,
    Hit,
    LeftOut,
    LocalSource,
    SearchSettings,
    View,
    select_rows,
)
from stitch_cir.transport import open_device

__all__ = ["ShardGallery"]

_VIEWED = 128
"""Images whose views are cached: those of a ranking are usually shown next."""


@dataclass(slots=True)
class ShardGallery(ShardReader):
    """Ranks the images of one shard at one version. Safe to share between threads."""

    _viewed: dict[int, tuple[View, ...]] = field(default_factory=dict, repr=False)

    # -- ranking -----------------------------------------------------------------------------------

    def select(
        self, settings: SearchSettings, excluded: frozenset[str], duplicates: str | None
    ) -> ShardTakingPart:
        """Return which images of this shard take part, and what to note about them."""
        with self.gallery.snapshot() as snapshot:
            candidates = self._candidates(snapshot, settings, excluded, duplicates)
            names = self._group_names(snapshot, settings, candidates, duplicates)
            groups: dict[Hashable, int] = {}
            if names is not None and candidates.groups is not None:
                sizes = np.bincount(candidates.groups[candidates.rows], minlength=len(names))
                groups = {
                    name: count
                    for name, count in zip(names, sizes.tolist(), strict=True)
                    if name is not None and count
                }
            notes, incomplete = tuple(snapshot.notes), snapshot.incomplete_note()
            return ShardTakingPart(candidates.selection, notes, incomplete, groups)

    def rank(
        self, query: ShardQuery, depth: int, kept: Sequence[str] | None, cuts: Cuts
    ) -> ShardAnswer:
        """Return the best ``depth`` images or groups; with ``kept`` only these ids are ranked."""
        while True:
            with self.gallery.snapshot() as snapshot:
                before = snapshot.damaged
            answer = self._rank(query, depth, kept, cuts)
            # a record that proves damaged while it is ranked must not be counted either
            if answer.damaged == before:
                return answer

    def _rank(
        self, query: ShardQuery, depth: int, kept: Sequence[str] | None, cuts: Cuts
    ) -> ShardAnswer:
        with self._source(query) as (source, names):
            candidates = source.candidates
            if kept is not None:
                problem = self._problem(source, source.candidates.rows)
                rows = keep_keys(problem, source.ranker.matrix.ids, kept).rows
                source.candidates = replace(candidates, rows=rows)
            units = source.candidates.units(source.candidates.rows)
            selection = replace(candidates.selection, units=units)
            source.candidates = replace(source.candidates, selection=selection)
            ranking = source.rank(depth, cuts=cuts) if units else ShardRanking((), (), ())
            complete = len(ranking.keys) >= units
            if kept is not None:
                source.candidates = candidates
            reaching = tuple(
                self._units(source, source.rows_above(score), names) for score in cuts.scores
            )
            facets: tuple[tuple[FacetRequest, Occurrences], ...] = ()
            if cuts.facets:
                rows = source.rows_above(cuts.scores[0])
                facets = tuple(source.snapshot.attributes.occurrences(cuts.facets, rows))
            ids = source.ranker.matrix.ids
            groups = self._names_of(source, ranking.keys, names)
            keys = tuple(ids[row] for row in ranking.keys)
            named = replace(ranking, keys=keys, groups=groups, complete=complete)
            ranked = zip(keys, ranking.keys, ranking.scores, strict=True)
            hits = {
                id: source.hit(0, row, score)
                for id, row, score in itertools.islice(ranked, cuts.shown)
            }
            return ShardAnswer(named, reaching, facets, source.snapshot.damaged, hits)

    def nearest(self, query: ShardQuery, count: int) -> ShardRanking:
        """Return the ``count`` images whose mean view is nearest to the query."""
        with self._source(query) as (source, _):
            problem = self._problem(source, source.candidates.rows)
            return nearest_in_shard(problem, count, source.ranker.matrix.ids)

    def score(self, query: ShardQuery, id: str) -> float | None:
        """Return the score of an image that takes part here, or ``None``."""
        with self._source(query) as (source, _):
            row = source.ranker.matrix.ids.row_of(id)
            rows = source.candidates.rows
            if row is None or not np.isin(row, rows):
                return None
            problem = self._problem(source, rows)
            return float(rescore_float64(problem, np.array([row]))[1][0])

    def count_before(self, query: ShardQuery, score: float, id: str) -> int:
        """Count this shard's images that rank before an image of any shard."""
        with self._source(query) as (source, _):
            problem = self._problem(source, source.candidates.rows)
            return count_before(problem, score, id, source.ranker.matrix.ids)

    def penalties(self, query: ShardQuery, ids: Sequence[str]) -> dict[str, float]:
        """Return the hubness penalties of those images that this shard holds, by id."""
        with self._source(query) as (source, _):
            penalty, ids_here = source.ranker.penalty, source.ranker.matrix.ids
            assert penalty is not None
            rows = [(id, ids_here.row_of(id)) for id in ids]
            return {id: float(penalty[row]) for id, row in rows if row is not None}

    def members(self, query: ShardQuery, groups: Sequence[Hashable]) -> list[GroupMembers]:
        """Return the images of named groups, in the order of ``groups``."""
        with self._source(query) as (source, names):
            candidates, ids = source.candidates, source.ranker.matrix.ids
            assert names is not None
            assert candidates.groups is not None
            label_of = {name: label for label, name in enumerate(names) if name is not None}
            labels = candidates.groups[candidates.rows]
            answers = []
            copy_names = self._copy_names(source, query)
            for group in groups:
                label = label_of.get(group, -1)
                rows = candidates.rows[labels == label]
                if not len(rows):
                    answers.append(GroupMembers(0, ShardRanking((), (), ())))
                    continue
                count = len(rows)
                rows, ranking = source.rank_members(rows)
                copies: dict[Any, list[str]] = {}
                if candidates.copies is not None and copy_names is not None:
                    for row in rows.tolist():
                        name = copy_names[candidates.copies[row]]
                        if name is not None:
                            copies.setdefault(name, []).append(ids[row])
                in_copies = tuple(
                    None
                    if candidates.copies is None or copy_names is None
                    else copy_names[candidates.copies[row]]
                    for row in ranking.rows.tolist()
                )
                units = len(rows)
                if candidates.copies is not None:
                    units = len(np.unique(candidates.copies[rows]))
                named = ShardRanking(
                    tuple(ids[row] for row in ranking.rows.tolist()),
                    tuple(ranking.scores.tolist()),
                    in_copies,
                    complete=len(ranking.rows) >= units,
                )
                answers.append(
                    GroupMembers(count, named, {key: tuple(each) for key, each in copies.items()})
                )
            return answers

    def hits(self, query: ShardQuery, ranked: Sequence[tuple[int, str, float]]) -> dict[str, Hit]:
        """Return those of the images (rank, id, score) that are held here as hits, by id."""
        with self._source(query) as (source, _):
            ids = source.ranker.matrix.ids
            rows = [(rank, ids.row_of(id), score, id) for rank, id, score in ranked]
            return {
                id: source.hit(rank, row, score) for rank, row, score, id in rows if row is not None
            }

    # -- within ------------------------------------------------------------------------------------

    @contextmanager
    def _source(self, query: ShardQuery) -> Iterator[tuple[LocalSource, Sequence[Hashable] | None]]:
        settings = query.settings
        with self.gallery.snapshot() as snapshot:
            candidates = self._candidates(snapshot, settings, query.excluded, query.duplicates)
            names = self._group_names(snapshot, settings, candidates, query.duplicates)
            solver = self.gallery.resource(GallerySolvers).on(open_device(settings.device))
            penalty = None
            if query.hubness is not None:
                with self._lock:
                    if query.hubness not in self._penalties:
                        raise ColumnMissingError(query.hubness)
                    penalty = settings.hubness.weight * self._penalties[query.hubness]
            ranker = GalleryRanker(snapshot.matrix(), settings, solver, penalty)
            if len(self._viewed) > _VIEWED:
                self._viewed = {}
            source = LocalSource(
                snapshot,
                ranker,
                query.encoded,
                candidates,
                duplicates=self._kept_duplicates(query.duplicates),
                views=self._viewed,
            )
            yield source, names

    def _kept_duplicates(self, name: str | None) -> NearDuplicates | None:
        if name is None:
            return None
        with self._lock:
            if name not in self._duplicates:
                raise ColumnMissingError(name)
            return self._duplicates[name]

    def _candidates(
        self,
        snapshot: Snapshot,
        settings: SearchSettings,
        excluded: frozenset[str],
        duplicates: str | None,
    ) -> Candidates:
        left_out = LeftOut({}, excluded)
        return select_rows(snapshot, settings, left_out, self._kept_duplicates(duplicates))

    def _group_names(
        self,
        snapshot: Snapshot,
        settings: SearchSettings,
        candidates: Candidates,
        duplicates: str | None,
    ) -> Sequence[Hashable] | None:
        """Return the name of each group, the same in all shards; ``None`` for ungrouped images."""
        if candidates.groups is None:
            return None
        if settings.group_by is None:
            kept = self._kept_duplicates(duplicates)
            assert kept is not None
            return _named(kept)
        positions, values = snapshot.attributes.group_values(settings.group_by)
        names: list[Hashable] = [None] * (int(candidates.groups.max(initial=-1)) + 1)
        rows = np.flatnonzero(positions >= 0)
        labels, first = np.unique(candidates.groups[rows], return_index=True)
        for label, position in zip(labels.tolist(), positions[rows[first]].tolist(), strict=True):
            names[label] = values[position]
        return names

    def _copy_names(self, source: LocalSource, query: ShardQuery) -> Sequence[Hashable] | None:
        kept = self._kept_duplicates(query.duplicates)
        return None if kept is None else _named(kept)

    def _problem(self, source: LocalSource, rows: NDArray[np.int64]) -> RankingProblem:
        return replace(source.ranker.problem(source.encoded, rows), groups=source.candidates.groups)

    def _units(
        self, source: LocalSource, rows: NDArray[np.int64], names: Sequence[Hashable] | None
    ) -> tuple[int, frozenset[Hashable]]:
        groups = source.candidates.groups
        if names is None or groups is None:
            return len(rows), frozenset()
        labels = np.unique(groups[rows]).tolist()
        named = frozenset(names[label] for label in labels if names[label] is not None)
        return sum(names[label] is None for label in labels), named

    def _names_of(
        self, source: LocalSource, rows: Sequence[int], names: Sequence[Hashable] | None
    ) -> tuple[Hashable, ...]:
        groups = source.candidates.groups
        if names is None or groups is None:
            return (None,) * len(rows)
        return tuple(names[groups[row]] for row in rows)


def _named(duplicates: NearDuplicates) -> Sequence[Hashable]:
    return [None if label < 0 else label for label in duplicates.labels.tolist()]
