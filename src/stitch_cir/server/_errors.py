"""The HTTP status of every error, and the shape in which errors are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from stitch_cir._hints import escape_surrogates
from stitch_cir.errors import (
    CacheError,
    ClusterError,
    CursorError,
    CursorGoneError,
    GalleryBusyError,
    GalleryEmptyError,
    GalleryMissingError,
    ImageError,
    ImageTooLargeError,
    ModelError,
    NotAnImageError,
    NotFoundError,
    QueryError,
    RecordError,
    SettingError,
    StitchError,
)
from stitch_cir.wire import ErrorDetail, ErrorResponse, QuerySettings

__all__ = [
    "BodyTimeoutError",
    "BodyTooLargeError",
    "ClientLeftError",
    "DeadlineError",
    "EncodingError",
    "GoneError",
    "HostError",
    "KeepError",
    "KeptFullError",
    "QueueFullError",
    "RateError",
    "RequestError",
    "RevealError",
    "ServerError",
    "StoppingError",
    "TokenError",
    "TokenMissingError",
    "error_response",
    "install",
    "status_of",
]


class ServerError(StitchError):
    """An error of the HTTP exchange, not of the library; its class has the status."""

    status: ClassVar[int] = 500
    headers: ClassVar[dict[str, str]] = {}


class RequestError(ServerError):
    """The request itself cannot be understood."""

    status = 422


class GoneError(ServerError):
    """The gallery holds the image, but its file is gone."""

    status = 410


class KeepError(ServerError):
    """Uploads are not kept by this server."""

    status = 403


class KeptFullError(ServerError):
    """The room for kept uploads is used up."""

    status = 507


class RevealError(ServerError):
    """A file cannot be shown in its folder: nobody sits at this machine, or no program does it."""

    status = 403


class BodyTooLargeError(ServerError):
    """The body has more bytes than allowed."""

    status = 413
    headers: ClassVar[dict[str, str]] = {"connection": "close"}


class BodyTimeoutError(ServerError):
    """The body did not arrive in time."""

    status = 408
    headers: ClassVar[dict[str, str]] = {"connection": "close"}


class EncodingError(ServerError):
    """The body is compressed."""

    status = 415
    headers: ClassVar[dict[str, str]] = {"accept-encoding": "identity"}


class RateError(ServerError):
    """This client sends too many requests."""

    status = 429
    headers: ClassVar[dict[str, str]] = {"retry-after": "1"}


class QueueFullError(ServerError):
    """Too many requests are waiting."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"retry-after": "1"}


class StoppingError(ServerError):
    """The server stops before this is done."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"retry-after": "5"}


class DeadlineError(ServerError):
    """The work took longer than allowed."""

    status = 504
    headers: ClassVar[dict[str, str]] = {"retry-after": "5"}


class TokenMissingError(ServerError):
    """This needs a token, and none was sent."""

    status = 401
    headers: ClassVar[dict[str, str]] = {"www-authenticate": "Bearer"}


class TokenError(ServerError):
    """The token is wrong, or nobody may write here."""

    status = 403


class HostError(ServerError):
    """The request names another host, or comes from another site's page."""

    status = 421


class ClientLeftError(ServerError):
    """The client closed the connection; nobody reads the answer."""

    status = 499


_STATUSES: tuple[tuple[type[StitchError], int], ...] = (
    (SettingError, 422),
    (CursorGoneError, 410),
    (CursorError, 400),
    (QueryError, 422),
    (RecordError, 422),
    (NotFoundError, 404),
    (GalleryMissingError, 404),
    (GalleryBusyError, 409),
    (ClusterError, 503),
    (GalleryEmptyError, 409),
    (NotAnImageError, 415),
    (ImageTooLargeError, 413),
    (ImageError, 422),
    (CacheError, 502),
    (ModelError, 502),
)


def status_of(error: StitchError) -> int:
    """Return the status of an error: of its class, or of its first base class in the table."""
    if isinstance(error, ServerError):
        return error.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def error_response(error: StitchError, redact: Callable[[str], str] = str) -> JSONResponse:
    """Return the answer to an error; ``redact`` removes the server's own paths from messages."""
    headers = error.headers if isinstance(error, ServerError) else None
    if isinstance(error, ClusterError):
        headers = {"retry-after": "1"}
    detail = ErrorDetail(
        type=type(error).__name__,
        message=escape_surrogates(redact(error.message)),
        hint=escape_surrogates(redact(error.hint)),
    )
    return JSONResponse(ErrorResponse(error=detail).model_dump(), status_of(error), headers)


def install(app: FastAPI, redact: Callable[[str], str], routes: Sequence[BaseRoute]) -> None:
    """Answer all errors of an application, which has these ``routes``, in this shape."""

    async def answer_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StitchError)
        return error_response(error, redact)

    async def answer_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        kind = request.headers.get("content-type", "")
        return error_response(_read_validation(error.errors(), kind))

    async def answer_status(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, StitchError):
            # raised while the body was read, which the framework calls a parsing error
            return error_response(error.__cause__, redact)
        response = error_response(_read_http(error.status_code))
        response.status_code = error.status_code
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["allow"] = ", ".join(_methods(routes, request))
        return response

    app.add_exception_handler(StitchError, answer_error)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, answer_status)


def _methods(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """Return the methods of all routes at an address: the framework names those of the first."""
    methods = {
        method
        for route in routes
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))


def _read_validation(problems: Any, kind: str) -> RequestError:
    first = problems[0] if problems else {"loc": (), "msg": "not understood"}
    parts = [str(part) for part in first["loc"] if part != "body"]
    if not parts and "json" not in kind.lower():
        return RequestError(
            f"The body is sent as {kind[:80] or 'nothing in particular'}, not as JSON.",
            hint="Send the header Content-Type: application/json",
        )
    if (
        first.get("type") == "extra_forbidden"
        and parts
        and parts[0] in QuerySettings.__annotations__
    ):
        return RequestError(
            f"{parts[0]} belongs into settings.",
            hint=f'Send it there: {{"settings": {{"{parts[0]}": …}}}}.',
        )
    if len(parts) > 1 and parts[0] == "reference":
        return RequestError(
            "reference: it is neither an id nor an upload.",
            hint='Send "reference": "ID", {"id": "ID"} or {"upload": "…"}.',
        )
    if first.get("type") == "json_invalid":
        return RequestError(
            f"The body is no JSON: character {parts[-1] if parts else 0} cannot be read.",
            hint="The requests are described at /openapi.json.",
        )
    where = ".".join(parts)[:200]
    message = str(first["msg"])
    return RequestError(
        f"{where or 'The body'}: {message[:300]}",
        hint="The requests are described at /openapi.json.",
    )


def _read_http(status: int) -> StitchError:
    if status == 404:
        return NotFoundError("There is nothing at this address.", hint="See /openapi.json.")
    if status == 405:
        return RequestError("This address does not take this method.", hint="See /openapi.json.")
    return RequestError(
        "The body cannot be understood: it is no UTF-8, or cut short.",
        hint="The requests are described at /openapi.json.",
    )
