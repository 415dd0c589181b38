"""Files that have all gone at once: a disk that is not mounted must not empty a gallery."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from stitch_cir.errors import GalleryError, NotFoundError
from stitch_cir.gallery._report import IndexCounters, Progress, ProgressEvent
from stitch_cir.gallery.index import _survey
from stitch_cir.gallery.index._scan import FileEntry, id_of, sniff
from stitch_cir.gallery.store import Store, to_path
from stitch_cir.gallery.store._provenance import has_left
from stitch_cir.images import EXTENSIONS, RAW_EXTENSIONS

__all__ = ["check_missing", "refuse_emptying", "require_images", "require_present"]


def require_images(root: Path, entries: Iterable[FileEntry]) -> None:
    """Raise ``NotFoundError`` when the walk of a folder meets nothing that may be an image."""
    others = raw = excluded = 0
    for entry in entries:
        if entry.excluded is not None:
            excluded += 1
        elif entry.problem is not None or entry.named or sniff(root / to_path(entry.path)):
            return
        elif Path(id_of(entry.path)).suffix.lower() in RAW_EXTENSIONS:
            raw += 1
        else:
            others += 1
    held = [
        f"{count} {what}"
        for count, what in (
            (raw, "camera raw, which is not read: export it as JPEG"),
            (others, "other files"),
            (excluded, "left out by their name"),
        )
        if count
    ]
    formats = ", ".join(dict.fromkeys(EXTENSIONS.values()))
    raise NotFoundError(
        f"There is no image in the folder {root.absolute()}"
        + (f" ({', '.join(held)})." if held else ": it is empty."),
        hint=f"Known formats: {formats}. Is a disk not mounted? For an empty gallery, to be "
        "filled through the server, add --allow-missing.",
    )


def require_present(store: Store, root: Path) -> None:
    """Raise ``GalleryError`` when a folder is empty although the gallery has images of it.

    What is written into the mount point of a disk that is away is hidden when the disk is back.
    """
    images = store.value("SELECT COUNT(*) FROM items WHERE path NOT NULL")
    if images and has_left(root):
        raise GalleryError(
            f"The folder {root} is empty, where {images} images were: nothing was added.",
            hint="Mount its disk, then try again.",
        )


def check_missing(
    store: Store, old: Store | None, root: Path, counters: IndexCounters, progress: Progress
) -> None:
    """Keep what seems to be away, and refuse to let go of more than half of the images.

    ``store`` has the survey; for a rebuild, ``old`` is the gallery as it was. A folder that is
    there but empty, where images were, is what an unmounted disk leaves: its items are treated
    like those of a folder that cannot be read. Items that were excluded, or whose file seems to
    have moved, are not missed.

    Raises ``GalleryError``; nothing has been changed by then.
    """
    current = old or store
    images = current.value("SELECT COUNT(*) FROM items WHERE path NOT NULL")
    missing = [
        row for row in _not_met(store, old) if not _survey.is_below(store, row[0], "excluded")
    ]
    unread = [id for id, _, _ in missing if _survey.is_below(store, id, "unread")]
    missing = [row for row in missing if row[0] not in set(unread)]
    gone = _not_moved(store, old, missing)
    kept = _keep_away(store, root, missing, gone)
    away = {id for ids in kept.values() for id in ids}
    lost = gone - away
    if 2 * len(lost) > images:
        refuse_emptying(current, len(lost), images, f"in the folder {root}")
    if old is not None and (unread or away):
        raise GalleryError(
            f"{len(unread) + len(away)} images of the gallery {current.file.parent} cannot be read "
            "now, so a rebuild would lose them: nothing was changed.",
            hint="Mount what is away and try again, or rebuild without them: --allow-missing "
            "keeps their captions.",
        )
    for folder, ids in kept.items():
        reason = (
            f"the folder is empty, where {len(ids)} images were: they are kept. Mount the disk, "
            "or let them go with --allow-missing"
        )
        counters.skipped.append((folder, reason))
        progress(ProgressEvent("scanning", 0, None, folder, reason))


def _not_met(store: Store, old: Store | None) -> list[tuple[str, bytes, int]]:
    """Return (id, path, size) of the items that the survey did not meet."""
    items = "SELECT id, path, size FROM items WHERE path NOT NULL"
    if old is None:
        rows = store.rows(f"{items} AND id NOT IN (SELECT id FROM temp.found)")
    else:
        met = "SELECT 1 FROM temp.found WHERE id = ?"
        rows = [
            (item.id, item.path, item.size)
            for item in old.items()
            if item.path is not None and not store.value(met, (item.id,))
        ]
    return [(id, path, size) for id, path, size in rows]


def refuse_emptying(current: Store, lost: int, images: int, where: str) -> None:
    """Raise the ``GalleryError`` that says how many images would leave."""
    raise GalleryError(
        f"{lost} of the {images} images of the gallery {current.file.parent} are no longer "
        f"{where}: nothing was changed.",
        hint="Is a disk or a share not mounted? If they have gone for good, --allow-missing takes "
        "them out and keeps their vectors and captions for a while; --forget drops both at once.",
    )


def _not_moved(store: Store, old: Store | None, missing: list[tuple[str, bytes, int]]) -> set[str]:
    """Return the missing ids but for those that a new file of the same size may be."""
    gone: set[str] = set()
    if not missing:
        return gone
    met = "SELECT id, size FROM temp.found"
    if old is None:
        fresh = f"{met} WHERE id NOT IN (SELECT id FROM items)"
        new = Counter(size for _, size in store.rows(fresh))
    else:
        new = Counter(size for id, size in store.rows(met) if old.item(id) is None)
    for id, _, size in missing:
        if new[size]:
            new[size] -= 1
        else:
            gone.add(id)
    return gone


def _keep_away(
    store: Store, root: Path, missing: list[tuple[str, bytes, int]], gone: set[str]
) -> dict[str, list[str]]:
    """Note the empty folders from which images have gone; return the ids below each."""
    empty: dict[bytes, bytes | None] = {}
    below: dict[bytes, list[str]] = {}
    for id, path, _ in missing:
        parent = _folder_of(path)
        if parent not in empty:
            empty[parent] = _empty_folder(root, parent)
        folder = empty[parent]
        if folder is not None:
            below.setdefault(folder, []).append(id)
    kept: dict[str, list[str]] = {}
    for folder, ids in below.items():
        # a folder that was tidied away into another folder is no disk
        if 2 * len(gone.intersection(ids)) <= len(ids):
            continue
        kept[id_of(folder)] = ids
        store.run("INSERT OR IGNORE INTO temp.away VALUES (?)", [(id_of(folder),)])
    return kept


def _folder_of(path: bytes) -> bytes:
    return path.rpartition(os.fsencode(os.sep))[0]


def _empty_folder(root: Path, folder: bytes) -> bytes | None:
    """Return the nearest folder that exists, below the root, if nothing visible is in it."""
    while folder:
        try:
            with os.scandir(root / to_path(folder)) as entries:
                if any(not entry.name.startswith(".") for entry in entries):
                    return None
                return folder
        except (FileNotFoundError, NotADirectoryError):
            folder = _folder_of(folder)
        except OSError:
            return None
    return None
