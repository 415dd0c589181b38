"""The structured part of what the tools answer; their JSON schemas are told to clients."""

from __future__ import annotations

from pydantic import BaseModel, Field

__all__ = ["CaptionOut", "Composed", "Explained", "Found", "HitOut", "Meeting"]


class CaptionOut(BaseModel):
    """A target caption."""

    text: str
    weight: float


class HitOut(BaseModel):
    """One ranked image."""

    rank: int
    id: str = Field(description="Its gallery id, to be a reference or to be explained.")
    score: float = Field(description="Between -2 and 2, larger is better.")
    best_view: str = Field(description="The part of it that matched best.")
    captions: list[str] = Field(description="Its captions in the gallery, if any.")


class Found(BaseModel):
    """A search."""

    hits: list[HitOut]
    captions: list[str] = Field(description="The target captions that were searched with.")
    ranked: int = Field(description="How many images took part.")
    notes: list[str]


class Composed(BaseModel):
    """Target captions."""

    captions: list[CaptionOut]
    composer: str
    notes: list[str]


class Meeting(BaseModel):
    """A caption and a view that matched."""

    caption: str
    view: str
    cosine: float
    mass: float = Field(description="Its share of the whole match, 0 to 1.")


class Explained(BaseModel):
    """Why an image ranks where it does."""

    rank: int
    id: str
    score: float
    summary: str
    gives: dict[str, float] = Field(description="What each caption gave to the score.")
    matches: list[Meeting]
    notes: list[str]
