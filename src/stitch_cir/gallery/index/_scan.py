"""Walk a folder: which files might be images, without opening any of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stitch_cir._hints import missing_file_hint
from stitch_cir.errors import GalleryError, NotFoundError
from stitch_cir.gallery.index._exclude import Exclusions
from stitch_cir.gallery.store import DATABASE
from stitch_cir.images import EXTENSIONS, HEAD_BYTES, format_of, is_camera_raw

__all__ = ["Facts", "FileEntry", "facts_of", "id_of", "scan", "sniff"]

_INT64 = 2**63
_UNSETTLED = -1
_IN_THE_CLOUD = "is only in the cloud: download it to index it"
_STUB = ".icloud"  # what iCloud leaves of x.jpg on older systems: .x.jpg.icloud
_DATALESS = 0x40000000  # macOS: SF_DATALESS
_RECALL = 0x00400000 | 0x00040000  # Windows: recall on data access, recall on open


class Facts(NamedTuple):
    """What the file system says about a file; equal facts mean an unchanged file.

    ``size`` is in bytes. ``mark`` changes with the content even where size and time are put back:
    the time of the last change of status on POSIX; on Windows, where that is the time of creation,
    the number of the file. All fit SQLite's 64 bits.
    """

    size: int
    mtime_ns: int
    mark: int | None

    def settled(self, now_ns: int) -> Facts:
        """Return the facts to record of a file read at ``now_ns`` (ns since 1970).

        FAT keeps times in steps of two seconds: a file that was written less than that ago may be
        written once more and look the same, so it gets a mark that no file has.
        """
        coarse = self.mtime_ns % 1_000_000_000 == 0
        recent = abs(now_ns - self.mtime_ns) < 2_000_000_000
        return self._replace(mark=_UNSETTLED) if coarse and recent else self


def facts_of(stat: os.stat_result) -> Facts:
    """Return the facts of a file, numbers beyond 64 bits clamped (a time after 2262, say)."""
    return Facts(_clamp(stat.st_size), _clamp(stat.st_mtime_ns), _clamp(_change_mark(stat)))


def _change_mark(stat: os.stat_result) -> int:
    return stat.st_ino & (_INT64 - 1) if os.name == "nt" else stat.st_ctime_ns


def _clamp(number: int) -> int:
    return max(-_INT64, min(number, _INT64 - 1))


_UNKNOWN = Facts(0, 0, None)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One directory entry: a file, or (with ``problem``) what cannot be looked at and why.

    ``path`` is relative to the root, in the file system's own bytes. ``named`` means that the file
    has an image's ending. Of and below what has a problem, nothing may be called removed.
    ``excluded`` is the pattern or marker that leaves this file, or this folder with everything
    below it, out of the gallery.
    """

    path: bytes
    facts: Facts = _UNKNOWN
    named: bool = True
    problem: str | None = None
    excluded: str | None = None


def id_of(path: bytes) -> str:
    """Make the gallery id of a relative path: POSIX slashes, bytes that are no UTF-8 escaped."""
    name = path.decode("utf-8", "backslashreplace")
    return name if os.sep == "/" else name.replace(os.sep, "/")


def sniff(path: Path) -> bool:
    """Return whether a file is an image by its first bytes; camera raw is none, though a TIFF."""
    try:
        with path.open("rb") as stream:
            format = format_of(stream.read(HEAD_BYTES))
            return format is not None and not (
                format == "TIFF" and is_camera_raw(stream, path.name)
            )
    except OSError:
        return False


def scan(
    root: Path, *, leave_out: Path, exclusions: Exclusions | None = None
) -> Iterator[FileEntry]:
    """Walk ``root`` in a fixed order; hidden entries, ``leave_out`` and galleries are left out.

    What ``exclusions`` (by default the built-in ones) leave out comes as one entry, and is not
    walked. Links to files are followed. Links to folders are followed too, unless the folder is
    walked anyway without the link; loops end there. Raises ``NotFoundError`` or ``GalleryError``
    when ``root`` itself is no readable folder.
    """
    if not root.exists():
        hint = missing_file_hint(root, "Check the path.")
        raise NotFoundError(f"There is no folder {root}.", hint=hint)
    if not root.is_dir():
        raise NotFoundError(f"{root} is not a folder.", hint="Give the folder the images are in.")
    try:
        os.scandir(root).close()
    except OSError as error:
        raise GalleryError(
            f"The folder {root} cannot be read: {error.strerror}.", hint="Check its permissions."
        ) from error
    return _Walk(str(root), os.path.realpath(leave_out), exclusions or Exclusions()).entries()


