"""A query ranked in a gallery of this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.candidates import CandidateSource
from stitch_cir.errors import RowDamagedError
from stitch_cir.gallery import Facet, FacetRequest, Gallery, NearDuplicates, Snapshot
from stitch_cir.ranking import Exhaustive, Ranking, ShardRanking, Solver
from stitch_cir.searcher._candidates import (
    Candidates,
    TakingPart,
    select_candidates,
    select_rows,
)
from stitch_cir.searcher._cutoff import Chance, ChanceCache, measure_chance
from stitch_cir.searcher._features import EncodedQuery
from stitch_cir.searcher._hit import Hit, View
from stitch_cir.searcher._learned import learned
from stitch_cir.searcher._ranker import GalleryRanker, GallerySolvers
from stitch_cir.searcher._reference import ResolvedReference
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.searcher._shortlist import NamedRows, name_rows
from stitch_cir.searcher._source import Cuts, RankingRequest, moved_query
from stitch_cir.transport import open_device

__all__ = ["LocalEngine", "LocalSource"]


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Ranks an open gallery, by ``solver`` or by the gallery's own on the settings' device."""

    gallery: Gallery
    solver: Solver | None = None

    def device(self, name: str) -> tuple[Solver | None, str]:
        """Return the solver of a device, and how the device is called."""
        solver = self.solver or self.gallery.resource(GallerySolvers).on(open_device(name))
        return solver, solver.device

    def select(
        self,
        snapshot: Snapshot,
        references: Sequence[ResolvedReference],
        negatives: Sequence[str],
        settings: SearchSettings,
    ) -> Candidates:
        """Return what is left to rank, which is something."""
        return select_candidates(snapshot, references, negatives, settings)

    def open(
        self, snapshot: Snapshot, request: RankingRequest, selected: Candidates | None
    ) -> LocalSource:
        """Apply the transition and the negatives, compute the hubness, select the candidates."""
        settings, matrix, timer = request.settings, snapshot.matrix(), request.timer
        candidates = selected or self.select(
            snapshot, request.references, request.negatives, settings
        )

        def mean_of(id: str) -> NDArray[np.float32] | None:
            row = matrix.ids.row_of(id)
            return None if row is None else np.asarray(matrix.means[row])

        rejected = list(candidates.left_out.rejected.values())
        transition = learned(self.gallery, matrix, settings.transition)
        encoded = moved_query(request, matrix.means, rejected, mean_of, transition)
        timer.finish("encode")
        # an explanation scores every image, whatever the device
        ranker = GalleryRanker.of(self.gallery, matrix, settings, request.solver or Exhaustive())
        if ranker.penalty is not None:
            timer.finish("hubness")
        chance = None
        if settings.strictness is not None and request.cursor is not None:
            chance = self.gallery.resource(ChanceCache).get(
                request.cursor.ranking, lambda: measure_chance(self.gallery, ranker, encoded)
            )
            timer.finish("chance")
        return LocalSource(
            snapshot, ranker, encoded, candidates, chance, candidate_source=request.candidates
        )


