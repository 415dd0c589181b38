"""The connection of both clients: address, token, certificates, and errors without an answer."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import httpx2

from stitch_cir._proxies import applying_proxy, describe_fault, local_context
from stitch_cir.client._errors import UnreachableError
from stitch_cir.errors import SettingError

__all__ = ["connect", "options", "unreachable"]

C = TypeVar("C")


def options(base_url: str, token: str | None, timeout: float) -> dict[str, Any]:
    """Check the arguments of a client, and return those of its connection.

    Raises ``SettingError`` for an invalid address, ``UnreachableError`` for certificates that
    cannot be read.
    """
    try:
        url = httpx2.URL(base_url)
    except (httpx2.InvalidURL, TypeError) as error:
        raise _no_address(base_url) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise _no_address(base_url)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    made: dict[str, Any] = {"base_url": url, "timeout": timeout, "headers": headers}
    if applying_proxy(base_url) is None:
        # the HTTP client would make every proxy of the environment, also those that are not for
        # this address, and fail on the first that it cannot make
        made |= {"trust_env": False, "verify": _verification(base_url)}
    return made


def _verification(base_url: str) -> ssl.SSLContext | bool:
    try:
        return local_context(base_url)
    except OSError as error:  # ssl.SSLError is one
        raise _impossible(base_url, error) from None


def connect(kind: Callable[..., C], arguments: dict[str, Any], transport: Any) -> C:
    """Return an HTTP client.

    Raises ``UnreachableError`` naming the variable of the environment that makes it impossible.
    """
    try:
        return kind(**arguments, transport=transport)
    except Exception as error:  # ImportError, OSError, InvalidURL …: each setting has its class
        raise _impossible(arguments["base_url"], error) from None


def _impossible(base_url: object, error: Exception) -> UnreachableError:
    sentence, hint = describe_fault(error)
    return UnreachableError(f"{base_url} cannot be reached: {sentence}.", hint=hint)


def _no_address(base_url: object) -> SettingError:
    return SettingError(
        f"{base_url!r} is no address of a server.", hint="Give one like http://127.0.0.1:8000."
    )


def unreachable(base_url: httpx2.URL, error: httpx2.HTTPError) -> UnreachableError:
    """Return the error of a request without an answer."""
    if isinstance(error, httpx2.TimeoutException):
        return UnreachableError(
            f"{base_url} did not answer in time.", hint="Make the client with a longer timeout."
        )
    reason = str(error) or type(error).__name__
    proxy = applying_proxy(str(base_url))
    through = "" if proxy is None else f" through the proxy {proxy[1]} ({proxy[0]})"
    advice = "" if proxy is None else " To reach it without the proxy, put its host into NO_PROXY."
    return UnreachableError(
        f"{base_url} did not answer{through}: {reason}.",
        hint=f"Is it running? stitch serve GALLERY{advice}",
    )
