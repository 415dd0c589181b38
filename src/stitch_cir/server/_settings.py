"""The settings and limits of a server."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields

from stitch_cir.errors import SettingError

__all__ = ["ServerSettings", "read_prefix"]

MiB = 1 << 20
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_RESERVED = ("api", "static", "health", "metrics", "docs", "openapi.json")
_FROM_ZERO = ("rate", "queue", "model_queue", "batch_seconds", "grace")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Limits of one server; the defaults suit one person or a small shop.

    Parameters
    ----------
    token:
        Requests with it may add and remove images; ``None``: none may.
    log_text:
        Write what users typed (and paths, which may hold ids) into the log.
    hosts:
        Names by which the server may be called (the Host header, without port); empty: any. Guards
        a local server against pages that rebind their name to 127.0.0.1.
    root_path:
        The path that a reverse proxy serves this server below, e.g. ``/pics``; the addresses in
        answers begin with it. Whether the proxy strips it does not matter.
    upload_bytes, upload_pixels:
        Largest image that may be sent, in bytes of its file and in pixels.
    uploads_bytes, uploads_seconds:
        Memory for all uploads together, and how long an upload is kept.
    keep_uploads, kept_bytes:
        Whether a visitor may have an upload kept with the gallery for a link, until somebody
        removes it, and how many bytes all of them may take on the disk.
    rendered_bytes:
        Memory for thumbnails and other rendered images.
    json_bytes, text_characters, max_captions, max_hits:
        Largest JSON body; longest text and caption; largest numbers of captions and hits.
    bodies_bytes:
        Memory for all bodies that are arriving or worked on, together.
    files:
        Largest number of images added by a request.
    rate, burst:
        Requests a second of one client, and how many it may send at once; rate 0: no limit.
    threads, queue:
        Requests in work at a time, and how many more may wait.
    model_threads, model_queue:
        The same for requests whose captions a language model writes: they have threads of their
        own, so that a model that hangs takes nothing else with it.
    deadline, model_deadline, body_seconds, header_seconds:
        Seconds for the work of one request, for one that asks a model, for its body to arrive, and
        for its headers.
    grace:
        Seconds in which running work may finish once the server is to stop.
    cors:
        Origins whose pages may call the API from a browser, e.g. ``http://localhost:3000``.
    frames:
        Origins whose pages may show the page in a frame, e.g. ``https://huggingface.co``.
    batch_seconds, batch_texts, batch_images:
        How long and how many texts or images are collected for one call of the encoder.
    """

    token: str | None = field(default=None, repr=False)
    log_text: bool = False
    hosts: tuple[str, ...] = ()
    root_path: str = ""
    upload_bytes: int = 20 * MiB
    upload_pixels: int = 55_000_000
    uploads_bytes: int = 256 * MiB
    uploads_seconds: float = 3600.0
    keep_uploads: bool = False
    kept_bytes: int = 256 * MiB
    rendered_bytes: int = 64 * MiB
    json_bytes: int = 1 * MiB
    text_characters: int = 2000
    max_captions: int = 64
    max_hits: int = 500
    bodies_bytes: int = 512 * MiB
    files: int = 16
    rate: float = 50.0
    burst: float = 400.0
    threads: int = 8
    queue: int = 64
    model_threads: int = 8
    model_queue: int = 16
    deadline: float = 30.0
    model_deadline: float = 60.0
    body_seconds: float = 30.0
    header_seconds: float = 10.0
    grace: float = 8.0
    cors: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    batch_seconds: float = 0.003
    batch_texts: int = 64
    batch_images: int = 8

    def __post_init__(self) -> None:
        """Check the ranges."""
        object.__setattr__(self, "root_path", read_prefix(self.root_path))
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, (str, bool, tuple, type(None))):
                continue
            least = 0 if entry.name in _FROM_ZERO else 1e-3
            if not (math.isfinite(value) and value >= least):
                raise SettingError(
                    f"{entry.name} is {value!r}.",
                    hint=f"It must be a number of at least {least:g}.",
                )
        if self.token is not None and len(self.token) < 16:
            raise SettingError(
                "The token is too short to be a secret.",
                hint="Use 16 characters or more, e.g. of: openssl rand -hex 24",
            )
        for origin in (*self.cors, *self.frames):
            if not _ORIGIN.fullmatch(origin):
                raise SettingError(
                    f"{origin!r} is not an origin.",
                    hint="Give scheme, host and port as browsers send them, without a path and "
                    "without *: http://localhost:3000",
                )


def read_prefix(text: str) -> str:
    """Return the path of ``text`` as ``/a/b``, or ``""`` for the root of a host.

    Raises ``SettingError`` when it is not a path, or begins with an address of the API, so that
    nobody could say whether a proxy has stripped it.
    """
    parts = text.strip().strip("/").split("/") if text.strip(" /") else []
    for part in parts:
        if _SEGMENT.fullmatch(part) is None or part in (".", ".."):
            raise SettingError(
                f"{text!r} is not a path prefix.",
                hint="Write it as /pics or /tools/pics: letters, digits, '.', '_', '~' and '-'.",
            )
    if parts and parts[0] in _RESERVED:
        raise SettingError(
            f"The path prefix {text!r} begins with /{parts[0]}, an address of the server itself.",
            hint="Choose another one, e.g. /pics.",
        )
    return "".join(f"/{part}" for part in parts)
