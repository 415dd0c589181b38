"""Connections to public addresses only: the address that is checked is the one connected to."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore2

__all__ = ["PublicBackend", "Resolver", "is_public", "resolve"]

Resolver = Callable[[str, int], Sequence[str]]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet.

    Private, link-local, loopback, multicast and reserved ones do not, nor do IPv6 addresses that
    stand for such an IPv4 address (mapped, 6to4, Teredo, NAT64).
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner: list[ipaddress.IPv4Address | None] = []
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        inner = [ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    is_global = ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)
    return is_global and all(each is None or is_public(str(each)) for each in inner)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host name, each once. Raises ``OSError``."""
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in rows))


class PublicBackend(httpcore2.SyncBackend):
    """Connects to the checked address of a host, never to a name that may resolve anew.

    Certificates are still those of the name. Every connection is made here, so those after a
    redirect are checked as well.
    """

    def __init__(
        self,
        seconds_left: Callable[[], float],
        resolver: Resolver = resolve,
        is_allowed: Callable[[str], bool] = is_public,
    ) -> None:
        """Connect to the addresses that ``resolver`` returns, all of which must be allowed.

        ``seconds_left`` is called before every wait: who sends a byte now and then gains nothing.
        """
        super().__init__()
        self._seconds_left = seconds_left
        self._resolver = resolver
        self._is_allowed = is_allowed

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to a host. Raises ``httpcore2.ConnectError`` where an address is not public."""
        try:
            addresses = self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} has no address") from error
        refused = [each for each in addresses if not self._is_allowed(each)]
        if refused or not addresses:
            raise httpcore2.ConnectError(
                f"{host} is at {refused[0]}, which is not a public address; images are fetched "
                "from public ones only"
                if refused
                else f"{host} has no address"
            )
        failure: Exception | None = None
        for address in addresses:
            try:
                limit = _shorter(timeout, self._seconds_left())
                stream = super().connect_tcp(address, port, limit, local_address, socket_options)
                return _TimedStream(stream, self._seconds_left)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Refuse: a link never means a socket of this machine."""
        raise httpcore2.ConnectError("images are fetched from public addresses only")


class _TimedStream(httpcore2.NetworkStream):
    """A connection whose waits end when the time of the whole image does."""

    def __init__(self, stream: httpcore2.NetworkStream, seconds_left: Callable[[], float]) -> None:
        self._stream = stream
        self._seconds_left = seconds_left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _shorter(timeout, self._seconds_left()))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _shorter(timeout, self._seconds_left()))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        limit = _shorter(timeout, self._seconds_left())
        inner = self._stream.start_tls(ssl_context, server_hostname, limit)
        return _TimedStream(inner, self._seconds_left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _shorter(timeout: float | None, left: float) -> float:
    """Return how long to wait. Raises ``httpcore2.ReadTimeout`` when the time is up."""
    if left <= 0:
        raise httpcore2.ReadTimeout("the time is up")
    return left if timeout is None else min(timeout, left)
