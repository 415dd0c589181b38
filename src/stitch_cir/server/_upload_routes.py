"""Routes that take a reference image and show it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stitch_cir.server._forms import form_schema, read_form
from stitch_cir.server._responses import error_responses, image_response, json_response
from stitch_cir.server._services import Services
from stitch_cir.wire import UploadInfo

__all__ = ["router"]

_SIDE = 1024


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["uploads"])
    uploads = services.uploads

    @routes.post(
        "/api/uploads",
        response_model=UploadInfo,
        openapi_extra=form_schema({"type": "string", "format": "binary"}),
        responses=error_responses(404, 413, 415, 422),
    )
    async def upload(request: Request) -> Response:
        """Keep an image in memory for a while, to be used as a reference."""
        limit = services.settings.upload_bytes
        files, _ = await read_form(request, files=1, file_bytes=limit)
        content = files[0].content

        def work() -> UploadInfo:
            stored = uploads.add(content)
            same = services.provider.gallery().ids_with_content(stored.sha256)
            return UploadInfo(
                upload=stored.token,
                width=stored.size[0],
                height=stored.size[1],
                sha256=stored.sha256,
                gallery_id=same[0] if same else None,
                expires_in=round(uploads.expires_in(stored.token), 1),
            )

        return json_response(await services.image_executor.run(request, work))

    @routes.get(
        "/api/uploads/{token:path}",
        response_class=Response,
        responses={**error_responses(404), **image_response("image/jpeg")},
    )
    async def uploaded_image(request: Request, token: str) -> Response:
        """Return an uploaded image, upright and without metadata."""

        def work() -> Response:
            stored = uploads.get(token)
            rendered = services.renderer.of_bytes(
                stored.content, stored.sha256, _SIDE, uploads.max_pixels
            )
            headers = {"cache-control": "private, max-age=600"}
            return Response(rendered.content, media_type="image/jpeg", headers=headers)

        return await services.image_executor.run(request, work)

    return routes
