"""View sets read from the gallery's tables, each checked against its digests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery.store._digest import CAPTION_IS_SOUND, CONTENT_IS_SOUND
from stitch_cir.gallery.store._store import Store
from stitch_cir.views import ViewBox

__all__ = [
    "UNIT_TOLERANCE",
    "StoredSet",
    "StoredView",
    "image_views",
    "problem_of",
    "sets",
    "views",
]

UNIT_TOLERANCE = 1e-3
"""How far a vector's length may be from 1."""
_PAGE = 256


@dataclass(frozen=True, slots=True)
class StoredView:
    """One member of an item's view set: a ``box`` or a ``caption``, and its (d,) float32 vector.

    ``image`` counts the item's images from 1, where it has several.
    """

    vector: NDArray[np.float32]
    box: ViewBox | None = None
    caption: str | None = None
    image: int | None = None


@dataclass(frozen=True, slots=True)
class StoredSet:
    """The view set of one item as it is stored: bytes of its image views, bytes of each caption.

    ``problem`` says what is wrong with it (``None`` when its digests are right): such a set must
    not be ranked. ``hash`` names its content; ``texts`` its captions.
    """

    id: str
    hash: str | None
    image_views: bytes
    texts: tuple[str, ...]
    caption_views: tuple[bytes, ...]
    problem: str | None

    def members(self, dim: int) -> NDArray[np.float32]:
        """Return the (m, d) float32 views, image views first."""
        blob = self.image_views + b"".join(self.caption_views)
        return np.frombuffer(blob, dtype="<f4").reshape(-1, dim)


def views(store: Store, id: str) -> list[StoredView]:
    """Return the view set of an item: image views first, then caption views.

    Raises ``RowDamagedError`` when what is stored is not what was written.
    """
    rows = store.rows(
        f"SELECT i.hash, c.boxes, c.vectors, {_sound(store, 'c', CONTENT_IS_SOUND)} "
        "FROM items i LEFT JOIN contents c USING (hash) WHERE i.id = ?",
        (id,),
    )
    members: list[StoredView] = []
    if rows and rows[0][0] is not None:
        _, boxes, blob, sound = rows[0]
        if not sound:
            raise store.damaged(id)
        members = image_views(store, id, boxes, blob)
    rows = store.rows(
        f"SELECT t.text, v.vector, {_sound(store, 'v', CAPTION_IS_SOUND)} "
        "FROM captions t LEFT JOIN caption_vectors v USING (text) "
        "WHERE t.id = ? ORDER BY t.position",
        (id,),
    )
    for text, vector, sound in rows:
        if not sound or len(vector) % 4:
            raise store.damaged(id)
        members.append(StoredView(np.frombuffer(vector, dtype="<f4"), caption=text))
    if not members and store.find_id(id) is not None:
        # every item has views: what leads to them is damaged
        raise store.damaged(id)
    return members


def image_views(store: Store, id: str, boxes: str, blob: bytes) -> list[StoredView]:
    """Return the views of a stored content. Raises ``RowDamagedError``, naming the item ``id``."""
    try:
        rows = json.loads(boxes)
        vectors = np.frombuffer(blob, dtype="<f4").reshape(len(rows), -1)
        return [
            StoredView(
                vector,
                box=ViewBox(x0, y0, x1, y1, bool(flip)),
                image=image[0] + 1 if image else None,
            )
            for (x0, y0, x1, y1, flip, *image), vector in zip(rows, vectors, strict=True)
        ]
    except (TypeError, ValueError, RecursionError) as error:
        raise store.damaged(id) from error


def _sound(store: Store, table: str, check: str) -> str:
    """Return SQL that is true where a row exists and is what was written."""
    column = "vector" if check is CAPTION_IS_SOUND else "vectors"
    if not store.has_digests:
        return f"typeof({table}.{column}) = 'blob'"
    return f"({table}.{column} NOT NULL AND {_of_table(check, table)})"


def sets(store: Store) -> Iterator[StoredSet]:
    """Stream all view sets in id order, each with what is wrong with it, if anything is.

    A few hundred sets are in memory at a time.
    """
    # pages are bounded by the ids' bytes: a damaged id is not what its text says
    after = b""
    sound = _sound(store, "c", CONTENT_IS_SOUND)
    while page := store.rows(
        f"SELECT CAST(i.id AS BLOB), i.id, i.hash, c.vectors, {sound} "
        "FROM items i LEFT JOIN contents c USING (hash) "
        "WHERE i.id > CAST(? AS TEXT) AND typeof(i.id) = 'text' ORDER BY i.id LIMIT ?",
        (after, _PAGE),
    ):
        captions: dict[str, list[tuple[int, str, Any, bool]]] = {}
        for id, *caption in store.rows(
            f"SELECT t.id, t.position, t.text, v.vector, {_sound(store, 'v', CAPTION_IS_SOUND)} "
            "FROM captions t LEFT JOIN caption_vectors v USING (text) "
            "WHERE t.id BETWEEN CAST(? AS TEXT) AND CAST(? AS TEXT) ORDER BY t.id, t.position",
            (page[0][0], page[-1][0]),
        ):
            captions.setdefault(id, []).append(tuple(caption))
        for _, id, hash, blob, is_sound in page:
            yield _stored_set(id, hash, blob, bool(is_sound), captions.get(id, []))
        after = page[-1][0]
    # what is no text any more has no place in the order, and would never let the pages end
    for (raw,) in store.rows("SELECT id FROM items WHERE typeof(id) <> 'text'"):
        # without its hash: vectors that are whole must not be ranked under this name
        name = f"(an id that cannot be read: {raw!r})"
        yield StoredSet(name, None, b"", (), (), "its id is damaged")


def problem_of(stored: StoredSet, dim: int) -> str | None:
    """Return what is wrong with a set, as precisely as can be said; None for a sound one."""
    if stored.problem is not None and "lost" in stored.problem:
        return stored.problem
    try:
        members = stored.members(dim)
    except ValueError:
        return f"vectors that are not of {dim} dimensions"
    if not len(members):
        return "no vectors"
    if len(stored.image_views) % (4 * dim):
        return f"vectors that are not of {dim} dimensions"
    if not np.isfinite(members).all():
        return "vectors that are not finite"
    with np.errstate(over="ignore"):
        if np.abs(np.linalg.norm(members, axis=1) - 1).max() > UNIT_TOLERANCE:
            return "vectors that are not of unit length"
    return stored.problem


def _of_table(check: str, table: str) -> str:
    """Return the SQL of a check with its columns qualified by a table's name."""
    columns = r"\b(digest|hash|width|height|boxes|vectors|text|vector)\b"
    return re.sub(columns, rf"{table}.\1", check)


def _stored_set(
    id: str, hash: str | None, blob: Any, sound: bool, captions: list[tuple[int, str, Any, bool]]
) -> StoredSet:
    problem = None
    if hash is not None and blob is None:
        problem = "its record is lost"
    elif hash is not None and not sound:
        problem = "its record is not what was written"
    elif [position for position, *_ in captions] != list(range(len(captions))):
        problem = "captions are lost"
    elif any(vector is None for _, _, vector, _ in captions):
        problem = "the vector of a caption is lost"
    elif not all(fine for *_, fine in captions):
        problem = "the vector of a caption is not what was written"
    elif hash is None and not captions:
        problem = "no vectors"
    texts = tuple(text for _, text, _, _ in captions)
    vectors = tuple(v if isinstance(v, bytes) else b"" for _, _, v, _ in captions)
    return StoredSet(id, hash, blob if isinstance(blob, bytes) else b"", texts, vectors, problem)
