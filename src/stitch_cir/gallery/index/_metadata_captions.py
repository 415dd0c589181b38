"""Captions that images carry: their descriptions and keywords as caption views, where wanted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from stitch_cir.gallery._names import fold
from stitch_cir.gallery._report import IndexCounters, Progress
from stitch_cir.gallery.index._write import encode_captions
from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store._written_captions import written_elsewhere

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["encode_metadata_captions"]

_BY_CAMERAS = frozenset(
    "dcim,default,digital camera,exif_jpeg_picture,exif_jpeg_t422,exif_jpeg_picture.jpg,jpeg,"
    "kodak digital still camera,minolta digital camera,olympus digital camera,samsung,"
    "samsung digital camera,screenshot,sony dsc,untitled,user comments".split(",")
)
"""Descriptions that cameras and programs write, and that say nothing of an image."""
_TEXTS = (
    "SELECT i.id, a.folded, v.value FROM attribute_values v"
    " JOIN attributes a ON a.number = v.attribute AND a.folded IN (?, ?)"
    " JOIN attribute_items i ON i.number = v.item"
    " WHERE i.id IN (SELECT id FROM items) OR i.id IN (SELECT id FROM vanished)"
    " ORDER BY i.id, v.attribute, v.position"
)


def encode_metadata_captions(
    store: Store,
    encoder: DualEncoder,
    counters: IndexCounters,
    progress: Progress,
    *,
    is_on: bool,
) -> None:
    """Bring the captions that come from metadata up to date; only new ones are encoded.

    An item's description is one caption and its keywords another. Items that have captions from a
    file, or that came with some, keep those alone. Where it is off, such captions go.
    """
    made = {id for (id,) in store.rows("SELECT id FROM metadata_captions")}
    texts = _captions(store.rows(_TEXTS, (fold("description"), fold("keywords")))) if is_on else {}
    if not made and not texts:
        return
    others = {
        id: kept
        for id in store.captioned_ids(vanished=True)
        if id not in made and (kept := tuple(written_elsewhere(store, id)))
    }
    new = {id: each for id, each in texts.items() if id not in others}
    if not made and not new:
        return
    if new.keys() != made:
        with store.transaction(changes_content=False):
            # noted first: after an interruption the next run still knows whose captions these are
            store.run("INSERT OR IGNORE INTO metadata_captions VALUES (?)", [(id,) for id in new])
    encode_captions(store, encoder, {**others, **new}, counters, progress)
    gone = [(id,) for id in made - new.keys()]
    if gone:
        with store.transaction(changes_content=False):
            store.run("DELETE FROM metadata_captions WHERE id = ?", gone)


def _captions(rows: Iterable[tuple[str, str, object]]) -> dict[str, tuple[str, ...]]:
    """Return the captions of each item, of (id, folded name, value) in order."""
    descriptions: dict[str, str] = {}
    keywords: dict[str, list[str]] = {}
    for id, name, value in rows:
        if not isinstance(value, str) or not value.strip():
            continue
        if name == fold("keywords"):
            keywords.setdefault(id, []).append(value)
        elif value.strip().lower() not in _BY_CAMERAS:
            descriptions[id] = value
    captions = {}
    for id in sorted({*descriptions, *keywords}):
        listed = ", ".join(keywords.get(id, []))
        captions[id] = tuple(dict.fromkeys(filter(None, (descriptions.get(id), listed))))
    return captions
