"""What a client sends: a query, its settings, and the image to explain."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stitch_cir.wire._query_settings import QuerySettings
from stitch_cir.wire._roles import MAX_AVOIDED, MAX_TEXT, AvoidedText, PhraseSent, RolesSent

__all__ = [
    "MAX_CAPTIONS",
    "MAX_NEGATIVES",
    "MAX_OBJECT",
    "MAX_OFFSET",
    "MAX_REFERENCES",
    "MAX_TURNS",
    "EditedCaption",
    "ExplainRequest",
    "ExplanationImageRequest",
    "GalleryReference",
    "QueryRequest",
    "QuerySettings",
    "RevealRequest",
    "UploadReference",
    "WeightedGalleryReference",
    "WeightedUploadReference",
]

MAX_OBJECT = 60
"""Characters of the name of an object."""
MAX_CAPTIONS = 64
"""Target captions that may be requested of a composer, and sent unless a server allows more."""
MAX_NEGATIVES = 100
"""Ids of rejected images in one query."""
MAX_OFFSET = 10**9
"""Hits that can be left out at the beginning."""
MAX_REFERENCES = 16
"""References of one query."""
MAX_TURNS = 16
"""Earlier turns of one query."""

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
        {"properties": {"references": {"minItems": 1}}, "required": ["references"]},
        {
            "properties": {"turns": {"contains": {"type": "string", "pattern": "\\S"}}},
            "required": ["turns"],
        },
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


_Weight = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class WeightedGalleryReference(GalleryReference):
    """An image of the gallery as one of several references."""

    weight: _Weight = Field(default=1.0, description="How much it counts beside the others.")


class WeightedUploadReference(UploadReference):
    """An uploaded image as one of several references."""

    weight: _Weight = Field(default=1.0, description="How much it counts beside the others.")


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
    references: Annotated[
        list[WeightedGalleryReference | WeightedUploadReference | _Id],
        Field(max_length=MAX_REFERENCES),
    ] = Field(
        default_factory=list,
        description="Several references, which the text may number: the dress of the first in the "
        "colour of the second. They follow reference, where that is sent too.",
    )
    text: Annotated[str, Field(max_length=100_000)] = Field(
        "", description="What should be different."
    )
    turns: Annotated[
        list[Annotated[str, Field(max_length=100_000)]], Field(max_length=MAX_TURNS)
    ] = Field(
        default_factory=list,
        description="Texts of earlier turns that still hold, oldest first; text is the newest.",
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
    avoid: Annotated[list[AvoidedText | PhraseSent], Field(max_length=MAX_AVOIDED)] = Field(
        default_factory=list,
        description="What the hits should not show, such as stripes: whatever the scorer, images "
        "that show it lose points (settings.forbidden_weight).",
    )
    roles: RolesSent | None = Field(
        default=None,
        description="Phrases by role, instead of the composer's: those of a composition, to be "
        "sent back beside its captions. They count with the scorer roles.",
    )
    settings: QuerySettings = Field(default_factory=lambda: QuerySettings())

    def all_references(self) -> list[WeightedGalleryReference | WeightedUploadReference]:
        """Return every reference as an object with a weight, however it was sent."""
        alone = [] if self.reference is None else [self.reference]
        return [_weighted(each) for each in (*alone, *self.references)]


def _weighted(
    sent: GalleryReference | UploadReference | str,
) -> WeightedGalleryReference | WeightedUploadReference:
    if isinstance(sent, (WeightedGalleryReference, WeightedUploadReference)):
        return sent
    if isinstance(sent, UploadReference):
        return WeightedUploadReference(upload=sent.upload)
    return WeightedGalleryReference(id=sent if isinstance(sent, str) else sent.id)


class ExplainRequest(QueryRequest):
    """A query and the image to explain."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "id": "gown.jpg"}], **_NOT_EMPTY}
    )

    id: _Id


class ExplanationImageRequest(ExplainRequest):
    """A query, the image to explain, and how to draw the explanation."""

    kind: Literal["all", "matches", "heatmap", "contributions"] = "matches"


class RevealRequest(BaseModel):
    """The image whose file is to be shown in its folder."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"id": "gown.jpg"}]})

    id: _Id
