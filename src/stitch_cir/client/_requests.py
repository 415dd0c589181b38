"""Every request of the API: its signature and documentation, and how its answer is read.

Both clients make their methods of these functions, see :func:`bind`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, Unpack

import httpx2
from pydantic import ValidationError

from stitch_cir.client._arguments import (
    CatalogArguments,
    ImageSource,
    QueryArguments,
    caption_form,
    catalog_json,
    form_files,
    image_path,
    query_json,
    upload_hint,
)
from stitch_cir.client._errors import ApiError, not_understood, read_error
from stitch_cir.errors import NotFoundError
from stitch_cir.wire import (
    AddedImages,
    CatalogResponse,
    ComposeResponse,
    CompositionInfo,
    Examples,
    Explanation,
    GalleryFacets,
    GalleryInfo,
    Health,
    ImageDetail,
    ImagePage,
    ImageSections,
    KeptUpload,
    KeptUploads,
    SearchResponse,
    SearchResults,
    UploadInfo,
    WireModel,
)

__all__ = ["SMALL_FILE", "Call", "bind", "check_size", "read", "wait_seconds"]

T = TypeVar("T")
M = TypeVar("M", bound=WireModel)
Reader = Callable[[httpx2.Response], T]
LONGEST_WAIT = 10.0
SMALL_FILE = 1 << 20
"""Bytes of a file that is sent without reading the server's limits first."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request, not yet sent, and how to read its answer."""

    method: str
    path: str
    reader: Reader[T]
    options: Mapping[str, Any] = field(default_factory=dict)
    largest: int = 0
    """Bytes of the largest file that is sent."""
    missing_hint: str = ""
    """The hint of the error where the server knows no such reference."""


def check_size(call: Call[Any], limits: Mapping[str, int]) -> None:
    """Raise ``ApiError`` (413), as the server would, for a file that is larger than it takes."""
    limit = limits.get("upload_bytes", call.largest)
    if call.largest > limit:
        raise ApiError(
            f"A file has {call.largest:,} bytes; the server takes {limit:,}.",
            hint="Send a smaller image, or start the server with a larger --max-upload-mb.",
            type="BodyTooLargeError",
            status=413,
        )


def read(call: Call[T], response: httpx2.Response) -> T:
    """Return the answer. Raises the error it reports, ``ApiError`` where it is not one."""
    if response.status_code >= 400:
        error = read_error(response.status_code, response.headers, response.content)
        if call.missing_hint and isinstance(error, NotFoundError):
            error.hint = call.missing_hint
        raise error
    if response.status_code >= 300:
        raise not_understood(response.status_code, "another address")
    return call.reader(response)


def wait_seconds(response: httpx2.Response) -> float | None:
    """Return the seconds to wait before a retry, ``None`` where work was done (not 429 or 503)."""
    if response.status_code not in (429, 503):
        return None
    try:
        seconds = float(response.headers.get("retry-after", "1"))
    except ValueError:
        seconds = 1.0
    return min(max(seconds, 0.0), LONGEST_WAIT)


def bind(request: Callable[..., Any], method: Callable[..., Any]) -> None:
    """Set the name, documentation and signature of ``request`` on ``method``, with ``self``."""
    signature = inspect.signature(request)
    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    method.__name__, method.__doc__ = request.__name__, request.__doc__
    answer = str(signature.return_annotation).removeprefix("Call[").removesuffix("]")
    method.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[self, *signature.parameters.values()], return_annotation=answer
    )


def _as(kind: type[M]) -> Reader[M]:
    def reader(response: httpx2.Response) -> M:
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the body"
            raise not_understood(response.status_code, f"{where}: {first['msg']}") from error

    return reader


def _bytes(response: httpx2.Response) -> bytes:
    return response.content


def _text(response: httpx2.Response) -> str:
    return response.text


def _nothing(response: httpx2.Response) -> None:
    return None


def _composition(response: httpx2.Response) -> CompositionInfo:
    return _as(ComposeResponse)(response).composition


def _results(response: httpx2.Response) -> SearchResults:
    return _as(SearchResponse)(response).results


def health() -> Call[Health]:
    """Return whether the server works, how busy it is, and which shards are missing."""
    return Call("GET", "/health", _as(Health))


def gallery(*, partial: bool = False) -> Call[GalleryInfo]:
    """Return what the gallery is, which settings a query can have, and within which limits.

    ``partial``: where a cluster searches, answer without shards that are ``missing``, here and in
    other requests about the gallery.
    """
    params = _with_common({}, partial=partial)
    return Call("GET", "/api/gallery", _as(GalleryInfo), {"params": params})


def examples(*, partial: bool = False) -> Call[Examples]:
    """Return up to three questions to begin with, made of images of the gallery."""
    params = _with_common({}, partial=partial)
    return Call("GET", "/api/examples", _as(Examples), {"params": params})


def images(
    q: str = "",
    *,
    offset: int = 0,
    limit: int = 60,
    where: str | None = None,
    order: str = "id",
    partial: bool = False,
) -> Call[ImagePage]:
    """Return images in an order; ``q`` is searched for in ids and captions.

    ``where`` is a condition on their attributes. ``order`` is ``"id"``, ``"name"`` (of the file),
    or an attribute that holds dates, latest first.
    """
    listed = {"q": q, "offset": offset, "limit": limit, "order": order}
    params = _with_common(listed, where, partial=partial)
    return Call("GET", "/api/images", _as(ImagePage), {"params": params})


