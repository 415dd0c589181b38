"""Serving until the process is stopped, and then for no longer than the grace time."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from stitch_cir.server._listen import addresses, listen
from stitch_cir.server._prefix import ForwardedPrefixMiddleware
from stitch_cir.server._settings import ServerSettings

__all__ = ["prepare", "serve"]

_HEADER_BYTES = 32 << 10


def serve(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    trust_proxy: bool = False,
    listening: Callable[[Sequence[str]], None] | None = None,
) -> bool:
    """Serve an application until the process is stopped; return whether all work was finished.

    ``port`` 0 is any free port; ``listening`` is called with the URLs, best first, once connections
    are taken. With ``trust_proxy`` the client's address and the path that the server is called
    below are taken from a reverse proxy on this machine. Work that has not finished ``grace``
    seconds (a setting) after the end keeps its thread: the caller should leave the process with
    ``os._exit``. Raises ``SettingError`` when the address cannot be listened on.
    """
    listeners = listen(host, port)
    if listening is not None:
        listening(addresses(host, listeners))
    # requests share the cores already: a matrix product cut into threads of its own only makes them
    # wait for each other (measured: twice the processor time a search)
    with ExitStack() as stack, threadpool_limits(1, user_api="blas"):
        for listener in listeners:
            stack.enter_context(listener)
        prepare(app, trust_proxy=trust_proxy).run(sockets=listeners)
    finished: bool = app.state.finished
    return finished


def prepare(app: FastAPI, *, trust_proxy: bool = False) -> uvicorn.Server:
    """Return the HTTP server of an application; run it with the sockets of :func:`listen`."""
    settings: ServerSettings = app.state.services.settings
    served: Any = app
    if trust_proxy:
        trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
        # uvicorn would wrap what it is passed: the prefix needs the peer, not the proxy's client
        served = ProxyHeadersMiddleware(served, trusted_hosts=trusted)
        served = ForwardedPrefixMiddleware(served)
    config = uvicorn.Config(
        served,
        http=_protocol(settings.header_seconds),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=math.ceil(settings.grace),
    )
    return _Server(config, app)


class _Server(uvicorn.Server):
    """Sets the application's deadline for stopping: one grace for answers and work together."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._state = app.state

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self._state
        grace = state.services.settings.grace
        state.stop_at = time.monotonic() + grace
        # longer work is answered with an error while there is time left to send it
        asyncio.get_running_loop().call_later(0.8 * grace, state.services.release)
        await super().shutdown(sockets)


def _protocol(seconds: float) -> type[asyncio.Protocol]:
    """Return a protocol that closes connections whose headers do not arrive within ``seconds``."""

    class HeaderTimeoutProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            self._stop()

        def _watch(self) -> None:
            # idle on both sides: no request has begun, or its headers are not complete
            if self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE:
                if self._timer is None:
                    self._timer = self.loop.call_later(seconds, self.transport.close)
            else:
                self._stop()

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return HeaderTimeoutProtocol
