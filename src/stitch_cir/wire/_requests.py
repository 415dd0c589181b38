"""What a client sends: a query, its settings, and the image to explain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

__all__ = [
    "MAX_CAPTIONS",
    "MAX_NEGATIVES",
    "MAX_OBJECT",
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

_EXAMPLE: dict[str, Any] = {
    "reference": {"id": "dress.jpg"},
    "text": "in red instead",
    "settings": {"k": 10, "alpha": 0.45},
}
_Id = Annotated[str, Field(min_length=1, max_length=4096)]
# the library checks these ranges, with errors of its own: they are described here, not checked
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Share = Annotated[_Number, Field(json_schema_extra={"minimum": 0, "maximum": 1})]
_Weight = Annotated[_Number, Field(json_schema_extra={"minimum": 0, "maximum": 1000})]
_Step = Annotated[_Number, Field(json_schema_extra={"minimum": -1000, "maximum": 1000})]
_Positive = Annotated[_Number, Field(json_schema_extra={"exclusiveMinimum": 0})]
_Entropy = Annotated[_Number, Field(json_schema_extra={"minimum": 1e-6})]
# which names there are is the library's to say: the server adds them to its description
_Name = Annotated[str, Field(max_length=64)]
_ShortText = Annotated[str, Field(max_length=256)]
_PlugInOptions = Annotated[Mapping[_Name, bool | int | _Number | _ShortText], Field(max_length=32)]
_Patterns = Annotated[Sequence[Annotated[str, Field(max_length=256)]], Field(max_length=20)]
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


class QuerySettings(TypedDict, total=False):
    """What changes the ranking; a setting that is left out has the preset's value."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid")  # type: ignore[misc]

    k: Annotated[
        Annotated[int, Field(ge=1, le=1_000_000)] | None, Field(description="Number of hits.")
    ]
    num_captions: Annotated[
        Annotated[int, Field(ge=1, le=MAX_CAPTIONS)] | None,
        Field(description="K, the number of target captions that the composer writes."),
    ]
    preset: _Name | None
    transition: _Name | None
    alpha: Annotated[_Share | None, Field(description="Weight of the text, 0 to 1.")]
    scorer: _Name | None
    tau: Annotated[_Positive | None, Field(description="Temperature on raw cosine, above 0.")]
    beta: Annotated[
        _Share | None,
        Field(description="Of the transition away, 0 to 1: the share of the reference removed."),
    ]
    scale: Annotated[
        _Step | None,
        Field(description="Of the transition pdv: how far it steps along the change."),
    ]
    image_weight: Annotated[
        _Share | None,
        Field(description="Of the transition pdv, 0 to 1: weight of the moved reference."),
    ]
    gain: Annotated[
        _Weight | None,
        Field(description="Of semantic-increment, 0 to 1000: weight of a rising score."),
    ]
    loss: Annotated[
        _Weight | None,
        Field(description="Of semantic-increment, 0 to 1000: weight of a falling score."),
    ]
    transition_options: Annotated[
        _PlugInOptions | None,
        Field(description="Settings of a transition of another package, by name."),
    ]
    scorer_options: Annotated[
        _PlugInOptions | None,
        Field(description="Settings of a scorer of another package, by name."),
    ]
    epsilon: Annotated[
        _Entropy | None, Field(description="Of the scorer sinkhorn, at least 1e-6: its entropy.")
    ]
    hubness_weight: Annotated[
        _Weight | None,
        Field(description="Hubness times this is subtracted from an image's score; 0 is off."),
    ]
    hubness_neighbours: Annotated[
        Annotated[int, Field(ge=1, le=1_000_000)] | None,
        Field(description="Neighbours that hubness averages over."),
    ]
    negative_weight: Annotated[_Weight | None, Field(description="Weight of negatives, 0 to 1000.")]
    min_score: _Number | None
    include: Annotated[
        _Patterns | None, Field(description="Rank only ids that match one of these patterns.")
    ]
    exclude: Annotated[
        _Patterns | None, Field(description="Leave out ids that match one of these patterns.")
    ]
    where: Annotated[
        Annotated[str, Field(min_length=1, max_length=10_000)] | None,
        Field(description="Rank only images whose attributes meet it: price < 50 and not sold."),
    ]
    group_by: Annotated[
        _Name | None, Field(description="Rank groups: images of one value of this attribute.")
    ]
    group_size: Annotated[
        Annotated[int, Field(ge=1, le=100)] | None,
        Field(description="How many images of each group are returned."),
    ]
    include_reference: bool | None


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
