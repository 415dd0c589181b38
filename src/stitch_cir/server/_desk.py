"""Where requests wait for a thread: bounded, with a deadline, while the client is still there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from fastapi import Request

from stitch_cir.server._errors import (
    ClientLeftError,
    DeadlineError,
    QueueFullError,
    ServerError,
)

__all__ = ["Desk"]

T = TypeVar("T")


class Desk:
    """A pool of ``threads`` with at most ``queue`` requests waiting for one."""

    def __init__(self, name: str, *, threads: int, queue: int, deadline: float) -> None:
        """Start no thread yet; ``deadline`` in seconds counts from asking, waiting included."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"stitch-{name}")
        self._threads = threads
        self._room = threads + queue
        self._deadline = deadline
        self._lock = threading.Lock()
        self._held = 0

    @property
    def held(self) -> int:
        """Requests that are worked on or wait."""
        return self._held

    def active(self) -> int:
        """Requests that are worked on."""
        return min(self._held, self._threads)

    async def run(self, request: Request, work: Callable[[], T]) -> T:
        """Do ``work`` in a thread and give its result.

        Work that has not begun is dropped when the client leaves or the deadline passes; work that
        has begun is finished, and its result thrown away.

        Raises ``QueueFullError``, ``DeadlineError``, ``ClientLeftError``, or what ``work`` raises.
        """
        with self._lock:
            if self._held >= self._room:
                raise QueueFullError(
                    f"{self._held} requests are under way or waiting already.",
                    hint="Ask again in a moment.",
                )
            self._held += 1
        try:
            job = self._pool.submit(work)
        except BaseException:
            self._leave()
            raise
        job.add_done_callback(self._leave)
        answer = asyncio.wrap_future(job)
        left = asyncio.ensure_future(_until_left(request))
        try:
            either: set[asyncio.Future[Any]] = {answer, left}
            await asyncio.wait(either, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if left.done():
                raise ClientLeftError("The client has left.")
            raise DeadlineError(
                f"This took longer than {self._deadline:g} seconds.",
                hint="Ask for less (fewer captions, a smaller gallery), or raise --deadline.",
            )
        finally:
            left.cancel()
            if not answer.done():
                answer.cancel()

    def _leave(self, job: Future[T] | None = None) -> None:
        with self._lock:
            self._held -= 1

    def close(self) -> None:
        """Drop what waits, and finish what has begun."""
        self._pool.shutdown(wait=True, cancel_futures=True)


async def _until_left(request: Request) -> None:
    """Return when the client has closed the connection, or sends a body that nobody waits for."""
    with suppress(ServerError):
        while (await request.receive())["type"] != "http.disconnect":
            pass
