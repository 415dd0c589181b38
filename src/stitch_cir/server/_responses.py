"""How answers are written, and how ``/openapi.json`` describes them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response

from stitch_cir.plugins import FUSIONS, SCORERS, TRANSITIONS
from stitch_cir.searcher import PRESETS
from stitch_cir.server._settings import ServerSettings
from stitch_cir.wire import ErrorResponse, WireModel

__all__ = ["describe_limits", "error_responses", "image_response", "json_response"]

_DESCRIPTIONS = {
    400: "The body is no UTF-8 or cut short, or a cursor was altered or is of another query",
    401: "No token was sent",
    403: "Wrong token, or what the server does not allow",
    404: "Unknown id, upload or address",
    408: "The body did not arrive in time",
    409: "The gallery is being written, or nothing is left to rank",
    410: "The file of this image is gone, or a cursor is of an earlier state of the gallery",
    413: "Too many bytes or pixels",
    415: "Not an image, or a compressed body",
    421: "Called by a wrong name, or by another site's page",
    422: "The request, a setting or the query makes no sense",
    429: "Too many requests",
    502: "A model cannot be used",
    503: "Too many requests are waiting, or a shard of a cluster does not answer",
    504: "It took too long",
    507: "The room for kept uploads is used up",
}
_ERROR = f"#/components/schemas/{ErrorResponse.__name__}"
_ALWAYS = (408, 415, 421, 429, 503, 504)


def error_responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Return the errors of a route as ``/openapi.json`` describes them."""
    statuses = tuple(sorted({*statuses, *_ALWAYS}))
    errors: dict[int | str, dict[str, object]] = {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {"application/json": {"schema": {"$ref": _ERROR}}},
        }
        for status in statuses
    }
    # the model of one puts it into the document; one for each would be most of a server's start
    first = statuses[0]
    errors[first] = {"model": ErrorResponse, "description": _DESCRIPTIONS[first]}
    return errors


def image_response(kind: str) -> dict[int | str, dict[str, object]]:
    """Return the description of an answer that is an image of the media type ``kind``."""
    return {200: {"description": "An image", "content": {kind: {}}}}


def json_response(answer: WireModel) -> Response:
    """Return an answer as JSON; fields that were not set are left out."""
    return Response(answer.model_dump_json(exclude_unset=True), media_type="application/json")


def describe_limits(app: FastAPI, settings: ServerSettings) -> None:
    """Put the limits of ``settings`` into the description of ``app`` when it is first read."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _bound(describe(), settings)
        return describe()

    app.openapi = openapi  # type: ignore[method-assign]


def _bound(document: dict[str, Any], settings: ServerSettings) -> None:
    schemas = document["components"]["schemas"]
    query = schemas["QuerySettings"]["properties"]
    query["k"]["anyOf"][0]["maximum"] = settings.max_hits
    names = {
        "preset": PRESETS,
        "transition": TRANSITIONS.names(),
        "scorer": SCORERS.names(),
        "fusion": FUSIONS.names(),
    }
    for name, choices in names.items():
        query[name]["anyOf"][0]["enum"] = list(choices)
    for name in ("QueryRequest", "ExplainRequest", "ExplanationImageRequest"):
        properties = schemas[name]["properties"]
        properties["text"]["maxLength"] = settings.text_characters
        properties["captions"]["anyOf"][0]["maxItems"] = settings.max_captions
    text = schemas["EditedCaption"]["properties"]["text"]
    text["maxLength"] = min(text["maxLength"], settings.text_characters)
    form = document["paths"]["/api/images"]["post"]["requestBody"]["content"]
    files = form["multipart/form-data"]["schema"]["properties"]["file"]
    files.update({"minItems": 1, "maxItems": settings.files})
