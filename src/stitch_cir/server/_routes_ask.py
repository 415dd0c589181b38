"""Routes that answer queries."""

from __future__ import annotations

import io
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from stitch_cir.explain import (
    Sheet,
    caption_shares,
    draw_hit,
    matches,
    render_html,
    summary,
)
from stitch_cir.server._desk import Desk
from stitch_cir.server._models import Ask, Composed, ExplainAsk, Explained, Found, PictureAsk
from stitch_cir.server._questions import view_facts
from stitch_cir.server._services import Services, problems

__all__ = ["router"]

_SHEET_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_ERRORS = problems(400, 404, 409, 413, 422, 502)


def router(services: Services) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["queries"], responses=_ERRORS)
    questions = services.questions

    def desk(ask: Ask, *, composing: bool = False) -> Desk:
        waits = questions.asks_model(ask, composing=composing)
        return services.model_desk if waits else services.desk

    @routes.post("/api/compose", response_model=Composed)
    async def compose(request: Request, ask: Ask) -> Response:
        """Write the target captions of a query without searching."""
        _note(request, ask)
        composition = await desk(ask, composing=True).run(request, lambda: questions.compose(ask))
        return JSONResponse({"composition": questions.composition(composition)})

    @routes.post("/api/search", response_model=Found)
    async def search(request: Request, ask: Ask) -> Response:
        """Search: a reference picture, changed as the text says."""
        _note(request, ask)

        def work() -> dict[str, Any]:
            gallery, _, results = questions.search(ask)
            return {"results": questions.results(gallery, results, request.scope["root_path"])}

        return JSONResponse(await desk(ask).run(request, work))

    @routes.post("/api/explain", response_model=Explained)
    async def explain(request: Request, ask: ExplainAsk) -> Response:
        """Say why an image ranks where it does."""
        _note(request, ask)

        def work() -> dict[str, Any]:
            gallery, results = questions.locate(ask, ask.id)
            query, hit = results.query, results[0]
            plan = hit.plan.to_dict()
            plan["mass"] = plan.pop("joint")
            found = [
                {**match.to_dict(), "view": view_facts(match.view)}
                for match in matches(query, hit, least=0.001)
            ]
            return {
                "hit": questions.hit(hit, request.scope["root_path"]),
                "views": [view_facts(view) for view in hit.views],
                "captions": list(query.labels),
                "weights": [round(float(weight), 6) for weight in query.weights],
                "plan": plan,
                "matches": found,
                "shares": caption_shares(hit).tolist(),
                "summary": summary(query, hit),
                "notes": questions.notes(gallery, results),
            }

        return JSONResponse(await desk(ask).run(request, work))

    @routes.post(
        "/api/explain/picture",
        response_class=Response,
        responses={200: {"description": "A picture", "content": {"image/png": {}}}},
    )
    async def explain_picture(request: Request, ask: PictureAsk) -> Response:
        """Draw why: matched views, the plan as a heat map, or what each caption gave."""
        _note(request, ask)

        def work() -> bytes:
            _, results = questions.locate(ask, ask.id)
            buffer = io.BytesIO()
            draw_hit(results.query, results[0], kind=ask.kind).save(buffer, "PNG")
            return buffer.getvalue()

        return Response(await desk(ask).run(request, work), media_type="image/png")

    @routes.post(
        "/api/sheet",
        response_class=Response,
        responses={200: {"description": "A page", "content": {"text/html": {}}}},
    )
    async def sheet(request: Request, ask: Ask) -> Response:
        """Make a self-contained page of a search."""
        _note(request, ask)

        def work() -> str:
            _, one, results = questions.search(ask)
            picture = None if one.seen is None else one.seen.image
            return render_html(Sheet(services.keeper.name, [results], [picture]))

        headers = {
            "content-security-policy": _SHEET_CSP,
            "content-disposition": 'attachment; filename="stitch.html"',
        }
        return HTMLResponse(await desk(ask).run(request, work), headers=headers)

    return routes


def _note(request: Request, ask: Ask) -> None:
    """Leave the user's text for the log, which takes it only where that was asked for."""
    request.state.text = ask.text
