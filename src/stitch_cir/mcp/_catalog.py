"""The tool ``search_catalog``: the protocol's catalog search for assistants that shop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import Field

from stitch_cir._hints import one_line
from stitch_cir.catalog import read_request, resolve_reference, search_products
from stitch_cir.composers import Composer
from stitch_cir.errors import QueryError, StitchError
from stitch_cir.mcp._arguments import MAX_HITS
from stitch_cir.mcp._current import CurrentGallery
from stitch_cir.searcher import Searcher
from stitch_cir.wire import CatalogRequest, CatalogResponse

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

    def __init__(self, current: CurrentGallery, composer: Composer | None = None) -> None:
        """Search a gallery; ``composer`` writes captions (``None``: the verbatim composer)."""
        self._current = current
        self._composer = composer
        self._hide_paths = current.hide_paths

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
        gallery = self._current.gallery()
        with gallery.snapshot() as snapshot:
            search = read_request(request, snapshot.attributes, most=MAX_HITS)
        searcher = Searcher(gallery, composer=self._composer, settings=search.settings)
        reference = resolve_reference(searcher, request, _no_uploads)

        def notes(composed: Iterable[str]) -> Iterable[str]:
            return map(self._hide_paths, (*composed, *gallery.notes))

        return search_products(searcher, search, reference, _no_links, notes)


def _no_uploads(token: str) -> bytes:
    raise QueryError(
        "Uploads belong to the HTTP API.",
        hint='Send the image itself: {"image": "…"} in base64, or an id.',
    )


def _no_links(id: str, count: int) -> Sequence[str]:
    """Return nothing: without a server, images have no address but that of the feed."""
    return ()
