"""Options of ``stitch serve``: where it listens, and who reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ReachOptions"]


@dataclass(frozen=True)
class ListenOptions:
    """Where the server listens."""

    host: Annotated[
        str, typer.Option("--host", help="Where to listen; :: is every address, IPv4 and IPv6.")
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option("--port", "-p", help="0: any free one.")] = 8000


@dataclass(frozen=True)
class AccessOptions:
    """Who may do what, and by which names and paths the server is reached."""

    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="Who sends this token may add and remove images. [the variable STITCH_TOKEN, "
            "or nobody may]",
        ),
    ] = None
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", metavar="NAME", help="Another name the server is called by; repeatable."
        ),
    ] = None
    trust_proxy: Annotated[
        bool,
        typer.Option(
            "--trust-proxy",
            help="Take clients' addresses, and X-Forwarded-Prefix, from a proxy on this machine.",
        ),
    ] = False
    root_path: Annotated[
        str,
        typer.Option(
            "--root-path",
            metavar="PREFIX",
            help="The path that a reverse proxy serves this below, e.g. /pics, stripped or not.",
        ),
    ] = ""


@dataclass(frozen=True)
class ReachOptions:
    """Where the server listens, and who reaches it."""

    listen: ListenOptions
    access: AccessOptions
