"""Requests refused before any work: wrong hosts, other sites' pages, too many, large bodies."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from stitch_cir.server._errors import (
    EncodingError,
    HostError,
    RateError,
    RequestError,
    ServerError,
    error_response,
)
from stitch_cir.server._prefix import route_path
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server.limits._bodies import BodyBudget, LimitedBody, too_large

__all__ = ["RateLimiter", "RequestLimitsMiddleware"]

_SAFE = {"GET", "HEAD", "OPTIONS"}
_MULTIPART_EXTRA = 64 << 10
"""Boundaries, names and headers around the files of a multipart body."""
_MAX_CLIENTS = 4096
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(?::[0-9]{0,5})?")


class RateLimiter:
    """A token bucket for each client, for the last few thousand of them."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Allow each client ``rate`` requests a second, after ``burst`` at once."""
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Count the clients with a bucket."""
        return len(self._clients)

    def allows(self, client: str) -> bool:
        """Count a request of ``client``; return whether it may be served."""
        now = self._clock()
        left, since = self._clients.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1
        self._clients[client] = (left - 1 if allowed else left, now)
        if len(self._clients) > _MAX_CLIENTS:
            self._clients.popitem(last=False)
        return allowed


class RequestLimitsMiddleware:
    """Refuses requests by their headers, and limits bodies while they arrive."""

    def __init__(self, app: ASGIApp, *, settings: ServerSettings) -> None:
        """Wrap ``app``."""
        self._app = app
        self._settings = settings
        self._bodies = BodyBudget(settings.bodies_bytes)
        self._rate_limiter = RateLimiter(settings.rate, settings.burst) if settings.rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit(scope)
        seconds = self._settings.body_seconds
        body = LimitedBody(scope, receive, send, limit=limit, seconds=seconds, bodies=self._bodies)
        problem = self._problem(scope, headers, limit)
        try:
            if problem is not None:
                await error_response(problem)(scope, body.receive, body.send)
            else:
                await self._app(scope, body.receive, body.send)
        finally:
            body.release()

    def _limit(self, scope: Scope) -> int:
        """Return the largest body in bytes that this address takes."""
        path = route_path(scope)
        if path == "/api/uploads":
            return self._settings.upload_bytes + _MULTIPART_EXTRA
        if path == "/api/images":
            return self._settings.files * self._settings.upload_bytes + _MULTIPART_EXTRA
        return self._settings.json_bytes

    def _problem(self, scope: Scope, headers: Headers, limit: int) -> ServerError | None:
        client = (scope.get("client") or ("", 0))[0]
        if self._rate_limiter is not None and not self._rate_limiter.allows(client):
            return RateError(
                "Too many requests.",
                hint=f"At most {self._settings.rate:g} a second; ask again in a moment.",
            )
        name = _name_of(headers.get("host", ""))
        if self._settings.hosts and name not in self._settings.hosts:
            return HostError(
                "This server is not called by that name.",
                hint="Call it as it said at its start, or start it with --allow-host NAME.",
            )
        if scope["method"] not in _SAFE:
            origin = headers.get("origin")
            site = headers.get("sec-fetch-site", "same-origin")
            foreign = origin is not None and origin.partition("://")[2] != headers.get("host")
            if (foreign or site == "cross-site") and origin not in self._settings.cors:
                return HostError(
                    "The request comes from a page of another site.",
                    hint="Use the server's own page.",
                )
        coding = headers.get("content-encoding", "identity")
        if scope["method"] not in _SAFE and coding.strip().lower() != "identity":
            return EncodingError(
                f"The body is compressed ({coding[:40]}), which is not read.",
                hint="Send it as it is, without Content-Encoding.",
            )
        length = headers.get("content-length")
        if length is not None:
            if not (length.isascii() and length.isdigit()):
                return RequestError("The Content-Length is not a number.", hint="Send a number.")
            if len(length) > 18 or int(length) > limit:
                return too_large(limit)
        return None


def _name_of(host: str) -> str:
    """Return the name of a Host header without its port, ``""`` where it is malformed."""
    match = _HOST.fullmatch(host.strip().lower())
    return "" if match is None else match[1]
