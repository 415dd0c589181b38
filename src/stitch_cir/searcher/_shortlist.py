"""Shortlists: which candidates are scored where not all are, and who names them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.candidates import CandidateSource
from stitch_cir.errors import GalleryEmptyError, GalleryMismatchError, SettingError
from stitch_cir.gallery import Ids
from stitch_cir.searcher._features import EncodedQuery
from stitch_cir.searcher._settings import SearchSettings

__all__ = ["NamedRows", "check_shortlist", "name_rows", "ranks_all"]

_MOST = 1 << 14
"""More ids are not requested at once: a source need not page."""


@dataclass(frozen=True, slots=True)
class NamedRows:
    """The rows (m,) int64, ascending, that a source named of those that take part, and notes.

    ``source``: the settings of the source.
    """

    rows: NDArray[np.int64]
    notes: tuple[str, ...]
    source: Mapping[str, Any]


def check_shortlist(
    source: CandidateSource | None, settings: SearchSettings, *, paged: bool, local: bool
) -> None:
    """Raise ``SettingError`` for further pages of a shortlist, and for a source without one.

    A source names images of a ``local`` gallery, and not of a dataset that shards search.
    """
    if source is not None and not local:
        raise SettingError(
            "A candidate source names images of a gallery on this machine.",
            hint="A cluster searches exactly; its own shortlist is the setting alone.",
        )
    if settings.shortlist is not None and paged:
        raise SettingError(
            "A shortlist has no further pages: it ranks a few images only.",
            hint="Search without a shortlist, or with a larger k.",
        )
    if source is not None and settings.shortlist is None:
        raise SettingError(
            "A candidate source names a shortlist, and the settings have none.",
            hint="Say how many images it is to name: --shortlist 256.",
        )


def ranks_all(count: int, shortlist: int | None, depth: int, named: NamedRows | None) -> bool:
    """Return whether no shortlist left out any of the ``count`` images that take part.

    ``depth``: how many hits are ranked; a shortlist is never shorter.
    """
    if named is not None:
        return len(named.rows) == count
    return shortlist is None or max(shortlist, depth) >= count


def name_rows(
    source: CandidateSource,
    query: EncodedQuery,
    rows: NDArray[np.int64],
    ids: Ids,
    count: int,
) -> NamedRows:
    """Return the first ``count`` of ``rows`` (r,) ascending that the source names for a query.

    A source does not know the filters, so it is called again for more until enough of what it
    names takes part. Raises ``GalleryMismatchError`` where no id is one of the gallery,
    ``GalleryEmptyError`` where none takes part, and what the source raises.
    """
    count = min(count, len(rows))
    request = count
    while True:
        names = list(source.nearest(query.vectors, query.weights, request))
        rows_of = [(name, ids.row_of(name)) for name in names]
        taking_part = [
            row
            for _, row in rows_of
            if row is not None and (at := int(np.searchsorted(rows, row))) < len(rows)
            if rows[at] == row
        ]
        if len(taking_part) >= count or len(names) < request or request >= _MOST:
            break
        request = min(4 * request, _MOST)
    by = str(source.settings().get("source", type(source).__name__))
    strangers = [name for name, row in rows_of if row is None]
    if names and len(strangers) == len(names):
        raise GalleryMismatchError(
            f"None of the {len(names):,} ids that {by} named is in the gallery, such as "
            f"{strangers[0]!r}.",
            hint="It has to hold the ids of this gallery: fill it again, or name the field that "
            "holds them.",
        )
    if not taking_part:
        raise GalleryEmptyError(
            f"None of the {len(names):,} images that {by} named takes part in this search.",
            hint="Loosen the filters, or search without the candidate source: that is exact.",
        )
    kept = np.sort(np.array(taking_part[:count], np.int64))
    notes = []
    if len(kept) < len(rows):
        notes.append(
            f"Not exact: only the {len(kept):,} images that {by} named were ranked, of "
            f"{len(rows):,}."
        )
    if len(kept) < count:
        notes.append(f"{by} named {len(kept):,} images that take part, of {count:,} requested.")
    if strangers:
        shown = ", ".join(map(repr, itertools.islice(strangers, 3)))
        notes.append(
            f"{len(strangers):,} of the {len(names):,} ids that {by} named are not in the gallery "
            f"({shown}{', …' if len(strangers) > 3 else ''}): fill it again."
        )
    return NamedRows(kept, tuple(notes), source.settings())
