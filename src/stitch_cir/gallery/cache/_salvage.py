"""Damaged rows put together again from what is left of them elsewhere, and proved by their digests.

A row's digest was computed when the row was written. Whatever pieces give this digest again are the
row as it was, wherever they come from: another file's copy of the vectors, or boxes computed anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from stitch_cir.errors import StitchError
from stitch_cir.gallery.cache._format import ViewMatrix, map_unchecked
from stitch_cir.gallery.store import Store, StoredSet
from stitch_cir.gallery.store._digest import CAPTION_IS_SOUND, CONTENT_IS_SOUND, is_row_digest
from stitch_cir.gallery.store._store import boxes_to_json
from stitch_cir.views import ViewRecipe

__all__ = ["ContentRow", "Salvage"]


_CONTENTS = "SELECT hash, width, height, boxes, vectors, digest FROM contents"
_CAPTIONS = "SELECT text, vector, digest FROM caption_vectors"


class ContentRow(NamedTuple):
    """A row of ``contents`` without its digest."""

    hash: str
    width: int
    height: int
    boxes: str
    vectors: bytes


class Salvage:
    """Finds the right form of damaged rows in any cache, whole or damaged, of any generation."""

    def __init__(self, store: Store, cache: Path) -> None:
        """Look for caches below the folder ``cache`` when they are first needed."""
        self._store = store
        self._cache = cache
        self._copies: list[ViewMatrix] | None = None
        self._unsound: list[tuple[ContentRow, bytes]] | None = None

    def complete(self, stored: StoredSet) -> StoredSet:
        """Return a damaged set as it was written, or unchanged where that cannot be proved."""
        if not self._store.has_digests:
            return stored
        image_views = b""
        if stored.hash is not None:
            row = self.content(stored.hash, (stored.id,))
            if row is None:
                return stored
            image_views = row.vectors
        captions = [self.caption(text, (stored.id,)) for text in stored.texts]
        vectors = tuple(vector for vector in captions if vector is not None)
        if len(vectors) < len(captions) or not (image_views or vectors):
            return stored
        positions = self._store.rows(
            "SELECT position FROM captions WHERE id = ? ORDER BY position", (stored.id,)
        )
        if [position for (position,) in positions] != list(range(len(vectors))):
            return stored
        return replace(stored, image_views=image_views, caption_views=vectors, problem=None)

    def content(self, hash: str, ids: Sequence[str]) -> ContentRow | None:
        """Return the row of a content as it was written; ``ids`` are items that have it."""
        rows = self._store.rows(f"{_CONTENTS} WHERE hash = ?", (hash,))
        if not rows:
            # its key may be what was damaged
            rows = self._unsound_rows()
            return next(
                (ContentRow(hash, *r[1:]) for r, d in rows if is_row_digest(d, hash, *r[1:])), None
            )
        row, digest = ContentRow(*rows[0][:5]), rows[0][5]
        usual = self._usual_boxes()
        boxes = [row.boxes] if usual is None else [row.boxes, usual]
        copies = [blob for id in ids for blob, _ in self._sets(id)]
        for boxes_json, blob in product(boxes, [row.vectors, *copies]):
            candidate = row._replace(boxes=boxes_json, vectors=blob)
            if is_row_digest(digest, *candidate):
                return candidate
        if row.vectors in copies and row.boxes == usual:
            return row  # only its digest was damaged
        return None

    def caption(self, text: str, ids: Sequence[str]) -> bytes | None:
        """Return the vector of a caption as it was written; ``ids`` are items that have it."""
        rows = self._store.rows(f"{_CAPTIONS} WHERE text = ?", (text,))
        candidates: list[bytes]
        if not rows:
            rows = self._store.rows(f"{_CAPTIONS} WHERE NOT {CAPTION_IS_SOUND}")
            candidates = [v for _, v, d in rows if is_row_digest(d, text, v)]
            return candidates[0] if candidates else None
        _, vector, digest = rows[0]
        copies = [blob for id in ids for _, blobs in self._sets(id) for blob in blobs]
        candidates = [blob for blob in (vector, *copies) if is_row_digest(digest, text, blob)]
        if not candidates and vector in copies:
            candidates = [vector]  # only its digest was damaged
        return candidates[0] if candidates else None

    def _usual_boxes(self) -> str | None:
        """Return the boxes that every content has, as they are stored; None where they differ."""
        try:
            recipe = ViewRecipe.from_dict(self._store.meta()["recipe"])
        except (StitchError, KeyError):
            return None
        return None if recipe.kind == "random" else boxes_to_json(recipe.boxes(1, 1, b""))

    def _unsound_rows(self) -> list[tuple[ContentRow, bytes]]:
        if self._unsound is None:
            rows = self._store.rows(f"{_CONTENTS} WHERE NOT {CONTENT_IS_SOUND}")
            self._unsound = [(ContentRow(*row[:5]), row[5]) for row in rows]
        return self._unsound

    def _sets(self, id: str) -> Iterator[tuple[bytes, list[bytes]]]:
        """Yield every copy of an item's set: the bytes of its image views, and of each caption."""
        if self._copies is None:
            self._copies = _open_all(self._cache)
        for matrix in self._copies:
            row = matrix.ids.row_of(id)
            if row is not None:
                start, end = matrix.offsets[row : row + 2]
                members, kinds = matrix.vectors[start:end], matrix.kinds[start:end]
                captions = [member.tobytes() for member in members[kinds == 1]]
                yield members[kinds == 0].tobytes(), captions


def _open_all(cache: Path) -> list[ViewMatrix]:
    try:
        folders = sorted(cache.iterdir(), key=lambda folder: folder.name)
    except OSError:
        return []
    matrices = (map_unchecked(folder) for folder in folders if folder.name.isdigit())
    return [matrix for matrix in matrices if matrix is not None]
