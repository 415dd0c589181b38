"""One encoded query in the snapshot that it is ranked in: from row numbers back to images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import NotFoundError, RowDamagedError
from stitch_cir.gallery import Facet, FacetRequest, Gallery, Snapshot
from stitch_cir.ranking import POOL, Ranking, Solver, vary
from stitch_cir.searcher._candidates import Candidates, select_candidates, shortfall
from stitch_cir.searcher._cursor import Cursor
from stitch_cir.searcher._cutoff import Chance, ChanceCache, measure_chance, place_cutoff
from stitch_cir.searcher._features import EncodedQuery, QueryFeatures
from stitch_cir.searcher._hit import Hit, View
from stitch_cir.searcher._ranker import GalleryRanker, convergence_note
from stitch_cir.searcher._reference import ResolvedReference, gallery_id_of
from stitch_cir.searcher._results import Results
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.searcher._usage import StageTimer

__all__ = ["QueryRun", "RankingRequest"]

DEFAULT_HITS = 10


@dataclass(frozen=True, slots=True)
class RankingRequest:
    """What is ranked, and how, in whichever snapshot: an encoded query with its settings.

    ``composed`` names the composed-query encoder whose vectors join the query, ``""`` for none.
    """

    features: QueryFeatures
    references: tuple[ResolvedReference, ...]
    negatives: tuple[str, ...]
    settings: SearchSettings
    solver: Solver
    notes: tuple[str, ...]
    timer: StageTimer
    facets: tuple[str | FacetRequest, ...] = ()
    cursor: Cursor | None = None
    composed: str = ""

    @property
    def offset(self) -> int:
        """How many of the best hits are left out."""
        return 0 if self.cursor is None else self.cursor.offset

    @property
    def reranks(self) -> bool:
        """Whether a hit of this page may be among those that are judged once more."""
        return self.settings.rerank > self.offset

    def without_image(self) -> RankingRequest:
        """Return the same request, which no longer holds the pixels of its references."""
        return replace(
            self, references=tuple(replace(each, image=None) for each in self.references)
        )


@dataclass(frozen=True, slots=True)
class QueryRun:
    """A query in the snapshot that it is ranked in; valid as long as that is open."""

    request: RankingRequest
    snapshot: Snapshot
    ranker: GalleryRanker
    encoded: EncodedQuery
    candidates: Candidates
    chance: Chance | None = None
    views: dict[int, tuple[View, ...]] = field(default_factory=dict, repr=False)
    """The views of images that were looked at, by row: they are read once."""

    @classmethod
    def of(
        cls,
        gallery: Gallery,
        snapshot: Snapshot,
        request: RankingRequest,
        candidates: Candidates | None = None,
    ) -> QueryRun:
        """Apply the transition and the negatives, compute the hubness, select the candidates."""
        settings, matrix = request.settings, snapshot.matrix()
        if candidates is None:
            candidates = select_candidates(
                snapshot, request.references, request.negatives, settings
            )
        encoded = request.features.refine(settings.transition)
        if request.composed:
            made = request.features.composed.get(request.composed)
            encoded = encoded.joined_by(made, settings.composed_weight)
        encoded = encoded.fused(settings.fusion, matrix.means)
        encoded = candidates.move_away(encoded, matrix, settings.negative_weight)
        request.timer.finish("encode")
        ranker = GalleryRanker.of(gallery, matrix, settings, request.solver)
        if ranker.penalty is not None:
            request.timer.finish("hubness")
        chance = None
        if settings.strictness is not None and request.cursor is not None:
            chance = gallery.resource(ChanceCache).get(
                request.cursor.ranking, lambda: measure_chance(gallery, ranker, encoded)
            )
            request.timer.finish("chance")
        return cls(request, snapshot, ranker, encoded, candidates, chance)

    @property
    def floor(self) -> float:
        """The score that hits reach at least; −∞ where all are shown."""
        settings = self.request.settings
        least = -np.inf if settings.min_score is None else settings.min_score
        return least if settings.below_cutoff else max(least, self.cut)

    @property
    def cut(self) -> float:
        """The score of the cut-off; −∞ without one."""
        strictness = self.request.settings.strictness
        if self.chance is None or strictness is None:
            return -np.inf
        return self.chance.threshold(strictness)

    @property
    def page_size(self) -> int:
        """How many hits the settings request."""
        return self.request.settings.k or DEFAULT_HITS

    def search(self) -> Results:
        """Rank all candidates; the results hold this page, and all hits that are to be reranked."""
        run, ranking = self._rank_sound_images()
        self.request.timer.finish("rank")
        settings, rows = run.request.settings, run.candidates.rows
        recall = None
        if settings.shortlist is not None and settings.measure_recall:
            groups = run.candidates.groups
            exact = run.ranker.rank(run.encoded, rows, run._depth, groups=groups)
            recall = float(np.isin(exact.rows, ranking.rows).mean())
            self.request.timer.finish("recall")
        kept = int((ranking.scores >= run.floor).sum())
        best = float(ranking.scores[0]) if len(ranking.scores) else None
        cut = max(run.floor, run.cut)
        varied = int((ranking.scores >= cut).sum())
        ranking = vary(ranking, run.ranker.matrix, settings.variety, varied)
        first = 0 if run.request.reranks else run.request.offset
        ranked = zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
        hits = tuple(
            run._hit_of_group(rank, row, score)
            for rank, (row, score) in enumerate(ranked, 1)
            if first < rank <= kept
        )
        self.request.timer.finish("explain")
        above = run._rows_above(cut)
        shown = run._rows_above(run.floor) if settings.below_cutoff else above
        total = kept if settings.shortlist is not None else run.candidates.units(shown)
        facets = run._count_facets(above)
        images = len(run.ranker.matrix.ids)
        notes = shortfall(settings, run.candidates, images, total)
        if 0 < run.request.offset >= total:
            notes.append(f"There are no hits after the first {total:,}.")
        cutoff = None
        if run.chance is not None:
            units = run.candidates.units(above)
            left_out = images - len(rows) if settings.filters else 0
            cutoff = place_cutoff(run.chance, settings, units, best, left_out)
        return replace(
            run._results(hits, ranking, notes),
            shortlist_recall=recall,
            facets=tuple(facets),
            offset=run.request.offset,
            total=total,
            cutoff=cutoff,
        )

    def _rows_above(self, score: float) -> NDArray[np.int64]:
        """Return the candidates that reach a score: (m,), ascending."""
        rows = self.candidates.rows
        return rows if score == -np.inf else self.ranker.above(self.encoded, rows, score)

    def _count_facets(self, rows: NDArray[np.int64]) -> list[Facet]:
        if not self.request.facets:
            return []
        facets = self.snapshot.attributes.facets(self.request.facets, rows)
        self.request.timer.finish("facets")
        return facets

    def explain(self, id: str) -> Results:
        """Rank one image among all candidates; the results hold it alone.

        Raises ``NotFoundError`` when the gallery has no such image, or when it is no candidate.
        """
        gallery_id = gallery_id_of(self.snapshot, id)
        rows = self.candidates.rows
        row = self.ranker.matrix.ids.row_of(gallery_id)
        if row is None or not np.isin(row, rows):
            raise NotFoundError(
                f"The image {gallery_id!r} is left out of this search: it is the reference (or its "
                "duplicate), or a filter excludes it.",
                hint="Add include_reference (--include-reference), or loosen the filters.",
            )
        rank, score = self.ranker.rank_of(self.encoded, rows, row)
        self.request.timer.finish("rank")
        ranking = Ranking(np.array([row]), np.array([score]), 0, len(rows))
        return self._results((self._hit(rank, row, score),), ranking)

    @property
    def _depth(self) -> int:
        """How many images are ranked: those up to the end of this page, or that are reranked."""
        end = self.request.offset + self.page_size
        pool = POOL if self.request.settings.variety else 0
        return min(max(end, self.request.settings.rerank, pool), self.candidates.num_units)

    def _rank_sound_images(self) -> tuple[QueryRun, Ranking]:
        """Rank until no hit has a damaged record; return what was ranked in the end."""
        run = self
        while True:
            ranking = run.ranker.rank(
                run.encoded,
                run.candidates.rows,
                run._depth,
                shortlist=run.request.settings.shortlist,
                groups=run.candidates.groups,
            )
            if not run._leave_out_damaged(ranking.rows.tolist()):
                return run, ranking
            candidates = select_candidates(
                run.snapshot, run.request.references, run.request.negatives, run.request.settings
            )
            run = replace(run, candidates=candidates)

    def _leave_out_damaged(self, rows: Sequence[int]) -> bool:
        """Leave out hits whose records are damaged, though the cache has them; return if any."""
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
        return damaged

    def _hit_of_group(self, rank: int, row: int, score: float) -> Hit:
        """Return a hit with the further images of its group, of which damaged ones are left out."""
        settings, candidates = self.request.settings, self.candidates
        rows = candidates.rows if settings.group_by is None else candidates.group_rows(row)
        hit = self._hit_of_copies(rank, row, score, rows)
        if settings.group_by is None:
            return hit
        hit = replace(hit, group_images=len(rows))
        if min(settings.group_size, len(rows)) < 2:
            return hit
        copies = candidates.copies
        ranking = self.ranker.rank(self.encoded, rows, settings.group_size, groups=copies)
        if self._leave_out_damaged(ranking.rows.tolist()):
            ids = self.ranker.matrix.ids
            sound = [ids[each] not in self.snapshot.damaged for each in rows.tolist()]
            rows = rows[sound]
            ranking = self.ranker.rank(self.encoded, rows, settings.group_size, groups=copies)
        members = tuple(
            self._hit_of_copies(rank, member, value, rows)
            for member, value in zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
            if member != row and value >= self.floor
        )
        return replace(hit, members=members)

    def _hit_of_copies(self, rank: int, row: int, score: float, rows: NDArray[np.int64]) -> Hit:
        """Return a hit with the ids of its near-duplicates among ``rows`` that collapse to it."""
        ids = self.ranker.matrix.ids
        copies = tuple(ids[each] for each in self.candidates.copies_of(row, rows).tolist())
        return replace(self._hit(rank, row, score), near_duplicates=copies)

    def _views_of(self, row: int) -> tuple[View, ...]:
        if row not in self.views:
            self.views[row] = tuple(
                View(index=index, box=view.box, caption=view.caption, image=view.image)
                for index, view in enumerate(self.snapshot.views(self.ranker.matrix.ids[row]))
            )
        return self.views[row]

    def _hit(self, rank: int, row: int, score: float) -> Hit:
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

    def _results(
        self, hits: tuple[Hit, ...], ranking: Ranking, notes: Sequence[str] = ()
    ) -> Results:
        unsettled = convergence_note(self.ranker.scorer, [hit.plan for hit in hits])
        before = (*self.request.notes, *self.candidates.notes, *self.ranker.notes)
        all_notes = (*before, *notes, *unsettled, *self.snapshot.notes)
        return Results(
            hits=hits,
            query=self.encoded,
            settings=self.ranker.settings,
            gallery=self.snapshot.provenance(),
            ranked=len(self.candidates.rows),
            bounded=ranking.bounded,
            scored=ranking.scored,
            seconds=self.request.timer.seconds,
            # each once: a composition repeats what was noted about its reference
            notes=tuple(dict.fromkeys(all_notes)),
        )
