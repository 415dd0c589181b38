"""What a server answers about itself, its gallery, its images and errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AddedImages",
    "AttributeInfo",
    "ErrorDetail",
    "ErrorResponse",
    "ExampleInfo",
    "Examples",
    "GalleryInfo",
    "Health",
    "ImageDetail",
    "ImageInfo",
    "ImagePage",
    "ImageSection",
    "ImageSections",
    "KeptUpload",
    "KeptUploads",
    "MissingShards",
    "PoolState",
    "SettingInfo",
    "SkippedImage",
    "UploadInfo",
    "ViewInfo",
    "WireModel",
]


class WireModel(BaseModel):
    """An answer: immutable, finite numbers only; unknown fields of a newer server are dropped."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ErrorDetail(WireModel):
    """What happened, and what to do next."""

    type: str = Field(description="The class of the error, e.g. NotFoundError.")
    message: str
    hint: str = ""


class ErrorResponse(WireModel):
    """Every error has this shape."""

    error: ErrorDetail


class PoolState(WireModel):
    """How busy some of the server's threads are."""

    threads: int
    held: int = Field(description="Requests in work or waiting.")
    room: int = Field(description="Requests that may be held; more are answered 503.")
    saturated: bool = Field(description="Every thread is busy: the next request waits.")


MissingShards = Annotated[
    tuple[str, ...],
    Field(
        description="Where a cluster searches: the shards that do not answer, and why. What they "
        "hold is neither counted nor listed."
    ),
]


class Health(WireModel):
    """The server works; it is not ``ready`` while a pool of threads is saturated.

    It is ``degraded`` while shards of a cluster are ``missing``.
    """

    status: Literal["ok", "degraded"]
    version: str
    images: int | None = Field(
        description="Images in the gallery; null where shards of a cluster are missing that have "
        "never been counted."
    )
    missing: MissingShards = ()
    ready: bool = Field(default=True, description="No pool of threads is saturated.")
    pools: Mapping[str, PoolState] = Field(default_factory=dict)


class SettingInfo(WireModel):
    """A setting that a query can have; fronts make their controls of it."""

    name: str
    kind: Literal["number", "whole", "flag", "name", "patterns", "options"]
    default: Any
    title: str = Field(description="A label in plain words.")
    help: str
    symbol: str = Field(default="", description="Its sign in formulas.")
    minimum: float | None = None
    maximum: float | None = None
    open: bool = Field(default=False, description="The minimum itself is excluded.")
    choices: tuple[str, ...] = Field(default=(), description="The names it can have, if it is one.")
    used_by: tuple[str, ...] = Field(
        default=(), description="The transitions or scorers that have it; empty: every search."
    )


class GalleryInfo(WireModel):
    """What the gallery is, which ``settings`` a query can have, and within which ``limits``."""

    name: str
    images: int
    complete: bool | None = None
    waiting: int | None = None
    encoder: str
    weights_tag: str
    dim: int
    recipe: Mapping[str, Any]
    captioned: int
    attributes: tuple[AttributeInfo, ...] = ()
    orders: tuple[str, ...] = Field(
        default=("id",), description="How GET /api/images can list them; the first is the standard."
    )
    generation: int
    version: str
    settings: tuple[SettingInfo, ...]
    limits: Mapping[str, int]
    composer: Mapping[str, Any]
    writable: bool
    notes: tuple[str, ...] = Field(
        default=(), description="What happened to the gallery, e.g. a cache rebuilt."
    )
    missing: MissingShards = ()
    encoder_note: str | None = Field(
        default=None,
        description="Where the encoder is a stand-in: what it is good at, and the command, size "
        "and time of a better one; null where no model can be fetched.",
    )
    opens_folders: bool = Field(
        default=False, description="The server can show a file in its folder on this machine."
    )
    keeps_uploads: bool = Field(
        default=False, description="An upload may be kept with the gallery, for a link."
    )


class AttributeInfo(WireModel):
    """One attribute: its ``kind`` (text, number, boolean, date, list), and how many have it."""

    name: str
    kind: str
    items: int


class ViewInfo(WireModel):
    """One view: ``box`` is (x0, y0, x1, y1) in fractions of the sides, or it is a ``caption``.

    ``image`` counts the images of an item from 1, where it has several.
    """

    index: int
    label: str
    box: tuple[float, float, float, float] | None = None
    flip: bool | None = None
    caption: str | None = None
    image: int | None = None


class ImageInfo(WireModel):
    """One image of the gallery; ``width`` and ``height`` (pixels) are null for captions only.

    ``image`` and ``thumbnail`` are addresses on the server.
    """

    id: str
    width: int | None
    height: int | None
    captions: tuple[str, ...]
    image: str
    thumbnail: str


class ExampleInfo(WireModel):
    """A question to begin with; without ``reference`` it is words alone."""

    reference: ImageInfo | None = None
    text: str


class Examples(WireModel):
    """Up to three questions, made of what the encoder reads in images of this gallery."""

    examples: tuple[ExampleInfo, ...]
    missing: MissingShards = ()


class ImageDetail(ImageInfo):
    """One image with its views and attributes."""

    views: tuple[ViewInfo, ...]
    attributes: Mapping[str, Any] = Field(default_factory=dict)


class ImageSection(WireModel):
    """A folder, a letter, a month or a year: ``count`` images from ``offset`` on.

    ``label`` is the folder, the letter, ``2024-05`` or ``2024``; empty for images without any.
    """

    label: str
    offset: int
    count: int


class ImageSections(WireModel):
    """Where a list of ``total`` images can be jumped into; empty where it has no parts."""

    total: int
    by: Literal["folder", "letter", "month", "year"] | None = None
    sections: tuple[ImageSection, ...]
    missing: MissingShards = ()


class ImagePage(WireModel):
    """Some of ``total`` images, from ``offset`` on, in the order of the list."""

    total: int
    offset: int
    images: tuple[ImageInfo, ...]
    missing: MissingShards = ()


class UploadInfo(WireModel):
    """An image the server keeps in memory for ``expires_in`` seconds, to be a reference.

    ``gallery_id`` is set when the gallery holds the same content.
    """

    upload: str
    width: int
    height: int
    sha256: str
    gallery_id: str | None
    expires_in: float


class KeptUpload(WireModel):
    """An upload kept with the gallery: a link may name its ``id``, which removes nothing."""

    id: str
    bytes: int
    kept_at: str = Field(description="When, in UTC: 2026-11-26T23:40:00+00:00.")


class KeptUploads(WireModel):
    """All kept uploads, oldest first."""

    uploads: tuple[KeptUpload, ...]


class SkippedImage(WireModel):
    """An image that was not added, and why."""

    name: str
    reason: str


class AddedImages(WireModel):
    """The gallery ids of the images that were added, and the files that were skipped."""

    added: tuple[str, ...]
    skipped: tuple[SkippedImage, ...]
