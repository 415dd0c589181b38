"""What is exported of a hit: of a search just made, or of its JSON that was saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stitch_cir._hints import escape_surrogates, first_problem, missing_file_hint
from stitch_cir.errors import NotFoundError, RecordError
from stitch_cir.searcher import Hit, Region, Results

__all__ = ["HitRecord", "HitRecords", "read_results", "records_of"]

_EXPECTED = "Expected is what `stitch search GALLERY TEXT --json` wrote."


@dataclass(frozen=True, slots=True)
class HitRecord:
    """One hit; ``size`` is (width, height) in pixels of the upright image, None for captions only.

    ``score`` is the transport score; ``regions`` are the strongest first.
    """

    rank: int
    id: str
    score: float
    path: Path | None = None
    size: tuple[int, int] | None = None
    captions: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        width, height = self.size or (None, None)
        return {
            "rank": self.rank,
            "id": self.id,
            "score": round(self.score, 6),
            "path": None if self.path is None else escape_surrogates(str(self.path)),
            "width": width,
            "height": height,
            "captions": list(self.captions),
            "attributes": dict(self.attributes),
            "regions": [region.to_dict() for region in self.regions],
        }


@dataclass(frozen=True, slots=True)
class HitRecords:
    """The hits of one search, best first, and its query in one line."""

    hits: tuple[HitRecord, ...]
    query: str = ""


def records_of(results: Results) -> HitRecords:
    """Return the hits of a search as records."""
    return HitRecords(
        tuple(map(_record, results)),
        _line(results.query.reference_names, (*results.query.requests[:-1], results.query.text)),
    )


def read_results(path: Path | str) -> HitRecords:
    """Read the hits of a search whose JSON was saved.

    Raises ``NotFoundError`` without such a file, ``RecordError`` for other contents.
    """
    source = Path(path)
    try:
        content = source.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The results {source} cannot be read: {error.strerror}.",
            hint=missing_file_hint(source, _EXPECTED),
        ) from error
    try:
        saved = _SavedResults.model_validate(json.loads(content.decode("utf-8-sig")))
    except ValidationError as error:
        raise RecordError(
            f"{source} holds no results of a search: {first_problem(error)}.", hint=_EXPECTED
        ) from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{source} is no JSON: {error}.", hint=_EXPECTED) from error
    return saved.records()


def _record(hit: Hit) -> HitRecord:
    return HitRecord(
        hit.rank,
        hit.id,
        hit.score,
        hit.path,
        hit.size,
        hit.captions,
        hit.attributes,
        hit.regions(),
    )


def _line(references: tuple[str, ...], texts: tuple[str | None, ...]) -> str:
    return " + ".join(part for part in (*references, *texts) if part)


class _Saved(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _SavedRegion(_Saved):
    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    caption: str
    mass: float
    similarity: float


class _SavedHit(_Saved):
    rank: int = Field(ge=1)
    id: str
    score: float
    path: str | None = None
    size: tuple[int, int] | None = None
    captions: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}
    regions: tuple[_SavedRegion, ...] = ()


class _SavedReference(_Saved):
    name: str


class _SavedQuery(_Saved):
    text: str | None = None
    references: tuple[_SavedReference, ...] = ()
    turns: tuple[str, ...] = ()


class _SavedResults(_Saved):
    hits: tuple[_SavedHit, ...]
    query: _SavedQuery = _SavedQuery()

    def records(self) -> HitRecords:
        hits = tuple(
            HitRecord(
                hit.rank,
                hit.id,
                hit.score,
                None if hit.path is None else Path(hit.path),
                hit.size,
                hit.captions,
                hit.attributes,
                tuple(Region(**region.model_dump()) for region in hit.regions),
            )
            for hit in self.hits
        )
        names = tuple(each.name for each in self.query.references)
        return HitRecords(hits, _line(names, (*self.query.turns, self.query.text)))
