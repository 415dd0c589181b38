"""The client that waits for its answers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TypeVar, Unpack

import httpx2

from stitch_cir.client import _calls as calls
from stitch_cir.client import _types as t
from stitch_cir.client._ask import Asking, Picture
from stitch_cir.client._connection import connect, options, unreachable

__all__ = ["Client"]

T = TypeVar("T")


class Client:
    """Speaks to one ``stitch serve``; safe to share between threads; a context manager.

    Parameters
    ----------
    base_url:
        Its address, e.g. ``http://127.0.0.1:8000``.
    token:
        The server's token, needed to add and remove pictures.
    timeout:
        Seconds to wait for a connection and between parts of an answer.
    retries:
        How often to ask again when the server is too busy (429, 503), after the time it names.
    transport:
        Another way to the server, e.g. a proxy or one in this process.

    Every method raises what the server raised (:mod:`stitch_cir.errors`), ``ApiError`` for what
    only a server can say, ``UnreachableError`` without an answer. Queries take ``text`` (what
    should change), ``reference`` (a gallery id, an :class:`Upload` or an image), ``captions``
    (edited ones), ``less_like`` and ``settings``.
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
        """Make a client; it connects at the first request."""
        self._http = connect(httpx2.Client, options(base_url, token, timeout), transport)
        self._retries = retries
        self._limits: Mapping[str, int] | None = None

    def health(self) -> t.Health:
        """Ask whether the server works."""
        return self._send(calls.health())

    def gallery(self) -> t.GalleryInfo:
        """Ask what the gallery is, what may be asked, and within which limits."""
        return self._send(calls.gallery())

    def images(self, q: str = "", *, offset: int = 0, limit: int = 60) -> t.ImagePage:
        """List images in id order; ``q`` is looked for in ids and captions."""
        return self._send(calls.images(q, offset, limit))

    def image(self, id: str) -> t.ImageDetail:
        """Show one image and its views."""
        return self._send(calls.image(id))

    def file(self, id: str, *, side: int = 1600) -> bytes:
        """Get a picture as JPEG, upright, without metadata, its longest side at most ``side``."""
        return self._send(calls.file(id, side))

    def thumbnail(self, id: str, *, side: int = 256) -> bytes:
        """Get the same, small; an item without picture gives a card with its captions."""
        return self._send(calls.thumbnail(id, side))

    def upload(self, picture: Picture) -> t.Upload:
        """Send a picture to be a reference; the server keeps it in memory for a while."""
        return self._send(calls.upload(picture))

    def compose(self, text: str = "", **ask: Unpack[Asking]) -> t.Composition:
        """Have target captions written without searching."""
        return self._send(calls.compose(text, ask))

    def search(self, text: str = "", **ask: Unpack[Asking]) -> t.Results:
        """Search: a reference picture, changed as the text says."""
        return self._send(calls.search(text, ask))

    def explain(self, id: str, text: str = "", **ask: Unpack[Asking]) -> t.Explanation:
        """Ask why the image ``id`` ranks where it does in a search."""
        return self._send(calls.explain(id, text, ask))

    def explain_picture(
        self, id: str, text: str = "", *, kind: str = "matches", **ask: Unpack[Asking]
    ) -> bytes:
        """Get that as a PNG: ``matches``, ``heatmap``, ``contributions`` or ``all``."""
        return self._send(calls.explain_picture(id, text, kind, ask))

    def sheet(self, text: str = "", **ask: Unpack[Asking]) -> str:
        """Get a search as one self-contained HTML page."""
        return self._send(calls.sheet(text, ask))

    def add_images(
        self, pictures: Sequence[Picture], *, captions: Sequence[Sequence[str]] | None = None
    ) -> t.Added:
        """Add pictures to the gallery (token), with a list of captions for each."""
        return self._send(calls.add_images(pictures, captions))

    def remove_image(self, id: str) -> None:
        """Take an image out of the gallery for good (token)."""
        self._send(calls.remove_image(id))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        """Give itself; leaving the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def _send(self, call: calls.Call[T]) -> T:
        if call.largest > calls.SMALL_FILE:
            # a server refuses too large a file while it is still being sent
            if self._limits is None:
                self._limits = (self.gallery()).limits
            calls.check_size(call, self._limits)
        for left in range(self._retries, -1, -1):
            try:
                response = self._http.request(call.method, call.path, **call.options)
            except httpx2.HTTPError as error:
                raise unreachable(self._http.base_url, error) from error
            wait = calls.wait_seconds(response)
            if wait is None or not left:
                break
            time.sleep(wait)
        return calls.read(call, response)
