"""Routes that show what the gallery is and holds."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from stitch_cir.composers import TemplateComposer
from stitch_cir.errors import NotFoundError
from stitch_cir.gallery import Snapshot
from stitch_cir.plugins import SCORERS, TRANSITIONS
from stitch_cir.search import SearchSettings, View
from stitch_cir.server._metrics import CONTENT_TYPE
from stitch_cir.server._models import GalleryInfo, Health, ImageDetail, ImageList
from stitch_cir.server._pictures import LARGEST_SIDE, SMALLEST_SIDE
from stitch_cir.server._questions import image_facts, view_facts
from stitch_cir.server._services import Services, problems

__all__ = ["router"]

ImageId = Annotated[str, Path(description="A gallery id; it may hold slashes.")]
Side = Annotated[int, Query(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]


def router(services: Services) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["gallery"])
    keeper, settings = services.keeper, services.settings

    @routes.get("/health", response_model=Health, responses=problems(404))
    async def health(request: Request) -> Response:
        """Say that the server works, and whether it is ready for more."""
        from stitch_cir import __version__

        count = await services.health_desk.run(request, keeper.images)
        pools = services.pools()
        ready = not any(pool["saturated"] for pool in pools.values())
        facts = {"status": "ok", "version": __version__, "images": count}
        return JSONResponse({**facts, "ready": ready, "pools": pools})

    @routes.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Give figures in Prometheus' format."""
        return Response(services.metrics.text(), media_type=CONTENT_TYPE)

    @routes.get("/api/gallery", response_model=GalleryInfo, responses=problems(404))
    async def about(request: Request) -> Response:
        """Say what the gallery is, what may be asked, and within which limits."""
        return JSONResponse(await services.desk.run(request, lambda: keeper.read(_about)))

    def _about(gallery: Snapshot) -> dict[str, Any]:
        from stitch_cir import __version__

        info = gallery.info()
        composer = services.make_composer(SearchSettings()) or TemplateComposer()
        counts = ("images", "complete", "waiting", "captioned", "generation")
        kept = (*counts, "encoder", "weights_tag", "dim", "recipe")
        return {
            "name": keeper.name,
            **{name: info[name] for name in kept},
            "version": __version__,
            "defaults": SearchSettings().to_dict(),
            "choices": {
                "transitions": list(TRANSITIONS.names()),
                "scorers": list(SCORERS.names()),
            },
            "limits": {
                "upload_bytes": settings.upload_bytes,
                "pixels": settings.upload_pixels,
                "text_characters": settings.text_characters,
                "k": settings.most_hits,
                "captions": settings.most_captions,
                "files": settings.files,
            },
            "composer": dict(composer.settings()),
            "writable": settings.token is not None,
            "notes": keeper.notes(gallery),
        }

    @routes.get("/api/images", response_model=ImageList, responses=problems(404, 422))
    async def images(
        request: Request,
        offset: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 60,
        q: Annotated[str, Query(max_length=200, description="In ids and captions.")] = "",
    ) -> Response:
        """List images in id order."""

        def work(gallery: Snapshot) -> dict[str, Any]:
            total, ids = gallery.find(q.strip(), offset=offset, limit=limit)
            found = [_image(gallery, id, request.scope["root_path"]) for id in ids]
            return {"total": total, "offset": offset, "images": found}

        return JSONResponse(await services.desk.run(request, lambda: keeper.read(work)))

    @routes.get(
        "/api/images/{id:image_id}", response_model=ImageDetail, responses=problems(404, 422)
    )
    async def image(request: Request, id: ImageId) -> Response:
        """Show one image and its views."""

        def work(gallery: Snapshot) -> dict[str, Any]:
            known = gallery.match(id)
            if known is None:
                raise NotFoundError("The gallery has no such image.", hint="See GET /api/images.")
            views = [
                view_facts(View(index, view.box, view.caption))
                for index, view in enumerate(gallery.views(known))
            ]
            return {**_image(gallery, known, request.scope["root_path"]), "views": views}

        return JSONResponse(await services.desk.run(request, lambda: keeper.read(work)))

    @routes.get(
        "/api/files/{id:image_id}",
        response_class=Response,
        responses={**problems(404, 410, 422), **_JPEG},
    )
    async def file(request: Request, id: ImageId, side: Side = 1600) -> Response:
        """Give a picture upright, without metadata, its longest side at most `side` pixels."""
        return await _picture(request, id, side)

    @routes.get(
        "/api/thumbnails/{id:image_id}",
        response_class=Response,
        responses={**problems(404, 410, 422), **_JPEG},
    )
    async def thumbnail(request: Request, id: ImageId, side: Side = 256) -> Response:
        """Give the same, small; an item without picture gets a card with its captions."""
        return await _picture(request, id, side)

    async def _picture(request: Request, id: str, side: int) -> Response:
        known = request.headers.get("if-none-match", "")

        def work() -> Response:
            tag, make = keeper.read(lambda gallery: services.pictures.of_image(gallery, id, side))
            headers = {"etag": tag, "cache-control": "private, max-age=60"}
            if tag in known or known.strip() == "*":
                return Response(status_code=304, headers=headers)
            return Response(make().content, media_type="image/jpeg", headers=headers)

        return await services.picture_desk.run(request, work)

    return routes


def _image(gallery: Snapshot, id: str, prefix: str) -> dict[str, Any]:
    return image_facts(id, gallery.size(id), gallery.captions(id), prefix)


_JPEG: dict[int | str, dict[str, object]] = {
    200: {"description": "A picture", "content": {"image/jpeg": {}}},
    304: {"description": "The client has it already"},
}
