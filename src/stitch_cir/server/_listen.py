"""Listening sockets, opened here so that a port in use is a clear error and port 0 is resolved."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from stitch_cir.errors import SettingError

__all__ = ["addresses", "is_local", "listen"]

_BACKLOG = 256
# reserved for documentation (RFC 5737): nothing is sent, only the outgoing route is looked up
_EXAMPLE_ADDRESSES = (("192.0.2.1", 9), ("2001:db8::1", 9))


def is_local(host: str) -> bool:
    """Return whether only this machine can reach a server on ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> list[socket.socket]:
    """Bind every address of ``host``, IPv4 and IPv6, at one port (0: any free port).

    ``::`` binds IPv4 too. Raises ``SettingError`` when none can be bound, or a port is in use.
    """
    if not 0 <= port <= 65535:
        raise SettingError(f"The port is {port}.", hint="It must be between 0 and 65535.")
    listeners: list[socket.socket] = []
    try:
        for family, address in _resolve(host, port):
            if listeners:
                address = (address[0], listeners[0].getsockname()[1], *address[2:])
            with suppress(_UnavailableError):
                listeners.append(_bind(family, address))
        if not listeners:
            raise OSError(errno.EADDRNOTAVAIL, "this machine has no such address")
    except OSError as error:
        for listener in listeners:
            listener.close()
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if error.errno == errno.EADDRINUSE:
            raise SettingError(
                f"Another program is listening on {where} already.",
                hint="Choose another --port, or 0 for any free one.",
            ) from error
        raise SettingError(
            f"Nothing can listen on {where}: {error.strerror or error}.",
            hint="Check --host and --port; ports below 1024 need rights.",
        ) from error
    return listeners


class _UnavailableError(Exception):
    """This machine has no address of that family."""


def _resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[Any, ...]]]:
    resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # IPv4 first: it is what people type
    unique = dict.fromkeys((family, address) for family, _, _, _, address in resolved)
    return sorted(unique, key=lambda entry: entry[0] != socket.AF_INET)


def _bind(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise _UnavailableError from error
        raise


def addresses(host: str, listeners: Sequence[socket.socket]) -> list[str]:
    """Return the URLs under which a browser reaches the listeners, best first.

    A listener on every address of the machine is reached as ``localhost`` and by the address of
    the machine in its network, where it has one.
    """
    port = listeners[0].getsockname()[1]
    bound = [listener.getsockname() for listener in listeners]
    if any(address[0] in ("0.0.0.0", "::") for address in bound):
        return [f"http://localhost:{port}", *(_url(name, port) for name in _outside(listeners))]
    if host.lower() == "localhost":
        return [f"http://localhost:{port}"]
    return [_url(_with_zone(address), port) for address in bound]


def _outside(listeners: Sequence[socket.socket]) -> list[str]:
    """Return this machine's addresses on the way to other networks."""
    names = []
    families = {listener.family for listener in listeners}
    dual = any(listener.getsockname()[0] == "::" for listener in listeners)
    for family, other in zip((socket.AF_INET, socket.AF_INET6), _EXAMPLE_ADDRESSES, strict=True):
        if family not in families and not (dual and family == socket.AF_INET):
            continue
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(other)
            names.append(probe.getsockname()[0])
    return names


def _with_zone(address: tuple[Any, ...]) -> str:
    zone = address[3] if len(address) > 3 else 0
    name: str = address[0]
    return f"{name}%25{socket.if_indextoname(zone)}" if zone and "%" not in name else name


def _url(name: str, port: int) -> str:
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
