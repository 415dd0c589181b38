"""The page: a fixed list of files of the package, never a path of a request."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from stitch_cir.errors import NotFoundError

__all__ = ["router", "static_folder"]

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}


def static_folder() -> Path:
    """Return the directory of the page's files in the package."""
    return Path(str(resources.files(__package__))) / "static"


def router(folder: Path | None = None) -> APIRouter:
    """Return the routes; files that are added later are not served."""
    routes = APIRouter(include_in_schema=False)
    root = folder or static_folder()
    files = {
        path.relative_to(root).as_posix(): path
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }

    @routes.get("/")
    def page(request: Request) -> Response:
        """Return the page.

        Its addresses are relative, so that it works below any path that ends with a slash. Where
        the path is configured they hold it, so that ``/pics`` works like ``/pics/``.
        """
        return _file(request, "index.html", request.scope["root_path"])

    @routes.get("/docs")
    def docs(request: Request) -> Response:
        """Return the description of the API, a page that reads ``openapi.json``."""
        return _file(request, "docs.html", request.scope["root_path"])

    @routes.get("/favicon.ico")
    def icon(request: Request) -> Response:
        """Return the page's icon to browsers that look for it there."""
        return _file(request, "icon.svg")

    @routes.get("/static/{name:path}")
    def static(request: Request, name: str) -> Response:
        """Return a file of the page."""
        return _file(request, name)

    def _file(request: Request, name: str, prefix: str = "") -> Response:
        path = files.get(name)
        if path is None:
            raise NotFoundError("The page has no such file.")
        content = path.read_bytes()
        if prefix:
            content = content.replace(b'"static/', f'"{prefix}/static/'.encode())
        tag = '"' + hashlib.sha256(content).hexdigest()[:32] + '"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=_TYPES[path.suffix], headers=headers)

    return routes
