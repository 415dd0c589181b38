"""The JSONL format of recorded compositions: one checked model a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from stitch_cir._hints import first_problem
from stitch_cir.composers._protocol import Caption, Composition
from stitch_cir.composers._roles import Roles
from stitch_cir.composers._text import clean
from stitch_cir.errors import RecordError

__all__ = ["CompositionRecord", "parse_record"]

_EXPECTED = (
    'Expected is one JSON object a line, such as {"reference": "a.jpg", "modification": "in red", '
    '"captions": ["a red dress"]}; optional are weights, reference_captions, roles, intent, id, origins, notes, source.'
)


class CompositionRecord(BaseModel):
    """One line. ``reference`` is a gallery id, a file name, or null for a text alone.

    ``weights`` and ``origins``, where present, have one entry for each caption. ``source`` records
    what composed the captions first.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    reference: str | None
    modification: str
    captions: list[str] = Field(min_length=1)
    weights: list[float] | None = None
    # earlier files call them "before"
    reference_captions: list[str] = Field(
        default=[], validation_alias=AliasChoices("reference_captions", "before")
    )
    roles: dict[str, Any] = {}
    # earlier files have what is to vanish alone
    negative_phrases: list[str] = []
    intent: str = ""
    id: str | int | None = None
    origins: list[str] | None = None
    notes: list[str] = []
    source: dict[str, Any] | None = None

    @field_validator("captions", "reference_captions", "negative_phrases")
    @classmethod
    def _visible(cls, texts: list[str]) -> list[str]:
        for number, text in enumerate(texts, 1):
            if not clean(text):
                raise ValueError(f"text {number} has no visible characters")
        return texts

    @field_validator("roles")
    @classmethod
    def _readable(cls, roles: dict[str, Any]) -> dict[str, Any]:
        try:
            Roles.from_dict(roles)
        except RecordError as error:
            raise ValueError(f"{error.message} {error.hint}".strip()) from error
        return roles

    @field_validator("weights")
    @classmethod
    def _positive(cls, weights: list[float] | None) -> list[float] | None:
        if weights is not None and min(weights, default=1.0) <= 0:
            raise ValueError("every weight must be above 0")
        return weights

    @model_validator(mode="after")
    def _paired(self) -> CompositionRecord:
        for name in ("weights", "origins"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.captions):
                raise ValueError(f"{len(values)} {name} for {len(self.captions)} captions")
        return self

    def to_captions(self) -> tuple[Caption, ...]:
        """Pair the texts with their weights and origins."""
        count = len(self.captions)
        weights = self.weights or [1.0] * count
        origins = self.origins or ["recorded"] * count
        return tuple(map(Caption, self.captions, weights, origins))

    def to_roles(self) -> Roles:
        """Return the phrases by role."""
        return Roles.from_dict(self.roles or {"forbidden": self.negative_phrases})

    @classmethod
    def from_composition(cls, reference: str | None, composition: Composition) -> CompositionRecord:
        """Make the line of a composition, without fields at their defaults."""
        captions = composition.captions
        settings = dict(composition.settings)
        is_recorded = composition.composer == "recorded"
        return cls.model_construct(
            reference=reference,
            modification=composition.modification,
            captions=[caption.text for caption in captions],
            weights=_unless_all([caption.weight for caption in captions], 1.0),
            reference_captions=list(composition.reference_captions),
            roles=composition.roles.to_dict(),
            intent=composition.intent,
            id=settings.get("record") if is_recorded else None,
            origins=_unless_all([caption.origin for caption in captions], "recorded"),
            notes=list(composition.notes),
            source=settings.get("source")
            if is_recorded
            else {"composer": composition.composer, "settings": settings},
        )

    def to_line(self, where: str) -> bytes:
        """Write the line, checked by reading it back, so that no file gets a line nobody can read."""
        data = {key: value for key, value in self.__dict__.items() if value or key in _ALWAYS}
        try:
            line = json.dumps(data, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        except (TypeError, ValueError) as error:
            raise RecordError(
                f"The composition of {self.modification[:80]!r} cannot be written to {where}: "
                f"{error}.",
                hint="Its texts and settings must be plain JSON data.",
            ) from error
        parse_record(line, where)
        return line


_ALWAYS = ("reference", "modification", "captions")


def _unless_all(values: list[Any], usual: Any) -> list[Any] | None:
    return None if all(value == usual for value in values) else values


def parse_record(line: bytes, where: str) -> CompositionRecord:
    """Read one line; ``where`` (``file:line``) goes into the ``RecordError`` of a malformed one."""
    try:
        data = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise RecordError(f"{where}: not UTF-8 text.", hint=_EXPECTED) from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where}: not JSON ({error}).", hint=_EXPECTED) from error
    if not isinstance(data, Mapping):
        raise RecordError(
            f"{where}: a JSON object is expected, not {type(data).__name__}.", hint=_EXPECTED
        )
    try:
        return CompositionRecord.model_validate(data)
    except ValidationError as error:
        raise RecordError(f"{where}: {first_problem(error)}.", hint=_EXPECTED) from error
