"""Combine the answers of a reranker with the transport score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stitch_cir.composers import Roles
from stitch_cir.errors import ImageError, QueryError, SettingError
from stitch_cir.gallery import Gallery
from stitch_cir.images import open_image
from stitch_cir.reranker import Candidate, Checklist, JointReranker, Judgement, Reranker, Verdict
from stitch_cir.searcher._features import EncodedQuery
from stitch_cir.searcher._hit import Hit
from stitch_cir.searcher._results import Results
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.searcher._source import RankingRequest

__all__ = ["check_reranker", "combine_scores", "rerank"]

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
    if settings.verify_mode == "each":
        judgement = Judgement(tuple(reranker.judge(unchanged, text, candidates)))
    else:
        assert isinstance(reranker, JointReranker)
        checklist = _checklist(results.query)
        judgement = reranker.judge_together(
            unchanged, text, candidates, checklist, mode=settings.verify_mode
        )
    hits = combine_scores(results.hits, judgement.verdicts, settings.rerank_weight)
    request.timer.finish("rerank")
    return replace(
        results,
        hits=hits[request.offset :],
        reranker=reranker.settings(),
        disagreement=judgement.disagreement,
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


def check_reranker(reranker: Reranker | None, settings: SearchSettings) -> None:
    """Raise ``SettingError`` where hits are to be reranked in a way in which nobody can."""
    mode = settings.verify_mode
    if not settings.rerank:
        return
    if reranker is None:
        raise SettingError(
            f"{settings.rerank} hits are to be reranked, but there is no reranker.",
            hint="Give one: Searcher(gallery, reranker=ChatReranker(chat)), or --rerank-model "
            "NAME.",
        )
    if mode != "each" and not isinstance(reranker, JointReranker):
        raise SettingError(
            f"The reranker {type(reranker).__name__} judges each hit by itself; it cannot rank "
            f"them by {mode}.",
            hint="Leave verify_mode at each (--verify-mode each), or use the reranker chat.",
        )


def _checklist(query: EncodedQuery) -> Checklist:
    """Return what the target must show, keep and not show, by the composition and by the user."""
    composition = query.composition
    roles = Roles() if composition is None else composition.roles
    avoided = [
        phrase.text for role in query.roles if role.term == "forbidden" for phrase in role.phrases
    ]
    forbidden = (*avoided, *(phrase.text for phrase in roles.forbidden))
    return Checklist(
        tuple(phrase.text for phrase in roles.desired),
        tuple(phrase.text for phrase in roles.preserve),
        tuple(dict.fromkeys(forbidden)),
    )


def _candidate(hit: Hit) -> Candidate:
    image = None
    if hit.path is not None:
        try:
            image = open_image(hit.path, max_pixels=hit.max_pixels, decode_side=_IMAGE_SIDE)
        except ImageError:
            image = None  # gone or damaged since it was indexed: its captions may still do
    return Candidate(hit.id, image, hit.captions, hit.content)
