"""What is refused before any work begins: wrong names, other sites' pages, haste, large bodies."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stitch_cir.server._errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    HostError,
    QueueFullError,
    RateError,
    RequestError,
    ServerError,
    error_response,
)
from stitch_cir.server._prefix import route_path
from stitch_cir.server._settings import ServerSettings

__all__ = ["Gate", "Meter"]

_SAFE = {"GET", "HEAD", "OPTIONS"}
_MULTIPART_EXTRA = 64 << 10
"""Boundaries, names and headers around the files of a multipart body."""
_MOST_CLIENTS = 4096


class Meter:
    """A token bucket for each client, for the last few thousand of them."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Let each client ask ``rate`` times a second, after ``burst`` times at once."""
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Count the clients that are remembered."""
        return len(self._clients)

    def allows(self, client: str) -> bool:
        """Count one request of ``client``; tell whether it may be served."""
        now = self._clock()
        left, since = self._clients.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._rate)
        allowed = left >= 1
        self._clients[client] = (left - 1 if allowed else left, now)
        if len(self._clients) > _MOST_CLIENTS:
            self._clients.popitem(last=False)
        return allowed


class Gate:
    """Refuses what need not be looked at, and counts and times bodies while they arrive."""

    def __init__(self, app: ASGIApp, *, settings: ServerSettings) -> None:
        """Wrap ``app``."""
        self._app = app
        self._settings = settings
        self._bodies = _Bodies(settings.bodies_bytes)
        self._meter = Meter(settings.rate, settings.burst) if settings.rate else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self._limit(scope)
        problem = self._problem(scope, headers, limit)
        if problem is not None:
            await error_response(problem)(scope, receive, send)
            return
        body = _Body(receive, limit, self._settings.body_seconds, self._bodies)
        try:
            await self._app(scope, body, send)
        finally:
            self._bodies.held -= body.count

    def _limit(self, scope: Scope) -> int:
        """Give the largest body in bytes that this address takes."""
        path = route_path(scope)
        if path == "/api/uploads":
            return self._settings.upload_bytes + _MULTIPART_EXTRA
        if path == "/api/images":
            return self._settings.files * self._settings.upload_bytes + _MULTIPART_EXTRA
        return self._settings.json_bytes

    def _problem(self, scope: Scope, headers: Headers, limit: int) -> ServerError | None:
        client = (scope.get("client") or ("", 0))[0]
        if self._meter is not None and not self._meter.allows(client):
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
            if foreign or site == "cross-site":
                return HostError(
                    "This was asked by a page of another site.", hint="Use the server's own page."
                )
        length = headers.get("content-length")
        if length is not None:
            if not (length.isascii() and length.isdigit()):
                return RequestError("The Content-Length is no number.", hint="Send a number.")
            if len(length) > 18 or int(length) > limit:
                return _too_large(limit)
        return None


def _name_of(host: str) -> str:
    """Take the port off a Host header."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"The body has more than {limit:,} bytes.", hint="Send less, or raise --max-upload-mb."
    )


@dataclass(slots=True)
class _Bodies:
    """Bytes of all bodies in memory; only the event loop's thread counts."""

    room: int
    held: int = 0


class _Body:
    """A ``receive`` that counts bytes and watches the clock until the body is complete."""

    def __init__(self, receive: Receive, limit: int, seconds: float, bodies: _Bodies) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._until: float | None = None
        self._bodies = bodies
        self.count = 0
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        clock = asyncio.get_running_loop().time
        if self._until is None:
            self._until = clock() + self._seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise BodyTimeoutError(
                f"The body did not arrive within {self._seconds:g} seconds.",
                hint="Send it again over a faster connection.",
            ) from None
        if message["type"] == "http.request":
            arrived = len(message.get("body", b""))
            self.count += arrived
            self._bodies.held += arrived
            self._complete = not message.get("more_body", False)
            if self.count > self._limit:
                raise _too_large(self._limit)
            if self._bodies.held > self._bodies.room:
                raise QueueFullError(
                    "Too many large bodies are arriving at once.", hint="Ask again in a moment."
                )
        return message
