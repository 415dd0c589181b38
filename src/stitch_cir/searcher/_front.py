"""One query in one call, for scripts and notebooks."""

from __future__ import annotations

from typing import Unpack

from stitch_cir.composers import Composer, Composition
from stitch_cir.gallery import Gallery
from stitch_cir.searcher._query import Query, QueryParts
from stitch_cir.searcher._reference import References
from stitch_cir.searcher._results import Results
from stitch_cir.searcher._searcher import Searcher
from stitch_cir.searcher._settings import SearchSettings

__all__ = ["compose", "search"]


def compose(
    gallery: Gallery,
    *,
    reference: References = None,
    text: str | None = None,
    object: str = "",
    composer: Composer | None = None,
    settings: SearchSettings | None = None,
) -> Composition:
    """Write the target captions of a query without searching.

    Parameters are those of :func:`search`; see :meth:`Searcher.compose` for errors.
    """
    searcher = Searcher(gallery, composer=composer, settings=settings)
    return searcher.compose(Query(reference, text or "", object=object))


def search(
    gallery: Gallery,
    *,
    reference: References = None,
    composer: Composer | None = None,
    settings: SearchSettings | None = None,
    **query: Unpack[QueryParts],
) -> Results:
    """Search a gallery for the reference, changed as the text says.

    ``reference`` is one or several; ``query`` are the other parts of a :class:`Query`, such as
    ``text`` and ``captions``; ``composer`` and ``settings`` are those of a :class:`Searcher`, which
    also takes a reranker and answers many queries. See :meth:`Searcher.search` for errors.
    """
    return Searcher(gallery, composer=composer, settings=settings).search(Query(reference, **query))
