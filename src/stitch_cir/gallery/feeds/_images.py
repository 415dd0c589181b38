"""The files of a feed's images: in a folder by path or name, or fetched into the gallery."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from stitch_cir.gallery.feeds._fields import UnusableRowError

__all__ = ["FolderImages", "ImageSource", "remove_unused"]


class ImageSource(Protocol):
    """Where the image of a link is."""

    @property
    def concurrency(self) -> int:
        """How many links are located at a time."""
        ...

    def locate(self, link: str) -> bytes:
        """Return the path of a link's file below the root, in the file system's bytes.

        May take a while; called from several threads. Raises ``UnusableRowError``.
        """
        ...

    def is_there(self, link: str) -> str | None:
        """Return why a link has no file, without fetching anything; None where it may have."""
        ...


class FolderImages:
    """Images in a folder, by the path in the link below it, or by the link's file name."""

    concurrency = 1

    def __init__(self, root: Path) -> None:
        """Look below ``root``, and nowhere else."""
        self._root = root

    def locate(self, link: str) -> bytes:
        """Return the path of a link's file below the folder. Raises ``UnusableRowError``."""
        for path in _candidates(link):
            try:
                if (self._root / path).is_file():
                    return os.fsencode(path)
            except (OSError, ValueError):
                continue
        raise UnusableRowError(f"there is no image {link[:200]!r} in {self._root}")

    def is_there(self, link: str) -> str | None:
        """Return why a link has no file."""
        try:
            self.locate(link)
        except UnusableRowError as error:
            return str(error)
        return None


def _candidates(link: str) -> list[str]:
    """Return paths below the folder that a link may mean, none of which leads out of it."""
    path = link
    if "://" in link:
        try:
            path = unquote(urlsplit(link).path).lstrip("/")
        except ValueError:
            return []
    parts = PurePosixPath(path).parts
    name = parts[-1] if parts else ""
    whole = [] if path.startswith("/") or ".." in parts else [path]
    return [each for each in dict.fromkeys((*whole, name)) if each not in ("", ".", "..", "/")]


def remove_unused(folder: Path, used: set[bytes]) -> None:
    """Delete fetched images that no product has any more; what was added by hand stays."""
    for file in folder.glob("[0-9a-f][0-9a-f]/*"):
        if os.fsencode(file.relative_to(folder).as_posix()) not in used:
            file.unlink(missing_ok=True)
