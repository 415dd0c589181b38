"""What a client sends: a query, its settings, and the image to explain."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stitch_cir.wire._query_settings import QuerySettings

__all__ = [
    "MAX_CAPTIONS",
    "MAX_NEGATIVES",
    "MAX_OBJECT",
    "MAX_OFFSET",
    "MAX_TEXT",
    "EditedCaption",
    "ExplainRequest",
    "ExplanationImageRequest",
    "GalleryReference",
    "QueryRequest",
    "QuerySettings",
    "UploadReference",
]

MAX_TEXT = 2000
"""Characters of a caption, and of a text unless a server allows more."""
MAX_OBJECT = 60
"""Characters of the name of an object."""
MAX_CAPTIONS = 64
"""Target captions that may be requested of a composer, and sent unless a server allows more."""
MAX_NEGATIVES = 100
"""Ids of rejected images in one query."""
MAX_OFFSET = 10**9
"""Hits that can be left out at the beginning."""

_EXAMPLE: dict[str, Any] = {
    "reference": {"id": "dress.jpg"},
    "text": "in red instead",
    "settings": {"k": 10, "alpha": 0.45},
}
_Id = Annotated[str, Field(min_length=1, max_length=4096)]
# a weight above 0 that is switched on: without one there is nothing to search with
_ANY_ACTIVE = {
    "contains": {
        "not": {
            "anyOf": [
                {"properties": {"on": {"const": False}}, "required": ["on"]},
                {"properties": {"weight": {"const": 0}}, "required": ["weight"]},
            ]
        }
    }
}
_NOT_EMPTY: dict[str, Any] = {
    "anyOf": [
        {"properties": {"text": {"type": "string", "pattern": "\\S"}}, "required": ["text"]},
        {"properties": {"reference": {"not": {"type": "null"}}}, "required": ["reference"]},
        {"properties": {"captions": {"type": "array"}}, "required": ["captions"]},
    ]
}


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class GalleryReference(_Request):
    """An image of the gallery as the reference."""

    id: _Id = Field(description="A gallery id.")


class UploadReference(_Request):
    """An uploaded image as the reference."""

    upload: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="The token that POST /api/uploads returned."
    )


class EditedCaption(BaseModel):
    """A target caption to search with; those of a composition may be sent back as they are."""

    model_config = ConfigDict(strict=True, extra="ignore")

    text: Annotated[str, Field(max_length=MAX_TEXT, json_schema_extra={"pattern": "\\S"})]
    weight: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 1.0
    on: bool = Field(default=True, description="Whether it counts.")


class QueryRequest(_Request):
    """A query: a reference, a modification, or both; or edited captions."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE], **_NOT_EMPTY})

    reference: GalleryReference | UploadReference | _Id | None = Field(
        default=None, description="An id, as an object or as it is, or an upload."
    )
    text: Annotated[str, Field(max_length=100_000)] = Field(
        "", description="What should be different."
    )
    captions: (
        Annotated[list[EditedCaption], Field(max_length=256, json_schema_extra=_ANY_ACTIVE)] | None
    ) = Field(
        default=None,
        description="Edited target captions; those that are off do not count.",
    )
    negatives: Annotated[list[_Id], Field(max_length=MAX_NEGATIVES)] = Field(
        default_factory=list, description="Ids of rejected images."
    )
    object: Annotated[str, Field(max_length=MAX_OBJECT)] = Field(
        default="", description="What the reference shows, where the encoder would misread it."
    )
    facets: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=50)
    ] = Field(
        default_factory=list,
        description="Attributes to count: brand, price:0,50,100, taken:year.",
    )
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = Field(
        default=0, description="How many of the best hits to leave out: those of earlier pages."
    )
    cursor: Annotated[str, Field(max_length=200)] = Field(
        default="",
        description="next_cursor of the page before, instead of an offset. The rest of the request "
        "is the same; only k and facets may differ.",
    )
    settings: QuerySettings = Field(default_factory=lambda: QuerySettings())

    def reference_object(self) -> GalleryReference | UploadReference | None:
        """Return the reference as an object, also where it was sent as a plain id."""
        if isinstance(self.reference, str):
            return GalleryReference(id=self.reference)
        return self.reference


class ExplainRequest(QueryRequest):
    """A query and the image to explain."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "id": "gown.jpg"}], **_NOT_EMPTY}
    )

    id: _Id


class ExplanationImageRequest(ExplainRequest):
    """A query, the image to explain, and how to draw the explanation."""

    kind: Literal["all", "matches", "heatmap", "contributions"] = "matches"
