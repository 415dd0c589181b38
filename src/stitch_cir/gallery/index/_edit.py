"""Add and remove single images without looking at the rest of the folder."""

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
from stitch_cir.gallery.store import Item, Store, to_path, write_lock
from stitch_cir.gallery.store._provenance import check_encoder, root_of
from stitch_cir.images import EXTENSIONS, HEAD_BYTES, MAX_PIXELS, format_of, open_image
from stitch_cir.views import ViewBox, ViewRecipe, content_key

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["ADDED", "add_images", "remove_image"]

_MAX_STEM_BYTES = 80
_SIGNS = frozenset(" -_()")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _NewImage:
    name: str
    content: bytes
    hash: str
    image: Image.Image
    boxes: tuple[ViewBox, ...]
    captions: tuple[str, ...]


def add_images(
    directory: Path,
    images: Sequence[tuple[str, bytes]],
    *,
    encoder: DualEncoder,
    captions: Sequence[Sequence[str]] = (),
    max_pixels: int = MAX_PIXELS,
) -> tuple[list[str], list[tuple[str, str]]]:
    """Write images below ``root/added`` and index them, and nothing else.

    Parameters are those of :meth:`Gallery.add`, for the gallery at ``directory``. Files are written
    when all images are encoded, and deleted again when they cannot be recorded.
    """
    if captions and len(captions) != len(images):
        raise SettingError(
            f"There are captions for {len(captions)} of {len(images)} images.",
            hint="Give one list of captions for each image, empty where there are none.",
        )
    with _opened(directory) as store:
        root = root_of(store.meta(), directory)
        if root is None:
            raise SettingError(
                "This gallery has captions only: there is no folder for images.",
                hint="Index a folder of images, or add captions with stitch index.",
            )
        check_encoder(store.meta(), encoder, directory)
        require_present(store, root)
        recipe = ViewRecipe.from_dict(store.meta()["recipe"])
        new: list[_NewImage] = []
        skipped: list[tuple[str, str]] = []
        for number, (name, content) in enumerate(images):
            try:
                image = open_image(content, max_pixels=max_pixels, decode_side=encoder.decode_side)
            except ImageError as error:
                skipped.append((name, str(error)))
                continue
            texts = captions[number] if captions else ()
            clean = tuple(dict.fromkeys(filter(None, (" ".join(t.split()) for t in texts))))
            hash = hashlib.sha256(content).hexdigest()
            boxes = recipe.boxes(*image.size, content_key(image))
            new.append(_NewImage(name, content, hash, image, boxes, clean))
        return _record(store, directory, root, recipe, encoder, new), skipped


def _record(
    store: Store,
    directory: Path,
    root: Path,
    recipe: ViewRecipe,
    encoder: DualEncoder,
    new: Sequence[_NewImage],
) -> list[str]:
    unencoded = {image.hash: image for image in new if not store.has_content(image.hash)}
    vectors = {}
    if unencoded:
        shape = (len(unencoded), recipe.count, encoder.dim)
        images = [image.image for image in unencoded.values()]
        rows = encode_set(encoder, recipe, images, [image.boxes for image in unencoded.values()])
        vectors = dict(zip(unencoded, checked(rows, shape, list(unencoded)), strict=True))
    texts = dict.fromkeys(t for image in new for t in image.captions if not store.has_caption(t))
    caption_vectors = encoder.encode_texts(list(texts))
    if texts:
        caption_vectors = checked(caption_vectors, (len(texts), encoder.dim), list(texts))
    ids: list[str] = []
    files: list[Path] = []
    recorded = False
    try:
        if new:
            folder = _folder(root)
            _translate_errors(folder, lambda: files.extend(_write_files(store, folder, new)))
        with store.transaction():
            store.put_caption_vectors(list(texts), caption_vectors)
            for image, file in zip(new, files, strict=True):
                facts = facts_of(file.stat())
                path = os.fsencode(f"{ADDED}{os.sep}{file.name}")
                if image.hash in vectors:
                    size = image.image.info["full_size"]
                    store.put_content(image.hash, size, image.boxes, vectors.pop(image.hash))
                # without mark: the file loses its other link only when all is recorded
                item = Item(id_of(path), path, facts.size, facts.mtime_ns, image.hash)
                store.put_item(item)
                store.put_captions(item.id, image.captions)
                ids.append(item.id)
            store.set_removed(store.removed() - set(ids))
            mark_added(store, files)
            recorded = True
    except BaseException:
        # what cannot be undone now is undone at the next opening; the first error is reported. A
        # commit that failed may stand on the disk all the same: only the next opening can tell
        if not recorded:
            with suppress(StitchError, OSError):
                settle(store, directory)
        raise
    with suppress(StitchError, OSError):
        settle(store, directory)
    return ids


