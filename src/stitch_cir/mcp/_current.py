"""The gallery of the tools as it is now: another encoder may make its vectors while they run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

from stitch_cir.encoders import ComposedEncoder, DualEncoder
from stitch_cir.gallery import Gallery, PathMask, renewed

__all__ = ["ComposedFactory", "CurrentGallery"]

ComposedFactory: TypeAlias = Callable[[DualEncoder], ComposedEncoder]


class CurrentGallery:
    """Provides the gallery to every call of a tool; safe to share between threads."""

    def __init__(self, gallery: Gallery, make_composed: ComposedFactory | None = None) -> None:
        """Begin with an open gallery.

        ``make_composed`` returns what encodes reference and text together for a gallery's encoder
        (``None``: the default of the gallery).
        """
        self._gallery = gallery
        self._make_composed = make_composed
        self._mask = PathMask(gallery)
        self._lock = threading.Lock()

    def gallery(self) -> Gallery:
        """Return the gallery, opened anew where another encoder has made its vectors meanwhile.

        Raises ``StitchError`` where that encoder cannot be loaded here.
        """
        with self._lock:
            self._gallery = renewed(self._gallery)
            return self._gallery

    def composed(self, gallery: Gallery) -> ComposedEncoder | None:
        """Return what encodes reference and text together; ``None``: the default of the gallery."""
        return None if self._make_composed is None else self._make_composed(gallery.encoder)

    def hide_paths(self, text: str) -> str:
        """Return a message without the library's paths."""
        return self._mask.hide(text)
