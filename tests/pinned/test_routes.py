"""What every route of the server answers: status, kind, names and values."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import httpx2
from fastapi.testclient import TestClient
from PIL import Image

import stitch_cir as st
from stitch_cir.server import ServerModels, ServerSettings, create_app
from tests.pinned.gallery import FixedComposer, paint_images
from tests.pinned.recording import compare_or_write, leave_common_out, normalised

PINNED = Path(__file__).with_name("routes.json")
TOKEN = "a-token-for-tests-only"
WRITER = {"authorization": f"Bearer {TOKEN}"}
QUERY: dict[str, Any] = {
    "reference": {"id": "red.png"},
    "text": "in blue",
    "settings": {"k": 2, "num_captions": 2},
}
EDITED = {**QUERY, "captions": [{"text": "blue"}, {"text": "white", "weight": 0.5}]}
SETTINGS = {
    "k": 3,
    "preset": "public-code",
    "transition": "pdv",
    "scale": 1.2,
    "image_weight": 0.4,
    "scorer": "sinkhorn",
    "epsilon": 0.1,
    "hubness_weight": 0.3,
    "hubness_neighbours": 4,
    "negative_weight": 0.5,
    "min_score": -1.5,
    "include": ["*e*.png"],
    "exclude": ["white*"],
    "include_reference": True,
}


def dot() -> tuple[str, bytes]:
    """Return the name and the content of a small file."""
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), (200, 10, 10)).save(buffer, "PNG")
    return "dot.png", buffer.getvalue()


DOT = dot()
CAPTIONS = {"captions": json.dumps([["a dot"]])}

Request = tuple[str, str, dict[str, Any]]


def requests(upload: str) -> dict[str, Request]:
    """Return the requests by name, in the order in which they are sent."""
    return {
        "page": ("GET", "/", {}),
        "icon": ("GET", "/favicon.ico", {}),
        "file of the page": ("GET", "/static/base.css", {}),
        "health": ("GET", "/health", {}),
        "gallery": ("GET", "/api/gallery", {}),
        "images": ("GET", "/api/images?q=red&limit=2", {}),
        "images, out of range": ("GET", "/api/images?limit=0", {}),
        "image": ("GET", "/api/images/pairs/red-blue.png", {}),
        "image, none": ("GET", "/api/images/no.png", {}),
        "file": ("GET", "/api/files/pairs/red-blue.png", {}),
        "thumbnail": ("GET", "/api/thumbnails/pairs/red-blue.png?side=64", {}),
        "upload": ("POST", "/api/uploads", {"files": {"file": DOT}}),
        "upload, no image": ("POST", "/api/uploads", {"files": {"file": ("dot.png", b"x")}}),
        "uploaded image": ("GET", f"/api/uploads/{upload}", {}),
        "compose": ("POST", "/api/compose", {"json": QUERY}),
        "search": ("POST", "/api/search", {"json": QUERY}),
        "search, edited captions": ("POST", "/api/search", {"json": EDITED}),
        "search, text alone": ("POST", "/api/search", {"json": {**QUERY, "reference": None}}),
        "search, upload alone": (
            *("POST", "/api/search"),
            {"json": {"reference": {"upload": upload}, "settings": {"k": 1}}},
        ),
        "search, settings": (
            *("POST", "/api/search"),
            {"json": {**QUERY, "negatives": ["blue.png"], "settings": SETTINGS}},
        ),
        "search, a setting out of range": (
            *("POST", "/api/search"),
            {"json": {**QUERY, "settings": {"alpha": 2.0}}},
        ),
        "search, an unknown name": ("POST", "/api/search", {"json": {**QUERY, "words": "red"}}),
        "search, nothing": ("POST", "/api/search", {"json": {}}),
        "explain": ("POST", "/api/explain", {"json": {**QUERY, "id": "blue.png"}}),
        "explain, no such image": ("POST", "/api/explain", {"json": {**QUERY, "id": "no.png"}}),
        "explain, drawn": ("POST", "/api/explain/image", {"json": {**QUERY, "id": "blue.png"}}),
        "sheet": ("POST", "/api/sheet", {"json": QUERY}),
        "add": (
            *("POST", "/api/images"),
            {"files": {"file": DOT}, "data": CAPTIONS, "headers": WRITER},
        ),
        "add, without a token": ("POST", "/api/images", {"files": {"file": DOT}}),
        "remove": ("DELETE", "/api/images/blue.png", {"headers": WRITER}),
        "remove, a second time": ("DELETE", "/api/images/blue.png", {"headers": WRITER}),
        "remove, a wrong token": (
            *("DELETE", "/api/images/red.png"),
            {"headers": {"authorization": "Bearer x"}},
        ),
        "no such address": ("GET", "/api/nothing", {}),
        "no such method": ("PUT", "/api/search", {}),
        "metrics": ("GET", "/metrics", {}),
        "description": ("GET", "/openapi.json", {}),
    }


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what the OpenAPI description promises: statuses by route, names by component."""
    return {
        "routes": {
            f"{method.upper()} {path}": sorted(operation["responses"])
            for path, operations in schema["paths"].items()
            for method, operation in operations.items()
        },
        "components": {
            name: sorted(component.get("properties", component.get("enum", [])))
            for name, component in sorted(schema["components"]["schemas"].items())
        },
    }


def answer_of(response: httpx2.Response, root: Path) -> dict[str, Any]:
    """Return what is pinned of a response: JSON whole, of images their size, of text its kind."""
    kind = response.headers.get("content-type", "").partition(";")[0]
    answer: dict[str, Any] = {"status": response.status_code, "type": kind}
    for header in ("cache-control", "content-disposition", "www-authenticate", "allow"):
        if header in response.headers:
            answer[header] = response.headers[header]
    if response.url.path == "/openapi.json":
        answer["body"] = described(response.json())
    elif response.url.path == "/metrics":
        answer["body"] = sorted(set(re.findall(r"^# TYPE (\S+ \S+)$", response.text, re.M)))
    elif kind == "application/json":
        answer["body"] = normalised(response.json(), root)
    elif kind.startswith("image/") and kind != "image/svg+xml":
        answer["size"] = list(Image.open(io.BytesIO(response.content)).size)
    return answer


def test_what_the_routes_answer(tmp_path: Path) -> None:
    images = paint_images(tmp_path / "images")
    encoder = st.load_encoder("test")
    recipe = st.ViewRecipe(kind="grid", count=3)
    st.index_folder(images, encoder=encoder, recipe=recipe)
    settings = ServerSettings(rate=0, batch_seconds=0, token=TOKEN)
    models = ServerModels(lambda settings: FixedComposer())
    app = create_app(images, encoder=encoder, settings=settings, models=models)
    answers: dict[str, Any] = {}
    called = set()
    with TestClient(app) as client:
        upload = client.post("/api/uploads", files={"file": DOT}).json()["upload"]
        for name, (method, address, options) in requests(upload).items():
            response = client.request(method, address, **options)
            answers[name] = answer_of(response, tmp_path.resolve())
            called.add((method, address.partition("?")[0]))
        routes: list[Any] = [route for route in app.routes if hasattr(route, "methods")]
        uncalled = [
            f"{method} {route.path}"
            for route in routes
            for method in sorted(route.methods - {"HEAD"})
            if not any(m == method and route.path_regex.match(address) for m, address in called)
        ]
    first = answers["search"]["body"]["results"]
    for answer in answers.values():
        if "results" in answer.get("body", ()):
            for part in ("settings", "gallery"):
                leave_common_out(answer["body"]["results"][part], first[part])
    compare_or_write(PINNED, answers)
    assert uncalled == []
