"""Names of files as people type them: Unicode spelling and case do not matter."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

__all__ = ["by_name", "compose", "fold", "matcher"]


def compose(name: str) -> str:
    """Return a name with composed letters (NFC)."""
    return unicodedata.normalize("NFC", name)


def fold(name: str) -> str:
    """Return the canonical caseless form of a name, composed (NFC).

    Two names that differ only in case, or in composed against decomposed letters ("é", Hangul
    syllables), have the same form.
    """
    if name.isascii():
        return name.lower()
    decomposed = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFC", decomposed)


def by_name(id: str) -> tuple[str, str]:
    """Return what ids are sorted by so that files of all folders stand in order of their names."""
    return fold(id.rpartition("/")[2]), id


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Compile shell patterns into a test of gallery ids, in which ``*`` also spans slashes.

    Unicode spelling and case do not matter. A pattern that is spelled like an id matches it even
    where its brackets would be read as a set of characters.
    """
    folded = [fold(pattern) for pattern in patterns]
    literal = frozenset(folded)

    def matches(id: str) -> bool:
        name = fold(id)
        return name in literal or any(fnmatchcase(name, pattern) for pattern in folded)

    return matches
