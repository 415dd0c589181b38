"""The id of the request that this thread works for, the same in all log lines about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["current_request", "working_for"]

_REQUEST: ContextVar[str] = ContextVar("request", default="")


def current_request() -> str:
    """Return the id, ``""`` where nothing is worked on for a request."""
    return _REQUEST.get()


@contextmanager
def working_for(request: str) -> Iterator[None]:
    """Work for a request until the block ends."""
    token = _REQUEST.set(request)
    try:
        yield
    finally:
        _REQUEST.reset(token)
