"""What indexing leaves out: files that other programs make, and what the user excludes."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from stitch_cir.errors import SettingError
from stitch_cir.gallery._names import fold

__all__ = ["DEFAULT_FILES", "DEFAULT_FOLDERS", "MARKERS", "Exclusions"]

DEFAULT_FOLDERS = (
    # network storage: thumbnails, recycle bins and snapshots (Synology, QNAP)
    "@eaDir",
    "@Recycle",
    "@Recently-Snapshot",
    "#recycle",
    "#snapshot",
    # operating systems
    "$RECYCLE.BIN",
    "RECYCLER",
    "System Volume Information",
    "lost+found",
    "Network Trash Folder",
    "Temporary Items",
    "__MACOSX",
    "*.noindex",
    # previews of photo programs (Lightroom, many others, Nextcloud)
    "*.lrdata",
    "*.lrcat-data",
    "Thumbs",
    "appdata_oc*",
)
"""Names of folders that hold other programs' files, never the user's originals."""

DEFAULT_FILES = (
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.download",
    "*.!qb",
    "*.!sync",
    "*.tmp",
    "*.temp",
)
"""Names of files that a download, a copy or a synchronisation has not finished yet."""

MARKERS = (".nomedia", ".noimage", "CACHEDIR.TAG", ".ppstorage")
"""A folder that holds a file of such a name asks to be left out, with everything below it."""

_LIBRARIES = ("*.photoslibrary", "*.photolibrary", "*.aplibrary", "*.migratedphotolibrary")
_ORIGINALS = ("originals", "masters")


@dataclass(frozen=True, slots=True)
class _Rule:
    """A folded shell pattern for whole paths (``whole``), their ends, or names."""

    pattern: str
    whole: bool
    end: bool

    def matches(self, path: str) -> bool:
        """Return whether the pattern fits a folded path."""
        if self.whole and fnmatchcase(path, self.pattern):
            return True
        if self.end:
            return fnmatchcase(path, f"*/{self.pattern}")
        return not self.whole and fnmatchcase(path.rpartition("/")[2], self.pattern)


def _rule(pattern: str) -> _Rule:
    plain = fold(pattern)
    if os.sep != "/":
        plain = plain.replace(os.sep, "/")
    if plain.startswith("./"):
        plain = plain[1:]
    short = plain
    while short.startswith("**/"):
        short = short.removeprefix("**/")
    whole = short.startswith("/") or "/" in short.rstrip("/")
    end = short != plain and whole
    return _Rule(short.removesuffix("/**").strip("/"), whole, end)


class Exclusions:
    """Decides by name which entries of a folder are left out, and says why.

    A pattern without a slash (a last one does not count) is compared with the name of every file
    and folder, one with a slash with the whole path below the root, and after ``**/`` with its
    end; ``*`` also spans slashes. Case and Unicode spelling do not matter. What lies below a folder
    that is left out is left out too.
    """

    def __init__(self, patterns: Sequence[str] = (), *, defaults: bool = True) -> None:
        """Take the user's patterns; without ``defaults`` the built-in ones do not count.

        Raises ``SettingError`` for a pattern that leaves out everything or nothing.
        """
        self.patterns = tuple(dict.fromkeys(p for p in patterns if p.strip()))
        self.defaults = defaults
        self._rules = [(pattern, _rule(pattern)) for pattern in self.patterns]
        for pattern, rule in self._rules:
            if not rule.pattern.strip("*/."):
                raise SettingError(
                    f"The pattern {pattern!r} excludes everything.",
                    hint="Exclude by name ('*.gif', 'drafts') or by path ('2019/drafts').",
                )

    def reason(self, below: str, *, folder: bool, parent: str) -> str | None:
        """Return what leaves an entry out, or None.

        ``below`` is its path relative to the root, with slashes; ``parent`` the name of the
        folder it lies in.
        """
        path = fold(below)
        name = path.rpartition("/")[2]
        for pattern, rule in self._rules:
            if rule.matches(path):
                return pattern
        if not self.defaults:
            return None
        if folder and name not in _ORIGINALS:
            library = next((p for p in _LIBRARIES if fnmatchcase(fold(parent), p)), None)
            if library is not None:
                return library
        return next(
            (
                default
                for default in (DEFAULT_FOLDERS if folder else DEFAULT_FILES)
                if fnmatchcase(name, fold(default))
            ),
            None,
        )

    def marker(self, names: Collection[str]) -> str | None:
        """Return the marker among a folder's names that asks to leave the folder out, or None."""
        if not self.defaults:
            return None
        return next((marker for marker in MARKERS if marker in names), None)
