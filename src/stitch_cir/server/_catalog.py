"""Catalog searches: references looked up, the gallery searched, the protocol's answer made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stitch_cir.catalog import read_request, resolve_reference, search_products
from stitch_cir.composers import waits_for_model
from stitch_cir.searcher import Searcher, SearchSettings
from stitch_cir.server._errors import RequestError
from stitch_cir.server._gallery_provider import GalleryProvider
from stitch_cir.server._models import ServerModels
from stitch_cir.server._rendering import image_url
from stitch_cir.server._settings import ServerSettings
from stitch_cir.server._uploads import UploadStore
from stitch_cir.wire import CatalogRequest, CatalogResponse

__all__ = ["CatalogService"]


class CatalogService:
    """Answers catalog searches; may be called from several threads."""

    def __init__(
        self,
        provider: GalleryProvider,
        uploads: UploadStore,
        settings: ServerSettings,
        models: ServerModels,
    ) -> None:
        """Look references up in ``provider``'s gallery and among ``uploads``."""
        self._provider = provider
        self._uploads = uploads
        self._settings = settings
        self._models = models

    def may_wait_for_model(self, request: CatalogRequest) -> bool:
        """Return whether the answer may wait for a model that writes captions."""
        if not (request.query or "").strip():
            return False
        composer = self._models.make_composer(SearchSettings())
        return waits_for_model(composer, with_reference=request.reference is not None)

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
        composer = self._models.make_composer(search.settings)
        searcher = Searcher(
            gallery,
            composer=composer,
            settings=search.settings,
            composed=self._models.composed(gallery.encoder),
        )
        reference = resolve_reference(
            searcher,
            request,
            lambda token: self._uploads.get(token).content,
            max_pixels=self._uploads.max_pixels,
        )

        def links(id: str, count: int) -> Sequence[str]:
            address = base + image_url("files", id)
            return [address, *(f"{address}?image={n}" for n in range(2, count + 1))]

        def notes(composed: Iterable[str]) -> Iterable[str]:
            return map(self._provider.hide_paths, (*composed, *self._provider.notes(gallery)))

        return search_products(searcher, search, reference, links, notes)