def sections(
    q: str = "", *, where: str | None = None, order: str = "id", partial: bool = False
) -> Call[ImageSections]:
    """Return the folders, letters or months by which the list of images can be jumped into."""
    params = _with_common({"q": q, "order": order}, where, partial=partial)
    return Call("GET", "/api/sections", _as(ImageSections), {"params": params})


def facets(*requests: str, where: str | None = None, partial: bool = False) -> Call[GalleryFacets]:
    """Return how many images meet a condition, and counts over them by attribute.

    ``requests`` say what to count, as in a search; without any, what the gallery suggests.
    """
    params = _with_common({"facet": list(requests)}, where, partial=partial)
    return Call("GET", "/api/facets", _as(GalleryFacets), {"params": params})


def _with_common(
    params: dict[str, Any], where: str | None = None, *, partial: bool
) -> dict[str, Any]:
    """Return parameters with a condition, and with ``partial``, where they are not the default."""
    condition = {} if where is None else {"where": where}
    return {**params, **condition, **({"partial": "true"} if partial else {})}


def image(id: str) -> Call[ImageDetail]:
    """Return one image and its views."""
    return Call("GET", image_path("images", id), _as(ImageDetail))


def file(id: str, *, side: int = 1600) -> Call[bytes]:
    """Return an image as JPEG, upright, without metadata, its longest side at most ``side``."""
    return Call("GET", image_path("files", id), _bytes, {"params": {"side": side}})


def thumbnail(id: str, *, side: int = 256) -> Call[bytes]:
    """Return the same, small; an item without an image gets a card with its captions."""
    return Call("GET", image_path("thumbnails", id), _bytes, {"params": {"side": side}})


def upload(image: ImageSource) -> Call[UploadInfo]:
    """Send an image to be a reference; the server keeps it in memory for a while."""
    files = form_files([image])
    return Call("POST", "/api/uploads", _as(UploadInfo), {"files": files}, largest=_largest(files))


def keep_upload(upload: str) -> Call[KeptUpload]:
    """Have the server keep an upload with the gallery until it is removed.

    Its ``id`` is a reference too, and safe in a link: only ``upload`` removes it. Raises
    ``ApiError`` (status 403) where the server does not allow that.
    """
    return Call("POST", f"{image_path('uploads', upload)}/keep", _as(KeptUpload))


def kept_uploads() -> Call[KeptUploads]:
    """Return what is kept, oldest first; needs the server's token."""
    return Call("GET", "/api/uploads", _as(KeptUploads))


def remove_upload(upload: str) -> Call[None]:
    """Remove an upload, or with the server's token a kept one by its id."""
    return Call("DELETE", image_path("uploads", upload), _nothing)


def compose(text: str = "", **query: Unpack[QueryArguments]) -> Call[CompositionInfo]:
    """Return target captions without searching."""
    return _query("/api/compose", _composition, query, query_json(text, query))


def search(text: str = "", **query: Unpack[QueryArguments]) -> Call[SearchResults]:
    """Search: a reference image, changed as the text says."""
    return _query("/api/search", _results, query, query_json(text, query))


def search_catalog(query: str = "", **request: Unpack[CatalogArguments]) -> Call[CatalogResponse]:
    """Return the products of a shop that match words, a reference image, or both."""
    body = catalog_json(query, request)
    hint = upload_hint({"reference": request.get("reference")})
    return Call("POST", "/catalog/search", _as(CatalogResponse), {"json": body}, missing_hint=hint)


def explain(id: str, text: str = "", **query: Unpack[QueryArguments]) -> Call[Explanation]:
    """Return why the image ``id`` ranks where it does in a search."""
    return _query("/api/explain", _as(Explanation), query, query_json(text, query, id=id))


def explanation_image(
    id: str, text: str = "", *, kind: str = "matches", **query: Unpack[QueryArguments]
) -> Call[bytes]:
    """Return the explanation as PNG: ``matches``, ``heatmap``, ``contributions`` or ``all``."""
    body = query_json(text, query, id=id, kind=kind)
    return _query("/api/explain/image", _bytes, query, body)


def sheet(text: str = "", **query: Unpack[QueryArguments]) -> Call[str]:
    """Return a search as one self-contained HTML page."""
    return _query("/api/sheet", _text, query, query_json(text, query))


def add_images(
    images: Sequence[ImageSource], *, captions: Sequence[Sequence[str]] | None = None
) -> Call[AddedImages]:
    """Add images to the gallery (token), with a list of captions for each."""
    files = form_files(images)
    options = {"files": files, "data": caption_form(captions)}
    return Call("POST", "/api/images", _as(AddedImages), options, largest=_largest(files))


def remove_image(id: str) -> Call[None]:
    """Remove an image from the gallery for good (token)."""
    return Call("DELETE", image_path("images", id), _nothing)


def _query(path: str, reader: Reader[T], query: QueryArguments, body: Mapping[str, Any]) -> Call[T]:
    return Call("POST", path, reader, {"json": body}, missing_hint=upload_hint(query))


def _largest(files: Sequence[tuple[str, tuple[str, bytes]]]) -> int:
    return max((len(content) for _, (_, content) in files), default=0)
