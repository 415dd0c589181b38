"""Walk a folder: which files might be pictures, without opening any of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stitch_cir.errors import GalleryError, NotFoundError
from stitch_cir.gallery._database import DATABASE
from stitch_cir.images import EXTENSIONS, HEAD_BYTES, format_of, is_camera_raw

__all__ = ["Found", "id_of", "scan", "sniff"]


@dataclass(frozen=True, slots=True)
class Found:
    """One directory entry: a file, or (with ``problem``) what cannot be looked at and why.

    ``path`` is relative to the root, in the file system's own bytes. ``named`` tells that the file
    has a picture's ending. Of and below what has a problem, nothing may be called removed.
    """

    path: bytes
    size: int = 0
    mtime_ns: int = 0
    named: bool = True
    problem: str | None = None


def id_of(path: bytes) -> str:
    """Make the gallery id of a relative path: POSIX slashes, bytes that are no UTF-8 escaped."""
    name = path.decode("utf-8", "backslashreplace")
    return name if os.sep == "/" else name.replace(os.sep, "/")


def sniff(path: Path) -> bool:
    """Tell from a file's first bytes whether it is an image; camera raw is none, though a TIFF."""
    try:
        with path.open("rb") as stream:
            format = format_of(stream.read(HEAD_BYTES))
            return format is not None and not (
                format == "TIFF" and is_camera_raw(stream, path.name)
            )
    except OSError:
        return False


def scan(root: Path, *, leave_out: Path) -> Iterator[Found]:
    """Walk ``root`` in a fixed order; hidden entries, ``leave_out`` and galleries are left out.

    Links to files are followed. Links to folders are followed too, unless the folder is walked at
    its own place anyway; loops end there. Raises ``NotFoundError`` or ``GalleryError`` when
    ``root`` itself is no readable folder.
    """
    if not root.exists():
        raise NotFoundError(f"There is no folder {root}.", hint="Check the path.")
    if not root.is_dir():
        raise NotFoundError(f"{root} is not a folder.", hint="Give the folder the pictures are in.")
    try:
        os.scandir(root).close()
    except OSError as error:
        raise GalleryError(
            f"The folder {root} cannot be read: {error.strerror}.", hint="Check its permissions."
        ) from error
    return _walk(str(root), os.path.realpath(leave_out))


def _walk(root: str, leave_out: str) -> Iterator[Found]:
    # names are str with escaped bytes here, as the os module gives them, and bytes in the result
    real_root = os.path.realpath(root)
    prefix = root if root.endswith(os.sep) else root + os.sep
    seen: set[tuple[int, int]] = set()
    pending = [iter(_enter(prefix, "", leave_out, seen))]
    while pending:
        # a stack of our own: folders may be nested deeper than Python recurses
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
            continue
        if isinstance(entry, Found):
            yield entry
            continue
        below = entry.path[len(prefix) :]
        path = os.fsencode(below)
        try:
            facts = entry.stat()
            if entry.is_dir():
                if not (entry.is_symlink() and _walked_anyway(entry.path, real_root)):
                    pending.append(iter(_enter(prefix, below, leave_out, seen)))
                continue
        except OSError as error:
            # a dangling link, a loop of links, or a file that left while we looked
            yield Found(path, problem=f"cannot be read: {error.strerror}")
            continue
        named = Path(entry.name).suffix.lower() in EXTENSIONS
        if named or entry.is_file():
            yield Found(path, facts.st_size, facts.st_mtime_ns, named)


def _enter(
    prefix: str, below: str, leave_out: str, seen: set[tuple[int, int]]
) -> list[os.DirEntry[str] | Found]:
    folder = Path(prefix + below)
    try:
        facts = folder.stat()
        mark = (facts.st_dev, facts.st_ino)
        if mark in seen or (below and os.path.realpath(folder) == leave_out):
            return []
        seen.add(mark)
        with os.scandir(prefix + below) as listing:
            entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        return [Found(os.fsencode(below), problem=f"folder cannot be read: {error.strerror}")]
    if below and any(entry.name == DATABASE for entry in entries):
        return []  # another gallery's own folder
    return [entry for entry in entries if not entry.name.startswith(".")]


def _walked_anyway(link: str, real_root: str) -> bool:
    """Tell whether a linked folder lies in the root, where the walk meets it without the link."""
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(real_root):
        return False
    return not any(part.startswith(".") for part in target.relative_to(real_root).parts)
