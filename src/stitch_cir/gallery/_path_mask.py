"""Messages about a gallery without the paths of the machine it lies on."""

from __future__ import annotations

import os
from pathlib import Path

from stitch_cir.gallery._gallery import Gallery

__all__ = ["PathMask"]


class PathMask:
    """Replaces a gallery's paths in messages by its ``name``, the last part of its folder's."""

    def __init__(self, gallery: Gallery) -> None:
        """Learn every spelling of the folder and of the gallery's directory."""
        root = gallery.root
        paths = [gallery.directory, gallery.directory.absolute()]
        if root is not None:
            paths += [Path(os.path.normpath(root)), Path(os.path.normpath(root.absolute()))]
        spellings = (
            {gallery.address}
            | {str(path) for path in paths}
            | {os.path.realpath(path) for path in paths}
        )
        # the longest first: the gallery's directory may lie in the folder
        self._private = tuple(sorted((s for s in spellings if len(s) > 2), key=len, reverse=True))
        whole = root if root is not None else gallery.directory
        self.name = Path(os.path.realpath(whole)).name or "gallery"

    def hide(self, text: str) -> str:
        """Return ``text`` without the paths."""
        for path in self._private:
            text = text.replace(path, self.name)
        return text
