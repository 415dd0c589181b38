"""What both clients do around a request: where to, with which token, and who did not answer."""

from __future__ import annotations

from typing import Any

import httpx2

from stitch_cir.client._errors import UnreachableError
from stitch_cir.errors import SettingError

__all__ = ["options", "unreachable"]


def options(base_url: str, token: str | None, timeout: float) -> dict[str, Any]:
    """Check what a client was made with, and give what its connection is made with.

    Raises ``SettingError`` for an address that is none.
    """
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise _no_address(base_url) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise _no_address(base_url)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return {"base_url": url, "timeout": timeout, "headers": headers}


def _no_address(base_url: object) -> SettingError:
    return SettingError(
        f"{base_url!r} is no address of a server.", hint="Give one like http://127.0.0.1:8000."
    )


def unreachable(base_url: httpx2.URL, error: httpx2.HTTPError) -> UnreachableError:
    """Say that there was no answer, and why."""
    if isinstance(error, httpx2.TimeoutException):
        return UnreachableError(
            f"{base_url} did not answer in time.", hint="Make the client with a longer timeout."
        )
    reason = str(error) or type(error).__name__
    return UnreachableError(
        f"{base_url} did not answer: {reason}.",
        hint="Is it running? stitch serve GALLERY",
    )
