"""Captions and attributes that a model wrote of images: written, taken over, and forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from stitch_cir.errors import SettingError
from stitch_cir.gallery._names import fold
from stitch_cir.gallery.index._write import encode_new_texts
from stitch_cir.gallery.store import Store, write_lock
from stitch_cir.gallery.store import _attributes as tables
from stitch_cir.gallery.store._provenance import check_encoder
from stitch_cir.gallery.store._written_captions import (
    WrittenRow,
    outdated,
    put_written,
    written_elsewhere,
    written_rows,
    written_texts,
)

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.gallery._reader import GalleryReader

__all__ = [
    "MAX_WEIGHT",
    "WRITTEN_ATTRIBUTES",
    "ImageCaptions",
    "Written",
    "WrittenBefore",
    "forget_outdated",
    "take_over_written",
    "write_captions",
]

WRITTEN_ATTRIBUTES = ("subject", "colours", "materials", "setting")
"""The attributes that a model writes, each a list of short texts."""
MAX_WEIGHT = 10
_BATCH = 64
Written = tuple[WrittenRow, tuple[str, ...]]
"""What is recorded of an item, and the texts that a model wrote of it, each once."""


@dataclass(frozen=True, slots=True)
class ImageCaptions:
    """What a model wrote of an image.

    ``content`` is the hash of the image that it was shown, ``answer`` the key of its answer.
    """

    id: str
    content: str
    captions: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    model: str = ""
    prompt: str = ""
    answer: str = ""


def write_captions(
    gallery: GalleryReader, written: Sequence[ImageCaptions], *, weight: int = 1
) -> list[str]:
    """Make caption views and attributes of what a model wrote; return the ids written.

    Captions from a file or from metadata stay before them. What was written of another content
    than the item has now is left out, and attributes that were set stay.

    Parameters
    ----------
    written:
        What is written of each image; it replaces what a model wrote of it before.
    weight:
        As how many views of the image's set each caption counts, 0 … 10; with 0 only the
        attributes are written.

    Raises ``SettingError`` for another weight, ``GalleryBusyError``, ``GalleryError``.
    """
    if not 0 <= weight <= MAX_WEIGHT:
        raise SettingError(
            f"The weight of captions is {weight}.",
            hint=f"As how many views a caption counts is a whole number, 0 … {MAX_WEIGHT}.",
        )
    directory, encoder = gallery.directory, gallery.encoder
    with write_lock(directory), closing(Store(directory, write=True)) as store:
        check_encoder(store.meta(), encoder, directory)
        current = [each for each in written if _is_current(store, each)]
        for start in range(0, len(current), _BATCH):
            batch = current[start : start + _BATCH]
            rows = [
                WrittenRow(e.id, e.content, e.model, e.prompt, e.answer, weight, 0) for e in batch
            ]
            _put(store, encoder, rows, [each.captions for each in batch])
            _put_attributes(store, batch)
    return [each.id for each in current]


class WrittenBefore:
    """What a model wrote of the images of a gallery that is encoded anew; nothing for ``None``."""

    def __init__(self, old: Store | None) -> None:
        """Read what is recorded, without the texts."""
        self._old = old
        self._rows = {} if old is None else written_rows(old)

    def of(self, ids: Iterable[str] | None = None) -> Iterator[Written]:
        """Yield what was written of some images, or of all."""
        for id in self._rows if ids is None else ids:
            if self._old is not None and id in self._rows:
                yield self._rows[id], tuple(written_texts(self._old, id))

    def missing_in(self, store: Store) -> list[str]:
        """Return the ids of which another store has not the same."""
        there = written_rows(store)
        return [id for id, row in self._rows.items() if there.get(id) != row]


def take_over_written(store: Store, written: Iterable[Written], encoder: DualEncoder) -> None:
    """Encode for a rebuild what a model wrote of images that are there, or have vanished."""
    there = (each for each in written if store.item(each[0].id) or store.vanished(each[0].id))
    while batch := list(islice(there, _BATCH)):
        _put(store, encoder, [row for row, _ in batch], [texts for _, texts in batch])


def forget_outdated(store: Store) -> None:
    """Drop what a model wrote of images that are others by now."""
    rows = outdated(store)
    if not rows:
        return
    with store.transaction():
        for row in rows:
            put_written(store, row, ())
        _replace(store, {row.id: {} for row in rows})
    store.sweep()


def _is_current(store: Store, written: ImageCaptions) -> bool:
    item = store.item(written.id)
    return item is not None and item.hash == written.content


def _put(
    store: Store,
    encoder: DualEncoder,
    rows: Sequence[WrittenRow],
    captions: Sequence[Sequence[str]],
) -> None:
    """Write the captions of each row that has other ones, in one transaction."""
    recorded = written_rows(store)
    changed = []
    for row, texts in zip(rows, captions, strict=True):
        kept = tuple(dict.fromkeys(texts)) if row.weight else ()
        row = replace(row, members=len(kept) * row.weight)
        others = written_elsewhere(store, row.id)
        members = [text for text in kept for _ in range(row.weight)]
        before = recorded.get(row.id)
        if not kept and before is None:
            continue
        if before != row or store.captions(row.id) != [*others, *members]:
            changed.append((row, kept))
    if not changed:
        return
    new, vectors = encode_new_texts(store, encoder, [text for _, kept in changed for text in kept])
    with store.transaction():
        store.put_caption_vectors(new, vectors)
        for row, kept in changed:
            put_written(store, row, kept)


def _put_attributes(store: Store, written: Sequence[ImageCaptions]) -> None:
    values = {each.id: each.attributes for each in written}
    with store.transaction(changes_content=False):
        _replace(store, values)


def _replace(store: Store, values: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """Replace these attributes of items, in a transaction of the caller.

    Values that were set stay, and so do attributes that have another kind in this gallery.
    """
    existing = {fold(row.name): row for row in tables.attributes(store)}
    items = tables.number_items(store, list(values))
    changed = []
    for name in WRITTEN_ATTRIBUTES:
        row = existing.get(fold(name))
        stored = [(items[id], list(each.get(name, ()))) for id, each in values.items()]
        if row is None and any(texts for _, texts in stored):
            number = tables.put_attribute(store, name, "list")
        elif row is not None and row.kind == "list":
            number = row.number
        else:
            continue
        tables.replace_values(store, number, stored, carried=True)
        changed.append(number)
    tables.mark_changed(store, changed)
