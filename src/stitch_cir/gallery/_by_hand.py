"""Single pictures put in and taken out by hand, without looking at the rest of the folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PIL import Image

from stitch_cir.encoders import encode_set
from stitch_cir.errors import GalleryError, ImageError, NotFoundError, SettingError
from stitch_cir.gallery._database import write_lock
from stitch_cir.gallery._provenance import check_encoder, root_of
from stitch_cir.gallery._scan import facts_of, id_of
from stitch_cir.gallery._store import Item, Store, to_path
from stitch_cir.gallery._write import checked
from stitch_cir.images import EXTENSIONS, HEAD_BYTES, MAX_PIXELS, format_of, open_image
from stitch_cir.views import ViewBox, ViewRecipe, content_key

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["ADDED", "add_pictures", "remove_picture"]

ADDED = "added"
"""Folder below the root where added pictures lie; what is there was put there by this module."""
_LONGEST = 80
_KEPT = frozenset(" -_()")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _New:
    name: str
    content: bytes
    hash: str
    image: Image.Image
    boxes: tuple[ViewBox, ...]
    captions: tuple[str, ...]


def add_pictures(
    place: Path,
    pictures: Sequence[tuple[str, bytes]],
    *,
    encoder: DualEncoder,
    captions: Sequence[Sequence[str]] = (),
    max_pixels: int = MAX_PIXELS,
) -> tuple[list[str], list[tuple[str, str]]]:
    """Write pictures below ``root/added`` and index them, and nothing else.

    Parameters
    ----------
    place:
        The gallery's directory.
    pictures:
        Names as somebody gave them, and the files' bytes. Only letters, digits, blanks and a few
        signs of a name survive, its ending follows the content, and a name that is taken gets a
        number: no file is ever overwritten.
    captions:
        For each picture its captions, or nothing at all.

    Returns the new ids, and (name, reason) of what was not added. Files are written when all are
    encoded, and taken away again when they cannot be recorded.

    Raises ``GalleryBusyError``, ``GalleryMismatchError``, ``SettingError`` (a gallery of captions
    only has no folder), ``GalleryError`` where nothing can be written.
    """
    if captions and len(captions) != len(pictures):
        raise SettingError(
            f"There are captions for {len(captions)} of {len(pictures)} pictures.",
            hint="Give one list of captions for each picture, empty where there are none.",
        )
    with _written(place) as (store, root):
        check_encoder(store.meta(), encoder, place)
        recipe = ViewRecipe.from_dict(store.meta()["recipe"])
        new: list[_New] = []
        skipped: list[tuple[str, str]] = []
        for number, (name, content) in enumerate(pictures):
            try:
                image = open_image(content, max_pixels=max_pixels, decode_side=encoder.decode_side)
            except ImageError as error:
                skipped.append((name, str(error)))
                continue
            texts = captions[number] if captions else ()
            clean = tuple(dict.fromkeys(filter(None, (" ".join(t.split()) for t in texts))))
            hash = hashlib.sha256(content).hexdigest()
            boxes = recipe.boxes(*image.size, content_key(image))
            new.append(_New(name, content, hash, image, boxes, clean))
        return _record(store, root, recipe, encoder, new), skipped


def _record(
    store: Store, root: Path, recipe: ViewRecipe, encoder: DualEncoder, new: Sequence[_New]
) -> list[str]:
    unseen = {one.hash: one for one in new if not store.has_content(one.hash)}
    vectors = {}
    if unseen:
        shape = (len(unseen), recipe.count, encoder.dim)
        images = [one.image for one in unseen.values()]
        found = encode_set(encoder, recipe, images, [one.boxes for one in unseen.values()])
        vectors = dict(zip(unseen, checked(found, shape, list(unseen)), strict=True))
    texts = dict.fromkeys(t for one in new for t in one.captions if not store.has_caption(t))
    words = encoder.encode_texts(list(texts))
    if texts:
        words = checked(words, (len(texts), encoder.dim), list(texts))
    written: list[Path] = []
    try:
        ids = []
        folder = _folder(root) if new else root
        with store.transaction():
            store.put_caption_vectors(list(texts), words)
            for one in new:
                file = _write(folder, one)
                written.append(file)
                facts = facts_of(file.stat())
                path = os.fsencode(f"{ADDED}{os.sep}{file.name}")
                if one.hash in vectors:
                    size = one.image.info["full_size"]
                    store.put_content(one.hash, size, one.boxes, vectors.pop(one.hash))
                item = Item(id_of(path), path, facts.size, facts.mtime_ns, one.hash, facts.mark)
                store.put_item(item)
                store.put_captions(item.id, one.captions)
                ids.append(item.id)
            store.set_removed(store.removed() - set(ids))
    except BaseException:
        for file in written:
            file.unlink(missing_ok=True)
        raise
    return ids


def remove_picture(place: Path, id: str) -> None:
    """Take an item out; it stays out at later indexing.

    The file stays where it is and its id is remembered, unless it lies below ``added``: then it is
    deleted. Raises ``NotFoundError`` for an unknown id, ``GalleryBusyError``, ``GalleryError``.
    """
    with write_lock(place), closing(Store(place, write=True)) as store:
        item = store.item(id)
        if item is None:
            raise NotFoundError(f"The gallery {place} has no image {id!r}.")
        root = root_of(store.meta(), place)
        own = None if root is None or item.path is None else _own_file(root, item.path)
        with store.transaction():
            store.remove_items([id])
            if own is None:
                store.set_removed({*store.removed(), id})
        store.sweep()
        if own is not None:
            _told(own, lambda: own.unlink(missing_ok=True))


def _own_file(root: Path, path: bytes) -> Path | None:
    """Give the file if it was added by hand: directly below ``added``, and no way out of it."""
    file = root / to_path(path)
    real = Path(os.path.realpath(root)) / ADDED
    return file if Path(os.path.realpath(file.parent)) == real else None


@contextmanager
def _written(place: Path) -> Iterator[tuple[Store, Path]]:
    with write_lock(place), closing(Store(place, write=True)) as store:
        root = root_of(store.meta(), place)
        if root is None:
            raise SettingError(
                "This gallery has captions only: there is no folder for pictures.",
                hint="Index a folder of pictures, or add captions with stitch index.",
            )
        yield store, root


def _folder(root: Path) -> Path:
    folder = Path(os.path.realpath(root)) / ADDED
    _told(folder, lambda: folder.mkdir(exist_ok=True))
    if os.path.realpath(folder) != str(folder):
        raise GalleryError(
            f"The folder {folder} leads elsewhere; nothing is written through a link.",
            hint=f"Take the link {ADDED} away.",
        )
    return folder


def _write(folder: Path, one: _New) -> Path:
    """Write beside its place first: who indexes meanwhile never sees half a file."""
    stem, ending = _stem(one.name), _ending(one.content)
    part = folder / f".part-{secrets.token_hex(8)}"

    def write() -> Path:
        try:
            with part.open("xb") as stream:
                stream.write(one.content)
            number = 1
            while True:
                file = folder / (f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}")
                try:
                    file.hardlink_to(part)  # unlike a renaming, this never replaces a file
                    return file
                except FileExistsError:
                    number += 1
        finally:
            part.unlink(missing_ok=True)

    return _told(folder, write)


def _stem(name: str) -> str:
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isalnum() or c in _KEPT else "_" for c in last.rpartition(".")[0] or last)
    short = kept.encode()[:_LONGEST].decode(errors="ignore").strip(" _")
    return short or "picture"


def _ending(content: bytes) -> str:
    format = format_of(content[:HEAD_BYTES])
    return next(ending for ending, name in EXTENSIONS.items() if name == format)


def _told(place: Path, act: Callable[[], T]) -> T:
    try:
        return act()
    except OSError as error:
        raise GalleryError(
            f"Nothing can be changed in {place}: {error.strerror or error}.",
            hint="Check free space and permissions.",
        ) from error
