"""The route by which somebody at this machine has a file shown in its folder."""

from __future__ import annotations

import ipaddress

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stitch_cir.errors import NotFoundError
from stitch_cir.server._errors import GoneError, RevealError
from stitch_cir.server._file_manager import Reveal
from stitch_cir.server._responses import error_responses
from stitch_cir.server._services import Services
from stitch_cir.wire import RevealRequest

__all__ = ["router"]


def router(services: Services, reveal: Reveal | None) -> APIRouter:
    """Return the route; without ``reveal`` it refuses every request."""
    routes = APIRouter(tags=["gallery"])
    provider = services.provider

    @routes.post(
        "/api/reveal",
        status_code=204,
        response_class=Response,
        responses=error_responses(403, 404, 410, 422),
    )
    async def reveal_file(request: Request, sent: RevealRequest) -> Response:
        """Show an image's file in its folder: on this machine, for its own page only."""
        if reveal is None or not _is_local(request):
            raise RevealError(
                "Folders are opened for somebody at the server's machine only.",
                hint="Download the image instead.",
            )

        def work() -> None:
            gallery = provider.gallery()
            stored = gallery.match(sent.id)
            if stored is None:
                raise NotFoundError("The gallery has no such image.", hint="See GET /api/images.")
            path = gallery.path(stored)
            if path is None or not path.exists():
                raise GoneError(
                    "This item has no file here.", hint="Run stitch index to take it out."
                )
            reveal(path)

        await services.executor.run(request, work)
        return Response(status_code=204)

    return routes


def _is_local(request: Request) -> bool:
    """Return whether a request comes from this machine and from no page of another site."""
    try:
        at_home = (
            request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
        )
    except ValueError:
        return False
    origin = request.headers.get("origin")
    is_own_page = origin is None or origin.partition("://")[2] == request.headers.get("host")
    return at_home and is_own_page
