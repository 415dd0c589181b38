"""From a caller's arguments to the JSON and forms that the server takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypedDict
from urllib.parse import quote

from stitch_cir.client._types import Caption, Image, Upload
from stitch_cir.errors import NotFoundError, QueryError

__all__ = [
    "Asking",
    "Picture",
    "ReferenceLike",
    "Settings",
    "address",
    "ask_json",
    "caption_form",
    "picture_files",
    "upload_hint",
]

ReferenceLike: TypeAlias = str | Upload | Image | None
"""A gallery id, an upload, an image or hit that an answer held, or nothing."""

Picture: TypeAlias = str | Path | bytes
"""A picture's file by its path, or its bytes."""


class Settings(TypedDict, total=False):
    """What changes the ranking; what is left out is the preset's. See ``docs/settings.md``.

    ``captions`` is K, how many target captions are asked of the composer.
    """

    k: int
    captions: int
    preset: str
    transition: str
    alpha: float
    scorer: str
    tau: float
    beta: float
    scale: float
    image_weight: float
    gain: float
    loss: float
    transition_options: Mapping[str, bool | float | str]
    epsilon: float
    scorer_options: Mapping[str, bool | float | str]
    hub_weight: float
    hub_neighbours: int
    less_weight: float
    min_score: float
    include: Sequence[str]
    exclude: Sequence[str]
    include_reference: bool


class Asking(TypedDict, total=False):
    """What a query holds besides its text.

    ``captions``: edited target captions instead of composed ones; ``less_like``: gallery ids of
    rejected pictures.
    """

    reference: ReferenceLike
    captions: Sequence[str | Caption] | None
    less_like: Sequence[str]
    settings: Settings


def ask_json(text: str, ask: Asking, **more: str) -> dict[str, Any]:
    """Give the JSON of a query."""
    data: dict[str, Any] = {"text": text, **more}
    reference = ask.get("reference")
    if isinstance(reference, Upload):
        data["reference"] = {"upload": reference.upload}
    elif isinstance(reference, (str, Image)):
        data["reference"] = {"id": reference if isinstance(reference, str) else reference.id}
    elif reference is not None:
        raise QueryError(
            f"The reference is a {type(reference).__name__}; the server knows ids and uploads.",
            hint="Send it first: reference=client.upload(picture)",
        )
    captions = ask.get("captions")
    if captions is not None:
        data["captions"] = [_caption(one) for one in captions]
    data["less_like"] = list(ask.get("less_like", ()))
    data["settings"] = {
        name: value if isinstance(value, (str, int, float)) else list(value)
        for name, value in _pairs(ask.get("settings", {}))
        if value is not None
    }
    return data


def upload_hint(ask: Asking) -> str:
    """Say what to do with a reference that is no id but a file of this machine, else nothing."""
    reference = ask.get("reference")
    try:
        is_file = isinstance(reference, str) and Path(reference).is_file()
    except (OSError, ValueError):
        return ""
    if not is_file:
        return ""
    return f"It is a file here: send it first, reference=client.upload({reference!r})"


def _pairs(settings: Mapping[str, Any]) -> Sequence[tuple[str, Any]]:
    return list(settings.items())


def _caption(one: str | Caption) -> dict[str, Any]:
    if isinstance(one, str):
        return {"text": one}
    return {"text": one.text, "weight": one.weight, "on": one.on}


def address(place: str, id: str) -> str:
    """Give the address of an image; ids may hold slashes and segments that addresses drop."""
    odd = any(part in ("", ".", "..") for part in id.split("/"))
    spelled = quote(id, safe="").replace(".", "%2E") if odd else quote(id)
    return f"/api/{place}/{spelled}"


def picture_files(pictures: Sequence[Picture]) -> list[tuple[str, tuple[str, bytes]]]:
    """Give the form's files. Raises ``NotFoundError`` for a path that cannot be read."""
    return [("file", _named(number, picture)) for number, picture in enumerate(pictures, 1)]


def _named(number: int, picture: Picture) -> tuple[str, bytes]:
    if isinstance(picture, bytes):
        return f"picture-{number}", picture
    path = Path(picture)
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The picture {str(path)!r} cannot be read: {error.strerror or error}.",
            hint="Give the path of a file.",
        ) from error


def caption_form(captions: Sequence[Sequence[str]] | None) -> dict[str, str]:
    """Give the form's field with a list of captions for each file."""
    if captions is None:
        return {}
    return {"captions": json.dumps([list(one) for one in captions], ensure_ascii=False)}
