"""Where a long list of images can be jumped into: folders, first letters of names, or dates."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import Snapshot, Where
from stitch_cir.wire import ImageSection, ImageSections

__all__ = ["sections"]

_By = Literal["folder", "letter", "month", "year"]

_MOST = 300
"""Sections that a menu may have."""


def sections(gallery: Snapshot, words: str, where: Where | str | None, order: str) -> ImageSections:
    """Return the sections of a list in its order; a finer division where it is not too long.

    In id order they are the folders, or letters where there is one folder only; by name they are
    letters; by date they are months or years, latest first, with an empty label for no date.
    """
    by: _By
    if order in ("id", "name"):
        total, ids = gallery.find(words, limit=-1, where=where, order=order)
        by, made = _by_folder(ids) if order == "id" else ("letter", _by_letter(ids))
    else:
        ids, dates = gallery.find_dated(words, where=where, order=order)
        total, (by, made) = len(ids), _by_date(dates)
    fits = 1 < len(made) <= _MOST
    return ImageSections(total=total, by=by if fits else None, sections=made if fits else ())


def _by_folder(ids: Sequence[str]) -> tuple[_By, tuple[ImageSection, ...]]:
    """Return sections by folder; too many for a menu are those of a level above."""
    for depth in range(max((id.count("/") for id in ids), default=0), 0, -1):
        made = _runs(["/".join(id.split("/")[:-1][:depth]) for id in ids])
        if 1 < len(made) <= _MOST:
            return "folder", made
    return "letter", _by_letter(ids)


def _by_letter(ids: Sequence[str]) -> tuple[ImageSection, ...]:
    return _runs([_letter(id) for id in ids])


def _by_date(dates: NDArray[np.datetime64]) -> tuple[_By, tuple[ImageSection, ...]]:
    months = _by_period(dates.astype("datetime64[M]"))
    if len(months) <= _MOST:
        return "month", months
    return "year", _by_period(dates.astype("datetime64[Y]"))


def _by_period(dates: NDArray[np.datetime64]) -> tuple[ImageSection, ...]:
    labels = np.datetime_as_string(dates).tolist()
    return _runs(["" if label == "NaT" else label for label in labels])


def _runs(labels: Sequence[str]) -> tuple[ImageSection, ...]:
    made, offset = [], 0
    for label, group in groupby(labels):
        count = sum(1 for _ in group)
        made.append(ImageSection(label=label, offset=offset, count=count))
        offset += count
    return tuple(made)


def _letter(id: str) -> str:
    first = id.rpartition("/")[2][:1].upper()
    return first if first.isalpha() else "0-9" if first.isdigit() else "#"
