"""Catalog search of the Universal Commerce Protocol, on the way to a search and back.

For the server and the tools of assistants alike.
"""

from stitch_cir import _exports
from stitch_cir.catalog._answer import ImageLinks
from stitch_cir.catalog._request import CatalogSearch, read_request
from stitch_cir.catalog._search import resolve_reference, search_products

__all__ = [
    "CatalogSearch",
    "ImageLinks",
    "read_request",
    "resolve_reference",
    "search_products",
]

_exports.publish(__name__, __all__)
