"""The route of a shop: catalog search of the Universal Commerce Protocol."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stitch_cir.server._catalog import CatalogService
from stitch_cir.server._responses import error_responses, json_response
from stitch_cir.server._services import Services
from stitch_cir.wire import CatalogRequest, CatalogResponse

__all__ = ["router"]


def router(services: Services) -> APIRouter:
    """Return the route."""
    routes = APIRouter(
        tags=["catalog"], responses=error_responses(400, 404, 409, 410, 413, 422, 502)
    )
    catalog = CatalogService(
        services.provider, services.uploads, services.settings, services.models
    )

    @routes.post("/catalog/search", response_model=CatalogResponse)
    async def search(request: Request, query: CatalogRequest) -> Response:
        """Search the products of a feed: a text, a reference image, or both, and filters.

        Valid against the schemas of the Universal Commerce Protocol; `reference` and `facets` are
        extensions.
        """
        request.state.text = query.query or ""
        base = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        waits = catalog.may_wait_for_model(query)
        executor = services.model_executor if waits else services.executor
        answer = await executor.run(request, lambda: catalog.search(query, base))
        return json_response(answer)

    return routes
