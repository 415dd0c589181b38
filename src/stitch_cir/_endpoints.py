"""Addresses and keys of end points: checked before anything is sent."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from stitch_cir._proxies import is_near
from stitch_cir.errors import EndpointError, SettingError

__all__ = ["KEY_VARIABLES", "check_address", "host_of", "is_openai", "read_key"]

KEY_VARIABLES = ("STITCH_API_KEY", "OPENAI_API_KEY")
"""Environment variables a key is read from, the first that is set."""


def read_key(base_url: str | None) -> str:
    """Return the key for an end point from the environment.

    Raises ``EndpointError`` when a distant end point has none, or it cannot be a key.
    """
    for variable in KEY_VARIABLES:
        key = os.environ.get(variable, "").strip()
        if key and not (key.isascii() and key.isprintable()):
            raise EndpointError(
                f"The key in {variable} holds a line break or a letter that no key has.",
                hint="Copy the key again, without quotes and spaces around it.",
            )
        if key:
            return key
    if base_url is not None and is_near(urlsplit(base_url).hostname):
        return "none"  # the client insists on one; local servers do not look
    raise EndpointError(
        f"There is no key for {host_of(base_url)}.",
        hint=f"Set {' or '.join(KEY_VARIABLES)} in the environment (any word, if the server wants "
        "none), or give the --base-url of a server on this machine.",
    )


def check_address(url: str | None) -> str | None:
    """Check a base URL and drop what does not belong to it; ``None`` stays ``None``.

    Raises ``SettingError`` when it is no http address.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url.strip())
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SettingError(
            f"{url!r} is not the address of an end point.",
            hint="Give one like http://localhost:8000/v1 (--base-url).",
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return parts._replace(path=path).geturl()


def is_openai(base_url: str | None) -> bool:
    """Return whether an address is that of OpenAI."""
    return base_url is None or (urlsplit(base_url).hostname or "").endswith("openai.com")


def host_of(base_url: str | None) -> str:
    """Return host and port of an address, without user, password, path and query."""
    if base_url is None:
        return "api.openai.com"
    try:
        parts = urlsplit(base_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(malformed address)"
    return f"{parts.hostname or base_url}{port}"
