"""One composed search from end to end: look at the reference, compose, move, rank, explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.composers import (
    Caption,
    Composer,
    Composition,
    UsesReferenceImage,
    VerbatimComposer,
    edit_captions,
)
from stitch_cir.errors import (
    NotFoundError,
    QueryError,
    RowDamagedError,
    SettingError,
)
from stitch_cir.gallery import Gallery, GalleryReader, Snapshot, ViewMatrix
from stitch_cir.ranking import Exhaustive, Ranking, RankingProblem, Solver
from stitch_cir.reranker import Reranker
from stitch_cir.searcher._candidates import (
    away_from,
    rejected_ids,
    row_of,
    select_candidates,
    shortfall,
)
from stitch_cir.searcher._convergence import convergence_note
from stitch_cir.searcher._meters import Clock, UsageRecorder
from stitch_cir.searcher._query import ReferenceLike, Seen, build_query, look_at
from stitch_cir.searcher._rerank import rerank
from stitch_cir.searcher._results import Hit, Query, Results, View
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.searcher._solvers import GallerySolvers, limit_neighbours, ranking_problem
from stitch_cir.searcher._suggest import suggest_ids
from stitch_cir.transport import open_device

__all__ = ["compose", "locate", "required_image_side", "search"]

DEFAULT_HITS = 10


def compose(
    gallery: Gallery,
    *,
    reference: ReferenceLike = None,
    text: str | None = None,
    composer: Composer | None = None,
    settings: SearchSettings | None = None,
) -> Composition:
    """Write the target captions of a query without searching.

    Parameters are those of :func:`search`. Raises ``QueryError`` without reference and text.
    """
    settings = settings or SearchSettings()
    seen = look_at(gallery, reference, side=required_image_side(composer))
    if seen is None and not (text or "").strip():
        raise nothing_asked()
    composer = composer or VerbatimComposer()
    known = None if seen is None else seen.describe(gallery)
    composition = composer.compose(known, text or "", settings.num_captions)
    if seen is not None and seen.notes:
        composition = replace(composition, notes=(*composition.notes, *seen.notes))
    return composition


def search(
    gallery: Gallery,
    *,
    reference: ReferenceLike = None,
    text: str | None = None,
    captions: Sequence[str | Caption] = (),
    negatives: Sequence[str] = (),
    composer: Composer | None = None,
    reranker: Reranker | None = None,
    settings: SearchSettings | None = None,
    solver: Solver | None = None,
) -> Results:
    """Search a gallery for the reference, changed as the text says (method §§1–4).

    Parameters
    ----------
    gallery:
        An open gallery; its encoder encodes the query.
    reference:
        A gallery id, a path, an open Pillow image, or ``None``. Its own entry in the gallery and
        byte-identical duplicates are left out of the ranking unless the settings keep them.
    text:
        The modification. Without it the reference's view set is searched with as it is; without a
        reference the text alone describes the wanted picture.
    captions:
        Target captions to use instead of composing (an edited composition fed back); texts, or
        captions with weights.
    negatives:
        Gallery ids of pictures the user rejected: the query moves away from their mean by
        ``settings.negative_weight``, and they and their byte-identical duplicates are left out.
    composer:
        Who writes the captions; the verbatim composer by default.
    reranker:
        Judges the best ``settings.rerank`` hits again, before they are returned.
    settings:
        Everything else that changes the ranking.
    solver:
        Computes the ranking; every solver returns the same. By default the gallery's, on
        ``settings.device``.

    Raises
    ------
    QueryError
        Neither reference nor text nor captions; a reranker without reference and text.
    NotFoundError, ImageError
        The reference (or a rejected image) does not exist or cannot be opened.
    GalleryEmptyError
        No image is left to rank: an empty gallery, or filters that match nothing.
    ModelError
        ``settings.device`` is a GPU, and torch or the device is missing.
    """
    settings = settings or SearchSettings()
    if settings.rerank and reranker is None:
        raise SettingError(
            f"{settings.rerank} hits are to be reranked, but there is no reranker.",
            hint="Give one: search(…, reranker=ChatReranker(chat)), or --rerank-model NAME.",
        )
    if solver is None:
        solver = gallery.resource(GallerySolvers).on(open_device(settings.device))
    settings = settings.with_(device=solver.device)
    clock = Clock()
    recorders = {"composer": UsageRecorder(composer), "reranker": UsageRecorder(reranker)}
    with ExitStack() as stack:
        prepared = _prepare(
            gallery, stack, reference, text, captions, negatives, composer, settings, clock
        )
        while True:
            problem, matrix = prepared.problem, prepared.matrix
            hit_count = min(settings.k or DEFAULT_HITS, len(problem.rows))
            k = min(max(hit_count, settings.rerank), len(problem.rows))
            short = problem
            if settings.shortlist is not None:
                short = problem.shortlisted(max(settings.shortlist, k))
            ranking = solver.solve(short, k)
            ids = [matrix.ids[row] for row in ranking.rows.tolist()]
            if not _leave_out_damaged(prepared.snapshot, matrix, ids):
                break
            candidates = _candidates(prepared.snapshot, prepared.seen, negatives, settings)
            prepared = replace(prepared, problem=replace(problem, rows=candidates.rows))
        clock.lap("rank")
        recall = None
        if settings.shortlist is not None and settings.measure_recall:
            exact = solver.solve(problem, k)
            recall = float(np.isin(exact.rows, ranking.rows).mean())
            clock.lap("recall")
        floor = -np.inf if settings.min_score is None else settings.min_score
        hits = tuple(
            _hit(prepared, rank, row, score)
            for rank, (row, score) in enumerate(
                zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True), 1
            )
            if score >= floor
        )
        notes = shortfall(
            settings, len(problem.rows), len(matrix.ids), len(ranking.rows), len(hits)
        )
        clock.lap("explain")
        results = _results(prepared, settings, hits, ranking, clock, recall, notes)
    reranker_settings = None
    remarks: tuple[str, ...] = ()
    if settings.rerank and reranker is not None:
        hits = rerank(
            gallery, prepared.seen, text, hits, reranker, settings.rerank, settings.rerank_weight
        )
        reranker_settings = reranker.settings()
        remarks = reranker.notes()
        clock.lap("rerank")
    usage = {
        name: used for name, recorder in recorders.items() if (used := recorder.read()) is not None
    }
    return replace(
        results,
        hits=hits[:hit_count],
        reranker=reranker_settings,
        usage=usage,
        notes=(*results.notes, *remarks),
        seconds=clock.laps,
    )


def locate(
    gallery: Gallery,
    id: str,
    *,
    reference: ReferenceLike = None,
    text: str | None = None,
    captions: Sequence[str | Caption] = (),
    negatives: Sequence[str] = (),
    composer: Composer | None = None,
    settings: SearchSettings | None = None,
) -> Results:
    """Explain one image: the results hold a single hit, with its true place in the whole ranking.

    Parameters and errors are those of :func:`search`; ``id`` is a gallery id or a path. Raises
    ``NotFoundError`` when the gallery has no such image or a filter leaves it out.
    """
    settings = (settings or SearchSettings()).with_(k=1, shortlist=None)
    clock = Clock()
    with ExitStack() as stack:
        prepared = _prepare(
            gallery, stack, reference, text, captions, negatives, composer, settings, clock, id
        )
        problem = prepared.problem
        known = _resolve(prepared.snapshot, id)
        row = row_of(prepared.matrix, known)
        if row is None or not np.isin(row, problem.rows):
            raise NotFoundError(
                f"The image {known!r} is left out of this search: it is the reference (or its "
                "duplicate), or a filter excludes it.",
                hint="Add include_reference (--include-reference), or loosen the filters.",
            )
        rank, score = Exhaustive().rank_of(problem, row)
        clock.lap("rank")
        hit = _hit(prepared, rank, row, score)
        ranking = Ranking(np.array([row]), np.array([score]), 0, len(problem.rows))
        return _results(prepared, settings, (hit,), ranking, clock, None)


def nothing_asked() -> QueryError:
    """Build the error for a query without reference and text."""
    return QueryError(
        "There is nothing to search for: no reference image and no text.",
        hint="Give a reference, a text that says what should change, or both.",
    )


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A query ready to be ranked in a snapshot, and what its results say about it."""

    problem: RankingProblem
    snapshot: Snapshot
    matrix: ViewMatrix
    query: Query
    notes: tuple[str, ...]
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What may be ranked in one snapshot: row numbers (n,) ascending, and the rejected images."""

    rows: NDArray[np.int64]
    rejected: Mapping[str, str]
    notes: tuple[str, ...]


def _prepare(
    gallery: Gallery,
    stack: ExitStack,
    reference: ReferenceLike,
    text: str | None,
    captions: Sequence[str | Caption],
    negatives: Sequence[str],
    composer: Composer | None,
    settings: SearchSettings,
    clock: Clock,
    id: str | None = None,
) -> _Prepared:
    """Compose and encode the query, and open in ``stack`` the snapshot that it is ranked in.

    No snapshot is open while the composer works, which may take minutes; but what can be refused,
    is refused before it is called.
    """
    with gallery.snapshot() as first:
        if id is not None:
            _resolve(first, id)
        seen = look_at(first, reference, side=required_image_side(composer))
        if seen is None and not (text or "").strip() and not captions:
            raise nothing_asked()
        candidates = _candidates(first, seen, negatives, settings)
    clock.lap("open")
    composition = _composition(gallery, seen, text, captions, composer, settings)
    clock.lap("compose")
    snapshot = stack.enter_context(gallery.snapshot())
    if snapshot.commit != first.commit:
        candidates = _candidates(snapshot, seen, negatives, settings)
    matrix = snapshot.matrix()
    query, notes = build_query(snapshot, seen, text, composition, settings.transition)
    if candidates.rejected:
        query = away_from(query, matrix, candidates.rejected, settings.negative_weight)
    clock.lap("encode")
    if settings.hubness.weight:
        penalty = gallery.resource(GallerySolvers).hubness_penalty(matrix, settings)
        query = replace(query, hubness_penalty=penalty)
        notes = (*notes, *limit_neighbours(matrix, settings)[1])
        clock.lap("hubness")
    composer_notes = () if composition is None else composition.notes
    notes = (*composer_notes, *notes, *candidates.notes)
    problem = ranking_problem(matrix, candidates.rows, query, settings)
    return _Prepared(problem, snapshot, matrix, query, notes, seen)


def _resolve(snapshot: Snapshot, id: str) -> str:
    """Return the gallery id of an id or a path. Raises ``NotFoundError``."""
    known = snapshot.resolve(id)
    if known is None:
        raise NotFoundError(
            f"The gallery {snapshot.directory} has no image {id!r}.",
            hint=suggest_ids(snapshot, id) or "Give an id as printed by a search.",
        )
    return known


def _candidates(
    snapshot: Snapshot, seen: Seen | None, negatives: Sequence[str], settings: SearchSettings
) -> _Candidates:
    matrix = snapshot.matrix()
    rejected = rejected_ids(snapshot, negatives)
    reference_ids: set[str] = set()
    if seen is not None and not settings.include_reference:
        twins = () if seen.content is None else snapshot.ids_with_content(seen.content)
        reference_ids = {*seen.own_ids, *twins}
    left_out = {*reference_ids, *rejected, *snapshot.damaged}
    rows, notes = select_candidates(snapshot, matrix, settings, left_out)
    incomplete = snapshot.incomplete_note()
    if incomplete is not None:
        notes = (incomplete, *notes)
    return _Candidates(rows, rejected, notes)


def required_image_side(composer: Composer | None) -> int:
    """Return the shorter side in pixels at which a composer needs the reference image; 0: any."""
    return composer.required_image_side if isinstance(composer, UsesReferenceImage) else 0


def _composition(
    gallery: Gallery,
    seen: Seen | None,
    text: str | None,
    captions: Sequence[str | Caption],
    composer: Composer | None,
    settings: SearchSettings,
) -> Composition | None:
    if captions:
        empty = Composition(captions=(), modification=text or "", composer="user")
        return edit_captions(empty, captions)
    if not (text or "").strip():
        return None
    return compose(gallery, reference=seen, text=text, composer=composer, settings=settings)


def _leave_out_damaged(snapshot: Snapshot, matrix: ViewMatrix, ids: Sequence[str]) -> bool:
    """Leave out hits whose records are damaged, though the cache has them; return if there were."""
    damaged = False
    for id in ids:
        row = row_of(matrix, id)
        assert row is not None
        try:
            sound = len(snapshot.views(id)) == matrix.offsets[row + 1] - matrix.offsets[row]
        except RowDamagedError:
            sound = False
        if not sound:
            snapshot.leave_out(id)
            damaged = True
    return damaged


def _hit(prepared: _Prepared, rank: int, row: int, score: float) -> Hit:
    problem, snapshot, matrix = prepared.problem, prepared.snapshot, prepared.matrix
    id = matrix.ids[row]
    members = np.asarray(matrix.vectors[matrix.offsets[row] : matrix.offsets[row + 1]])
    views = tuple(
        View(index=index, box=view.box, caption=view.caption)
        for index, view in enumerate(snapshot.views(id))
    )
    return Hit(
        rank,
        id,
        score,
        problem.scorer.plan(problem.vectors @ members.T, problem.weights, None),
        views,
        snapshot.path(id),
        max_pixels=snapshot.max_pixels,
        size=snapshot.size(id),
        content=snapshot.content_hash(id),
    )


def _results(
    prepared: _Prepared,
    settings: SearchSettings,
    hits: tuple[Hit, ...],
    ranking: Ranking,
    clock: Clock,
    recall: float | None,
    notes: Sequence[str] = (),
) -> Results:
    unsettled = convergence_note(prepared.problem.scorer, [hit.plan for hit in hits])
    return Results(
        hits=hits,
        query=prepared.query,
        # as they were used: a small gallery limits the neighbours of hubness
        settings=limit_neighbours(prepared.matrix, settings)[0],
        gallery=_provenance(prepared.snapshot),
        ranked=len(prepared.problem.rows),
        bounded=ranking.bounded,
        scored=ranking.scored,
        seconds=clock.laps,
        shortlist_recall=recall,
        # each once: a composition repeats what was noted about its reference
        notes=tuple(dict.fromkeys((*prepared.notes, *notes, *unsettled, *prepared.snapshot.notes))),
    )


def _provenance(gallery: GalleryReader) -> dict[str, Any]:
    """What shaped the gallery's side of the ranking."""
    info = gallery.info()
    keep = ("directory", "encoder", "weights_tag", "dim", "fingerprint", "recipe", "generation")
    return {name: info[name] for name in keep if name in info}
