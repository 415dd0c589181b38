"""Routes that describe the gallery and return its images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from stitch_cir._schema import DECLARED
from stitch_cir.composers import VerbatimComposer
from stitch_cir.errors import NotFoundError
from stitch_cir.gallery import Snapshot
from stitch_cir.plugins import FUSIONS, SCORERS, TRANSITIONS
from stitch_cir.searcher import SearchSettings, View
from stitch_cir.server._examples import Example, ExampleMaker
from stitch_cir.server._metrics import CONTENT_TYPE, CountsShards
from stitch_cir.server._queries import image_info, view_info
from stitch_cir.server._rendering import LARGEST_SIDE, SMALLEST_SIDE
from stitch_cir.server._responses import error_responses, image_response, json_response
from stitch_cir.server._sections import sections
from stitch_cir.server._services import Services
from stitch_cir.wire import (
    ExampleInfo,
    Examples,
    GalleryFacets,
    GalleryInfo,
    Health,
    ImageDetail,
    ImageInfo,
    ImagePage,
    ImageSections,
    SuggestedFacet,
)
from stitch_cir.wire._declared import setting_infos

__all__ = ["router"]

T = TypeVar("T")
ImageId = Annotated[str, Path(description="A gallery id; it may hold slashes.")]
Where = Annotated[
    str | None,
    Query(min_length=1, max_length=10_000, description="A condition on attributes: price < 50."),
]
Order = Annotated[
    str,
    Query(
        min_length=1,
        max_length=500,
        description="id; name (of the file, whatever its folder); or an attribute that holds "
        "dates, latest first.",
    ),
]
Partial = Annotated[bool, Query(description=DECLARED["partial"].describe())]
Side = Annotated[int, Query(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]
ImageNumber = Annotated[int, Query(ge=1, le=1000)]

_JPEG: dict[int | str, dict[str, object]] = {
    **image_response("image/jpeg"),
    304: {"description": "The client has it already"},
}


def router(services: Services, *, opens_folders: bool = False) -> APIRouter:
    """Return the routes; ``opens_folders`` is what they say of the server's machine."""
    routes = APIRouter(tags=["gallery"])
    provider, settings = services.provider, services.settings
    examples = ExampleMaker()

    @routes.get("/health", response_model=Health, responses=error_responses(404))
    async def health(request: Request) -> Response:
        """Return that the server works, and whether it is ready for more.

        Shards of a cluster that are known not to answer are named, and none is waited for.
        """
        from stitch_cir import __version__

        state = await services.health_executor.run(request, provider.state)
        pools = services.pools()
        return json_response(
            Health(
                status="degraded" if state.missing else "ok",
                version=__version__,
                images=state.images,
                missing=state.missing,
                ready=not any(pool.saturated for pool in pools.values()),
                pools=pools,
            )
        )

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Return counts and times in Prometheus' format."""
        return Response(services.metrics.text(), media_type=CONTENT_TYPE)

    @routes.get("/api/gallery", response_model=GalleryInfo, responses=error_responses(404))
    async def about(request: Request, partial: Partial = False) -> Response:
        """Describe the gallery, the choices of a query, and the limits."""
        return json_response(await _read(request, _info, partial))

    async def _read(request: Request, work: Callable[[Snapshot], T], partial: bool) -> T:
        return await services.executor.run(request, lambda: provider.read(work, partial=partial))

    def _info(gallery: Snapshot) -> GalleryInfo:
        from stitch_cir import __version__

        info = gallery.info()
        notes = tuple(provider.notes(gallery))
        composer = services.models.make_composer(SearchSettings()) or VerbatimComposer()
        counts = ("images", "complete", "waiting", "captioned", "attributes", "generation")
        fields = (*counts, "encoder", "weights_tag", "dim", "recipe")
        in_shards = isinstance(provider.gallery(), CountsShards)
        return GalleryInfo(
            name=provider.name,
            **{name: info[name] for name in fields},
            version=__version__,
            settings=setting_infos(
                {
                    "transition": TRANSITIONS.names(),
                    "scorer": SCORERS.names(),
                    "fusion": FUSIONS.names(),
                },
                in_shards=in_shards,
            ),
            limits={
                "upload_bytes": settings.upload_bytes,
                "pixels": settings.upload_pixels,
                "text_characters": settings.text_characters,
                "k": settings.max_hits,
                "captions": settings.max_captions,
                "files": settings.files,
            },
            composer=dict(composer.settings()),
            writable=settings.token is not None and not in_shards,
            notes=notes,
            missing=provider.missing(gallery),
            encoder_note=provider.encoder_note(info["images"]),
            opens_folders=opens_folders,
            keeps_uploads=settings.keep_uploads,
            orders=gallery.orders,
        )

    @routes.get("/api/examples", response_model=Examples, responses=error_responses(404))
    async def first_questions(request: Request, partial: Partial = False) -> Response:
        """Return up to three questions to begin with, made of images of this gallery."""

        def work() -> Examples:
            without = provider.state().missing if partial else ()
            made = examples.examples(provider.gallery_for(partial=partial), without)

            def read(gallery: Snapshot) -> Examples:
                prefix = request.scope["root_path"]
                infos = [
                    ExampleInfo(text=each.text, reference=_reference_info(gallery, each, prefix))
                    for each in made
                    if each.reference is None or gallery.match(each.reference) is not None
                ]
                return Examples(examples=tuple(infos), missing=provider.missing(gallery))

            return provider.read(read, partial=partial)

        return json_response(await services.executor.run(request, work))

    @routes.get("/api/images", response_model=ImagePage, responses=error_responses(404, 422))
    async def images(
        request: Request,
        offset: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 60,
        q: Annotated[str, Query(max_length=200, description="In ids and captions.")] = "",
        where: Where = None,
        order: Order = "id",
        partial: Partial = False,
    ) -> Response:
        """List images."""

        def work(gallery: Snapshot) -> ImagePage:
            total, ids = gallery.find(
                q.strip(), offset=offset, limit=limit, where=where, order=order
            )
            page = tuple(_image_info(gallery, id, request.scope["root_path"]) for id in ids)
            missing = provider.missing(gallery)
            return ImagePage(total=total, offset=offset, images=page, missing=missing)

        return json_response(await _read(request, work, partial))

    @routes.get("/api/sections", response_model=ImageSections, responses=error_responses(404, 422))
    async def parts(
        request: Request,
        q: Annotated[str, Query(max_length=200, description="In ids and captions.")] = "",
        where: Where = None,
        order: Order = "id",
        partial: Partial = False,
    ) -> Response:
        """Return the folders, letters or months by which that list can be jumped into."""

        def work(gallery: Snapshot) -> ImageSections:
            made = sections(gallery, q.strip(), where, order)
            return made.model_copy(update={"missing": provider.missing(gallery)})

        return json_response(await _read(request, work, partial))

    @routes.get("/api/facets", response_model=GalleryFacets, responses=error_responses(404, 422))
    async def facets(
        request: Request,
        where: Where = None,
        facet: Annotated[
            list[Annotated[str, Query(min_length=1, max_length=500)]],
            Query(max_length=50, description="What to count; left out: what the gallery suggests."),
        ] = [],  # noqa: B006 - the framework copies it
        partial: Partial = False,
    ) -> Response:
        """Count the images that meet a condition, by their attributes."""

        def work(gallery: Snapshot) -> GalleryFacets:
            attributes = gallery.attributes
            suggestions = attributes.suggestions()
            requests = tuple(facet) or tuple(map(str, suggestions.facets))
            counted = attributes.facets(requests, where=where)
            return GalleryFacets(
                total=gallery.find(limit=0, where=where)[0],
                facets=tuple(
                    SuggestedFacet.model_validate({**each.to_dict(), "request": text})
                    for each, text in zip(counted, requests, strict=True)
                ),
                groupings=suggestions.groupings,
                missing=provider.missing(gallery),
            )

        return json_response(await _read(request, work, partial))

    @routes.get(
        "/api/images/{id:image_id}", response_model=ImageDetail, responses=error_responses(404, 422)
    )
    async def image(request: Request, id: ImageId) -> Response:
        """Return one image and its views."""

        def work(gallery: Snapshot) -> ImageDetail:
            stored = gallery.match(id)
            if stored is None:
                raise NotFoundError("The gallery has no such image.", hint="See GET /api/images.")
            views = tuple(
                view_info(View(index, view.box, view.caption, view.image))
                for index, view in enumerate(gallery.views(stored))
            )
            return ImageDetail(
                **dict(_image_info(gallery, stored, request.scope["root_path"])),
                views=views,
                attributes=gallery.attributes_of(stored),
            )

        return json_response(await services.executor.run(request, lambda: provider.read(work)))

    @routes.get(
        "/api/files/{id:image_id}",
        response_class=Response,
        responses={**error_responses(404, 410, 422), **_JPEG},
    )
    async def file(
        request: Request, id: ImageId, side: Side = 1600, image: ImageNumber = 1
    ) -> Response:
        """Return an image upright, without metadata, its longest side at most `side` pixels.

        `image` counts from 1 where an item has several.
        """
        return await _image(request, id, side, image)

    @routes.get(
        "/api/thumbnails/{id:image_id}",
        response_class=Response,
        responses={**error_responses(404, 410, 422), **_JPEG},
    )
    async def thumbnail(request: Request, id: ImageId, side: Side = 256) -> Response:
        """Return the same, small; an item without an image gets a card with its captions."""
        return await _image(request, id, side)

    async def _image(request: Request, id: str, side: int, number: int = 1) -> Response:
        etags = request.headers.get("if-none-match", "")

        def work() -> Response:
            tag, render = provider.read(
                lambda gallery: services.renderer.of_image(gallery, id, side, number)
            )
            headers = {"etag": tag, "cache-control": "private, max-age=60"}
            if tag in etags or etags.strip() == "*":
                return Response(status_code=304, headers=headers)
            return Response(render().content, media_type="image/jpeg", headers=headers)

        return await services.image_executor.run(request, work)

    return routes


def _reference_info(gallery: Snapshot, example: Example, prefix: str) -> ImageInfo | None:
    return None if example.reference is None else _image_info(gallery, example.reference, prefix)


def _image_info(gallery: Snapshot, id: str, prefix: str) -> ImageInfo:
    return image_info(id, gallery.size(id), gallery.captions(id), prefix)