@dataclass(slots=True)
class LocalSource:
    """A query in a snapshot of a gallery; the keys of its rankings are rows.

    ``candidates`` shrink when a record turns out to be damaged.
    """

    snapshot: Snapshot
    ranker: GalleryRanker
    encoded: EncodedQuery
    candidates: Candidates
    chance: Chance | None = None
    duplicates: NearDuplicates | None = None
    """The near-duplicates, where they are not those within the gallery."""
    candidate_source: CandidateSource | None = None
    """What names the shortlist, where it is not nearness to mean views."""
    named: NamedRows | None = None
    views: dict[int, tuple[View, ...]] = field(default_factory=dict, repr=False)
    """The views of images that were looked at, by row: they are read once."""
    reaching: dict[float, NDArray[np.int64]] = field(default_factory=dict, repr=False)
    """The candidates that reach a score, by it."""

    @property
    def settings(self) -> SearchSettings:
        """The settings that are used."""
        return self.ranker.settings

    @property
    def selection(self) -> TakingPart:
        """How many images take part."""
        return self.candidates.selection

    @property
    def notes(self) -> tuple[str, ...]:
        """What to note about what takes part, and about neighbours of hubness."""
        incomplete = self.snapshot.incomplete_note()
        first = () if incomplete is None else (incomplete,)
        named = () if self.named is None else self.named.notes
        return (*first, *self.selection.notes(self.settings), *self.ranker.notes, *named)

    @property
    def missing(self) -> tuple[str, ...]:
        """Nothing: the gallery is whole."""
        return ()

    def rank(self, depth: int, *, shortlist: int | None = None, cuts: Cuts) -> ShardRanking:
        """Rank until no hit has a damaged record."""
        ranking = self.rank_shortlist(depth, shortlist)
        while self.leave_out_damaged(ranking.rows.tolist()):
            self.selection.check(self.snapshot.address)
            ranking = self.rank_shortlist(depth, shortlist)
        return ShardRanking(
            tuple(ranking.rows.tolist()),
            tuple(ranking.scores.tolist()),
            (None,) * len(ranking.rows),
            bounded=ranking.bounded,
            scored=ranking.scored,
        )

    def rank_shortlist(self, depth: int, shortlist: int | None) -> Ranking:
        """Rank what the source names of the candidates, where it names a shortlist, else all."""
        rows, source = self.candidates.rows, self.candidate_source
        if shortlist is None or source is None:
            return self.rank_rows(rows, depth, shortlist)
        count = max(shortlist, min(depth, self.selection.units))
        self.named = name_rows(source, self.encoded, rows, self.ranker.matrix.ids, count)
        return self.rank_rows(self.named.rows, depth)

    def rank_rows(
        self, rows: NDArray[np.int64], depth: int, shortlist: int | None = None
    ) -> Ranking:
        """Rank ``rows`` (n,), by their groups where the settings group."""
        depth = min(depth, self.selection.units)
        groups = self.candidates.groups
        return self.ranker.rank(self.encoded, rows, depth, shortlist=shortlist, groups=groups)

    def means(self, keys: Sequence[Any]) -> NDArray[np.float32]:
        """Return the normalised mean views of rows (m,): (m, d)."""
        return np.asarray(self.ranker.matrix.means[np.asarray(keys, np.int64)])

    def count(self, score: float) -> int:
        """Count the candidates, or their groups, that reach a score."""
        return self.candidates.units(self.rows_above(score))

    def facets(self, requests: Sequence[str | FacetRequest], score: float) -> list[Facet]:
        """Count facets over the candidates that reach a score."""
        return self.snapshot.attributes.facets(requests, self.rows_above(score))

    def rows_above(self, score: float) -> NDArray[np.int64]:
        """Return the candidates that reach a score: (m,), ascending."""
        rows = self.candidates.rows
        if score == -np.inf:
            return rows
        if score not in self.reaching:
            self.reaching[score] = self.ranker.above(self.encoded, rows, score)
        return self.reaching[score]

    def rank_of(self, id: str) -> tuple[int, int, float] | None:
        """Return rank, row and score of an image; ``None`` where it does not take part."""
        rows = self.candidates.rows
        row = self.ranker.matrix.ids.row_of(id)
        if row is None or not np.isin(row, rows):
            return None
        rank, score = self.ranker.rank_of(self.encoded, rows, row)
        return rank, row, score

    def hits(
        self, ranked: Sequence[tuple[int, Any, float]], floor: float | None
    ) -> tuple[Hit, ...]:
        """Return hits with the further images of their groups, but damaged ones."""
        if floor is None:
            return tuple(self.hit(*each) for each in ranked)
        return tuple(self._hit_of_group(*each, floor) for each in ranked)

    def leave_out_damaged(self, rows: Sequence[int]) -> bool:
        """Leave out rows whose records are damaged, though the cache has them; return if any."""
        offsets = self.ranker.matrix.offsets
        damaged = False
        for row in rows:
            try:
                sound = len(self._views_of(row)) == offsets[row + 1] - offsets[row]
            except RowDamagedError:
                sound = False
            if not sound:
                self.snapshot.leave_out(self.ranker.matrix.ids[row])
                damaged = True
        if damaged:
            left_out, settings = self.candidates.left_out, self.settings
            self.candidates = select_rows(self.snapshot, settings, left_out, self.duplicates)
            self.reaching.clear()
        return damaged

    def rank_members(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Ranking]:
        """Return the images of a group that are sound, and the best of them."""
        size, copies = self.settings.group_size, self.candidates.copies
        ranking = self.ranker.rank(self.encoded, rows, size, groups=copies)
        if self.leave_out_damaged(ranking.rows.tolist()):
            ids = self.ranker.matrix.ids
            rows = rows[[ids[each] not in self.snapshot.damaged for each in rows.tolist()]]
            ranking = self.ranker.rank(self.encoded, rows, size, groups=copies)
        return rows, ranking

    def _hit_of_group(self, rank: int, row: int, score: float, floor: float) -> Hit:
        settings, candidates = self.settings, self.candidates
        rows = candidates.rows if settings.group_by is None else candidates.group_rows(row)
        hit = self._hit_of_copies(rank, row, score, rows)
        if settings.group_by is None:
            return hit
        hit = replace(hit, group_images=len(rows))
        if min(settings.group_size, len(rows)) < 2:
            return hit
        rows, ranking = self.rank_members(rows)
        members = tuple(
            self._hit_of_copies(rank, member, value, rows)
            for member, value in zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
            if member != row and value >= floor
        )
        return replace(hit, members=members)

    def _hit_of_copies(self, rank: int, row: int, score: float, rows: NDArray[np.int64]) -> Hit:
        """Return a hit with the ids of its near-duplicates among ``rows`` that collapse to it."""
        ids = self.ranker.matrix.ids
        copies = tuple(ids[each] for each in self.candidates.copies_of(row, rows).tolist())
        return replace(self.hit(rank, row, score), near_duplicates=copies)

    def _views_of(self, row: int) -> tuple[View, ...]:
        if row not in self.views:
            self.views[row] = tuple(
                View(index=index, box=view.box, caption=view.caption, image=view.image)
                for index, view in enumerate(self.snapshot.views(self.ranker.matrix.ids[row]))
            )
        return self.views[row]

    def hit(self, rank: int, row: int, score: float) -> Hit:
        """Return an image as a hit, for itself."""
        snapshot = self.snapshot
        id = self.ranker.matrix.ids[row]
        plan, views = self.ranker.plan(self.encoded, row), self._views_of(row)
        return Hit(
            rank,
            id,
            score,
            self.encoded,
            plan,
            views,
            snapshot.path(id),
            max_pixels=snapshot.max_pixels,
            size=snapshot.size(id),
            content=snapshot.content_hash(id),
            attributes=snapshot.attributes_of(id),
            image_paths=snapshot.image_paths(id),
            roles=self.ranker.role_shares(self.encoded, row, plan, views),
        )
