"""An event loop on a separate thread, so that blocking callers can wait, give up and stop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["BackgroundLoop", "LoopClosedError"]

T = TypeVar("T")


class LoopClosedError(Exception):
    """The loop was closed before or while a coroutine ran."""


class BackgroundLoop:
    """Runs coroutines for callers in any thread; the thread starts with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._last: Callable[[], Awaitable[None]] | None = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine and return its result; an interruption cancels it.

        Raises ``LoopClosedError`` when :meth:`close` was called, else what the coroutine raises.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._start())
        except LoopClosedError:
            coroutine.close()
            raise
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise LoopClosedError from None
        except BaseException:
            future.cancel()
            raise

    def at_close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Set what the loop runs at the end, after every coroutine was cancelled."""
        self._last = last

    def close(self, *, wait: bool = True) -> None:
        """Cancel what runs and end the thread. Callers that wait get ``LoopClosedError``.

        A finalizer must not ``wait``: it may run in any thread, in the midst of anything, such as
        with the lock of a logger that the loop's last steps need.
        """
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(loop.stop)
        if wait and thread is not threading.current_thread():
            thread.join()

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise LoopClosedError
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                # a daemon: a process that ends must not wait for an end point
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop, self), name="stitch-chat", daemon=True
                )
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop, owner: BackgroundLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        last = owner._last
        if last is not None:
            loop.run_until_complete(asyncio.wait_for(last(), 5))
        loop.close()
