"""The external JSON, as it stands in ``/openapi.json``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stitch_cir.plugins import SCORERS, TRANSITIONS
from stitch_cir.search import PRESETS

__all__ = [
    "Added",
    "Ask",
    "ByUpload",
    "Composed",
    "ErrorBody",
    "ExplainAsk",
    "Explained",
    "Found",
    "GalleryInfo",
    "Health",
    "ImageDetail",
    "ImageList",
    "PictureAsk",
    "Uploaded",
]

_EXAMPLE: dict[str, Any] = {
    "reference": {"id": "dress.jpg"},
    "text": "in red instead",
    "settings": {"k": 10, "alpha": 0.45},
}
Id = Annotated[str, Field(min_length=1, max_length=4096)]
Number = Annotated[float, Field(allow_inf_nan=False)]


# what the library checks, with errors of its own, is described here and not checked again
_Share = Annotated[
    float, Field(allow_inf_nan=False, json_schema_extra={"minimum": 0, "maximum": 1})
]
_Weight = Annotated[
    float, Field(allow_inf_nan=False, json_schema_extra={"minimum": 0, "maximum": 1000})
]
_Step = Annotated[
    float, Field(allow_inf_nan=False, json_schema_extra={"minimum": -1000, "maximum": 1000})
]
_Positive = Annotated[float, Field(allow_inf_nan=False, json_schema_extra={"exclusiveMinimum": 0})]
_Entropy = Annotated[float, Field(allow_inf_nan=False, json_schema_extra={"minimum": 1e-6})]
_Preset = Annotated[str, Field(max_length=64, json_schema_extra={"enum": list(PRESETS)})]
_PlugInOptions = Annotated[
    dict[
        Annotated[str, Field(max_length=64)],
        bool | int | Number | Annotated[str, Field(max_length=256)],
    ],
    Field(max_length=32),
]
_Transition = Annotated[
    str, Field(max_length=64, json_schema_extra={"enum": list(TRANSITIONS.names())})
]
_Scorer = Annotated[str, Field(max_length=64, json_schema_extra={"enum": list(SCORERS.names())})]
# one of them counts; nothing else would be left to search with
_SOME_COUNT = {
    "contains": {
        "not": {
            "anyOf": [
                {"properties": {"on": {"const": False}}, "required": ["on"]},
                {"properties": {"weight": {"const": 0}}, "required": ["weight"]},
            ]
        }
    }
}
# there must be something to search for
_ASKS_SOMETHING: dict[str, Any] = {
    "anyOf": [
        {"properties": {"text": {"type": "string", "pattern": "\\S"}}, "required": ["text"]},
        {"properties": {"reference": {"not": {"type": "null"}}}, "required": ["reference"]},
        {"properties": {"captions": {"type": "array"}}, "required": ["captions"]},
    ]
}


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class ById(_Strict):
    """A picture of the gallery."""

    id: Id = Field(description="A gallery id.")


class ByUpload(_Strict):
    """A picture that was uploaded."""

    upload: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        description="What POST /api/uploads gave."
    )


class CaptionIn(BaseModel):
    """A target caption; those of a composition may be sent back as they are."""

    model_config = ConfigDict(strict=True, extra="ignore")

    text: Annotated[str, Field(max_length=2000, json_schema_extra={"pattern": "\\S"})]
    weight: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 1.0
    on: bool = True


class Settings(_Strict):
    """What changes the ranking; what is left out is the preset's."""

    k: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Hits wanted."
    )
    captions: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None, description="K, the target captions asked of the composer."
    )
    preset: _Preset | None = None
    transition: _Transition | None = None
    alpha: _Share | None = Field(default=None, description="Weight of the text, 0 to 1.")
    scorer: _Scorer | None = None
    tau: _Positive | None = Field(default=None, description="Temperature on raw cosine, above 0.")
    beta: _Share | None = Field(
        default=None, description="Of the transition away, 0 to 1: how much of the reference goes."
    )
    scale: _Step | None = Field(
        default=None, description="Of the transition pdv: how far it steps along the change."
    )
    image_weight: _Share | None = Field(
        default=None, description="Of the transition pdv, 0 to 1: weight of the moved reference."
    )
    gain: _Weight | None = Field(
        default=None, description="Of semantic-increment, 0 to 1000: what a rising score counts."
    )
    loss: _Weight | None = Field(
        default=None, description="Of semantic-increment, 0 to 1000: what a falling score counts."
    )
    transition_options: _PlugInOptions | None = Field(
        default=None, description="Settings of a transition of another package, by name."
    )
    scorer_options: _PlugInOptions | None = Field(
        default=None, description="Settings of a scorer of another package, by name."
    )
    epsilon: _Entropy | None = Field(
        default=None, description="Of the scorer sinkhorn, at least 1e-6: its entropy."
    )
    hub_weight: _Weight | None = Field(
        default=None, description="This times its hubness is taken off an image's score; 0 is off."
    )
    hub_neighbours: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="Neighbours that hubness averages over."
    )
    less_weight: _Weight | None = Field(default=None, description="Weight of less_like, 0 to 1000.")
    min_score: Number | None = None
    include: Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=20)] | None = (
        Field(default=None, description="Rank only ids that match one of these patterns.")
    )
    exclude: Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=20)] | None = (
        Field(default=None, description="Leave out ids that match one of these patterns.")
    )
    include_reference: bool | None = None


