"""One query in one call, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Sequence

from stitch_cir.composers import Caption, Composer, Composition
from stitch_cir.gallery import Gallery
from stitch_cir.searcher._query import Query
from stitch_cir.searcher._reference import ReferenceLike
from stitch_cir.searcher._results import Results
from stitch_cir.searcher._searcher import Searcher
from stitch_cir.searcher._settings import SearchSettings

__all__ = ["compose", "search"]


def compose(
    gallery: Gallery,
    *,
    reference: ReferenceLike = None,
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
    reference: ReferenceLike = None,
    text: str | None = None,
    captions: Sequence[str | Caption] = (),
    negatives: Sequence[str] = (),
    object: str = "",
    composer: Composer | None = None,
    settings: SearchSettings | None = None,
) -> Results:
    """Search a gallery for the reference, changed as the text says.

    ``reference``, ``text``, ``captions``, ``negatives`` and ``object`` are the parts of a
    :class:`Query`; ``composer`` and ``settings`` are those of a :class:`Searcher`, which also takes
    a reranker and answers many queries. See :meth:`Searcher.search` for errors.
    """
    searcher = Searcher(gallery, composer=composer, settings=settings)
    return searcher.search(Query(reference, text or "", captions, negatives, object))
