"""A small server of embeddings that takes images as vLLM, OpenRouter or nobody does."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.views import ViewBox
from tests.chat.fake_server import Answer, Handler

ENCODER = HashEncoder()


def vectors(rows: np.ndarray) -> dict[str, Any]:
    """Return rows as a reply holds them, the last one first: ``index`` says which is which."""
    data = [{"index": i, "embedding": (3 * row).tolist()} for i, row in enumerate(rows)]
    return {"object": "list", "data": data[::-1]}


def embed(parts: list[dict[str, Any]]) -> np.ndarray:
    """Return one vector of the images and texts of a request's content."""
    rows = []
    for part in parts:
        if part["type"] == "text":
            rows.append(ENCODER.encode_texts([part["text"]])[0])
        else:
            content = base64.b64decode(part["image_url"]["url"].partition("base64,")[2])
            image = Image.open(io.BytesIO(content)).convert("RGB")
            rows.append(ENCODER.encode_views([image], [[ViewBox()]])[0, 0])
    total = np.sum(rows, axis=0)
    return np.asarray(total / np.linalg.norm(total))


def content_of(form: str, body: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the content parts of a request for images in this form; ``None`` for another form."""
    if form == "messages":
        if "messages" not in body:
            return None
        return [part for message in body["messages"] for part in message["content"]]
    (first,) = body.get("input") or [None]
    if form == "content":
        return first["content"] if isinstance(first, dict) and "content" in first else None
    if not isinstance(first, dict) or "content" in first:
        return None
    parts = [{"type": "image_url", "image_url": {"url": first["image"]}}]
    return [*parts, *([{"type": "text", "text": first["text"]}] if "text" in first else [])]


def embeds(form: str) -> Answer:
    """Answer texts, and images in one form; ``"none"`` refuses images."""

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        texts = body.get("input", [])
        if texts and all(isinstance(text, str) for text in texts):
            handler.send(200, vectors(ENCODER.encode_texts(texts)))
            return
        parts = None if form == "none" else content_of(form, body)
        if parts is None:
            handler.send(400, {"error": {"message": "input must be a string"}})
            return
        handler.send(200, vectors(embed(parts)[None]))

    return answer


def ignores_images(handler: Handler, body: dict[str, Any]) -> None:
    """Embed the texts of any request, and nothing else of it."""
    texts = body.get("input", [])
    if not all(isinstance(text, str) for text in texts) or not texts:
        texts = ["a colour"]
    handler.send(200, vectors(ENCODER.encode_texts(texts)))
