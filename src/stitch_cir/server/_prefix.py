"""Serving below a path such as ``/pics``: which path that is, and how requests are routed below it.

Some reverse proxies strip the path before they forward a request, some do not. Both work without
a setting, because the path is removed only where it is present.
"""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from stitch_cir.errors import SettingError
from stitch_cir.server._errors import RequestError, error_response
from stitch_cir.server._settings import read_prefix

__all__ = ["ForwardedPrefixMiddleware", "PathPrefixMiddleware", "route_path"]

_HEADER = "x-forwarded-prefix"


def route_path(scope: Scope) -> str:
    """Return the path of a request below the prefix, as the routes spell it."""
    path: str = scope["path"]
    return _below(path, scope.get("root_path", ""))


class PathPrefixMiddleware:
    """Route requests below a path, and leave that path in ``scope["root_path"]``.

    The configured path counts, else the ``root_path`` of the caller of the application: uvicorn,
    another application that mounts it, or :class:`ForwardedPrefixMiddleware`.
    """

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        """Wrap ``app``; ``prefix`` is ``ServerSettings.root_path``."""
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope = _in_origin_form(scope)
            outer = scope.get("root_path", "").rstrip("/")
            prefix = self._prefix or outer
            path = _below(_below(scope["path"], outer), self._prefix)
            # nginx writes two slashes when only proxy_pass, not its location, ends with a slash
            path = "/" + path.lstrip("/")
            scope = {**scope, "root_path": prefix, "path": prefix + path}
        await self._app(scope, receive, send)


class ForwardedPrefixMiddleware:
    """Take the path from the header ``X-Forwarded-Prefix`` of a proxy on this machine.

    It must lie outside of what replaces the peer's address by the client's: only the peer shows
    whether a proxy of this machine sent the header, or anybody.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and _is_local(scope):
            # each proxy of a chain that strips a path adds a value
            values = Headers(scope=scope).getlist(_HEADER)
            parts = [part for value in values for part in value.split(",")]
            try:
                prefix = "".join(read_prefix(part) for part in parts)
            except SettingError as error:
                fault = RequestError(
                    f"The proxy sent a header X-Forwarded-Prefix: {error.message}", hint=error.hint
                )
                await error_response(fault)(scope, receive, send)
                return
            if prefix:
                scope = {**scope, "root_path": prefix}
        await self._app(scope, receive, send)


def _in_origin_form(scope: Scope) -> Scope:
    """Read a target such as ``http://host/path``, as clients send it to what they hold for a proxy.

    Its host counts, instead of the header's (RFC 9112, 3.2.2).
    """
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if not path.lower().startswith(("http://", "https://")):
        return scope
    host, slash, rest = path.partition("://")[2].partition("/")
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    headers.append((b"host", host.encode("latin-1", "replace")))
    return {**scope, "path": scope.get("root_path", "") + (slash + rest or "/"), "headers": headers}


def _below(path: str, prefix: str) -> str:
    """Return ``path`` without ``prefix``, where it begins with it as whole segments."""
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        return path[len(prefix) :]
    return path


def _is_local(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        peer = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        return False
    mapped = getattr(peer, "ipv4_mapped", None)
    return peer is not None and (mapped or peer).is_loopback
