"""One gallery searched: from a query to results, each stage a method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from stitch_cir.candidates import CandidateSource
from stitch_cir.composers import (
    Composer,
    Composition,
    Conversation,
    VerbatimComposer,
    required_image_side,
)
from stitch_cir.encoders import ComposedEncoder, DualEncoder, default_composed, encoder_notes
from stitch_cir.gallery import Gallery, GalleryReader
from stitch_cir.images import MAX_PIXELS
from stitch_cir.ranking import Solver
from stitch_cir.reranker import Reranker
from stitch_cir.searcher._composed import Composing, left_out_notes
from stitch_cir.searcher._composing import compose_query, composed_query, describe_query
from stitch_cir.searcher._cursor import Cursor
from stitch_cir.searcher._encoding import cut_notes, encode_queries
from stitch_cir.searcher._features import ComposedQuery, QueryFeatures
from stitch_cir.searcher._hit import Hit
from stitch_cir.searcher._local import LocalEngine
from stitch_cir.searcher._query import Query, empty_query_error
from stitch_cir.searcher._query_run import QueryRun
from stitch_cir.searcher._ranker import GalleryRanker
from stitch_cir.searcher._reference import (
    ResolvedReference,
    gallery_id_of,
    resolve_id,
    resolve_references,
    resolve_upload,
)
from stitch_cir.searcher._rerank import check_reranker, rerank
from stitch_cir.searcher._results import Results
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.searcher._shortlist import check_shortlist
from stitch_cir.searcher._source import Engine, ProvidesEngine, RankingRequest
from stitch_cir.searcher._usage import StageTimer, UsageRecorder

if TYPE_CHECKING:
    from stitch_cir.chat import Estimate
    from stitch_cir.searcher._batch import ComposeOutcome, ComposeRequest, SearchOutcome

__all__ = ["Searcher"]

Progress = Callable[[int, int], None]
"""Called with (queries done, of how many)."""


class Searcher:
    """Searches one gallery; every method may be called from several threads.

    Parameters
    ----------
    gallery:
        An open gallery; its encoder encodes the queries.
    composer:
        Writes the target captions; the verbatim composer by default.
    reranker:
        Judges the best ``settings.rerank`` hits again, before they are returned.
    composed:
        Encodes reference and text together, where that has a weight; by default the gallery's
        encoder where it can, else the sum of its two vectors.
    candidates:
        Names the shortlist, where the settings have one; else nearness to mean views does.
    settings:
        Everything else that changes the ranking.
    solver:
        Computes the ranking, which is the same by all; by default the gallery's on the device.
    """

    def __init__(
        self,
        gallery: Gallery,
        *,
        composer: Composer | None = None,
        reranker: Reranker | None = None,
        composed: ComposedEncoder | None = None,
        candidates: CandidateSource | None = None,
        settings: SearchSettings | None = None,
        solver: Solver | None = None,
    ) -> None:
        """Keep what every query has in common; nothing is opened yet."""
        self.settings = settings or SearchSettings()
        if self.settings.partial and isinstance(gallery, ProvidesEngine):
            gallery = gallery.answering_partially()
        self.gallery = gallery
        self.composer: Composer = composer or VerbatimComposer()
        self.composed: ComposedEncoder = composed or default_composed(gallery.encoder)
        self._reranker = reranker
        self._candidates = candidates
        self._engine: Engine = LocalEngine(gallery, solver)
        if isinstance(gallery, ProvidesEngine):
            self._engine = gallery.engine()

    # -- whole queries ---------------------------------------------------------------------------

    def compose(self, query: Query) -> Composition:
        """Write the target captions of a query without searching; the user's own are ignored.

        Raises ``QueryError`` without reference and text, ``NotFoundError`` or ``ImageError`` when
        the reference cannot be opened.
        """
        if not query.weighted_references and not query.modification:
            raise empty_query_error()
        references = self._resolve(self.gallery, query)
        return compose_query(
            self.gallery, self.composer, references, query, self.settings.num_captions
        )

    def search(self, query: Query) -> Results:
        """Rank the gallery for a query (method §§1–4).

        Raises
        ------
        QueryError
            A reranker without reference and text; captions whose weights are all 0.
        NotFoundError, ImageError
            The reference (or a rejected image) does not exist or cannot be opened.
        CursorError
            A cursor that was altered, or is of another query (``CursorGoneError``: of a gallery
            that has changed since).
        GalleryEmptyError
            No image is left to rank: an empty gallery, or filters that match nothing.
        ModelError
            No torch or GPU for ``settings.device``, or no answer of the candidate source.
        """
        cursor = Cursor.from_text(query.cursor) if query.cursor else None
        paged = cursor is not None or query.offset > 0
        local = isinstance(self._engine, LocalEngine)
        check_shortlist(self._candidates, self.settings, paged=paged, local=local)
        check_reranker(self._reranker, self.settings)
        solver, device = self._engine.device(self.settings.device)
        settings = self.settings.with_(device=device)
        recorder = UsageRecorder({"composer": self.composer, "reranker": self._reranker})
        with ExitStack() as stack:
            run = self._start(query, settings, solver, stack, cursor=cursor)
            results = run.search()
        request = run.request
        if request.reranks and self._reranker is not None:
            results = rerank(self.gallery, request, results, self._reranker)
        end = request.offset + run.page_size
        more = request.cursor is not None and settings.shortlist is None and end < results.total
        return replace(
            results,
            hits=results.hits[: run.page_size],
            next_cursor=str(request.cursor.at(end)) if request.cursor and more else None,
            usage=recorder.read(),
            explainer=partial(self._explain_again, request.without_image()),
        )

    def explain(self, query: Query, id: str) -> Results:
        """Return results that hold one image only, with its true rank in the whole ranking.

        ``id`` is a gallery id or a path. Raises what :meth:`search` raises, and ``NotFoundError``
        when the gallery has no such image, or when it does not take part in the ranking.
        """
        with ExitStack() as stack:
            run = self._start(query, self.settings.for_one_image(), None, stack, id)
            results = run.explain(id)
        explainer = partial(self._explain_again, run.request.without_image())
        return replace(results, explainer=explainer)

    # -- many queries ----------------------------------------------------------------------------

    def compose_many(
        self,
        requests: Sequence[ComposeRequest],
        *,
        concurrency: int = 4,
        progress: Progress | None = None,
    ) -> Iterator[ComposeOutcome]:
        """Compose ``concurrency`` queries at a time; yield the outcomes in the requests' order.

        A query that cannot be composed (no such reference, a damaged image, nothing to search for)
        carries its error; what concerns all of them (no key, end point unreachable, cache broken)
        is raised. With a cache, an interrupted run is resumed.
        """
        from stitch_cir.searcher._batch import compose_in_order

        return compose_in_order(self, requests, concurrency, progress)

    def search_many(
        self, queries: Sequence[Query], *, concurrency: int = 4, progress: Progress | None = None
    ) -> Iterator[SearchOutcome]:
        """Search with ``concurrency`` queries at a time; yield the outcomes in the queries' order.

        Errors are handled as in :meth:`compose_many`. Few queries are searched ahead of the one
        that is yielded.
        """
        from stitch_cir.searcher._batch import search_in_order

        return search_in_order(self, queries, concurrency, progress)

    def estimate_cost(
        self, requests: Sequence[ComposeRequest], *, progress: Progress | None = None
    ) -> tuple[Estimate, list[ComposeOutcome]]:
        """Return what :meth:`compose_many` would cost, and the outcomes of what would fail.

        A composer without models costs nothing. No model is called.
        """
        from stitch_cir.searcher._batch import estimate_requests

        return estimate_requests(self, requests, progress)

    # -- stages ----------------------------------------------------------------------------------

    @property
    def required_image_side(self) -> int:
        """Shorter side in pixels at which the composer needs the reference image; 0: any."""
        return required_image_side(self.composer)

    def resolve_id(self, id: str) -> ResolvedReference:
        """Look up an image of the gallery as a reference; ``id`` is never taken for a path."""
        return resolve_id(self.gallery, id, side=self.required_image_side)

    def resolve_upload(
        self, name: str, content: bytes, *, max_pixels: int = MAX_PIXELS
    ) -> ResolvedReference:
        """Open the bytes of an image file as a reference."""
        side = self.required_image_side
        return resolve_upload(self.gallery, name, content, side=side, max_pixels=max_pixels)

    def describe(self, query: Query) -> Conversation:
        """Return what the composer receives: the query's references, and all turns."""
        return describe_query(self.gallery, self._resolve(self.gallery, query), query)

    def encode_many(
        self,
        queries: Sequence[ComposedQuery],
        *,
        composed: Sequence[ComposedEncoder] | None = None,
        text_encoder: DualEncoder | None = None,
        progress: Progress | None = None,
    ) -> list[QueryFeatures]:
        """Encode composed queries, every text once, in their order.

        Reference images are encoded where the transition of the settings needs them, and their view
        sets where the scorer ``roles`` does. ``composed`` are the encoders that read reference and
        text together; by default the searcher's, where the settings give it a weight.
        ``text_encoder`` encodes the texts in the place of the gallery's encoder, whose vectors it
        must return. ``progress`` is called with (texts encoded, of how many).
        """
        return encode_queries(
            self.gallery,
            queries,
            reference_images=self.settings.transition.needs_reference_image,
            reference_views=self.settings.scores_roles,
            composing=Composing.of(self.settings, self.composed, composed),
            text_encoder=text_encoder,
            progress=progress,
        )

    def ranker(self) -> GalleryRanker:
        """Return the ranker of the gallery's newest generation under the settings."""
        return self.rankers([self.settings])[0]

    def rankers(self, ways: Sequence[SearchSettings]) -> list[GalleryRanker]:
        """Return a ranker for each of several settings, all of one generation and one solver."""
        matrix, (solver, _) = self.gallery.matrix(), self._engine.device(self.settings.device)
        assert solver is not None
        return GalleryRanker.of_each(self.gallery, matrix, ways, solver)

    # -- one query -------------------------------------------------------------------------------

    def _resolve(self, gallery: GalleryReader, query: Query) -> tuple[ResolvedReference, ...]:
        references = query.weighted_references
        return resolve_references(gallery, references, side=self.required_image_side)

    def _start(
        self,
        query: Query,
        settings: SearchSettings,
        solver: Solver | None,
        stack: ExitStack,
        id: str | None = None,
        cursor: Cursor | None = None,
    ) -> QueryRun:
        """Compose and encode the query, and open in ``stack`` the snapshot that it is ranked in.

        No snapshot is open while the composer works, which may take minutes; but what can be
        refused (an ``id`` that is not in the gallery as well), is refused before it is called.
        """
        timer = StageTimer()
        with self.gallery.snapshot() as first:
            if id is not None:
                gallery_id_of(first, id)
            if cursor is not None:
                cursor.check_state(first, settings)
            references = self._resolve(first, query)
            selected = self._engine.select(first, references, query.negatives, settings)
            for facet in query.facets:
                first.attributes.check_facet(facet)
            state = (first.commit, first.attributes.state)
        timer.finish("open")
        composed = composed_query(self.gallery, self.composer, references, query, self.settings)
        timer.finish("compose")
        snapshot = stack.enter_context(self.gallery.snapshot())
        composing = Composing.of(settings, self.composed)
        others = {**(self._reranker.settings() if self._reranker else {}), **composing.settings()}
        begin = Cursor.of(snapshot, composed, tuple(query.negatives), settings, others)
        if cursor is not None:
            cursor.check_state(snapshot, settings)
            cursor.check_query(begin)
        (features,) = encode_queries(
            snapshot,
            [composed],
            reference_images=settings.transition.needs_reference_image,
            reference_views=settings.scores_roles,
            composing=composing,
        )
        encoder = snapshot.encoder
        notes = (
            *composed.notes,
            *encoder_notes(encoder),
            *cut_notes(encoder, composed),
            *left_out_notes(composed, composing, features.composed),
        )
        request = RankingRequest(
            features,
            references,
            tuple(query.negatives),
            settings,
            solver,
            notes,
            timer,
            tuple(query.facets),
            cursor or begin.at(query.offset),
            composing.name,
            self._candidates,
        )
        same = (snapshot.commit, snapshot.attributes.state) == state
        source = self._engine.open(snapshot, request, selected if same else None)
        return QueryRun(request, snapshot, source)

    def _explain_again(self, request: RankingRequest, id: str) -> Hit:
        """Explain another image for a query that was searched with before."""
        settings = request.settings.for_one_image()
        request = replace(request, settings=settings, solver=None, timer=StageTimer())
        with self.gallery.snapshot() as snapshot:
            source = self._engine.open(snapshot, request, None)
            return QueryRun(request, snapshot, source).explain(id)[0]
