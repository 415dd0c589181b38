"""An album: the files of hits in a folder, copied or linked, their names in the order of ranks."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path

from stitch_cir.errors import SettingError
from stitch_cir.export._records import HitRecord, HitRecords

__all__ = ["AlbumReport", "save_album"]

_NAME_BYTES = 240
"""Bytes of a file's name; most file systems take 255, and a part file adds some."""
_RANKED = re.compile(r"\d{2,}-")


@dataclass(frozen=True, slots=True)
class AlbumReport:
    """What became of each hit: ``added`` and ``present`` are files in the album.

    ``missing`` are hits without a file, each with the reason.
    """

    directory: Path
    linked: bool
    added: tuple[Path, ...] = ()
    present: tuple[Path, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()

    def summary(self) -> str:
        """Return one line for people."""
        verb = "linked" if self.linked else "copied"
        line = f"{len(self.added)} {'image' if len(self.added) == 1 else 'images'} {verb} to "
        line += str(self.directory)
        if self.present:
            line += f", {len(self.present)} there already"
        if self.missing:
            line += f", {len(self.missing)} without a file"
        return line

    def to_dict(self) -> dict[str, object]:
        """Return JSON-ready data."""
        return {
            "directory": str(self.directory),
            "linked": self.linked,
            "added": [path.name for path in self.added],
            "present": [path.name for path in self.present],
            "missing": [{"id": id, "reason": reason} for id, reason in self.missing],
        }


def save_album(records: HitRecords, directory: Path | str, *, link: bool = False) -> AlbumReport:
    """Copy the files of the hits into a folder, or link them; ranks come first in their names.

    Files are copied whole or not at all, with their times. What was interrupted goes on: files that
    are in the folder already, with the same content, stay. Hits whose file is missing are reported.
    Raises ``SettingError``, before anything is written, where the folder holds another file of such
    a name, another album, or has no room; and where a file cannot be written, what was written
    before it stays.
    """
    target = Path(directory)
    planned, missing = _plan(records.hits, target)
    present = _check(target, planned, link)
    todo = [(source, path) for source, path in planned if path not in present]
    if todo:
        _make_folder(target)
    if not link:
        _check_room(target, [source for source, _ in todo])
    added: list[Path] = []
    for source, path in todo:
        try:
            if link:
                path.symlink_to(source.resolve())
            else:
                _copy(source, path)
        except OSError as error:
            raise _failed(error, path, len(added), len(planned), link=link) from error
        added.append(path)
    return AlbumReport(target, link, tuple(added), tuple(present), tuple(missing))


def _plan(
    hits: Sequence[HitRecord], target: Path
) -> tuple[list[tuple[Path, Path]], list[tuple[str, str]]]:
    """Return pairs of a file and its place in the album, and the hits that have no file."""
    width = max(2, len(str(max((hit.rank for hit in hits), default=0))))
    planned: list[tuple[Path, Path]] = []
    missing: list[tuple[str, str]] = []
    for hit in hits:
        if hit.path is None:
            missing.append((hit.id, "it has captions only"))
        elif not hit.path.is_file():
            missing.append((hit.id, f"there is no file {hit.path}"))
        else:
            planned.append((hit.path, target / _name(hit.rank, width, hit.path)))
    return planned, missing


def _name(rank: int, width: int, path: Path) -> str:
    """Return ``03-dress.jpg``, cut where it would be too long for a file system."""
    prefix, suffix = f"{rank:0{width}d}-", path.suffix
    stem = path.name.removesuffix(suffix)
    while stem and len(os.fsencode(f"{prefix}{stem}{suffix}")) > _NAME_BYTES:
        stem = stem[:-1]
    return f"{prefix}{stem}{suffix}"


def _check(target: Path, planned: Sequence[tuple[Path, Path]], link: bool) -> list[Path]:
    """Return which files are there already. Raises ``SettingError`` for others in their way."""
    if target.exists() and not target.is_dir():
        raise SettingError(
            f"{target} is a file, not a folder.", hint="Name a folder, new or empty."
        )
    if not target.exists():
        return []
    names = {path.name for _, path in planned}
    others = sorted(
        entry.name
        for entry in target.iterdir()
        if _RANKED.match(entry.name) and entry.name not in names
    )
    if others:
        raise SettingError(
            f"{target} holds another album: {_some(others)}.", hint="Name another folder."
        )
    present: list[Path] = []
    taken: list[Path] = []
    for source, path in planned:
        if not os.path.lexists(path):
            continue
        (present if _is_same(source, path, link) else taken).append(path)
    if taken:
        raise SettingError(
            f"{target} holds other files of these names: {_some([each.name for each in taken])}.",
            hint="Name another folder: nothing is overwritten.",
        )
    return present


def _is_same(source: Path, path: Path, link: bool) -> bool:
    try:
        if link or path.is_symlink():
            return link and path.is_symlink() and path.samefile(source)
        return path.is_file() and cmp(source, path, shallow=False)
    except OSError:
        return False


def _check_room(target: Path, sources: Sequence[Path]) -> None:
    needed = sum(source.stat().st_size for source in sources)
    if needed and (free := shutil.disk_usage(target).free) < needed:
        raise SettingError(
            f"{target} has no room: {needed:,} bytes are to be copied, {free:,} are free.",
            hint="Choose another disk, or link the files (--link-to).",
        )


def _make_folder(target: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"The folder {target} cannot be made: {error.strerror or error}.",
            hint="Choose a folder that can be written.",
        ) from error


def _copy(source: Path, path: Path) -> None:
    """Copy a file beside its place first, so that no half of it ever has its name."""
    part = path.with_name(f".{path.name}.part")
    try:
        shutil.copyfile(source, part)
        times = source.stat()
        # not the mode: a copy of what is read-only is made to be edited
        os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _failed(error: OSError, path: Path, done: int, total: int, *, link: bool) -> SettingError:
    if link and error.errno in (errno.EPERM, errno.ENOTSUP, getattr(error, "winerror", None)):
        hint = "This file system takes no links: copy the files (--copy-to)."
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "Make room, and run the same command again: it resumes."
    else:
        hint = "Mend that, and run the same command again: it resumes."
    return SettingError(
        f"{path} cannot be written: {error.strerror or error}; {done} of {total} are done.",
        hint=hint,
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
