"""Combine the answers of a reranker with the transport score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stitch_cir.errors import ImageError, QueryError
from stitch_cir.gallery import Gallery
from stitch_cir.images import open_image
from stitch_cir.reranker import Candidate, Reranker, Verdict
from stitch_cir.searcher._hit import Hit
from stitch_cir.searcher._query_run import RankingRequest
from stitch_cir.searcher._results import Results

__all__ = ["combine_scores", "rerank"]

_IMAGE_SIDE = 768


def rerank(
    gallery: Gallery, request: RankingRequest, results: Results, reranker: Reranker
) -> Results:
    """Judge the best ``settings.rerank`` hits; return the results in their new order, this page.

    Raises ``QueryError`` without reference or text: then there is no change to check; and for
    several references, which its question does not cover.
    """
    references, text, settings = request.references, request.features.text, request.settings
    if len(references) > 1:
        raise QueryError(
            f"The reranker compares with one reference, and there are {len(references)}.",
            hint="Search with one reference, or without --rerank.",
        )
    if not references or not text:
        raise QueryError(
            "The reranker needs a reference and a text: it checks whether a hit is the reference, "
            "changed as the text says.",
            hint="Give both, or search without --rerank.",
        )
    reference = references[0]
    described = reference.describe(gallery)
    unchanged = Candidate(reference.name, reference.image, described.captions, described.content)
    candidates = [_candidate(hit) for hit in results.hits[: settings.rerank]]
    verdicts = reranker.judge(unchanged, text, candidates)
    hits = combine_scores(results.hits, verdicts, settings.rerank_weight)
    request.timer.finish("rerank")
    return replace(
        results,
        hits=hits[request.offset :],
        reranker=reranker.settings(),
        notes=(*results.notes, *reranker.notes()),
    )


def combine_scores(
    hits: Sequence[Hit], verdicts: Sequence[Verdict], weight: float
) -> tuple[Hit, ...]:
    """Reorder the judged hits by ``score + weight · (2·yes − 1)``; those not judged stay behind.

    Equal combined scores keep their transport order. Scores lie in [−2, 2] and differ little among
    the best, so with weight 1 every "yes" comes before every "no", each group in transport order;
    with weight 0 nothing moves.
    """
    judged = [
        replace(hit, verdict=verdict, fused=hit.score + weight * (2 * verdict.yes - 1))
        for hit, verdict in zip(hits, verdicts, strict=False)
    ]
    judged.sort(key=lambda hit: (-(hit.fused or 0.0), hit.rank))
    order = [*judged, *hits[len(judged) :]]
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(order, 1))


def _candidate(hit: Hit) -> Candidate:
    image = None
    if hit.path is not None:
        try:
            image = open_image(hit.path, max_pixels=hit.max_pixels, decode_side=_IMAGE_SIDE)
        except ImageError:
            image = None  # gone or damaged since it was indexed: its captions may still do
    return Candidate(hit.id, image, hit.captions, hit.content)
