"""The outermost middleware: security headers, a request id, a log line and metrics.

HEAD is answered here too, on every address: as GET, without the body.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stitch_cir._request_id import working_for
from stitch_cir.server._logging import log_fault, log_request
from stitch_cir.server._metrics import Metrics
from stitch_cir.server._prefix import route_path

__all__ = ["AccessLogMiddleware"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class AccessLogMiddleware:
    """Log and count every request; no exception passes, no answer leaves without its headers."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, log_text: bool, frames: tuple[str, ...] = ()
    ) -> None:
        """Wrap ``app``; ``frames`` are the origins whose pages may show it in a frame."""
        self._app = app
        self._metrics = metrics
        self._log_text = log_text
        ancestors = " ".join(frames) or "'none'"
        self._headers = {**_HEADERS, "content-security-policy": _POLICY + ancestors}
        if not frames:  # this older header cannot name an origin
            self._headers["x-frame-options"] = "DENY"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        method = scope["method"]
        if method == "HEAD":
            scope = {**scope, "method": "GET"}
        request_id = secrets.token_hex(8)
        sent: dict[str, Any] = {"status": None, "bytes": 0}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = request_id
                if route_path(scope).startswith("/api/"):
                    headers.setdefault("cache-control", "no-store")
            elif message["type"] == "http.response.body":
                if method == "HEAD":
                    message = {**message, "body": b""}
                sent["bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            with working_for(request_id):
                await self._app(scope, receive, send_with_headers)
        except Exception as error:
            log_fault(request_id, error, with_text=self._log_text)
            if sent["status"] is not None:
                raise  # half an answer is out: the connection must be cut
            body = {
                "type": "InternalError",
                "message": "An unexpected fault of the server.",
                "hint": f"Its log says more, under the id {request_id}.",
            }
            await JSONResponse({"error": body}, 500)(scope, receive, send_with_headers)
        finally:
            self._record(scope, method, request_id, sent, time.perf_counter() - started)

    def _record(
        self, scope: Scope, method: str, request_id: str, sent: dict[str, Any], seconds: float
    ) -> None:
        # a request without any answer is counted as 499
        status = sent["status"] or 499
        route = getattr(scope.get("route"), "path_format", "unmatched")
        self._metrics.request(method, route, status, seconds)
        facts: dict[str, Any] = {
            "id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(1e3 * seconds, 1),
            "bytes": sent["bytes"],
        }
        if self._log_text:
            facts["path"] = scope["path"]
            facts["query"] = scope["query_string"].decode("latin-1")
            facts["text"] = scope.get("state", {}).get("text")
        log_request(facts, status)
