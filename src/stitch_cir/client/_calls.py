"""Every request the client can make, and how its answer is read; shared by both clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx2
from pydantic import TypeAdapter, ValidationError

from stitch_cir.client import _types as t
from stitch_cir.client._ask import (
    Asking,
    Picture,
    address,
    ask_json,
    caption_form,
    picture_files,
    upload_hint,
)
from stitch_cir.client._errors import ApiError, not_understood, read_error
from stitch_cir.errors import NotFoundError

__all__ = ["SMALL_FILE", "Call", "check_size", "read", "wait_seconds"]

T = TypeVar("T")
Body = Callable[[httpx2.Response], T]
LONGEST_WAIT = 10.0
SMALL_FILE = 1 << 20
"""Files of at most so many bytes are sent without looking at the server's limits first."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, not yet sent, and how to read its answer."""

    method: str
    path: str
    reader: Body[T]
    options: Mapping[str, Any] = field(default_factory=dict)
    largest: int = 0
    """Bytes of the largest file that is sent."""
    missing_hint: str = ""
    """What to do where the server knows no such reference."""


def check_size(call: Call[Any], limits: Mapping[str, int]) -> None:
    """Raise what the server would: ``ApiError`` (413) for a file that is larger than it takes."""
    most = limits.get("upload_bytes", call.largest)
    if call.largest > most:
        raise ApiError(
            f"A file has {call.largest:,} bytes; the server takes {most:,}.",
            hint="Send a smaller picture, or start the server with a larger --max-upload-mb.",
            type="BodyTooLargeError",
            status=413,
        )


def read(call: Call[T], response: httpx2.Response) -> T:
    """Read an answer. Raises the error it tells, ``ApiError`` when it cannot be understood."""
    if response.status_code >= 400:
        error = read_error(response.status_code, response.headers, response.content)
        if call.missing_hint and isinstance(error, NotFoundError):
            error.hint = call.missing_hint
        raise error
    if response.status_code >= 300:
        raise not_understood(response.status_code, "another address")
    return call.reader(response)


def wait_seconds(response: httpx2.Response) -> float | None:
    """Say how long to wait before asking again: only where nothing was done (429 and 503)."""
    if response.status_code not in (429, 503):
        return None
    try:
        asked = float(response.headers.get("retry-after", "1"))
    except ValueError:
        asked = 1.0
    return min(max(asked, 0.0), LONGEST_WAIT)


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _as(kind: type[T]) -> Body[T]:
    def reader(response: httpx2.Response) -> T:
        try:
            answer: T = _adapter(kind).validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the body"
            raise not_understood(response.status_code, f"{where}: {first['msg']}") from error
        return answer

    return reader


def _bytes(response: httpx2.Response) -> bytes:
    return response.content


def _text(response: httpx2.Response) -> str:
    return response.text


def _nothing(response: httpx2.Response) -> None:
    return None


def health() -> Call[t.Health]:
    return Call("GET", "/health", _as(t.Health))


def gallery() -> Call[t.GalleryInfo]:
    return Call("GET", "/api/gallery", _as(t.GalleryInfo))


def images(q: str, offset: int, limit: int) -> Call[t.ImagePage]:
    params = {"q": q, "offset": offset, "limit": limit}
    return Call("GET", "/api/images", _as(t.ImagePage), {"params": params})


def image(id: str) -> Call[t.ImageDetail]:
    return Call("GET", address("images", id), _as(t.ImageDetail))


def file(id: str, side: int) -> Call[bytes]:
    return Call("GET", address("files", id), _bytes, {"params": {"side": side}})


def thumbnail(id: str, side: int) -> Call[bytes]:
    return Call("GET", address("thumbnails", id), _bytes, {"params": {"side": side}})


def upload(picture: Picture) -> Call[t.Upload]:
    files = picture_files([picture])
    options = {"files": files}
    return Call("POST", "/api/uploads", _as(t.Upload), options, largest=_largest(files))


def compose(text: str, ask: Asking) -> Call[t.Composition]:
    inner = _as(t.Composed)
    return _ask("/api/compose", lambda r: inner(r).composition, ask, ask_json(text, ask))


def search(text: str, ask: Asking) -> Call[t.Results]:
    inner = _as(t.Found)
    return _ask("/api/search", lambda r: inner(r).results, ask, ask_json(text, ask))


def explain(id: str, text: str, ask: Asking) -> Call[t.Explanation]:
    return _ask("/api/explain", _as(t.Explanation), ask, ask_json(text, ask, id=id))


def explain_picture(id: str, text: str, kind: str, ask: Asking) -> Call[bytes]:
    return _ask("/api/explain/picture", _bytes, ask, ask_json(text, ask, id=id, kind=kind))


def sheet(text: str, ask: Asking) -> Call[str]:
    return _ask("/api/sheet", _text, ask, ask_json(text, ask))


def add_images(
    pictures: Sequence[Picture], captions: Sequence[Sequence[str]] | None
) -> Call[t.Added]:
    files = picture_files(pictures)
    options = {"files": files, "data": caption_form(captions)}
    return Call("POST", "/api/images", _as(t.Added), options, largest=_largest(files))


def remove_image(id: str) -> Call[None]:
    return Call("DELETE", address("images", id), _nothing)


def _ask(path: str, reader: Body[T], ask: Asking, body: Mapping[str, Any]) -> Call[T]:
    return Call("POST", path, reader, {"json": body}, missing_hint=upload_hint(ask))


def _largest(files: Sequence[tuple[str, tuple[str, bytes]]]) -> int:
    return max((len(content) for _, (_, content) in files), default=0)
