"""Single pictures put in and taken out by hand, without looking at the rest of the folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PIL import Image

from stitch_cir.encoders import encode_set
from stitch_cir.errors import (
    GalleryError,
    ImageError,
    NotFoundError,
    SettingError,
    StitchError,
)
from stitch_cir.gallery.index._missing import require_present
from stitch_cir.gallery.index._pending import (
    ADDED,
    intend_to_add,
    intend_to_delete,
    mark_added,
    put_file,
    settle,
)
from stitch_cir.gallery.index._scan import facts_of, id_of
from stitch_cir.gallery.index._write import checked
from stitch_cir.gallery.store._database import write_lock
from stitch_cir.gallery.store._provenance import check_encoder, root_of
from stitch_cir.gallery.store._store import Item, Store, to_path
from stitch_cir.images import EXTENSIONS, HEAD_BYTES, MAX_PIXELS, format_of, open_image
from stitch_cir.views import ViewBox, ViewRecipe, content_key

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["ADDED", "add_pictures", "remove_picture"]

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
    with _opened(place) as store:
        root = root_of(store.meta(), place)
        if root is None:
            raise SettingError(
                "This gallery has captions only: there is no folder for pictures.",
                hint="Index a folder of pictures, or add captions with stitch index.",
            )
        check_encoder(store.meta(), encoder, place)
        require_present(store, root)
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
        return _record(store, place, root, recipe, encoder, new), skipped


def _record(
    store: Store,
    place: Path,
    root: Path,
    recipe: ViewRecipe,
    encoder: DualEncoder,
    new: Sequence[_New],
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
    ids: list[str] = []
    files: list[Path] = []
    try:
        if new:
            folder = _folder(root)
            _told(folder, lambda: files.extend(_write_files(store, folder, new)))
        with store.transaction():
            store.put_caption_vectors(list(texts), words)
            for one, file in zip(new, files, strict=True):
                facts = facts_of(file.stat())
                path = os.fsencode(f"{ADDED}{os.sep}{file.name}")
                if one.hash in vectors:
                    size = one.image.info["full_size"]
                    store.put_content(one.hash, size, one.boxes, vectors.pop(one.hash))
                # without mark: the file loses its other link only when all is recorded
                item = Item(id_of(path), path, facts.size, facts.mtime_ns, one.hash)
                store.put_item(item)
                store.put_captions(item.id, one.captions)
                ids.append(item.id)
            store.set_removed(store.removed() - set(ids))
            mark_added(store, files)
    except BaseException:
        # what this cannot undo now is undone at the next opening; the first error is the one to say
        with suppress(StitchError, OSError):
            settle(store, place)
        raise
    with suppress(StitchError, OSError):
        settle(store, place)
    return ids


def remove_picture(place: Path, id: str) -> None:
    """Take an item out; it stays out at later indexing.

    The file stays where it is and its id is remembered, unless it lies below ``added``: then it is
    deleted. Raises ``NotFoundError`` for an unknown id, ``GalleryBusyError``, ``GalleryError``.
    """
    with _opened(place) as store:
        item = store.item(id)
        if item is None:
            raise NotFoundError(f"The gallery {place} has no image {id!r}.")
        root = root_of(store.meta(), place)
        own = None if root is None or item.path is None else _own_file(root, item.path)
        with store.transaction():
            store.remove_items([id])
            store.set_removed({*store.removed(), id})
            if own is not None:
                intend_to_delete(store, item, own)
        store.sweep()
        problem = None if own is None else settle(store, place)
        if problem is not None:
            raise GalleryError(
                f"{id} was taken out of the gallery, but its file {own} cannot be deleted: "
                f"{problem.strerror or problem}.",
                hint="Check its permissions; it is deleted at the next change of the gallery.",
            ) from problem


def _own_file(root: Path, path: bytes) -> Path | None:
    """Give the file if it was added by hand: directly below ``added``, and no way out of it."""
    file = root / to_path(path)
    real = Path(os.path.realpath(root)) / ADDED
    return file if Path(os.path.realpath(file.parent)) == real else None


@contextmanager
def _opened(place: Path) -> Iterator[Store]:
    with write_lock(place), closing(Store(place, write=True)) as store:
        # files and rows must not part company when the power fails
        store.rows("PRAGMA synchronous = FULL")
        settle(store, place)
        yield store


def _folder(root: Path) -> Path:
    folder = Path(os.path.realpath(root)) / ADDED
    _told(folder, lambda: folder.mkdir(exist_ok=True))
    if os.path.realpath(folder) != str(folder):
        raise GalleryError(
            f"The folder {folder} leads elsewhere; nothing is written through a link.",
            hint=f"Take the link {ADDED} away.",
        )
    return folder


def _write_files(store: Store, folder: Path, new: Sequence[_New]) -> Iterator[Path]:
    """Write beside its place first: who indexes meanwhile never sees half a file."""
    taken: set[Path] = set()
    plan = []
    for one in new:
        part = folder / f".part-{secrets.token_hex(8)}"
        file = _free_name(folder, one, taken)
        taken.add(file)
        plan.append((part, file))
    intend_to_add(store, plan)
    for one, (part, file) in zip(new, plan, strict=True):
        with part.open("xb") as stream:
            stream.write(one.content)
            stream.flush()
            os.fsync(stream.fileno())
        while True:
            try:
                put_file(store, part, file)  # unlike a renaming, this never replaces a file
                break
            except FileExistsError:
                # somebody else was quicker with this name
                file = _free_name(folder, one, taken)
                taken.add(file)
                intend_to_add(store, [(part, file)])
        yield file


def _free_name(folder: Path, one: _New, taken: Collection[Path]) -> Path:
    stem, ending = _stem(one.name), _ending(one.content)
    number = 1
    while True:
        file = folder / (f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}")
        if file not in taken and not os.path.lexists(file):
            return file
        number += 1


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
