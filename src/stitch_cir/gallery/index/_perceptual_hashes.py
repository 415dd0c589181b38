"""Perceptual hashes of new images, from the pixels that are decoded for the encoder.

Where there are none, or too few, the file is opened once more, small, after it was encoded.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stitch_cir.errors import ImageError
from stitch_cir.gallery._report import Progress, ProgressEvent
from stitch_cir.gallery.store import Store, to_path
from stitch_cir.gallery.store import _perceptual_hashes as tables
from stitch_cir.images import open_image, perceptual_hash

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["hash_of_decoded", "read_perceptual_hashes"]

_PAGE = 256
_SIDE = 128
"""Pixels of the shorter side that are decoded: JPEGs are then read at a fraction of their size."""


def hash_of_decoded(image: Image.Image) -> bytes | None:
    """Return the perceptual hash of an image that was decoded for an encoder.

    Nothing for one without detail; ``None`` where it was reduced to fewer pixels than are needed.
    """
    if min(image.size) < _SIDE and image.size != image.info["full_size"]:
        return None
    # halved as a JPEG is that is decoded for its hash alone: of 250 photographs these two hashes
    # differ in one bit on average, and in four at most
    factor = 1
    while min(image.size) >= 2 * factor * _SIDE:
        factor *= 2
    return perceptual_hash(image.reduce(factor) if factor > 1 else image) or b""


def read_perceptual_hashes(
    store: Store, root: Path, max_pixels: int, workers: int, progress: Progress
) -> None:
    """Compute the perceptual hashes of contents without one, and commit them page by page.

    A file that cannot be read now is tried again by the next run. No generation changes.
    """
    tables.sweep(store)
    total = tables.count_missing(store)
    if not total:
        return
    read = partial(_read, root, max_pixels)
    after, done = "", 0
    with ThreadPoolExecutor(workers, thread_name_prefix="perceptual-hash") as pool:
        while page := tables.missing(store, after, _PAGE):
            made = [each for each in pool.map(read, page) if each is not None]
            with store.transaction(changes_content=False):
                tables.put(store, made)
            after, done = page[-1][0], done + len(page)
            name = page[-1][1].decode("utf-8", "backslashreplace")
            progress(ProgressEvent("perceptual hashes", done, total, name))


def _read(root: Path, max_pixels: int, content: tuple[str, bytes]) -> tuple[str, bytes] | None:
    hash, path = content
    try:
        image = open_image(root / to_path(path), max_pixels=max_pixels, decode_side=_SIDE)
    except (ImageError, OSError):
        return None
    return hash, perceptual_hash(image) or b""
