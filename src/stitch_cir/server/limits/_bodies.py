"""Request bodies while they arrive: counted, timed, and read to the end after an early answer.

A server that closes a connection with unread bytes resets it, and a client that is still sending
loses the answer. So an early answer (413, 401, 429, …) goes out at once, and what still arrives is
read and thrown away, within bounds, before the connection is closed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from stitch_cir.server._errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    ClientLeftError,
    QueueFullError,
)

__all__ = ["BodyBudget", "LimitedBody", "too_large"]


@dataclass(slots=True)
class BodyBudget:
    """Bytes of all bodies in memory; only the event loop's thread changes it.

    Of a body that was refused early, at most ``drained`` bytes are read and discarded.
    """

    room: int
    held: int = 0
    drained: int = 256 << 20


class LimitedBody:
    """``receive`` and ``send`` of a request, with limits on its body.

    :meth:`receive` raises ``BodyTooLargeError`` beyond ``limit`` bytes, ``BodyTimeoutError`` after
    ``seconds``, ``QueueFullError`` when all bodies together exceed their budget, and
    ``ClientLeftError`` when the client leaves before the body is complete.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        limit: int,
        seconds: float,
        bodies: BodyBudget,
    ) -> None:
        """Count from now on; :meth:`release` returns the memory to the budget."""
        headers = Headers(scope=scope)
        self._receive = receive
        self._send = send
        self._limit = limit
        self._seconds = seconds
        self._until: float | None = None
        self._bodies = bodies
        self._count = 0
        self._complete = headers.get("content-length", "0") == "0" and (
            "transfer-encoding" not in headers
        )
        self._read_any = False
        # such a client waits for "100 Continue" before it sends, and reads a refusal instead
        self._waits = headers.get("expect", "").lower() == "100-continue"
        self._drains = False

    async def receive(self) -> Message:
        """Return the next part of the body."""
        if self._complete:
            return await self._receive()
        self._read_any = True
        clock = asyncio.get_running_loop().time
        if self._until is None:
            self._until = clock() + self._seconds
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise BodyTimeoutError(
                f"The body did not arrive within {self._seconds:g} seconds.",
                hint="Send it again over a faster connection.",
            ) from None
        if message["type"] == "http.disconnect":
            self._complete = True
            raise ClientLeftError("The client left before its body was complete.")
        arrived = len(message.get("body", b""))
        self._count += arrived
        self._bodies.held += arrived
        self._complete = not message.get("more_body", False)
        if self._count > self._limit:
            raise too_large(self._limit)
        if self._bodies.held > self._bodies.room:
            raise QueueFullError(
                "Too many large bodies are arriving at once.", hint="Ask again in a moment."
            )
        return message

    async def send(self, message: Message) -> None:
        """Send an answer; after an early one, read what still arrives."""
        if message["type"] == "http.response.start" and not self._complete:
            self._drains = self._read_any or not self._waits
            MutableHeaders(scope=message)["connection"] = "close"
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if not (last and self._drains):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        await self._drain()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _drain(self) -> None:
        left = self._bodies.drained
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                while not self._complete and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._complete = not message.get("more_body", False)

    def release(self) -> None:
        """Return the memory of the body to the budget of all bodies."""
        self._bodies.held -= self._count
        self._count = 0


def too_large(limit: int) -> BodyTooLargeError:
    """Return the error of a body of more than ``limit`` bytes."""
    return BodyTooLargeError(
        f"The body has more than {limit:,} bytes.", hint="Send less, or raise --max-upload-mb."
    )
