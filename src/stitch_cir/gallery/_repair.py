"""Damaged records written anew: from caches where that is proved, or encoded from their files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir.encoders import encode_set
from stitch_cir.errors import ImageError
from stitch_cir.gallery.cache import Salvage
from stitch_cir.gallery.index._write import checked
from stitch_cir.gallery.store import Item, Store, StoredSet, write_lock
from stitch_cir.gallery.store._digest import CAPTION_IS_SOUND, CONTENT_IS_SOUND
from stitch_cir.gallery.store._products import combined_hash, files_of, put_image_views
from stitch_cir.images import open_image, open_regular
from stitch_cir.views import ViewRecipe, content_key

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["FromFiles", "Repairs", "repair"]


_GONE = "its file is gone; put it back, or run stitch index FOLDER to take the image out"


@dataclass(frozen=True, slots=True)
class FromFiles:
    """What encoding records again needs: the encoder, the recorded recipe, and where files are."""

    encoder: DualEncoder
    recipe: Mapping[str, Any]
    path_of: Callable[[str], Path | None]
    max_pixels: int


@dataclass(slots=True)
class Repairs:
    """How records were repaired, and why others were not, by id; ``structure``: the indexes,
    ``facts``: what is recorded about the whole.
    """

    ids: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    structure: bool = False
    facts: bool = False

    def __or__(self, later: Repairs) -> Repairs:
        """Return this together with what was repaired later; what failed is as it is now."""
        return Repairs(
            {**self.ids, **later.ids},
            later.failed,
            self.structure or later.structure,
            self.facts or later.facts,
        )


def repair(directory: Path, damaged: Sequence[StoredSet], files: FromFiles | None) -> Repairs:
    """Repair records; without ``files`` only what is proved right by its digest.

    Raises ``GalleryBusyError`` and ``GalleryError`` where nothing can be written.
    """
    repairs = Repairs()
    with write_lock(directory), closing(Store(directory, write=True)) as store:
        if any(line != "ok" for (line,) in store.rows("PRAGMA integrity_check")):
            # rows that an index does not lead to any more are still in the table
            store.rows("REINDEX")
            repairs.structure = True
        repairs.facts = _restore_facts(store)
        salvage = Salvage(store, directory / "cache")
        for stored in damaged:
            if _from_copies(store, salvage, stored):
                repairs.ids[stored.id] = "was damaged in the database; repaired from the cache"
            elif files is not None:
                _from_file(store, salvage, stored, files, repairs)
        store.sweep()
    return repairs


def _restore_facts(store: Store) -> bool:
    """Write damaged facts again from a cache's copy; return whether that was done."""
    if not store.facts_are_damaged():
        return False
    copy = store.proved_facts(dict(store.rows("SELECT key, value FROM meta")))
    if copy is None:
        return False
    with store.transaction():
        store.rows("DELETE FROM meta")
        store.run("INSERT INTO meta VALUES (?, ?)", copy.items())
    return True


def _from_copies(store: Store, salvage: Salvage, stored: StoredSet) -> bool:
    """Write a record again if all of it can be proved; return whether it is whole now."""
    _restore_texts(store, stored.texts)
    texts = tuple(store.captions(stored.id))
    row = None
    if stored.hash is not None:
        row = salvage.content(stored.hash, (stored.id,))
        if row is None:
            return False
    vectors = {text: salvage.caption(text, (stored.id,)) for text in texts}
    if not _are_numbered(store, stored.id) or not (row or vectors):
        return False
    if any(vector is None for vector in vectors.values()):
        return False
    with store.transaction():
        if row is not None:
            store.put_content_row(*row)
        for text, vector in vectors.items():
            store.put_caption_row(text, vector or b"")
    return True


def _restore_texts(store: Store, texts: Iterable[str]) -> None:
    """Put the text of captions right whose vector is there under a text of one other byte."""
    lost = store.rows(
        "SELECT DISTINCT CAST(text AS BLOB) FROM captions "
        "WHERE text NOT IN (SELECT text FROM caption_vectors)"
    )
    free = [
        text
        for (text,) in store.rows(
            "SELECT CAST(text AS BLOB) FROM caption_vectors "
            f"WHERE text NOT IN (SELECT text FROM captions) AND {CAPTION_IS_SOUND}"
        )
    ]
    for (text,) in lost:
        near = [other for other in free if len(other) == len(text) and _distance(other, text) == 1]
        if len(near) == 1:
            with store.transaction():
                store.rows(
                    "UPDATE captions SET text = CAST(? AS TEXT) WHERE CAST(text AS BLOB) = ?",
                    (near[0], text),
                )


