"""Routes that answer queries."""

from __future__ import annotations

import io

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from stitch_cir._hints import first_problem
from stitch_cir.explain import Sheet, draw_hit, render_html
from stitch_cir.server._errors import RequestError
from stitch_cir.server._forms import form_schema, read_form
from stitch_cir.server._responses import error_responses, image_response, json_response
from stitch_cir.server._services import Services
from stitch_cir.server.limits import RequestExecutor
from stitch_cir.wire import (
    MAX_REFERENCES,
    ComposeResponse,
    ExplainRequest,
    Explanation,
    ExplanationImageRequest,
    QueryRequest,
    SearchResponse,
    WeightedUploadReference,
)

__all__ = ["router"]

_SHEET_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_FILES = {"type": "array", "items": {"type": "string", "format": "binary"}}
_QUERY_FIELD = {
    "type": "string",
    "description": "JSON: what POST /api/search takes.",
    "examples": ['{"text": "in red instead"}'],
}
_ERRORS = error_responses(400, 404, 409, 410, 413, 422, 502)


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["queries"], responses=_ERRORS)
    queries = services.queries

    def executor(
        query: QueryRequest, *, composing: bool = False, with_images: bool = False
    ) -> RequestExecutor:
        waits = queries.may_wait_for_model(query, composing=composing, with_images=with_images)
        return services.model_executor if waits else services.executor

    @routes.post("/api/compose", response_model=ComposeResponse)
    async def compose(request: Request, query: QueryRequest) -> Response:
        """Write the target captions of a query without searching."""
        _remember_text(request, query)
        run = executor(query, composing=True).run
        composition = await run(request, lambda: queries.compose(query))
        return json_response(ComposeResponse(composition=composition))

    @routes.post("/api/search", response_model=SearchResponse)
    async def search(request: Request, query: QueryRequest) -> Response:
        """Search: a reference image, changed as the text says."""
        _remember_text(request, query)

        def work() -> Response:
            results = queries.search(query, request.scope["root_path"])
            return json_response(SearchResponse(results=results))

        return await executor(query).run(request, work)

    @routes.post(
        "/api/search/form",
        response_model=SearchResponse,
        openapi_extra=form_schema(_FILES, query=_QUERY_FIELD),
        responses=error_responses(415),
    )
    async def search_form(request: Request) -> Response:
        """Search with images of your own in one request: they follow the query's references."""
        limit = services.settings.upload_bytes
        files, fields = await read_form(
            request, files=MAX_REFERENCES, file_bytes=limit, fields=frozenset({"query"})
        )
        sent = _read_query(fields.get("query", "{}"))
        _remember_text(request, sent)

        def work() -> Response:
            uploads = [services.uploads.add(file.content).token for file in files]
            references = [
                *sent.all_references(),
                *(WeightedUploadReference(upload=token) for token in uploads),
            ]
            query = sent.model_copy(update={"reference": None, "references": references})
            results = queries.search(query, request.scope["root_path"])
            return json_response(SearchResponse(results=results))

        return await executor(sent, with_images=True).run(request, work)

    @routes.post("/api/explain", response_model=Explanation)
    async def explain(request: Request, query: ExplainRequest) -> Response:
        """Explain why an image ranks where it does."""
        _remember_text(request, query)

        def work() -> Response:
            return json_response(queries.explain(query, query.id, request.scope["root_path"]))

        return await executor(query).run(request, work)

    @routes.post(
        "/api/explain/image",
        response_class=Response,
        responses=image_response("image/png"),
    )
    async def explanation_image(request: Request, query: ExplanationImageRequest) -> Response:
        """Draw the explanation: matched views, the plan as a heat map, or the captions' shares."""
        _remember_text(request, query)

        def work() -> bytes:
            hit = queries.explain_hit(query, query.id)
            buffer = io.BytesIO()
            draw_hit(hit, kind=query.kind).save(buffer, "PNG")
            return buffer.getvalue()

        return Response(await executor(query).run(request, work), media_type="image/png")

    @routes.post(
        "/api/sheet",
        response_class=Response,
        responses={200: {"description": "A page", "content": {"text/html": {}}}},
    )
    async def sheet(request: Request, query: QueryRequest) -> Response:
        """Return a self-contained page of a search."""
        _remember_text(request, query)

        def work() -> str:
            images, results = queries.search_with_references(query)
            return render_html(Sheet(services.provider.name, [results], [images]))

        headers = {
            "content-security-policy": _SHEET_CSP,
            "content-disposition": 'attachment; filename="stitch.html"',
        }
        return HTMLResponse(await executor(query).run(request, work), headers=headers)

    return routes


def _read_query(text: str) -> QueryRequest:
    try:
        return QueryRequest.model_validate_json(text)
    except ValidationError as error:
        raise RequestError(
            f"The field 'query' cannot be understood: {first_problem(error)}.",
            hint="It is the JSON that POST /api/search takes; see /docs.",
        ) from error


def _remember_text(request: Request, query: QueryRequest) -> None:
    """Leave the user's text for the log, which writes it only where that is switched on."""
    request.state.text = " | ".join((*query.turns, query.text))
