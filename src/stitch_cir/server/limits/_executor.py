"""Thread pools for requests: a bounded queue, a deadline, and no work for clients that left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

from fastapi import Request

from stitch_cir.server._errors import (
    ClientLeftError,
    DeadlineError,
    QueueFullError,
    ServerError,
    StoppingError,
)
from stitch_cir.wire import PoolState

__all__ = ["RequestExecutor"]

T = TypeVar("T")


class RequestExecutor:
    """A pool of ``threads`` with at most ``queue`` requests waiting for one."""

    def __init__(
        self, name: str, *, threads: int, queue: int, deadline: float, hint: str = ""
    ) -> None:
        """Start no thread yet; ``deadline`` in seconds includes the time in the queue.

        ``hint`` says what to do when work takes longer.
        """
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"stitch-{name}")
        self._threads = threads
        self._room = threads + queue
        self._deadline = deadline
        self._hint = (
            hint or "Ask for less (fewer captions, a smaller gallery), or raise --deadline."
        )
        self._lock = threading.Condition()
        self._jobs: set[Future[Any]] = set()
        self._held = 0
        self._released: set[asyncio.Future[None]] = set()

    @property
    def held(self) -> int:
        """Requests in work or in the queue."""
        return self._held

    def active(self) -> int:
        """Return the number of requests in work."""
        return min(self._held, self._threads)

    def state(self) -> PoolState:
        """Return how busy the pool is."""
        held = self._held
        return PoolState(
            threads=self._threads,
            held=held,
            room=self._room,
            saturated=held >= self._threads,
        )

    async def run(self, request: Request, work: Callable[[], T]) -> T:
        """Run ``work`` in a thread and return its result.

        Work that has not begun is dropped when the client leaves or the deadline passes; work that
        has begun is finished, and its result thrown away.

        Raises ``QueueFullError``, ``DeadlineError``, ``ClientLeftError``, ``StoppingError`` once
        :meth:`release` was called, or what ``work`` raises.
        """
        with self._lock:
            if self._held >= self._room:
                raise QueueFullError(
                    f"{self._held} requests are under way or waiting already.",
                    hint="Ask again in a moment.",
                )
            self._held += 1
        try:
            job = self._pool.submit(copy_context().run, work)
        except BaseException:
            self._leave()
            raise
        with self._lock:
            self._jobs.add(job)
        job.add_done_callback(self._leave)
        answer = asyncio.wrap_future(job)
        left = asyncio.ensure_future(_until_disconnected(request))
        released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._released.add(released)
        try:
            either: set[asyncio.Future[Any]] = {answer, left, released}
            await asyncio.wait(either, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if left.done():
                raise ClientLeftError("The client has left.")
            if released.done():
                raise StoppingError("The server is stopping.", hint="Ask again in a moment.")
            raise DeadlineError(
                f"This took longer than {self._deadline:g} seconds.",
                hint=self._hint,
            )
        finally:
            left.cancel()
            self._released.discard(released)
            if not answer.done():
                answer.cancel()

    def _leave(self, job: Future[Any] | None = None) -> None:
        with self._lock:
            self._held -= 1
            if job is not None:
                self._jobs.discard(job)
            self._lock.notify_all()

    def release(self) -> None:
        """Answer every waiting request with an error; from the event loop's thread."""
        for released in self._released:
            if not released.done():
                released.set_result(None)

    def close(self, seconds: float | None = None) -> bool:
        """Drop the queue, and let running work finish within ``seconds`` (``None``: for ever).

        Returns whether all of it has finished.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            # a job is counted a moment longer than its future is under way
            return self._lock.wait_for(lambda: not self._jobs, seconds)


async def _until_disconnected(request: Request) -> None:
    """Return when the client has closed the connection, or sends an unexpected body."""
    with suppress(ServerError):
        while (await request.receive())["type"] != "http.disconnect":
            pass
