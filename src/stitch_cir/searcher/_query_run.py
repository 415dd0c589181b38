"""One encoded query in the snapshot that it is ranked in: from rankings to results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stitch_cir.errors import NotFoundError
from stitch_cir.gallery import Snapshot
from stitch_cir.ranking import POOL, ShardRanking, variety_order
from stitch_cir.searcher._candidates import shortfall
from stitch_cir.searcher._convergence import convergence_note
from stitch_cir.searcher._cutoff import place_cutoff
from stitch_cir.searcher._hit import Hit
from stitch_cir.searcher._reference import gallery_id_of
from stitch_cir.searcher._results import Results
from stitch_cir.searcher._shortlist import ranks_all
from stitch_cir.searcher._source import Cuts, RankingRequest, Source

__all__ = ["QueryRun"]

DEFAULT_HITS = 10


@dataclass(frozen=True, slots=True)
class QueryRun:
    """A query in the snapshot that it is ranked in; valid as long as that is open."""

    request: RankingRequest
    snapshot: Snapshot
    source: Source

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
        if self.source.chance is None or strictness is None:
            return -np.inf
        return self.source.chance.threshold(strictness)

    @property
    def page_size(self) -> int:
        """How many hits the settings request."""
        return self.request.settings.k or DEFAULT_HITS

    def search(self) -> Results:
        """Rank all candidates; the results hold this page, and all hits that are to be reranked."""
        source, request, settings = self.source, self.request, self.request.settings
        timer, floor, cut = request.timer, self.floor, max(self.floor, self.cut)
        later = request.reranks or request.offset or settings.variety
        shown = 0 if later else self.page_size
        cuts = Cuts(tuple(dict.fromkeys((cut, floor))), request.facets, shown)
        ranking = source.rank(self._depth, shortlist=settings.shortlist, cuts=cuts)
        timer.finish("rank")
        recall = None
        if settings.shortlist is not None and settings.measure_recall:
            exact = source.rank(self._depth, cuts=Cuts())
            recall = len({*exact.keys} & {*ranking.keys}) / len(exact.keys)
            timer.finish("recall")
        kept = sum(score >= floor for score in ranking.scores)
        best = ranking.scores[0] if ranking.scores else None
        ranking = self._varied(ranking, sum(score >= cut for score in ranking.scores))
        first = 0 if request.reranks else request.offset
        ranked = [
            (rank, key, score)
            for rank, (key, score) in enumerate(zip(ranking.keys, ranking.scores, strict=True), 1)
            if first < rank <= kept
        ]
        hits = source.hits(ranked, floor)
        timer.finish("explain")
        above = source.count(cut)
        total = kept if settings.shortlist is not None else source.count(floor)
        facets = []
        if request.facets:
            facets = source.facets(request.facets, cut)
            timer.finish("facets")
        selection = source.selection
        notes = shortfall(settings, selection, total)
        if 0 < request.offset >= total:
            notes.append(f"There are no hits after the first {total:,}.")
        cutoff = None
        if source.chance is not None:
            left_out = selection.images - selection.ranked if settings.filters else 0
            cutoff = place_cutoff(source.chance, settings, above, best, left_out)
        return replace(
            self._results(hits, ranking, notes),
            shortlist_recall=recall,
            facets=tuple(facets),
            offset=request.offset,
            total=total,
            cutoff=cutoff,
        )

    def explain(self, id: str) -> Results:
        """Rank one image among all candidates; the results hold it alone.

        Raises ``NotFoundError`` when the gallery has no such image, or when it is no candidate.
        """
        gallery_id = gallery_id_of(self.snapshot, id)
        ranked_at = self.source.rank_of(gallery_id)
        if ranked_at is None:
            raise NotFoundError(
                f"The image {gallery_id!r} is left out of this search: it is the reference (or its "
                "duplicate), or a filter excludes it.",
                hint="Add include_reference (--include-reference), or loosen the filters.",
            )
        rank, key, score = ranked_at
        self.request.timer.finish("rank")
        ranking = ShardRanking((key,), (score,), (None,), scored=self.source.selection.ranked)
        return self._results(self.source.hits([(rank, key, score)], None), ranking)

    @property
    def _depth(self) -> int:
        """How many images are ranked: those up to the end of this page, or that are reranked."""
        end = self.request.offset + self.page_size
        pool = POOL if self.request.settings.variety else 0
        return min(max(end, self.request.settings.rerank, pool), self.source.selection.units)

    def _varied(self, ranking: ShardRanking, count: int) -> ShardRanking:
        """Return a ranking whose best ``count`` are in the order that the variety asks for."""
        variety, pool = self.request.settings.variety, min(count, POOL)
        if not variety or pool < 3:
            return ranking
        means = self.source.means(ranking.keys[:pool])
        order = [
            *variety_order(np.asarray(ranking.scores[:pool]), means, variety),
            *range(pool, len(ranking.keys)),
        ]
        return replace(
            ranking,
            keys=tuple(ranking.keys[position] for position in order),
            scores=tuple(ranking.scores[position] for position in order),
            groups=tuple(ranking.groups[position] for position in order),
        )

    def _results(
        self, hits: tuple[Hit, ...], ranking: ShardRanking, notes: Sequence[str] = ()
    ) -> Results:
        source, named = self.source, self.source.named
        unsettled = convergence_note(source.settings.scorer, [hit.plan for hit in hits])
        all_notes = (
            *self.request.notes,
            *source.notes,
            *notes,
            *unsettled,
            *self.snapshot.notes,
        )
        return Results(
            hits=hits,
            query=source.encoded,
            settings=source.settings,
            gallery=self.snapshot.provenance(),
            ranked=source.selection.ranked,
            bounded=ranking.bounded,
            scored=ranking.scored,
            seconds=self.request.timer.seconds,
            # each once: a composition repeats what was noted about its reference
            notes=tuple(dict.fromkeys(all_notes)),
            missing=source.missing,
            exact=ranks_all(
                source.selection.ranked, self.request.settings.shortlist, self._depth, named
            ),
            candidate_source=None if named is None else named.source,
        )
