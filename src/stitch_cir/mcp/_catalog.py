"""The tool ``search_catalog``: the protocol's catalog search for assistants that shop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from stitch_cir._hints import one_line
from stitch_cir.catalog import (
    CatalogSearch,
    catalog_response,
    empty_response,
    product_id,
    read_image,
    read_request,
)
from stitch_cir.composers import Composer
from stitch_cir.errors import GalleryEmptyError, QueryError, StitchError
from stitch_cir.gallery import Gallery, PathMask
from stitch_cir.mcp._arguments import MAX_HITS
from stitch_cir.searcher import Query, ResolvedReference, Searcher
from stitch_cir.wire import (
    CatalogRequest,
    CatalogResponse,
    GalleryReference,
    ImageReference,
    UploadReference,
)

__all__ = ["CatalogTool"]

Catalog = Annotated[
    CatalogRequest,
    Field(description="The request: query, reference, or both; filters, context, pagination."),
]
Meta = Annotated[
    Mapping[str, Any] | None,
    Field(description="The protocol's metadata, such as the agent's profile; not used."),
]


class CatalogTool:
    """The catalog of one gallery; may be called from several threads."""

    def __init__(self, gallery: Gallery, composer: Composer | None = None) -> None:
        """Search ``gallery``; ``composer`` writes captions (``None``: the verbatim composer)."""
        self._gallery = gallery
        self._composer = composer
        self._hide_paths = PathMask(gallery).hide

    def search_catalog(
        self, catalog: Catalog, meta: Meta = None
    ) -> Annotated[CallToolResult, CatalogResponse]:
        """Search a shop's products: by words, by an image, or by an image changed as words say.

        Filters limit price (in minor units of context.currency), categories, brand, availability
        and every other attribute. Returns products with their variants, best match first.
        """
        try:
            response = self._search(catalog)
        except StitchError as error:
            message = self._hide_paths(str(error))
            raise ToolError(f"{type(error).__name__}: {message}") from error
        lines = [f"{len(response.products)} of {response.pagination.total_count} products."]
        lines += [
            f"{one_line(each.id)}  {one_line(each.title)}  "
            f"{each.price_range.min.amount} {each.price_range.min.currency} (minor units)"
            for each in response.products
        ]
        data = response.model_dump(mode="json", exclude_unset=True)
        return CallToolResult(content=[TextContent(text="\n".join(lines))], structured_content=data)

    def _search(self, request: CatalogRequest) -> CatalogResponse:
        with self._gallery.snapshot() as snapshot:
            search = read_request(request, snapshot.attributes, most=MAX_HITS)
        searcher = Searcher(self._gallery, composer=self._composer, settings=search.settings)
        reference = self._reference(searcher, request)
        query = Query(reference, search.text, facets=search.facets, cursor=search.cursor)
        return self._answer(searcher, query, search)

    def _answer(self, searcher: Searcher, query: Query, search: CatalogSearch) -> CatalogResponse:
        try:
            results = searcher.search(query)
        except GalleryEmptyError:
            return empty_response(search)
        composition = results.query.composition
        notes = () if composition is None else composition.notes
        hidden = dict.fromkeys(map(self._hide_paths, (*notes, *self._gallery.notes)))
        return catalog_response(results, search, _no_links, hidden)

    def _reference(self, searcher: Searcher, request: CatalogRequest) -> ResolvedReference | None:
        sent = request.reference
        if sent is None:
            return None
        if isinstance(sent, UploadReference):
            raise QueryError(
                "Uploads belong to the HTTP API.",
                hint='Send the image itself: {"image": "…"} in base64, or an id.',
            )
        if isinstance(sent, ImageReference):
            return searcher.resolve_upload("(reference)", read_image(sent))
        id = sent.id if isinstance(sent, GalleryReference) else sent
        return searcher.resolve_id(product_id(searcher.gallery, id))


def _no_links(id: str, count: int) -> Sequence[str]:
    """Return nothing: without a server, images have no address but that of the feed."""
    return ()
