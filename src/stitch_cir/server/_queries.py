"""From a request to a call of the library, and from its results to what crosses the wire."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from stitch_cir.composers import (
    Caption,
    Composition,
    Phrase,
    Roles,
    waits_for_model,
)
from stitch_cir.errors import NotFoundError, QueryError
from stitch_cir.gallery import Gallery
from stitch_cir.searcher import (
    Hit,
    Query,
    ResolvedReference,
    Results,
    Searcher,
    View,
    WeightedReference,
)
from stitch_cir.server._errors import RequestError
from stitch_cir.server._gallery_provider import GalleryProvider
from stitch_cir.server._models import ServerModels
from stitch_cir.server._rendering import image_url
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server._uploads import UploadStore
from stitch_cir.server.limits import ByteBoundedCache
from stitch_cir.wire import (
    CompositionInfo,
    Explanation,
    HitInfo,
    ImageInfo,
    MatchInfo,
    MemberInfo,
    PhraseSent,
    PlanInfo,
    QueryRequest,
    ReferenceShare,
    RoleShareInfo,
    RolesSent,
    SearchResults,
    ViewInfo,
    WeightedGalleryReference,
    WeightedUploadReference,
)

__all__ = [
    "QueryService",
    "image_info",
    "view_info",
]

_REFERENCE_BYTES = 48 << 20
_LEAST_MASS = 0.001
"""Matches with a smaller share of the plan are left out of an explanation."""


class QueryService:
    """Answers queries; every method may be called from several threads.

    ``prefix`` is the path that the addresses of images lie below.
    """

    def __init__(
        self,
        provider: GalleryProvider,
        uploads: UploadStore,
        settings: ServerSettings,
        models: ServerModels,
    ) -> None:
        """Look references up in ``provider``'s gallery and among ``uploads``."""
        self._provider = provider
        self._uploads = uploads
        self._settings = settings
        self._models = models
        self.references: ByteBoundedCache[ResolvedReference] = ByteBoundedCache(_REFERENCE_BYTES)

    def compose(self, request: QueryRequest) -> CompositionInfo:
        """Return target captions; edited ones are ignored."""
        searcher, query = self._resolve(request)
        return self._composition_info(searcher.compose(query))

    def search(self, request: QueryRequest, prefix: str) -> SearchResults:
        """Rank the gallery."""
        searcher, query = self._resolve(request)
        return self._results_info(searcher.gallery, searcher.search(query), prefix)

    def search_with_references(self, request: QueryRequest) -> tuple[list[Image.Image], Results]:
        """Rank the gallery; return the references' images and the library's own results."""
        searcher, query = self._resolve(request)
        resolved = (each.image for each in query.weighted_references)
        images = [each.image for each in resolved if isinstance(each, ResolvedReference)]
        return [each for each in images if each is not None], searcher.search(query)

    def explain_hit(self, request: QueryRequest, id: str) -> Hit:
        """Return one image of the gallery as a hit, with its true rank."""
        return self._explain(request, id)[1][0]

    def explain(self, request: QueryRequest, id: str, prefix: str) -> Explanation:
        """Explain why an image ranks where it does."""
        return self._explanation(*self._explain(request, id), prefix)

    def may_wait_for_model(
        self, request: QueryRequest, *, composing: bool = False, with_images: bool = False
    ) -> bool:
        """Return whether the answer may wait for a model: of captions, or of composed queries.

        ``composing``: captions are to be written even where edited ones were sent; ``with_images``:
        references were sent beside the request.
        """
        settings = self._models.settings(request.settings)
        if not composing and self._models.composed_waits(settings):
            return True
        said = any(text.strip() for text in (request.text, *request.turns))
        if not said or (request.captions is not None and not composing):
            return False
        composer = self._models.make_composer(settings)
        with_reference = with_images or bool(request.all_references())
        return waits_for_model(composer, with_reference=with_reference)

    # -- from a request ----------------------------------------------------------------------------

    def _explain(self, request: QueryRequest, id: str) -> tuple[Gallery, Results]:
        searcher, query = self._resolve(request)
        _require_image(searcher.gallery, id)
        return searcher.gallery, searcher.explain(query, id)

    def _resolve(self, request: QueryRequest) -> tuple[Searcher, Query]:
        """Return a request in the library's terms, its reference resolved."""
        gallery = self._provider.gallery()
        self._check_limits(request)
        settings = self._models.settings(request.settings)
        captions: tuple[Caption, ...] = ()
        if request.captions is not None:
            captions = tuple(
                Caption(sent.text, sent.weight) for sent in request.captions if sent.on
            )
            if not captions:
                raise QueryError(
                    "No target caption is switched on.", hint="Switch one on, or write one."
                )
        searcher = Searcher(
            gallery,
            composer=self._models.make_composer(settings),
            settings=settings,
            composed=self._models.composed(gallery.encoder) if settings.composed_weight else None,
            candidates=self._models.candidates,
        )
        for id in request.negatives:
            _require_image(searcher.gallery, id)
        return searcher, Query(
            [
                WeightedReference(self._resolve_reference(searcher, each), each.weight)
                for each in request.all_references()
            ],
            request.text,
            captions,
            request.negatives,
            request.object,
            request.facets,
            request.offset,
            request.cursor,
            request.turns,
            [_phrase(each) for each in request.avoid],
            _roles(request.roles),
        )

    def _check_limits(self, request: QueryRequest) -> None:
        limits = self._settings
        texts = [
            request.text,
            *request.turns,
            *(caption.text for caption in request.captions or ()),
            *(each if isinstance(each, str) else each.text for each in request.avoid),
        ]
        if max(map(len, texts)) > limits.text_characters:
            raise RequestError(
                f"A text has more than {limits.text_characters:,} characters.",
                hint="Say it shorter.",
            )
        if len(request.captions or ()) > limits.max_captions:
            raise RequestError(
                f"There are more than {limits.max_captions} captions.", hint="Send fewer."
            )
        if (request.settings.get("k") or 0) > limits.max_hits:
            raise RequestError(f"k is larger than {limits.max_hits}.", hint="Ask for fewer hits.")

    def _resolve_reference(
        self, searcher: Searcher, sent: WeightedGalleryReference | WeightedUploadReference
    ) -> ResolvedReference:
        """Return a reference; the images of recent ones stay in memory."""
        # read anew even where it is in memory: a kept upload may have been removed since
        upload = (
            self._uploads.get(sent.upload) if isinstance(sent, WeightedUploadReference) else None
        )
        gallery, side = searcher.gallery, searcher.required_image_side
        key = (
            sent.model_dump_json(exclude={"weight"}),
            gallery.directory,
            gallery.generation,
            side,
        )
        cached = self.references.get(key)
        if cached is not None:
            return cached
        if isinstance(sent, WeightedGalleryReference):
            reference = searcher.resolve_id(sent.id)
        else:
            assert upload is not None
            limit = self._uploads.max_pixels
            reference = searcher.resolve_upload("(upload)", upload.content, max_pixels=limit)
        image = reference.image
        if image is not None:
            self.references.put(key, reference, 3 * image.width * image.height + 1000)
        return reference

    # -- to the wire, without the server's own paths -----------------------------------------------

    def _results_info(self, gallery: Gallery, results: Results, prefix: str) -> SearchResults:
        data = results.to_dict()
        data["gallery"]["directory"] = self._provider.name
        data["notes"] = self._notes(gallery, results)
        if not results.complete:
            data["missing"] = tuple(map(self._provider.hide_paths, results.missing))
        if results.candidate_source is not None:
            # where it runs is the server's own affair
            data["candidate_source"] = {"source": results.candidate_source.get("source")}
        if results.query.composition is not None:
            data["composition"] = self._composition_info(results.query.composition)
        data["hits"] = [_hit_info(hit, prefix) for hit in results]
        return SearchResults.model_validate(data)

    def _composition_info(self, composition: Composition) -> CompositionInfo:
        notes = [self._provider.hide_paths(note) for note in composition.notes]
        return CompositionInfo.model_validate({**composition.to_dict(), "notes": notes})

    def _notes(self, gallery: Gallery, results: Results) -> tuple[str, ...]:
        """Return the notes of a search and of its gallery, each once."""
        notes = (self._provider.hide_paths(note) for note in results.notes)
        return tuple(dict.fromkeys((*notes, *self._provider.notes(gallery))))

    def _explanation(self, gallery: Gallery, results: Results, prefix: str) -> Explanation:
        hit = results[0]
        return Explanation(
            hit=_hit_info(hit, prefix),
            views=tuple(view_info(view) for view in hit.views),
            captions=hit.query.labels,
            weights=tuple(round(float(weight), 6) for weight in hit.query.weights),
            plan=PlanInfo.model_validate(hit.plan.to_dict()),
            matches=tuple(
                MatchInfo.model_validate({**match.to_dict(), "view": view_info(match.view)})
                for match in hit.matches(least=_LEAST_MASS)
            ),
            shares=tuple(hit.caption_shares().tolist()),
            references=tuple(
                ReferenceShare(name=name, share=round(share, 6))
                for name, share in hit.query.references
            ),
            roles=tuple(RoleShareInfo.model_validate(each.to_dict()) for each in hit.roles),
            summary=hit.summary(),
            notes=self._notes(gallery, results),
        )


