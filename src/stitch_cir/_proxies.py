"""Proxy and certificate variables of the environment: which one applies, which one is wrong."""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["applying_proxy", "describe_fault", "is_loopback", "is_near", "local_context"]

_VARIABLES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
_SCHEMES = ("http", "https", "socks5", "socks5h")


def is_loopback(host: str | None) -> bool:
    """Return whether a host name means this machine: no proxy can reach it."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_near(host: str | None) -> bool:
    """Return whether a host is this machine or of the local network, where keys are unusual."""
    if host is None:
        return False
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return (
            is_loopback(host) or "." not in host or host.endswith((".local", ".internal", ".lan"))
        )


def applying_proxy(url: str) -> tuple[str, str] | None:
    """Return (variable, proxy without user and password) for requests to ``url``, or ``None``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return None
    try:
        if urllib.request.proxy_bypass(host):
            return None
    except ValueError:
        return None
    for name in (f"{parts.scheme.upper()}_PROXY", "ALL_PROXY"):
        for variable in (name.lower(), name):
            if os.environ.get(variable):
                return variable, _without_secrets(os.environ[variable])
    return None


def describe_fault(error: Exception) -> tuple[str, str]:
    """Return which environment variable makes a client impossible: (sentence, what to do)."""
    for variable, kind in (("SSL_CERT_FILE", Path.is_file), ("SSL_CERT_DIR", Path.is_dir)):
        value = os.environ.get(variable)
        if value and not kind(Path(value)):
            return (
                f"{variable} names {value}, which does not exist",
                f"Correct or unset {variable}.",
            )
        if value and isinstance(error, ssl.SSLError):
            return f"{variable} names no certificates that can be read", f"Correct {variable}."
    for name in _VARIABLES:
        for variable in (name.lower(), name):
            value = os.environ.get(variable, "")
            if not value:
                continue
            fault = _proxy_fault(value)
            if fault:
                return (
                    f"the proxy variable {variable} ({_without_secrets(value)}) {fault}",
                    f"Correct or unset {variable}, or put the end point's host into NO_PROXY.",
                )
    said = " ".join(str(error).split())[:200]
    return f"its client cannot be made: {said}", "Check the address and the proxy variables."


def _proxy_fault(value: str) -> str:
    """Return what is wrong with a proxy's address; "" when nothing is."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port, host = parts.port, parts.hostname
    except ValueError:
        return "is no valid address"
    if parts.scheme not in _SCHEMES:
        return f"has the scheme {parts.scheme!r}; known are {', '.join(_SCHEMES)}"
    if parts.scheme.startswith("socks"):
        try:
            import socksio  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
        except ImportError:
            return (
                "is a SOCKS proxy, for which the package socksio is missing (pip install socksio)"
            )
    return "" if host and port != 0 else "is no valid address"


def _without_secrets(value: str) -> str:
    """Return an address without user and password."""
    head, _, rest = value.rpartition("@")
    scheme = f"{head.split('://', 1)[0]}://" if "://" in head else ""
    return f"{scheme}{rest}" if head else value


def local_context(url: str) -> ssl.SSLContext | bool:
    """Return how to verify an end point on this machine: proxies do not matter, CAs do.

    Plain http needs no certificates, which take a tenth of a second to read.
    """
    if urlsplit(url).scheme != "https":
        return False
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folder:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    return True
