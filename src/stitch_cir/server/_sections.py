"""Where a long list of images can be jumped into: folders, or first letters of names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from stitch_cir.wire import ImageSection

__all__ = ["sections"]

_MOST = 300
"""ImageSections that a menu may have."""


def sections(ids: Sequence[str]) -> tuple[ImageSection, ...]:
    """Return the sections of ids in their order: folders, where there are several, else letters.

    Folders that are too many for a menu are those of a level above.
    """
    depth = max((id.count("/") for id in ids), default=0)
    while depth > 0:
        made = _runs(ids, lambda id, depth=depth: _folder(id, depth))  # type: ignore[misc]
        if 1 < len(made) <= _MOST:
            return made
        depth -= 1
    letters = _runs(ids, _letter)
    return letters if 1 < len(letters) <= _MOST else ()


def _runs(ids: Sequence[str], label: Callable[[str], str]) -> tuple[ImageSection, ...]:
    made, offset = [], 0
    for name, group in groupby(ids, label):
        count = sum(1 for _ in group)
        made.append(ImageSection(label=name, offset=offset, count=count))
        offset += count
    return tuple(made)


def _folder(id: str, depth: int) -> str:
    parts = id.split("/")[:-1]
    return "/".join(parts[:depth])


def _letter(id: str) -> str:
    first = id.rpartition("/")[2][:1].upper()
    return first if first.isalpha() else "0-9" if first.isdigit() else "#"
