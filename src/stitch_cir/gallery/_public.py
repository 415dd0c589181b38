"""What a server needs of a gallery: to read it while others write, and to hide where it lies."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stitch_cir.errors import GalleryBusyError, GalleryError
from stitch_cir.gallery._gallery import Gallery

__all__ = ["PathMask", "read_steadily"]

T = TypeVar("T")

_TRIES = 3


def read_steadily(read: Callable[[], T]) -> T:
    """Return what ``read`` returns, again where a writer replaced something in the middle of it.

    Raises what ``read`` raises; errors that a writer can be the cause of only at the third try.
    """
    for _ in range(_TRIES - 1):
        try:
            return read()
        except GalleryError as error:
            # its subclasses say what is wrong, and would say it again
            if type(error) is not GalleryError and not isinstance(error, GalleryBusyError):
                raise
    return read()


class PathMask:
    """Replaces a gallery's paths in messages by its ``name``, the last part of its folder's."""

    def __init__(self, gallery: Gallery) -> None:
        """Learn every spelling of the folder and of the gallery's directory."""
        root = gallery.root
        paths = [gallery.directory, gallery.directory.absolute()]
        if root is not None:
            paths += [Path(os.path.normpath(root)), Path(os.path.normpath(root.absolute()))]
        spelled = {str(path) for path in paths} | {os.path.realpath(path) for path in paths}
        # the longest first: the gallery's directory may lie in the folder
        self._private = tuple(sorted((s for s in spelled if len(s) > 2), key=len, reverse=True))
        whole = root if root is not None else gallery.directory
        self.name = Path(os.path.realpath(whole)).name or "gallery"

    def hide(self, text: str) -> str:
        """Return ``text`` without the paths."""
        for path in self._private:
            text = text.replace(path, self.name)
        return text
