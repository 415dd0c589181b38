"""From a caller's arguments to the JSON and forms that the server takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict
from urllib.parse import quote

from stitch_cir.errors import NotFoundError, QueryError
from stitch_cir.wire import (
    CaptionInfo,
    EditedCaption,
    ImageInfo,
    PhraseInfo,
    QuerySettings,
    RolesInfo,
    UploadInfo,
)

__all__ = [
    "CatalogArguments",
    "ImageSource",
    "QueryArguments",
    "ReferenceLike",
    "caption_form",
    "catalog_json",
    "form_files",
    "image_path",
    "query_json",
    "upload_hint",
]

ReferenceLike: TypeAlias = str | UploadInfo | ImageInfo | None
"""A gallery id, an upload, an image or hit of an answer, or nothing."""

ImageSource: TypeAlias = str | Path | bytes
"""The path of an image file, or its bytes."""


class QueryArguments(TypedDict, total=False):
    """What a query holds besides its text.

    ``reference``: one image, or ``references``: several, each alone or with its weight, which the
    text may number; ``turns``: texts of earlier turns that still hold, oldest first; ``captions``:
    edited target captions instead of composed ones; ``negatives``: gallery ids of rejected images;
    ``object``: what the reference shows, where it is misread; ``facets``: attributes to count;
    ``offset``: hits of earlier pages, to be left out; ``cursor``: the ``next_cursor`` of the page
    before, instead of an offset; ``avoid``: what the hits should not show, as texts or phrases;
    ``roles``: those of a composition, to be sent back beside its captions; ``settings``: what
    changes the ranking, see ``docs/settings.md``.
    """

    reference: ReferenceLike
    references: Sequence[ReferenceLike | tuple[ReferenceLike, float]]
    turns: Sequence[str]
    captions: Sequence[str | CaptionInfo | EditedCaption] | None
    negatives: Sequence[str]
    object: str
    facets: Sequence[str]
    offset: int
    cursor: str
    avoid: Sequence[str | PhraseInfo]
    roles: RolesInfo | None
    settings: QuerySettings


class CatalogArguments(TypedDict, total=False):
    """What a catalog search holds besides its words.

    ``filters``: ``price`` in minor units of ``currency``, ``categories``, and attributes by name;
    ``facets``: attributes to count; ``limit`` and ``cursor``: which page.
    """

    reference: ReferenceLike
    filters: Mapping[str, Any]
    currency: str
    facets: Sequence[str]
    limit: int
    cursor: str


def catalog_json(query: str, request: CatalogArguments) -> dict[str, Any]:
    """Return the JSON of a catalog search, without what was left out."""
    data: dict[str, Any] = {"query": query} if query else {}
    reference = request.get("reference")
    if reference is not None:
        data["reference"] = _reference_json(reference)
    if "filters" in request:
        data["filters"] = dict(request["filters"])
    if "currency" in request:
        data["context"] = {"currency": request["currency"]}
    if "facets" in request:
        data["facets"] = list(request["facets"])
    page = {name: request[name] for name in ("limit", "cursor") if name in request}
    return {**data, "pagination": page} if page else data


def query_json(text: str, query: QueryArguments, **more: str) -> dict[str, Any]:
    """Return the JSON of a query. Raises ``QueryError`` for a reference of another kind."""
    data: dict[str, Any] = {"text": text, **more}
    reference = query.get("reference")
    if reference is not None:
        data["reference"] = _reference_json(reference)
    data["references"] = [
        {**_reference_json(each[0]), "weight": each[1]}
        if isinstance(each, tuple)
        else _reference_json(each)
        for each in query.get("references", ())
    ]
    data["turns"] = list(query.get("turns", ()))
    captions = query.get("captions")
    if captions is not None:
        data["captions"] = [
            {"text": caption} if isinstance(caption, str) else caption.model_dump()
            for caption in captions
        ]
    data["negatives"] = list(query.get("negatives", ()))
    data["object"] = query.get("object", "")
    data["facets"] = list(query.get("facets", ()))
    data["offset"] = query.get("offset", 0)
    data["cursor"] = query.get("cursor", "")
    data["avoid"] = [
        each if isinstance(each, str) else each.model_dump() for each in query.get("avoid", ())
    ]
    roles = query.get("roles")
    if roles is not None:
        data["roles"] = roles.model_dump(mode="json")
    settings: dict[str, Any] = {**query.get("settings", {})}
    data["settings"] = {
        name: value if isinstance(value, (str, int, float)) else list(value)
        for name, value in settings.items()
        if value is not None
    }
    return data


def _reference_json(reference: ReferenceLike) -> dict[str, Any]:
    if isinstance(reference, UploadInfo):
        return {"upload": reference.upload}
    if isinstance(reference, (str, ImageInfo)):
        return {"id": reference if isinstance(reference, str) else reference.id}
    raise QueryError(
        f"The reference is a {type(reference).__name__}; the server knows ids and uploads.",
        hint="Send it first: reference=client.upload(image)",
    )


def upload_hint(query: QueryArguments) -> str:
    """Return what to do about a reference that is a file here and not an id, else ``""``."""
    references = [query.get("reference"), *query.get("references", ())]
    for each in references:
        reference = each[0] if isinstance(each, tuple) else each
        try:
            is_file = isinstance(reference, str) and Path(reference).is_file()
        except (OSError, ValueError):
            continue
        if is_file:
            return f"It is a file here: send it first, reference=client.upload({reference!r})"
    return ""


def image_path(kind: str, id: str) -> str:
    """Return the address of an image; ids may hold slashes and segments that addresses drop."""
    odd = any(part in ("", ".", "..") for part in id.split("/"))
    quoted = quote(id, safe="").replace(".", "%2E") if odd else quote(id)
    return f"/api/{kind}/{quoted}"


def form_files(images: Sequence[ImageSource]) -> list[tuple[str, tuple[str, bytes]]]:
    """Return the form's files. Raises ``NotFoundError`` for a path that cannot be read."""
    return [("file", _form_file(number, image)) for number, image in enumerate(images, 1)]


def _form_file(number: int, image: ImageSource) -> tuple[str, bytes]:
    if isinstance(image, bytes):
        return f"image-{number}", image
    path = Path(image)
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The image {str(path)!r} cannot be read: {error.strerror or error}.",
            hint="Give the path of a file.",
        ) from error


def caption_form(captions: Sequence[Sequence[str]] | None) -> dict[str, str]:
    """Return the form's field with a list of captions for each file."""
    if captions is None:
        return {}
    return {"captions": json.dumps([list(texts) for texts in captions], ensure_ascii=False)}
