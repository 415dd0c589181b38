"""Which font writes a text: Pillow's own, or one of the system's for letters that it lacks."""

from __future__ import annotations

import functools
import unicodedata
from typing import TypeAlias

from PIL import ImageFont

__all__ = ["Face", "font", "writable"]

Face: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

SYSTEM = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "Arial Unicode.ttf",
    "arial.ttf",
    "msyh.ttc",
    "msgothic.ttc",
)
"""Files that Linux, macOS and Windows often have, looked for by name."""


def font(size: int, text: str = "") -> Face:
    """Return the font for a text: Pillow's default font where it has all letters.

    That one looks the same on every machine, but knows little beyond English; then the font of the
    system that has most of the letters is taken.
    """
    return _open(_choose(_lacking(text)), size) or _pillow_font(size)


def writable(text: str) -> str:
    """Spell a text in the letters of its font: é as e where é is missing, others as ?.

    An empty box would say less.
    """
    lacking = _lacking(text)
    name = _choose(lacking)
    return "".join(_spell(name, c) if c in lacking else c for c in text)


@functools.cache
def _pillow_font(size: int) -> Face:
    return ImageFont.load_default(size)


@functools.cache
def _open(name: str | None, size: int) -> Face | None:
    if name is None:
        return None
    try:
        return ImageFont.truetype(name, size)
    except (OSError, ImportError):  # not on this machine, or Pillow without FreeType
        return None


def _lacking(text: str) -> frozenset[str]:
    return frozenset(c for c in text if not c.isspace() and not _has(None, c))


@functools.lru_cache(maxsize=1024)
def _choose(lacking: frozenset[str]) -> str | None:
    """Name the font of the system that has most of these letters; ``None`` if none has any."""
    if not lacking:
        return None
    letters = {name: sum(_has(name, c) for c in lacking) for name in SYSTEM if _open(name, 16)}
    best = max(letters, key=lambda name: letters[name], default=None)
    return best if best is not None and letters[best] else None


@functools.lru_cache(maxsize=16384)
def _has(name: str | None, letter: str) -> bool:
    face = _open(name, 16) or _pillow_font(16)
    return bytes(face.getmask(letter)) != bytes(face.getmask("\U0010ffff"))


def _spell(name: str | None, letter: str) -> str:
    if name is not None and _has(name, letter):
        return letter
    bare = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    if not bare:
        return ""
    return bare if all(_has(name, c) for c in bare) else "?"
