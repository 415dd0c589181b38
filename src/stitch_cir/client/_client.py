"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

import httpx2

from stitch_cir.client import _requests as requests
from stitch_cir.client._connection import connect, options, unreachable

__all__ = ["Client"]

P = ParamSpec("P")
T = TypeVar("T")


def _method(
    request: Callable[P, requests.Call[T]],
) -> Callable[Concatenate[Client, P], T]:
    """Return the method that sends a request; name, signature and documentation are its."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._send(request(*args, **kwargs))

    requests.bind(request, method)
    return method


class Client:
    """Client of one ``stitch serve``; safe to share between threads; a context manager.

    Parameters
    ----------
    base_url:
        Its address, e.g. ``http://127.0.0.1:8000``.
    token:
        The server's token, needed to add and remove images.
    timeout:
        Seconds to wait for a connection and between parts of an answer.
    retries:
        How often to retry when the server is too busy (429, 503), after the time it names.
    transport:
        Another way to the server, e.g. a proxy or one in this process.

    Every method raises what the server raised (:mod:`stitch_cir.errors`), ``ApiError`` for errors
    that only a server has, ``UnreachableError`` without an answer. Queries take ``text`` (what
    should change), ``reference`` (a gallery id, an upload or an image of an answer), ``captions``
    (edited ones), ``negatives`` and ``settings``.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        timeout: float = 60.0,
        retries: int = 2,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        """Connect at the first request."""
        self._http = connect(httpx2.Client, options(base_url, token, timeout), transport)
        self._retries = retries
        self._limits: Mapping[str, int] | None = None

    health = _method(requests.health)
    gallery = _method(requests.gallery)
    images = _method(requests.images)
    examples = _method(requests.examples)
    sections = _method(requests.sections)
    facets = _method(requests.facets)
    image = _method(requests.image)
    file = _method(requests.file)
    thumbnail = _method(requests.thumbnail)
    upload = _method(requests.upload)
    keep_upload = _method(requests.keep_upload)
    kept_uploads = _method(requests.kept_uploads)
    remove_upload = _method(requests.remove_upload)
    compose = _method(requests.compose)
    search = _method(requests.search)
    search_catalog = _method(requests.search_catalog)
    explain = _method(requests.explain)
    explanation_image = _method(requests.explanation_image)
    sheet = _method(requests.sheet)
    add_images = _method(requests.add_images)
    remove_image = _method(requests.remove_image)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def _send(self, call: requests.Call[T]) -> T:
        if call.largest > requests.SMALL_FILE:
            # a server refuses too large a file while it is still being sent
            if self._limits is None:
                self._limits = self.gallery().limits
            requests.check_size(call, self._limits)
        for left in range(self._retries, -1, -1):
            try:
                response = self._http.request(call.method, call.path, **call.options)
            except httpx2.HTTPError as error:
                raise unreachable(self._http.base_url, error) from error
            wait = requests.wait_seconds(response)
            if wait is None or not left:
                break
            time.sleep(wait)
        return requests.read(call, response)
