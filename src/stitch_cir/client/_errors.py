"""From an answer's error to an exception: the library's own class where it has one.

::

    StitchError
    └── ApiError               an error that only a server has, named by ``type``, e.g. RateError
        └── UnreachableError   no answer at all: nobody listens, the connection broke, time is up
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from stitch_cir import errors
from stitch_cir.wire import ErrorResponse

__all__ = ["ApiError", "UnreachableError", "not_understood", "read_error"]


class ApiError(errors.StitchError):
    """The server refused, or answered what cannot be understood.

    ``type`` is the error's name (``RequestError``, ``TokenError``, ``RateError``, ``GoneError``,
    ``QueueFullError``, ``DeadlineError``, …), ``status`` the HTTP status, 0 without an answer.
    """

    def __init__(self, message: str, *, hint: str = "", type: str, status: int) -> None:
        """Take the answer's message, hint, type and status."""
        super().__init__(message, hint=hint)
        self.type = type
        self.status = status


class UnreachableError(ApiError):
    """There was no answer."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Take the message and the hint; the status is 0."""
        super().__init__(message, hint=hint, type="UnreachableError", status=0)


def read_error(status: int, headers: Mapping[str, str], content: bytes) -> errors.StitchError:
    """Return the exception of an answer of status 400 or above; its note names the request."""
    try:
        detail = ErrorResponse.model_validate_json(content).error
    except ValidationError:
        # e.g. a reverse proxy's own page
        return not_understood(status, "an error in another form than a STiTch server's")
    error: errors.StitchError
    if detail.type in errors.__all__:
        error = getattr(errors, detail.type)(detail.message, hint=detail.hint)
    else:
        error = ApiError(detail.message, hint=detail.hint, type=detail.type, status=status)
    error.add_note(f"HTTP {status}, request id {headers.get('x-request-id', '(none)')}")
    return error


def not_understood(status: int, what: str) -> ApiError:
    """Return the exception for an answer that breaks the contract."""
    return ApiError(
        f"The server answered (HTTP {status}) with {what}.",
        hint="Is it `stitch serve`, of this client's version? See /health.",
        type="AnswerError",
        status=status,
    )
