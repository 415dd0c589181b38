"""Routes that take a reference image and show it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stitch_cir.gallery import KeptFile
from stitch_cir.server._forms import form_schema, read_form
from stitch_cir.server._responses import error_responses, image_response, json_response
from stitch_cir.server._services import Services
from stitch_cir.server._write_routes import TOKEN, check_token
from stitch_cir.wire import KeptUpload, KeptUploads, UploadInfo

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
        "/api/uploads",
        response_model=KeptUploads,
        dependencies=TOKEN,
        responses=error_responses(401, 403, 404),
    )
    async def kept_uploads(request: Request) -> Response:
        """List the uploads that are kept with the gallery, oldest first; with the token only."""
        check_token(request, services.settings.token)

        def work() -> KeptUploads:
            return KeptUploads(uploads=tuple(_info(each) for each in uploads.kept.list()))

        return json_response(await services.executor.run(request, work))

    @routes.post(
        "/api/uploads/{token}/keep",
        response_model=KeptUpload,
        responses=error_responses(403, 404, 507),
    )
    async def keep(request: Request, token: str) -> Response:
        """Keep an upload with the gallery until it is removed: its `id` may stand in a link."""
        return json_response(
            await services.executor.run(request, lambda: _info(uploads.keep(token)))
        )

    @routes.delete(
        "/api/uploads/{token:path}",
        status_code=204,
        response_class=Response,
        responses=error_responses(401, 403, 404),
    )
    async def remove(request: Request, token: str) -> Response:
        """Remove an upload, by its token or, with the server's token, by the id of a kept one."""
        is_kept_id = uploads.kept.content(token) is not None
        if is_kept_id:
            check_token(request, services.settings.token)
        drop = uploads.kept.remove if is_kept_id else uploads.remove
        await services.executor.run(request, lambda: drop(token))
        return Response(status_code=204)

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


def _info(kept: KeptFile) -> KeptUpload:
    return KeptUpload(id=kept.id, bytes=kept.bytes, kept_at=kept.kept_at.isoformat())
