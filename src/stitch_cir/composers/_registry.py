"""Composers by name, the built-in ones and those of other packages."""

from __future__ import annotations

from typing import Any

from stitch_cir.composers._protocol import Composer
from stitch_cir.plugins import COMPOSERS

__all__ = ["composer_by_name"]


def composer_by_name(name: str, **options: Any) -> Composer:
    """Make the composer of that name (``stitch_cir.plugins``); ``options`` go to its constructor.

    Raises ``SettingError`` for an unknown name, for a plug-in that cannot be imported, and for
    options the composer does not take.
    """
    composer: Composer = COMPOSERS.make(name, **options)
    return composer
