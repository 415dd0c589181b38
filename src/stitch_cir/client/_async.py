"""The same client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TypeVar, Unpack

import httpx2

from stitch_cir.client import _calls as calls
from stitch_cir.client import _types as t
from stitch_cir.client._ask import Asking, Picture
from stitch_cir.client._connection import connect, options, unreachable

__all__ = ["AsyncClient"]

T = TypeVar("T")


class AsyncClient:
    """:class:`Client` with ``async`` methods, which are described there; for asyncio."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        timeout: float = 60.0,
        retries: int = 2,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Make a client; it connects at the first request."""
        self._http = connect(httpx2.AsyncClient, options(base_url, token, timeout), transport)
        self._retries = retries
        self._limits: Mapping[str, int] | None = None

    async def health(self) -> t.Health:
        """Ask whether the server works."""
        return await self._send(calls.health())

    async def gallery(self) -> t.GalleryInfo:
        """Ask what the gallery is, what may be asked, and within which limits."""
        return await self._send(calls.gallery())

    async def images(self, q: str = "", *, offset: int = 0, limit: int = 60) -> t.ImagePage:
        """List images in id order; ``q`` is looked for in ids and captions."""
        return await self._send(calls.images(q, offset, limit))

    async def image(self, id: str) -> t.ImageDetail:
        """Show one image and its views."""
        return await self._send(calls.image(id))

    async def file(self, id: str, *, side: int = 1600) -> bytes:
        """Get a picture as JPEG, upright, without metadata, its longest side at most ``side``."""
        return await self._send(calls.file(id, side))

    async def thumbnail(self, id: str, *, side: int = 256) -> bytes:
        """Get the same, small; an item without picture gives a card with its captions."""
        return await self._send(calls.thumbnail(id, side))

    async def upload(self, picture: Picture) -> t.Upload:
        """Send a picture to be a reference; the server keeps it in memory for a while."""
        return await self._send(calls.upload(picture))

    async def compose(self, text: str = "", **ask: Unpack[Asking]) -> t.Composition:
        """Have target captions written without searching."""
        return await self._send(calls.compose(text, ask))

    async def search(self, text: str = "", **ask: Unpack[Asking]) -> t.Results:
        """Search: a reference picture, changed as the text says."""
        return await self._send(calls.search(text, ask))

    async def explain(self, id: str, text: str = "", **ask: Unpack[Asking]) -> t.Explanation:
        """Ask why the image ``id`` ranks where it does in a search."""
        return await self._send(calls.explain(id, text, ask))

    async def explain_picture(
        self, id: str, text: str = "", *, kind: str = "matches", **ask: Unpack[Asking]
    ) -> bytes:
        """Get that as a PNG: ``matches``, ``heatmap`` or ``contributions``."""
        return await self._send(calls.explain_picture(id, text, kind, ask))

    async def sheet(self, text: str = "", **ask: Unpack[Asking]) -> str:
        """Get a search as one self-contained HTML page."""
        return await self._send(calls.sheet(text, ask))

    async def add_images(
        self, pictures: Sequence[Picture], *, captions: Sequence[Sequence[str]] | None = None
    ) -> t.Added:
        """Add pictures to the gallery (token), with a list of captions for each."""
        return await self._send(calls.add_images(pictures, captions))

    async def remove_image(self, id: str) -> None:
        """Take an image out of the gallery for good (token)."""
        await self._send(calls.remove_image(id))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        """Give itself; leaving the block closes it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def _send(self, call: calls.Call[T]) -> T:
        if call.largest > calls.SMALL_FILE:
            # a server refuses too large a file while it is still being sent
            if self._limits is None:
                self._limits = (await self.gallery()).limits
            calls.check_size(call, self._limits)
        for left in range(self._retries, -1, -1):
            try:
                response = await self._http.request(call.method, call.path, **call.options)
            except httpx2.HTTPError as error:
                raise unreachable(self._http.base_url, error) from error
            wait = calls.wait_seconds(response)
            if wait is None or not left:
                break
            await asyncio.sleep(wait)
        return calls.read(call, response)