class _Walk:
    """One walk of a folder. Names are str with escaped bytes here, as the os module gives them."""

    def __init__(self, root: str, leave_out: str, exclusions: Exclusions) -> None:
        self._prefix = root if root.endswith(os.sep) else root + os.sep
        self._real_root = os.path.realpath(root)
        self._leave_out = leave_out
        self._exclusions = exclusions
        self._entered: set[tuple[int, int]] = set()

    def entries(self) -> Iterator[FileEntry]:
        """Yield files, and what cannot be looked at or is excluded."""
        pending = [iter(self._enter(""))]
        while pending:
            # a stack on the heap: folders may be nested deeper than Python recurses
            entry = next(pending[-1], None)
            if entry is None:
                pending.pop()
                continue
            if isinstance(entry, FileEntry):
                yield entry
                continue
            below = entry.path[len(self._prefix) :]
            path = os.fsencode(below)
            try:
                stat = entry.stat()
                folder = entry.is_dir()
                excluded = self._excluded(below, folder=folder)
                if excluded is not None:
                    yield FileEntry(path, excluded=excluded)
                    continue
                if folder:
                    if not (entry.is_symlink() and self._is_walked_anyway(entry.path)):
                        pending.append(iter(self._enter(below)))
                    continue
            except OSError as error:
                # a dangling link, a loop of links, or a file that left meanwhile
                excluded = self._excluded(below, folder=False)
                problem = None if excluded else f"cannot be read: {error.strerror}"
                yield FileEntry(path, problem=problem, excluded=excluded)
                continue
            named = Path(entry.name).suffix.lower() in EXTENSIONS
            if _is_in_the_cloud(stat):
                # opening it would download it, and a whole library with it
                if named:
                    yield FileEntry(path, problem=_IN_THE_CLOUD)
            elif named or entry.is_file():
                yield FileEntry(path, facts_of(stat), named)

    def _excluded(self, below: str, *, folder: bool) -> str | None:
        slashes = below if os.sep == "/" else below.replace(os.sep, "/")
        above = slashes.rpartition("/")[0] or self._real_root.replace(os.sep, "/")
        return self._exclusions.reason(slashes, folder=folder, parent=above.rpartition("/")[2])

    def _enter(self, below: str) -> list[os.DirEntry[str] | FileEntry]:
        folder = Path(self._prefix + below)
        try:
            stat = folder.stat()
            mark = (stat.st_dev, stat.st_ino)
            if mark in self._entered or (below and os.path.realpath(folder) == self._leave_out):
                return []
            self._entered.add(mark)
            with os.scandir(self._prefix + below) as listing:
                entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            return [
                FileEntry(os.fsencode(below), problem=f"folder cannot be read: {error.strerror}")
            ]
        names = {entry.name for entry in entries}
        # another gallery, or a folder that asks for it
        marker = DATABASE if DATABASE in names else self._exclusions.marker(names)
        if below and marker is not None:
            return [FileEntry(os.fsencode(below), excluded=marker)]
        shown: list[os.DirEntry[str] | FileEntry] = []
        for entry in entries:
            if not entry.name.startswith("."):
                shown.append(entry)
            elif entry.name.endswith(_STUB):
                name = entry.name[1 : -len(_STUB)]
                path = os.fsencode(f"{below}{os.sep}{name}" if below else name)
                if Path(name).suffix.lower() in EXTENSIONS:
                    shown.append(FileEntry(path, problem=_IN_THE_CLOUD))
        return shown

    def _is_walked_anyway(self, link: str) -> bool:
        """Return whether a linked folder lies in the root, where the walk meets it by itself."""
        target = Path(os.path.realpath(link))
        if not target.is_relative_to(self._real_root):
            return False
        parts = target.relative_to(self._real_root).parts
        return not any(
            part.startswith(".") or self._excluded("/".join(parts[: n + 1]), folder=True)
            for n, part in enumerate(parts)
        )


def _is_in_the_cloud(stat: os.stat_result) -> bool:
    """Return whether a file is a placeholder whose content is fetched when it is opened."""
    flags = getattr(stat, "st_flags", 0) & _DATALESS
    return bool(flags or getattr(stat, "st_file_attributes", 0) & _RECALL)