def image_info(
    id: str, size: tuple[int, int] | None, captions: Sequence[str], prefix: str
) -> ImageInfo:
    """Return what every answer holds of an image: its upright size, captions and addresses."""
    width, height = size or (None, None)
    return ImageInfo(
        id=id,
        width=width,
        height=height,
        captions=tuple(captions),
        image=image_url("files", id, prefix),
        thumbnail=image_url("thumbnails", id, prefix),
    )


def view_info(view: View) -> ViewInfo:
    """Return one view with its label."""
    return ViewInfo.model_validate({**view.to_dict(), "label": view.label})


def _hit_info(hit: Hit, prefix: str) -> HitInfo:
    return HitInfo(
        **dict(image_info(hit.id, hit.size, hit.captions, prefix)),
        rank=hit.rank,
        score=round(hit.score, 6),
        best_view=view_info(hit.best_view),
        attributes=hit.attributes,
        group_images=hit.group_images,
        members=tuple(
            MemberInfo(
                id=member.id,
                score=round(member.score, 6),
                near_duplicates=member.near_duplicates,
            )
            for member in hit.members
        ),
        near_duplicates=hit.near_duplicates,
    )


def _phrase(sent: str | PhraseSent) -> Phrase:
    return Phrase(sent) if isinstance(sent, str) else Phrase(sent.text, sent.weight)


def _roles(sent: RolesSent | None) -> Roles | None:
    return None if sent is None else Roles.from_dict(sent.model_dump())


def _require_image(gallery: Gallery, id: str) -> None:
    if gallery.match(id) is None:
        gallery.check_reachable(id)
        raise NotFoundError(f"The gallery has no image {id!r}.", hint="See GET /api/images.")
