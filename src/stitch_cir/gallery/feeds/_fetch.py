"""Fetching images of a feed, which is the only time that indexing leaves the machine."""

from __future__ import annotations

import hashlib
import os
import secrets
import ssl
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import httpcore2

from stitch_cir.gallery.feeds._addresses import PublicBackend, Resolver, is_public, resolve
from stitch_cir.gallery.feeds._fields import UnusableRowError
from stitch_cir.images import EXTENSIONS, HEAD_BYTES, format_of

__all__ = ["FetchedImages"]

_PER_HOST = 2
MAX_BYTES = 20 << 20
_SECONDS = 30.0
"""For one image, from the first connection to the last byte, redirects included."""
_STALL = 10.0
"""Seconds to wait for a connection, and for the next bytes."""
_REDIRECTS = 5
_MOVED = (301, 302, 303, 307, 308)


class FetchedImages:
    """Images fetched over HTTP into a folder, under the names of their content.

    Connections go to public addresses only, checked where each is made and after each redirect;
    no proxy, cookie or credential is used. An image has at most 20 MiB and 30 seconds, and must
    begin like one; at most two are fetched from a host at a time.
    """

    concurrency = 8

    def __init__(
        self,
        folder: Path,
        *,
        resolver: Resolver = resolve,
        is_allowed: Callable[[str], bool] = is_public,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Keep images in ``folder``; hosts are looked up by ``resolver``."""
        self._folder = folder
        self._clock = threading.local()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context or ssl.create_default_context(),
            max_connections=2 * self.concurrency,
            max_keepalive_connections=self.concurrency,
            keepalive_expiry=5.0,
            network_backend=PublicBackend(self._seconds_left, resolver, is_allowed),
        )
        self._hosts: defaultdict[str, threading.Semaphore] = defaultdict(
            lambda: threading.Semaphore(_PER_HOST)
        )
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def is_there(self, link: str) -> str | None:
        """Return why a link cannot be fetched, without connecting."""
        try:
            _address(link)
        except UnusableRowError as error:
            return str(error)
        return None

    def locate(self, link: str) -> bytes:
        """Fetch an image; return its path below the folder. Raises ``UnusableRowError``."""
        try:
            content = self._fetch(_address(link))
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise UnusableRowError(f"{_shown(link)} cannot be fetched: {error}") from error
        except httpcore2.TimeoutException as error:
            raise UnusableRowError(f"{_shown(link)} did not arrive in time") from error
        return self._write(content)

    def _fetch(self, address: str) -> bytes:
        self._clock.deadline = time.monotonic() + _SECONDS
        for _ in range(_REDIRECTS + 1):
            with self._slot(urlsplit(address).hostname or ""):
                answer = self._get(address)
            if isinstance(answer, bytes):
                return answer
            address = _address(urljoin(address, answer))
        raise UnusableRowError(f"{_shown(address)} redirects more than {_REDIRECTS} times")

    def _seconds_left(self) -> float:
        """Return what is left of the time of this thread's image."""
        return float(self._clock.deadline) - time.monotonic()

    def _get(self, address: str) -> bytes | str:
        """Return the image at an address, or where it has moved to."""
        headers = [
            ("host", urlsplit(address).netloc),
            ("user-agent", "stitch-cir"),
            ("accept", "image/*"),
            ("accept-encoding", "identity"),
        ]
        timeout = {"connect": _STALL, "read": _STALL, "write": _STALL, "pool": _SECONDS}
        with self._pool.stream(
            "GET", address, headers=headers, extensions={"timeout": timeout}
        ) as response:
            fields = {name.lower(): value for name, value in response.headers}
            if response.status in _MOVED and b"location" in fields:
                return fields[b"location"].decode("latin-1")
            if response.status != 200:
                advice = ": too many requests, run it again later" * (response.status == 429)
                raise UnusableRowError(
                    f"{_shown(address)} cannot be fetched: status {response.status}{advice}"
                )
            if fields.get(b"content-encoding", b"identity").lower() != b"identity":
                raise UnusableRowError(f"{_shown(address)} is sent compressed, unasked")
            return _read(address, response.iter_stream())

    @contextmanager
    def _slot(self, host: str) -> Iterator[None]:
        with self._lock:
            semaphore = self._hosts[host]
        with semaphore:
            yield

    def _write(self, content: bytes) -> bytes:
        """Write a file under the name of its content, whole or not at all."""
        format = format_of(content[:HEAD_BYTES])
        ending = next(ending for ending, name in EXTENSIONS.items() if name == format)
        digest = hashlib.sha256(content).hexdigest()
        path = f"{digest[:2]}/{digest}{ending}"
        file = self._folder / path
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_name(f".part-{secrets.token_hex(8)}")
            try:
                part.write_bytes(content)
                part.replace(file)
            finally:
                part.unlink(missing_ok=True)
        return os.fsencode(path)


def _read(address: str, chunks: Iterable[bytes]) -> bytes:
    content = bytearray()
    is_image = False
    for chunk in chunks:
        content += chunk
        if len(content) > MAX_BYTES:
            raise UnusableRowError(f"{_shown(address)} has more than {MAX_BYTES >> 20} MiB")
        if not is_image and len(content) >= HEAD_BYTES:
            is_image = True
            _require_image(address, content)
    if not is_image:
        _require_image(address, content)
    return bytes(content)


def _require_image(address: str, content: bytearray) -> None:
    if format_of(bytes(content[:HEAD_BYTES])) is None:
        raise UnusableRowError(f"{_shown(address)} is not an image by its content")


def _address(link: str) -> str:
    """Return a link as an address that may be fetched. Raises ``UnusableRowError``."""
    try:
        parts = urlsplit(link)
        host, port = parts.hostname, parts.port
        name = (host or "").encode("idna").decode("ascii") if ":" not in (host or "") else host
    except ValueError as error:
        raise UnusableRowError(f"{_shown(link)} is not an address") from error
    if parts.scheme not in ("http", "https") or not name:
        raise UnusableRowError(f"{_shown(link)} is not a web address (http, https)")
    if parts.username is not None or parts.password is not None:
        raise UnusableRowError("the address holds a user name, which is never sent")
    location = f"[{name}]" if ":" in name else name
    if port is not None:
        location += f":{port}"
    # what is escaped already stays so
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
    return f"{parts.scheme}://{location}{path}" + (f"?{query}" if query else "")


def _shown(address: str) -> str:
    """Return an address for a message, without what may be secret in it."""
    bare = address.partition("?")[0]
    return bare if len(bare) <= 200 else f"{bare[:197]}…"
