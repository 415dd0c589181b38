"""References and text as one vector, or a set: what composed-query encoders make of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders import ComposedEncoder, ComposedInput, check_composed
from stitch_cir.errors import NotFoundError
from stitch_cir.gallery import GalleryReader
from stitch_cir.searcher._features import ComposedQuery, ComposedSet
from stitch_cir.searcher._reference import ResolvedReference, resolve_id
from stitch_cir.searcher._settings import SearchSettings

__all__ = ["Composing", "encode_composed_sets", "left_out_notes"]

_TOGETHER = 32
"""Queries whose reference images are open at a time."""


@dataclass(frozen=True, slots=True)
class Composing:
    """Which encoders read references and text together, and what they are instructed to find."""

    encoders: Sequence[ComposedEncoder] = ()
    instruction: str = ""

    @classmethod
    def of(
        cls,
        settings: SearchSettings,
        encoder: ComposedEncoder,
        others: Sequence[ComposedEncoder] | None = None,
    ) -> Composing:
        """Return what the settings request: ``encoder`` where they give it a weight.

        ``others`` take its place whatever its weight.
        """
        if others is None:
            others = (encoder,) if settings.composed_weight else ()
        return cls(others, settings.composed_instruction or "")

    @property
    def name(self) -> str:
        """The name of the first encoder; ``""`` where there is none."""
        return next((each.name for each in self.encoders), "")

    def settings(self) -> dict[str, Any]:
        """Return everything that shapes the vectors, JSON-ready."""
        return {name: value for e in self.encoders for name, value in e.composed_settings().items()}


def encode_composed_sets(
    gallery: GalleryReader,
    queries: Sequence[ComposedQuery],
    composing: Composing,
    vectors: Sequence[tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]],
) -> list[dict[str, ComposedSet]]:
    """Encode n queries: for each what every encoder made of it, by the encoder's name.

    ``vectors`` are each query's vectors of the reference and of the text, where there are some. A
    query without a reference, without a text, or whose references have no image where the encoder
    needs one has no set of it. With several references each is encoded with the text, and its
    vectors have the reference's share.
    """
    sets: list[dict[str, ComposedSet]] = [{} for _ in queries]
    for encoder in composing.encoders:
        for start in range(0, len(queries), _TOGETHER):
            numbers = range(start, min(start + _TOGETHER, len(queries)))
            inputs = [
                (number, each)
                for number in numbers
                for each in _inputs(gallery, queries[number], encoder, composing, vectors[number])
            ]
            encoded = encoder.encode_composed([each for _, each in inputs]) if inputs else []
            check_composed(encoder, encoded, len(inputs), gallery.encoder.dim)
            parts: dict[int, list[NDArray[np.float32]]] = {}
            for (number, _), rows in zip(inputs, encoded, strict=True):
                parts.setdefault(number, []).append(rows)
            for number, of_query in parts.items():
                made = _joined(queries[number], of_query, encoder, composing)
                sets[number][encoder.name] = made
    return sets


def _inputs(
    gallery: GalleryReader,
    query: ComposedQuery,
    encoder: ComposedEncoder,
    composing: Composing,
    vectors: tuple[NDArray[np.float32] | None, NDArray[np.float32] | None],
) -> list[ComposedInput]:
    """Return what the encoder reads of a query: nothing where a part of it is missing."""
    if not query.references or not query.text:
        return []
    instruction = composing.instruction
    if not encoder.needs_image:
        image_vector, text_vector = vectors
        if image_vector is None:
            return []
        return [ComposedInput(None, query.text, instruction, image_vector, text_vector)]
    opened = [_open(gallery, each) for each in query.references]
    if any(each.image is None for each in opened):
        return []
    return [ComposedInput(each.image, query.text, instruction) for each in opened]


def _open(gallery: GalleryReader, reference: ResolvedReference) -> ResolvedReference:
    """Return a reference with its image, where the gallery has it and nobody opened it yet."""
    if reference.image is not None or reference.gallery_id is None:
        return reference
    try:
        return resolve_id(gallery, reference.gallery_id)
    except NotFoundError:
        return reference


def _joined(
    query: ComposedQuery,
    parts: Sequence[NDArray[np.float32]],
    encoder: ComposedEncoder,
    composing: Composing,
) -> ComposedSet:
    shares = query.shares if len(parts) > 1 else (1.0,)
    weights = [
        np.full(len(rows), share / len(rows), np.float32)
        for rows, share in zip(parts, shares, strict=True)
    ]
    instructed: Mapping[str, str] = {}
    if encoder.needs_image and composing.instruction:
        instructed = {"instruction": composing.instruction}
    return ComposedSet(
        np.concatenate(parts),
        np.concatenate(weights),
        {**encoder.composed_settings(), **instructed},
    )


def left_out_notes(
    query: ComposedQuery, composing: Composing, made: Mapping[str, ComposedSet]
) -> tuple[str, ...]:
    """Return why there is no vector of reference and text together, for each encoder without."""
    if not query.references:
        why = "there is no reference"
    elif not query.text:
        why = "there is no text"
    else:
        why = "the reference has no image"
    return tuple(
        f"The weight of image and text as one vector ({each.name}) changes nothing: {why}."
        for each in composing.encoders
        if each.name not in made
    )
