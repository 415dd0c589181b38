"""The search of a catalog request, between its settings and its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from stitch_cir.catalog._answer import ImageLinks, catalog_response, empty_response
from stitch_cir.catalog._request import CatalogSearch, product_id, read_image
from stitch_cir.errors import GalleryEmptyError
from stitch_cir.images import MAX_PIXELS
from stitch_cir.searcher import Query, ResolvedReference, Searcher
from stitch_cir.wire import CatalogRequest, CatalogResponse, GalleryReference, UploadReference

__all__ = ["resolve_reference", "search_products"]


def resolve_reference(
    searcher: Searcher,
    request: CatalogRequest,
    read_upload: Callable[[str], bytes],
    *,
    max_pixels: int = MAX_PIXELS,
) -> ResolvedReference | None:
    """Return the reference of a request, ``None`` where there is none.

    ``read_upload`` returns the bytes of an upload by its token. Raises ``NotFoundError`` for an
    unknown id, ``QueryError`` and ``ImageError`` for an image that cannot be opened.
    """
    sent = request.reference
    if sent is None:
        return None
    if isinstance(sent, (str, GalleryReference)):
        id = sent if isinstance(sent, str) else sent.id
        return searcher.resolve_id(product_id(searcher.gallery, id))
    content = read_upload(sent.upload) if isinstance(sent, UploadReference) else read_image(sent)
    return searcher.resolve_upload("(reference)", content, max_pixels=max_pixels)


def search_products(
    searcher: Searcher,
    search: CatalogSearch,
    reference: ResolvedReference | None,
    images: ImageLinks,
    notes: Callable[[tuple[str, ...]], Iterable[str]],
) -> CatalogResponse:
    """Return the products of a search; where the filters leave none, the answer is empty.

    ``notes`` returns what is sent of the composer's notes, and of the gallery's.
    """
    query = Query(reference, search.text, facets=search.facets, cursor=search.cursor)
    try:
        results = searcher.search(query)
    except GalleryEmptyError:
        return empty_response(search)
    # how many there are is in the page, so notes on that are left out
    composition = results.query.composition
    composed = () if composition is None else composition.notes
    return catalog_response(results, search, images, dict.fromkeys(notes(composed)))