class Ask(_Strict):
    """A query: a reference, a modification, or both; or edited captions."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [_EXAMPLE], **_ASKS_SOMETHING}
    )

    reference: ById | ByUpload | Id | None = Field(
        default=None, description="An id, as an object or as it is, or an upload."
    )
    text: Annotated[str, Field(max_length=100_000)] = Field(
        "", description="What should be different."
    )
    captions: (
        Annotated[list[CaptionIn], Field(max_length=256, json_schema_extra=_SOME_COUNT)] | None
    ) = Field(
        default=None,
        description="Edited target captions; those that are off do not count.",
    )
    less_like: Annotated[list[Id], Field(max_length=100)] = Field(
        default_factory=list, description="Ids of rejected pictures."
    )
    settings: Settings = Field(default_factory=lambda: Settings())

    def named(self) -> ById | ByUpload | None:
        """Give the reference in its long form."""
        return ById(id=self.reference) if isinstance(self.reference, str) else self.reference


class ExplainAsk(Ask):
    """A query and the image to explain."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        json_schema_extra={"examples": [{**_EXAMPLE, "id": "gown.jpg"}], **_ASKS_SOMETHING},
    )

    id: Id


class PictureAsk(ExplainAsk):
    """A query, the image to explain, and how to draw it."""

    kind: Literal["all", "matches", "heatmap", "contributions"] = "matches"


# -- answers ---------------------------------------------------------------------------------------


class ErrorText(BaseModel):
    """What happened, and what to do next."""

    type: str
    message: str
    hint: str


class ErrorBody(BaseModel):
    """Every error has this shape."""

    error: ErrorText


class PoolState(BaseModel):
    """How busy some of the server's threads are."""

    threads: int
    held: int = Field(description="Requests worked on or waiting.")
    room: int = Field(description="Requests that may be held; more are answered 503.")
    saturated: bool = Field(description="Every thread is busy: the next request waits.")


class Health(BaseModel):
    """The server works."""

    status: Literal["ok"]
    version: str
    images: int
    ready: bool = Field(description="No pool of threads is saturated.")
    pools: dict[str, PoolState]


class GalleryInfo(BaseModel):
    """What the gallery is and what may be asked of it."""

    name: str
    images: int
    complete: bool | None
    waiting: int | None
    encoder: str
    weights_tag: str
    dim: int
    recipe: dict[str, Any]
    captioned: int
    generation: int
    version: str
    defaults: dict[str, Any]
    choices: dict[str, list[str]]
    limits: dict[str, int]
    composer: dict[str, Any]
    writable: bool
    notes: list[str] = Field(description="What happened to the gallery, e.g. a cache rebuilt.")


class ImageFacts(BaseModel):
    """One image of the gallery; without a size where it has captions only."""

    id: str
    width: int | None
    height: int | None
    captions: list[str]
    image: str
    thumbnail: str


class ViewFacts(BaseModel):
    """One view: a box (fractions of the sides), or a caption."""

    index: int
    label: str
    box: list[float] | None = None
    flip: bool | None = None
    caption: str | None = None


class ImageDetail(ImageFacts):
    """One image with its views."""

    views: list[ViewFacts]


class ImageList(BaseModel):
    """A page of images."""

    total: int
    offset: int
    images: list[ImageFacts]


class Uploaded(BaseModel):
    """A picture that is kept in memory for a while."""

    upload: str
    width: int
    height: int
    sha256: str
    gallery_id: str | None
    expires_in: float


class Composed(BaseModel):
    """Target captions."""

    composition: dict[str, Any]


class HitOut(ImageFacts):
    """One ranked image."""

    rank: int
    score: float
    best_view: ViewFacts


class ResultsOut(BaseModel):
    """Ranked hits with everything that made them."""

    model_config = ConfigDict(extra="allow")

    hits: list[HitOut]
    composition: dict[str, Any] | None
    query: dict[str, Any]
    settings: dict[str, Any]
    ranked: int
    scored: int
    seconds: dict[str, float]
    notes: list[str]


class Found(BaseModel):
    """A search."""

    results: ResultsOut


class Plan(BaseModel):
    """Who matched whom: K captions (rows) by M views."""

    model_config = ConfigDict(extra="allow")

    forward: list[list[float]]
    backward: list[list[float]]
    mass: list[list[float]]
    similarities: list[list[float]]
    score: float


class MatchOut(BaseModel):
    """One caption meeting one view; ``caption`` counts from 0."""

    caption: int
    label: str
    view: ViewFacts
    similarity: float
    forward: float
    backward: float
    mass: float


class Explained(BaseModel):
    """Why an image ranks where it does."""

    hit: HitOut
    views: list[ViewFacts]
    captions: list[str]
    weights: list[float]
    plan: Plan
    matches: list[MatchOut]
    shares: list[float]
    summary: str
    notes: list[str]


class Skipped(BaseModel):
    """A picture that was not added."""

    name: str
    reason: str


class Added(BaseModel):
    """What became of the pictures that were sent."""

    added: list[str]
    skipped: list[Skipped]
