"""Where the gallery of a path lies, and what to say where there is none."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from stitch_cir._hints import shell_word
from stitch_cir.errors import GalleryError, GalleryMissingError
from stitch_cir.gallery.index._index import DEFAULT_DIRECTORY
from stitch_cir.gallery.store import DATABASE

__all__ = ["find_directory"]

_ADDRESS = re.compile(r"(?:file|s3|gs|az|abfss?):/")
"""The address of a dataset, of whose slashes a path keeps one."""


def find_directory(path: Path) -> Path:
    """Return ``path`` if it holds a gallery, or the directory inside it that does.

    Raises ``GalleryMissingError``, ``GalleryError`` where the folder cannot be read.
    """
    try:
        directory = next(
            (d for d in (path, path / DEFAULT_DIRECTORY) if (d / DATABASE).is_file()), None
        )
    except OSError as error:
        raise GalleryError(
            f"The gallery at {path} cannot be read: {error.strerror or error}.",
            hint="Check the permissions of the folder, and the disk.",
        ) from error
    if directory is None:
        raise _no_gallery(path)
    return directory


def _no_gallery(directory: Path) -> GalleryMissingError:
    """Build the error for a folder without gallery; it names the gallery of a folder above."""
    # "." and ".." would run together with the full stop
    real = Path(os.path.realpath(directory))
    shown = real if directory.name in ("", "..") else directory
    if _ADDRESS.match(str(directory)) or (directory / "_versions").is_dir():
        scheme, slash, rest = str(shown).partition(":/")
        written = f"{scheme}://{'/' if scheme == 'file' else ''}{rest}" if slash else scheme
        return GalleryMissingError(
            f"{written} is the address of a dataset, and no gallery.",
            hint="Make a gallery of it: stitch cluster import URI GALLERY; or search it on a "
            "cluster: stitch serve --cluster ADDRESS URI",
        )
    above = next((folder for folder in real.parents if _holds_gallery(folder)), None)
    if above is not None and directory.is_dir():
        inside = real.relative_to(above).as_posix()
        return GalleryMissingError(
            f"There is no gallery at {shown}, but the folder {above} above it has one.",
            hint=f"Search that, only below this folder: stitch search {shell_word(above)} "
            f"TEXT --include {shell_word(glob.escape(inside) + '/*')}",
        )
    return GalleryMissingError(
        f"There is no gallery at {shown}.",
        hint=f"Make one first: stitch index {shell_word(directory)}",
    )


def _holds_gallery(folder: Path) -> bool:
    try:
        return (folder / DEFAULT_DIRECTORY / DATABASE).is_file()
    except OSError:
        return False
