"""Check a cluster's head, and its TLS, before Ray connects: Ray itself would retry for minutes."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from contextlib import suppress
from pathlib import Path

from stitch_cir.errors import ClusterError

__all__ = ["check_head"]

_FILES = ("RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT")
_SECONDS = 10.0
_SETTINGS, _FRAME = b"\x04", 9
"""The kind of a frame of HTTP/2 that comes first, and the length of its head."""
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + _SETTINGS + bytes(5)
_HINT = (
    "Set RAY_USE_TLS=1 with RAY_TLS_SERVER_CERT, RAY_TLS_SERVER_KEY and RAY_TLS_CA_CERT on every "
    "node and here, or nowhere."
)


def check_head(host: str, port: int, node_address: str) -> None:
    """Raise ``ClusterError`` unless a head listens, with TLS exactly if this machine has it on.

    Raises ``OSError`` where no connection is accepted. ``node_address``: this machine's address,
    to which Ray connects in place of a loopback address.
    """
    where = f"{host}:{port}"
    # the values that Ray itself takes for true
    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("1", "true"):
        if _speaks_tls(host, port):
            raise ClusterError(
                f"The cluster at {where} is encrypted by TLS, which is not switched on here.",
                hint=_HINT,
            )
        with socket.create_connection((host, port), _SECONDS) as plain:
            _require_http2(plain, where)
        return
    context = _context()
    name = node_address if _is_loopback(host) else host
    try:
        with (
            socket.create_connection((host, port), _SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=name) as encrypted,
        ):
            _require_http2(encrypted, where)
    except ssl.SSLCertVerificationError as error:
        raise ClusterError(
            f"The certificate of the cluster at {where} is refused: {error.verify_message}.",
            hint=f"It has to be signed by the authority of RAY_TLS_CA_CERT, be valid by this "
            f"machine's clock, and name {name} as subjectAltName.",
        ) from error
    except (ssl.SSLError, ConnectionError) as error:
        raise ClusterError(
            f"The cluster at {where} does not answer by TLS, which is switched on here "
            "(RAY_USE_TLS=1).",
            hint=_HINT,
        ) from error


def _require_http2(stream: socket.socket, where: str) -> None:
    """Raise ``ClusterError`` unless the first frame is HTTP/2's SETTINGS: Ray uses gRPC."""
    answer = b""
    with suppress(OSError):
        stream.sendall(_PREFACE)
        while len(answer) < _FRAME and (part := stream.recv(_FRAME - len(answer))):
            answer += part
    if answer[3:4] != _SETTINGS:
        raise ClusterError(
            f"What listens at {where} is no head of a Ray cluster.",
            hint="Give the address that ray start --head printed; its port is 6379 unless --port "
            "said otherwise.",
        )


def _context() -> ssl.SSLContext:
    """Return a TLS context from Ray's variables; raises ``ClusterError`` for an unusable file."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    for name in _FILES:
        file = os.environ.get(name, "")
        if not Path(file).is_file():
            what = f"the file {file}, which is not there" if file else "no file"
            raise ClusterError(
                f"TLS is switched on here (RAY_USE_TLS=1), and {name} names {what}.", hint=_HINT
            )
    certificate, key, authority = (os.environ[name] for name in _FILES)
    try:
        context.load_verify_locations(authority)
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise ClusterError(
            f"The certificate {certificate}, its key or its authority {authority} cannot be used: "
            f"{error.strerror or error}.",
            hint="Make them as docs/cluster-operations.md says, readable by this user.",
        ) from error
    return context


def _speaks_tls(host: str, port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        suppress(OSError),
        socket.create_connection((host, port), _SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host),
    ):
        return True
    return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False
