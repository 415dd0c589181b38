"""The server of the tools."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import ValidationError

from stitch_cir.composers import Composer
from stitch_cir.gallery import Gallery
from stitch_cir.mcp._arguments import describe_errors
from stitch_cir.mcp._catalog import CatalogTool
from stitch_cir.mcp._current import ComposedFactory, CurrentGallery
from stitch_cir.mcp._tools import Tools

__all__ = ["create_server"]

_ABOUT = (
    "Composed image search over one gallery of {count:,} images. Begin with search (text alone "
    "finds images; their ids can be references); compose shows the target captions before "
    "searching; explain says why an image ranks where it does. Images are named by gallery ids."
)


class _Server(MCPServer):  # type: ignore[misc]
    """Reports invalid arguments of a tool in one plain line."""

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        """Call a tool. Raises ``ToolError``."""
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            errors = error.__cause__.errors(include_url=False, include_context=False)
            raise ToolError(f"{name}: {describe_errors(errors)}") from None


def create_server(
    gallery: Gallery,
    *,
    composer: Composer | None = None,
    make_composed: ComposedFactory | None = None,
) -> MCPServer:
    """Return a Model Context Protocol server with the tools ``search``, ``compose``, ``explain``.

    A gallery that was made from a feed has ``search_catalog`` too, of the Universal Commerce
    Protocol.

    ``composer`` writes target captions; ``None`` is the verbatim composer. ``make_composed``
    returns, for a gallery's encoder, what encodes reference and text together where a query gives
    that a weight. Where another encoder makes the gallery's vectors while the server runs, the next
    call of a tool takes that one up. Run it with
    ``server.run("stdio")``, or connect the SDK's client to it in the same process.
    """
    from stitch_cir import __version__

    current = CurrentGallery(gallery, make_composed)
    tools = Tools(current, composer)
    server = _Server(
        "stitch",
        title="STiTch",
        instructions=_ABOUT.format(count=len(gallery)),
        version=__version__,
        log_level="WARNING",
    )
    reads = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    named = {"search": tools.search, "compose": tools.compose, "explain": tools.explain}
    if gallery.info()["feed"] is not None:
        named["search_catalog"] = CatalogTool(current, composer).search_catalog
    for name, tool in named.items():
        server.add_tool(tool, name=name, annotations=reads)
    return server
