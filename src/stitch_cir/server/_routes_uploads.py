"""Routes that take a reference picture and show it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from stitch_cir.server._forms import form_schema, read_form
from stitch_cir.server._models import Uploaded
from stitch_cir.server._services import Services, problems

__all__ = ["router"]

_SHOWN_SIDE = 1024


def router(services: Services) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["uploads"])
    uploads = services.uploads

    @routes.post(
        "/api/uploads",
        response_model=Uploaded,
        openapi_extra=form_schema({"type": "string", "format": "binary"}),
        responses=problems(404, 413, 415, 422),
    )
    async def upload(request: Request) -> Response:
        """Keep a picture in memory for a while, to be used as a reference."""
        limit = services.settings.upload_bytes
        sent, _ = await read_form(request, files=1, file_bytes=limit)
        content = sent[0].content

        def work() -> dict[str, Any]:
            kept = uploads.add(content)
            twins = services.keeper.gallery().ids_with_content(kept.sha256)
            return {
                "upload": kept.token,
                "width": kept.size[0],
                "height": kept.size[1],
                "sha256": kept.sha256,
                "gallery_id": twins[0] if twins else None,
                "expires_in": round(uploads.expires_in(kept.token), 1),
            }

        return JSONResponse(await services.picture_desk.run(request, work))

    @routes.get(
        "/api/uploads/{token:path}",
        response_class=Response,
        responses={
            **problems(404),
            200: {"description": "A picture", "content": {"image/jpeg": {}}},
        },
    )
    async def shown(request: Request, token: str) -> Response:
        """Show an uploaded picture, upright and without metadata."""

        def work() -> Response:
            kept = uploads.get(token)
            made = services.pictures.of_bytes(
                kept.content, kept.sha256, _SHOWN_SIDE, uploads.max_pixels
            )
            headers = {"cache-control": "private, max-age=600"}
            return Response(made.content, media_type="image/jpeg", headers=headers)

        return await services.picture_desk.run(request, work)

    return routes
