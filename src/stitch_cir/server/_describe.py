"""The limits of one server in its ``/openapi.json``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from stitch_cir.server._settings import ServerSettings

__all__ = ["describe_limits"]


def describe_limits(app: FastAPI, settings: ServerSettings) -> None:
    """Let ``app`` describe what it takes within ``settings``, made when it is first read."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _bound(describe(), settings)
        return describe()

    app.openapi = openapi  # type: ignore[method-assign]


def _bound(document: dict[str, Any], settings: ServerSettings) -> None:
    schemas = document["components"]["schemas"]
    schemas["Settings"]["properties"]["k"]["anyOf"][0]["maximum"] = settings.most_hits
    for name in ("Ask", "ExplainAsk", "PictureAsk"):
        properties = schemas[name]["properties"]
        properties["text"]["maxLength"] = settings.text_characters
        properties["captions"]["anyOf"][0]["maxItems"] = settings.most_captions
    text = schemas["CaptionIn"]["properties"]["text"]
    text["maxLength"] = min(text["maxLength"], settings.text_characters)
    form = document["paths"]["/api/images"]["post"]["requestBody"]["content"]
    files = form["multipart/form-data"]["schema"]["properties"]["file"]
    files.update({"minItems": 1, "maxItems": settings.files})
