"""Catalog searches: references looked up, the gallery searched, the protocol's answer made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from stitch_cir.catalog import (
    CatalogSearch,
    catalog_response,
    empty_response,
    product_id,
    read_image,
    read_request,
)
from stitch_cir.errors import GalleryEmptyError
from stitch_cir.gallery import Gallery
from stitch_cir.searcher import Query, ResolvedReference, Searcher
from stitch_cir.server._errors import RequestError
from stitch_cir.server._gallery_provider import GalleryProvider
from stitch_cir.server._queries import ComposerFactory
from stitch_cir.server._rendering import image_url
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server._uploads import UploadStore
from stitch_cir.wire import (
    CatalogRequest,
    CatalogResponse,
    GalleryReference,
    ImageReference,
    UploadReference,
)

__all__ = ["CatalogService"]


class CatalogService:
    """Answers catalog searches; may be called from several threads."""

    def __init__(
        self,
        provider: GalleryProvider,
        uploads: UploadStore,
        settings: ServerSettings,
        make_composer: ComposerFactory,
    ) -> None:
        """Look references up in ``provider``'s gallery and among ``uploads``."""
        self._provider = provider
        self._uploads = uploads
        self._settings = settings
        self._make_composer = make_composer

    def search(self, request: CatalogRequest, base: str) -> CatalogResponse:
        """Rank the products; addresses of images begin with ``base``, that of the server."""
        if len(request.query or "") > self._settings.text_characters:
            raise RequestError(
                f"The query has more than {self._settings.text_characters:,} characters.",
                hint="Say it shorter.",
            )
        gallery = self._provider.gallery()
        with gallery.snapshot() as snapshot:
            search = read_request(request, snapshot.attributes, most=self._settings.max_hits)
        composer = self._make_composer(search.settings)
        searcher = Searcher(gallery, composer=composer, settings=search.settings)
        query = Query(
            self._reference(searcher, request),
            search.text,
            facets=search.facets,
            cursor=search.cursor,
        )
        return self._answer(gallery, searcher, query, search, base)

    def _answer(
        self, gallery: Gallery, searcher: Searcher, query: Query, search: CatalogSearch, base: str
    ) -> CatalogResponse:
        try:
            results = searcher.search(query)
        except GalleryEmptyError:
            return empty_response(search)

        def links(id: str, count: int) -> Sequence[str]:
            address = base + image_url("files", id)
            return [address, *(f"{address}?image={n}" for n in range(2, count + 1))]

        # how many there are is in the page, so notes on that are left out
        composition = results.query.composition
        notes = (() if composition is None else composition.notes, self._provider.notes(gallery))
        hidden = dict.fromkeys(map(self._provider.hide_paths, chain(*notes)))
        return catalog_response(results, search, links, hidden)

    def _reference(self, searcher: Searcher, request: CatalogRequest) -> ResolvedReference | None:
        sent = request.reference
        if sent is None:
            return None
        if isinstance(sent, UploadReference):
            content = self._uploads.get(sent.upload).content
        elif isinstance(sent, ImageReference):
            content = read_image(sent)
        else:
            id = sent.id if isinstance(sent, GalleryReference) else sent
            return searcher.resolve_id(product_id(searcher.gallery, id))
        limit = self._uploads.max_pixels
        return searcher.resolve_upload("(reference)", content, max_pixels=limit)
