"""A shard's gallery: what it answers of the images that it holds."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.cluster._errors import ColumnMissingError
from stitch_cir.cluster._questions import GroupMembers, ShardAnswer, ShardQuery, ShardSelection
from stitch_cir.gallery import (
    FacetRequest,
    Gallery,
    NearDuplicates,
    Occurrences,
    Snapshot,
    StoredView,
    Where,
)
from stitch_cir.ranking import (
    HubnessBank,
    RankingProblem,
    ShardRanking,
    count_before,
    hubness_against,
    keep_keys,
    nearest_in_shard,
    rescore_float64,
)
from stitch_cir.searcher import (
    Candidates,
    Cuts,
    Exclusions,
    GalleryRanker,
    GallerySolvers,
    Hit,
    LocalSource,
    SearchSettings,
    select_rows,
)
from stitch_cir.transport import Scorer, open_device

__all__ = ["Part"]

_OF_AN_ID = frozenset(
    {
        "attributes_of",
        "captions",
        "captions_by_model",
        "content_hash",
        "image_paths",
        "path",
        "size",
    }
)


@dataclass(slots=True)
class Part:
    """The images of one shard at one version, as a gallery. Safe to share between threads.

    ``rows`` counts the dataset's rows that it was made of, ids that were left out among them.
    """

    gallery: Gallery
    rows: int
    _penalties: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    _duplicates: dict[str, NearDuplicates] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    # -- what it holds -----------------------------------------------------------------------------

    def item(self, id: str) -> dict[str, Any] | None:
        """Return what is recorded of an image but its views, by the names of a gallery's methods.

        ``None`` where this does not hold it.
        """
        with self.gallery.snapshot() as snapshot:
            if id not in snapshot:
                return None
            return {name: getattr(snapshot, name)(id) for name in _OF_AN_ID}

    def views(self, id: str) -> list[StoredView]:
        """Return the view set of an image; nothing where this does not hold it."""
        with self.gallery.snapshot() as snapshot:
            return snapshot.views(id) if id in snapshot else []

    def holds(self, names: Sequence[str]) -> list[str]:
        """Return which of the names are ids here."""
        with self.gallery.snapshot() as snapshot:
            return [name for name in names if name in snapshot]

    def similar_ids(self, name: str) -> list[str]:
        """Return the ids that are ``name`` but for case and Unicode spelling."""
        with self.gallery.snapshot() as snapshot:
            return snapshot.similar_ids(name)

    def find(self, words: str, limit: int, where: Where | str | None) -> tuple[int, list[str]]:
        """Return how many ids match, and the first of them in id order."""
        with self.gallery.snapshot() as snapshot:
            return snapshot.find(words, limit=limit, where=where)

    def ids_with_content(self, hash: str) -> list[str]:
        """Return the ids of images with this content."""
        return self.gallery.ids_with_content(hash)

    def info(self) -> dict[str, Any]:
        """Return counts, as :meth:`Gallery.info` does."""
        return self.gallery.info()

    def skipped(self) -> list[tuple[str, str]]:
        """Return (id, reason) of what was left out because of its content."""
        return self.gallery.skipped()

    def written_captions(self) -> dict[str, Any]:
        """Return what is recorded of the captions that a model wrote, by id."""
        return dict(self.gallery.written_captions())

    def incomplete_note(self) -> str | None:
        """Return a sentence that says that the gallery is incomplete, or None."""
        return self.gallery.incomplete_note()

    def notes(self) -> list[str]:
        """Return what is unusual about how this is read."""
        return self.gallery.notes

    def attribute_schema(self) -> list[tuple[str, str, int]]:
        """Return name, kind and count of every attribute."""
        with self.gallery.snapshot() as snapshot:
            return [(row.name, row.kind, row.items) for row in snapshot.attributes.schema()]

    def check(self, where: Where | str | None, facets: Sequence[FacetRequest | str]) -> None:
        """Raise ``QueryError`` for a condition or a facet that cannot be understood."""
        with self.gallery.snapshot() as snapshot:
            if where is not None:
                snapshot.attributes.check(where)
            for facet in facets:
                snapshot.attributes.check_facet(facet)

    def occurrences(
        self, requests: Sequence[FacetRequest | str] | None, where: Where | str | None
    ) -> list[tuple[FacetRequest, Occurrences]]:
        """Count values over the images that meet a condition; ``None``: every attribute's."""
        with self.gallery.snapshot() as snapshot:
            attributes = snapshot.attributes
            rows = None if where is None else attributes.rows(where)
            if requests is None:
                requests = [FacetRequest(name) for name in attributes.names]
            return attributes.occurrences(requests, rows)

    def ids_where(self, where: Where | str) -> list[str]:
        """Return the ids that meet a condition, in their order."""
        with self.gallery.snapshot() as snapshot:
            ids = snapshot.matrix().ids
            return [ids[row] for row in snapshot.attributes.rows(where).tolist()]

    # -- numbers for what needs the whole gallery --------------------------------------------------

    def device(self, name: str) -> str:
        """Return how a device is called here. Raises ``SettingError``, ``ModelError``."""
        return open_device(name)

    def view_counts(self, most: int) -> tuple[int, int]:
        """Return the number of images, and of their views, at most ``most`` of each image."""
        offsets = self.gallery.matrix().offsets
        sizes = offsets[1:] - offsets[:-1]
        return len(sizes), int(np.minimum(sizes, most).sum())

    def ids_at(self, positions: Sequence[int]) -> list[str]:
        """Return the ids at some positions in id order."""
        ids = self.gallery.matrix().ids
        return [ids[position] for position in positions]

    def positions(self, ids: Sequence[str]) -> list[int]:
        """Return how many ids of this shard stand before each of ``ids``."""
        from bisect import bisect_left

        own = self.gallery.matrix().ids
        return [bisect_left(own, id) for id in ids]

    def sets(
        self, ids: Sequence[str]
    ) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return view set and mean of the images that this holds, by id."""
        matrix = self.gallery.matrix()
        sets = {}
        for id in ids:
            row = matrix.ids.row_of(id)
            if row is not None:
                start, end = matrix.offsets[row : row + 2]
                sets[id] = np.array(matrix.vectors[start:end]), np.array(matrix.means[row])
        return sets

    def bank(
        self, ids: Sequence[str] | None, views_each: int
    ) -> list[tuple[str, NDArray[np.float32]]]:
        """Return the views that images add to the bank of hubness; all images' for ``None``."""
        matrix = self.gallery.matrix()
        chosen = list(matrix.ids) if ids is None else ids
        rows = [row for id in chosen if (row := matrix.ids.row_of(id)) is not None]
        bounds = [(matrix.ids[row], *matrix.offsets[row : row + 2].tolist()) for row in rows]
        return [
            (id, np.array(matrix.vectors[start : min(end, start + views_each)]))
            for id, start, end in bounds
        ]

    def keep_hubness(
        self,
        name: str,
        bank: tuple[NDArray[np.float32], NDArray[np.int64]],
        owners: Sequence[str],
        scorer: Scorer,
        neighbours: int,
    ) -> None:
        """Compute the hubness of every image against the bank of the whole gallery, and keep it."""
        matrix = self.gallery.matrix()
        number = {id: position for position, id in enumerate(owners)}
        numbers = np.array(
            [number.get(id, -1 - row) for row, id in enumerate(matrix.ids)], np.int64
        )
        penalty = hubness_against(HubnessBank(*bank), matrix, numbers, scorer, neighbours)
        with self._lock:
            self._penalties[name] = penalty

    def penalties(self, query: ShardQuery, ids: Sequence[str]) -> dict[str, float]:
        """Return what hubness takes off the score of those images that this holds."""
        with self._source(query) as (source, _):
            penalty, own = source.ranker.penalty, source.ranker.matrix.ids
            assert penalty is not None
            rows = [(id, own.row_of(id)) for id in ids]
            return {id: float(penalty[row]) for id, row in rows if row is not None}

    def hashed_contents(self) -> dict[str, bytes | None]:
        """Return the perceptual hash of every content; ``None`` for one without."""
        with self.gallery.snapshot() as snapshot:
            return snapshot.hashed_contents()

    def keep_duplicates(self, name: str, labels: Mapping[str, int]) -> None:
        """Keep which contents are near-duplicates in the whole gallery, by their labels."""
        with self.gallery.snapshot() as snapshot:
            duplicates = snapshot.grouped_as(labels)
        with self._lock:
            self._duplicates[name] = duplicates

    # -- ranking -----------------------------------------------------------------------------------

    def select(
        self, settings: SearchSettings, excluded: frozenset[str], duplicates: str | None
    ) -> ShardSelection:
        """Return what takes part here."""
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
            return ShardSelection(candidates.selection, notes, incomplete, groups)

    def rank(
        self, query: ShardQuery, depth: int, kept: Sequence[str] | None, cuts: Cuts
    ) -> ShardAnswer:
        """Return the best images, or groups; ``kept``: only these ids are ranked."""
        while True:
            with self.gallery.snapshot() as snapshot:
                before = snapshot.damaged
            answer = self._rank(query, depth, kept, cuts)
            # a record that turned out to be damaged is left out of what is counted as well
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
            return ShardAnswer(named, reaching, facets, source.snapshot.damaged)

    def nearest(self, query: ShardQuery, count: int) -> ShardRanking:
        """Return the images whose mean view is nearest."""
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
        """Count the images here that stand before one of any shard."""
        with self._source(query) as (source, _):
            problem = self._problem(source, source.candidates.rows)
            return count_before(problem, score, id, source.ranker.matrix.ids)

    def members(self, query: ShardQuery, groups: Sequence[Hashable]) -> list[GroupMembers]:
        """Return the images of some groups; a group without a name is not asked for."""
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
            duplicates = self._kept_duplicates(query.duplicates)
            yield (
                LocalSource(snapshot, ranker, query.encoded, candidates, duplicates=duplicates),
                names,
            )

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
        exclusions = Exclusions({}, excluded)
        return select_rows(snapshot, settings, exclusions, self._kept_duplicates(duplicates))

    def _group_names(
        self,
        snapshot: Snapshot,
        settings: SearchSettings,
        candidates: Candidates,
        duplicates: str | None,
    ) -> Sequence[Hashable] | None:
        """Return what each group is called in every shard; ``None`` for an image for itself."""
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
