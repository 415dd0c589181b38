"""Routes that change the gallery; each checks the token first."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from pydantic import Field, TypeAdapter, ValidationError

from stitch_cir.errors import NotFoundError
from stitch_cir.server._errors import RequestError, TokenError, TokenMissingError
from stitch_cir.server._forms import form_schema, read_form
from stitch_cir.server._responses import error_responses, json_response
from stitch_cir.server._services import Services
from stitch_cir.server._uploads import name_option
from stitch_cir.wire import MAX_TEXT, AddedImages, SkippedImage

__all__ = ["TOKEN", "check_token", "router"]

_FILES = {"type": "array", "items": {"type": "string", "format": "binary"}}
_CAPTIONS_FIELD = {
    "type": "string",
    "description": "JSON: for each file a list of captions.",
    "examples": ['[["a red dress"], []]'],
}
# for the description only: the token is checked by hand, with errors in the common shape
TOKEN = [Depends(HTTPBearer(scheme_name="token", auto_error=False))]
_Text = Annotated[str, Field(max_length=MAX_TEXT)]
_CAPTIONS = TypeAdapter(list[Annotated[list[_Text], Field(max_length=16)]])


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["writing"])
    provider, settings = services.provider, services.settings

    @routes.post(
        "/api/images",
        response_model=AddedImages,
        dependencies=TOKEN,
        openapi_extra=form_schema(_FILES, captions=_CAPTIONS_FIELD),
        responses=error_responses(401, 403, 404, 409, 413, 422),
    )
    async def add(request: Request) -> Response:
        """Add images: they are written below `added` in the gallery's folder and indexed."""
        provider.check_writable()
        check_token(request, settings.token)
        files, fields = await read_form(
            request,
            files=settings.files,
            file_bytes=settings.upload_bytes,
            fields=frozenset({"captions"}),
        )
        captions = _read_captions(fields.get("captions"), len(files))

        def work() -> AddedImages:
            ids, skipped = provider.gallery().add(
                [(file.name, file.content) for file in files],
                captions=captions,
                max_pixels=settings.upload_pixels,
            )
            return AddedImages(
                added=tuple(ids),
                skipped=tuple(
                    SkippedImage(name=name, reason=name_option(reason)) for name, reason in skipped
                ),
            )

        return json_response(await services.executor.run(request, work))

    @routes.delete(
        "/api/images/{id:image_id}",
        status_code=204,
        response_class=Response,
        dependencies=TOKEN,
        responses=error_responses(401, 403, 404, 409, 422),
    )
    async def remove(
        request: Request, id: Annotated[str, Path(description="A gallery id.")]
    ) -> Response:
        """Remove an image for good; its file stays, unless it was added through the server."""
        provider.check_writable()
        check_token(request, settings.token)

        def work() -> None:
            gallery = provider.gallery()
            if id not in gallery:
                raise NotFoundError("The gallery has no such image.", hint="See GET /api/images.")
            gallery.remove(id)

        await services.executor.run(request, work)
        return Response(status_code=204)

    return routes


def check_token(request: Request, token: str | None) -> None:
    """Raise ``TokenError`` or ``TokenMissingError`` unless a request has the server's token."""
    if token is None:
        raise TokenError(
            "Nobody may change this gallery through the server.",
            hint="Start it with --token-file FILE.",
        )
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not sent.strip():
        raise TokenMissingError(
            "This needs the server's token.", hint="Send the header Authorization: Bearer TOKEN."
        )
    # compared in constant time: how long it takes reveals nothing about the token
    if not hmac.compare_digest(sent.strip().encode(), token.encode()):
        raise TokenError("The token is wrong.", hint="Ask whoever runs the server.")


def _read_captions(text: str | None, files: int) -> list[list[str]]:
    if text is None:
        return []
    try:
        captions = _CAPTIONS.validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise RequestError(
            f"captions: {first['msg']}", hint='For each file a list, e.g. [["a red dress"], []].'
        ) from error
    if len(captions) != files:
        raise RequestError(
            f"There are captions for {len(captions)} of {files} files.",
            hint="Send one list for each file, empty where there are none.",
        )
    return captions