def _distance(first: bytes, second: bytes) -> int:
    return sum(a != b for a, b in zip(first, second, strict=True))


def _are_numbered(store: Store, id: str) -> bool:
    rows = store.rows("SELECT position FROM captions WHERE id = ? ORDER BY position", (id,))
    return [position for (position,) in rows] == list(range(len(rows)))


def _from_file(
    store: Store, salvage: Salvage, stored: StoredSet, files: FromFiles, repairs: Repairs
) -> None:
    """Encode a record again; note how, or why that was impossible."""
    item = store.item(stored.id)
    if item is None:
        repairs.failed[stored.id] = "its id is damaged; run stitch index FOLDER"
        return
    how = "was damaged in the database; encoded again"
    if item.hash is not None and salvage.content(item.hash, (item.id,)) is None:
        problem = _encode_image(store, item, files)
        if problem is not None:
            repairs.failed[stored.id] = problem
            return
    elif item.hash is not None:
        row = salvage.content(item.hash, (item.id,))
        assert row is not None
        with store.transaction():
            store.put_content_row(*row)
    texts = store.captions(item.id)
    if not texts and item.hash is None:
        repairs.failed[stored.id] = "its captions are lost; index their file again"
        return
    unknown = [text for text in texts if salvage.caption(text, (item.id,)) is None]
    if texts and not _are_numbered(store, item.id):
        how += ", but captions are lost: index their file again"
    words = files.encoder.encode_texts(unknown) if unknown else None
    with store.transaction():
        if words is not None:
            shape = (len(unknown), files.encoder.dim)
            store.put_caption_vectors(unknown, checked(words, shape, unknown))
        for text in texts:
            vector = salvage.caption(text, (item.id,))
            if vector is not None:
                store.put_caption_row(text, vector)
        store.put_captions(item.id, texts)
    repairs.ids[stored.id] = how


def _encode_image(store: Store, item: Item, files: FromFiles) -> str | None:
    """Encode the image of an item again, or all images of a product; return why that fails."""
    path = files.path_of(item.id)
    if path is None:
        return _GONE
    parts = files_of(store, item.id, path)
    recorded: list[tuple[Path, int | None, int | None]] = [
        (file, image.size, image.mtime_ns) for file, image in parts
    ]
    contents = []
    for file, size, mtime_ns in recorded or [(path, item.size, item.mtime_ns)]:
        try:
            facts = file.stat()
            with open_regular(file) as stream:
                contents.append(stream.read())
        except FileNotFoundError:
            return _GONE
        except (OSError, ImageError) as error:
            return f"its file cannot be read: {getattr(error, 'strerror', None) or error}"
        if (facts.st_size, facts.st_mtime_ns) != (size, mtime_ns):
            return "its file has changed; run stitch index FOLDER"
    hash = combined_hash([hashlib.sha256(content).hexdigest() for content in contents])
    is_encoded = store.value(
        f"SELECT 1 FROM contents WHERE hash = ? AND {CONTENT_IS_SOUND}", (hash,)
    )
    encoder = files.encoder
    recipe = ViewRecipe.from_dict(files.recipe)
    images = []
    if not is_encoded:
        try:
            images = [
                open_image(each, max_pixels=files.max_pixels, decode_side=encoder.decode_side)
                for each in contents
            ]
        except ImageError as error:
            return f"its file cannot be encoded: {error}"
        boxes = [recipe.boxes(*image.size, content_key(image)) for image in images]
        vectors = encode_set(encoder, recipe, images, boxes)
        vectors = checked(vectors, (len(images), len(boxes[0]), encoder.dim), [item.id])
    with store.transaction():
        if not is_encoded:
            size = images[0].info["full_size"]
            put_image_views(store, hash, size, boxes, vectors.reshape(-1, encoder.dim))
        # its hash may be what was damaged: size and time say that this is the file that was indexed
        store.rows("UPDATE items SET hash = ? WHERE id = ?", (hash, item.id))
    return None