def remove_image(directory: Path, id: str) -> None:
    """Remove an item; it stays out at later indexing.

    The file stays where it is and its id is remembered, unless it lies below ``added``: then it is
    deleted. Raises ``NotFoundError`` for an unknown id, ``GalleryBusyError``, ``GalleryError``.
    """
    with _opened(directory) as store:
        item = store.item(id)
        if item is None:
            raise NotFoundError(f"The gallery {directory} has no image {id!r}.")
        root = root_of(store.meta(), directory)
        added_file = None if root is None or item.path is None else _added_file(root, item.path)
        with store.transaction():
            store.remove_items([id])
            store.set_removed({*store.removed(), id})
            if added_file is not None:
                intend_to_delete(store, item, added_file)
        store.sweep()
        problem = None if added_file is None else settle(store, directory)
        if problem is not None:
            raise GalleryError(
                f"{id} was taken out of the gallery, but its file {added_file} cannot be deleted: "
                f"{problem.strerror or problem}.",
                hint="Check its permissions; it is deleted at the next change of the gallery.",
            ) from problem


def _added_file(root: Path, path: bytes) -> Path | None:
    """Return the file if it was added by hand: directly below ``added``, and no way out of it."""
    file = root / to_path(path)
    real = Path(os.path.realpath(root)) / ADDED
    return file if Path(os.path.realpath(file.parent)) == real else None


@contextmanager
def _opened(directory: Path) -> Iterator[Store]:
    with write_lock(directory), closing(Store(directory, write=True)) as store:
        # files and rows must not part company when the power fails
        store.rows("PRAGMA synchronous = FULL")
        settle(store, directory)
        yield store


def _folder(root: Path) -> Path:
    folder = Path(os.path.realpath(root)) / ADDED
    _translate_errors(folder, lambda: folder.mkdir(exist_ok=True))
    if os.path.realpath(folder) != str(folder):
        raise GalleryError(
            f"The folder {folder} leads elsewhere; nothing is written through a link.",
            hint=f"Take the link {ADDED} away.",
        )
    return folder


def _write_files(store: Store, folder: Path, new: Sequence[_NewImage]) -> Iterator[Path]:
    """Write beside the final name first: who indexes meanwhile never sees half a file."""
    taken: set[Path] = set()
    plan = []
    for image in new:
        part = folder / f".part-{secrets.token_hex(8)}"
        file = _free_name(folder, image, taken)
        taken.add(file)
        plan.append((part, file))
    intend_to_add(store, plan)
    for image, (part, file) in zip(new, plan, strict=True):
        with part.open("xb") as stream:
            stream.write(image.content)
            stream.flush()
            os.fsync(stream.fileno())
        while True:
            try:
                put_file(store, part, file)  # unlike a renaming, this never replaces a file
                break
            except FileExistsError:
                # somebody else was quicker with this name
                file = _free_name(folder, image, taken)
                taken.add(file)
                intend_to_add(store, [(part, file)])
        yield file


def _free_name(folder: Path, image: _NewImage, taken: Collection[Path]) -> Path:
    stem, ending = _stem(image.name), _ending(image.content)
    number = 1
    while True:
        file = folder / (f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}")
        if file not in taken and not os.path.lexists(file):
            return file
        number += 1


def _stem(name: str) -> str:
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(
        c if c.isalnum() or c in _SIGNS else "_" for c in last.rpartition(".")[0] or last
    )
    short = kept.encode()[:_MAX_STEM_BYTES].decode(errors="ignore").strip(" _")
    return short or "image"


def _ending(content: bytes) -> str:
    format = format_of(content[:HEAD_BYTES])
    return next(ending for ending, name in EXTENSIONS.items() if name == format)


def _translate_errors(path: Path, act: Callable[[], T]) -> T:
    try:
        return act()
    except OSError as error:
        raise GalleryError(
            f"Nothing can be changed in {path}: {error.strerror or error}.",
            hint="Check free space and permissions.",
        ) from error
