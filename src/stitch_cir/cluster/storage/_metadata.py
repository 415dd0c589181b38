"""What a dataset records about itself, in the metadata of its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stitch_cir.cluster.storage._rows import SHARDS
from stitch_cir.errors import GalleryDamagedError, GalleryError

__all__ = [
    "ATTRIBUTE",
    "FACTS",
    "FORMAT_METADATA",
    "SHAPING",
    "AttributePosition",
    "facts_of",
    "kinds_metadata",
    "metadata_of",
    "positions",
    "read_metadata",
]

_FORMAT = 2
SHAPING = ("fingerprint", "dim", "recipe")
"""Facts that are the same for all vectors of a dataset."""
FACTS, _DATASET, ATTRIBUTE = "stitch.facts", "stitch.dataset", "stitch.attribute."
"""Keys of a dataset's metadata: the gallery's facts, format and shards, and each attribute.

Attributes have keys of their own, so that writers that add some at once lose none. Rows of format 1
have digests of BLAKE2b only; in format 2 they have them still, where rows were not written again.
"""
FORMAT_METADATA = {_DATASET: json.dumps({"format": _FORMAT, "shards": SHARDS})}
"""What says that rows are written as this version writes them."""


class AttributePosition(NamedTuple):
    """An attribute of a dataset, and where it is shown among the others."""

    position: int
    name: str
    kind: str


def facts_of(dataset: Any, uri: str) -> dict[str, Any]:
    """Return the facts of the gallery. Raises ``GalleryError`` for what no version wrote."""
    metadata = read_metadata(dataset)
    if FACTS not in metadata:
        raise GalleryError(
            f"{uri} is a dataset of another program.",
            hint="Choose another address, or make a dataset: stitch cluster export GALLERY URI",
        )
    try:
        made = json.loads(metadata[_DATASET])
        facts: dict[str, Any] = json.loads(metadata[FACTS])
    except (ValueError, KeyError) as error:
        raise GalleryDamagedError(
            f"What {uri} records about its gallery cannot be read.",
            hint="Go back to an earlier version: stitch cluster log URI, then checkout.",
        ) from error
    if made["format"] > _FORMAT:
        raise GalleryError(
            f"{uri} was written by a newer version of stitch (format {made['format']}).",
            hint="Update stitch-cir.",
        )
    if made["shards"] != SHARDS:
        raise GalleryError(
            f"{uri} was dealt out to {made['shards']} shards; this version of stitch deals out to "
            f"{SHARDS}.",
            hint="Make a new dataset: stitch cluster export GALLERY URI",
        )
    return facts


def read_metadata(dataset: Any) -> dict[str, str]:
    """Return the metadata of a version as text."""
    metadata = dataset.schema.metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items()}


def metadata_of(facts: Mapping[str, Any], kinds: Sequence[AttributePosition]) -> dict[str, str]:
    """Return the metadata of a new dataset: facts of a gallery, and its attributes."""
    return {
        FACTS: json.dumps(facts),
        **FORMAT_METADATA,
        **kinds_metadata(kinds),
    }


def positions(kinds: Sequence[tuple[str, str]], first: int) -> list[AttributePosition]:
    """Return attributes, (name, kind) each, in the order in which they come, from ``first`` on."""
    return [AttributePosition(number, *kind) for number, kind in enumerate(kinds, first)]


def kinds_metadata(kinds: Sequence[AttributePosition]) -> dict[str, str]:
    """Return the metadata of attributes."""
    return {
        f"{ATTRIBUTE}{each.name}": json.dumps({"kind": each.kind, "position": each.position})
        for each in kinds
    }
