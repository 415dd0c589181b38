"""Which image was probably meant by a name that the gallery does not hold."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import PurePath

from stitch_cir.gallery import GalleryReader

__all__ = ["suggest_ids"]

_COMPARED = 20_000
"""Ids compared letter by letter: a second of work at most."""


def suggest_ids(gallery: GalleryReader, name: str) -> str:
    """Return "Did you mean 'dress/dress-01.jpg'?" or "" where no id is like ``name``.

    First the ids that end in the same file name, whatever their folder and case; else those that
    are spelled nearly alike.
    """
    name = name.encode("utf-8", "backslashreplace").decode()  # as ids are spelled
    last = PurePath(name.replace("\\", "/")).name.casefold()
    if not last:
        return ""
    _, holding = gallery.find(last, limit=200)
    same = [id for id in holding if PurePath(id).name.casefold() == last]
    if same:
        more = f" (and {len(same) - 3} more)" if len(same) > 3 else ""
        return f"Did you mean {_either(same[:3])}{more}?"
    _, ids = gallery.find("", limit=_COMPARED)
    folded = {id.casefold(): id for id in ids}
    names = {PurePath(id).name.casefold(): id for id in ids}
    close = [folded[each] for each in get_close_matches(name.casefold(), folded, n=2, cutoff=0.8)]
    close += [names[each] for each in get_close_matches(last, names, n=2, cutoff=0.8)]
    close = list(dict.fromkeys(close))[:3]
    return f"Did you mean {_either(close)}?" if close else ""


def _either(ids: list[str]) -> str:
    # not repr(): spaces of another width must stay what they are, to be copied
    return " or ".join(f"'{id}'" for id in ids)
