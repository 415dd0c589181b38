"""Listening: a socket of our own, so that a taken port is a clear error and port 0 is told."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from threadpoolctl import threadpool_limits
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from stitch_cir.errors import SettingError
from stitch_cir.server._prefix import ForwardedPrefix
from stitch_cir.server._settings import ServerSettings

__all__ = ["listen", "prepare", "serve"]

_HEADER_BYTES = 32 << 10


def serve(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    trust_proxy: bool = False,
    listening: Callable[[str], None] | None = None,
) -> None:
    """Serve an application until the process is told to stop.

    ``port`` 0 takes any free one; ``listening`` is told the address once connections are taken.
    With ``trust_proxy`` the client's address and the path that the server is called below are taken
    from a reverse proxy on this machine. Raises ``SettingError`` when the address cannot be
    listened on.
    """
    listener = listen(host, port)
    if listening is not None:
        listening(_address(listener))
    # requests share the cores already: a matrix product cut into threads of its own only makes them
    # wait for each other (measured: twice the processor time a search)
    with listener, threadpool_limits(1, user_api="blas"):
        prepare(app, trust_proxy=trust_proxy).run(sockets=[listener])


def prepare(app: FastAPI, *, trust_proxy: bool = False) -> uvicorn.Server:
    """Make the HTTP server of an application; run it with a socket of :func:`listen`."""
    settings: ServerSettings = app.state.services.settings
    served: Any = app
    if trust_proxy:
        trusted = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
        # uvicorn would wrap what it is passed: the prefix needs the peer, not the proxy's client
        served = ProxyHeadersMiddleware(served, trusted_hosts=trusted)
        served = ForwardedPrefix(served)
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
        timeout_graceful_shutdown=10,
    )
    return uvicorn.Server(config)


def listen(host: str, port: int) -> socket.socket:
    """Take an address. Raises ``SettingError`` when that is impossible."""
    where = f"{host}:{port}"
    if not 0 <= port <= 65535:
        raise SettingError(f"The port is {port}.", hint="It must be between 0 and 65535.")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SettingError(
                f"Another program is listening on {where} already.",
                hint="Choose another --port, or 0 for any free one.",
            ) from error
        raise SettingError(
            f"Nothing can listen on {where}: {error.strerror or error}.",
            hint="Check --host and --port; ports below 1024 need rights.",
        ) from error


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _protocol(seconds: float) -> type[asyncio.Protocol]:
    """Make a protocol that closes connections whose headers do not arrive within ``seconds``."""

    class Patient(H11Protocol):
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

    return Patient
