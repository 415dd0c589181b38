"""Roles on the wire: what a query wants to see, keep and avoid, and what each gave to a score."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from stitch_cir.wire._gallery import ViewInfo, WireModel

__all__ = [
    "MAX_AVOIDED",
    "MAX_TEXT",
    "AvoidedText",
    "PhraseInfo",
    "PhraseSent",
    "RoleMatchInfo",
    "RoleShareInfo",
    "RolesInfo",
    "RolesSent",
]

MAX_TEXT = 2000
"""Characters of a caption, and of a text unless a server allows more."""
MAX_AVOIDED = 16
"""Phrases of what one query avoids, and of each role."""

AvoidedText = Annotated[str, Field(max_length=MAX_TEXT, json_schema_extra={"pattern": "\\S"})]


class PhraseSent(BaseModel):
    """A phrase of a role; those of a composition may be sent back as they are."""

    model_config = ConfigDict(strict=True, extra="ignore")

    text: Annotated[str, Field(max_length=MAX_TEXT, json_schema_extra={"pattern": "\\S"})]
    weight: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 1.0
    origin: Annotated[str, Field(max_length=64)] = "user"


_Phrases = Annotated[list[PhraseSent], Field(max_length=4 * MAX_AVOIDED)]


class RolesSent(BaseModel):
    """Phrases by role, for the scorer ``roles``."""

    model_config = ConfigDict(strict=True, extra="forbid")

    desired: _Phrases = Field(default_factory=list, description="What the target image shows.")
    preserve: _Phrases = Field(
        default_factory=list, description="What it shares with the reference."
    )
    forbidden: _Phrases = Field(default_factory=list, description="What it must not show.")


class PhraseInfo(WireModel):
    """A phrase of a role."""

    text: str
    weight: float = 1.0
    origin: str = "user"


class RolesInfo(WireModel):
    """Phrases by role, beside the captions."""

    desired: tuple[PhraseInfo, ...] = Field(default=(), description="What the target image shows.")
    preserve: tuple[PhraseInfo, ...] = Field(
        default=(), description="What it shares with the reference."
    )
    forbidden: tuple[PhraseInfo, ...] = Field(
        default=(), description="What it must not show, or what is to vanish."
    )


class RoleMatchInfo(WireModel):
    """A phrase of a role and the view that shows it best."""

    text: str
    view: ViewInfo
    similarity: float = Field(description="Their cosine.")


class RoleShareInfo(WireModel):
    """What one role gives to the score, or takes off it: all shares sum to the score.

    ``role`` is global (the captions), desired, preserve, reference (its views) or forbidden.
    """

    role: str
    share: float
    matches: tuple[RoleMatchInfo, ...] = ()
