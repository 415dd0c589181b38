"""Catalog search of the Universal Commerce Protocol, on the way to a search and back.

For the server and the tools of assistants alike.
"""

from stitch_cir import _exports
from stitch_cir.catalog._answer import ImageLinks, catalog_response, empty_response
from stitch_cir.catalog._request import CatalogSearch, product_id, read_image, read_request

__all__ = [
    "CatalogSearch",
    "ImageLinks",
    "catalog_response",
    "empty_response",
    "product_id",
    "read_image",
    "read_request",
]

_exports.publish(__name__, __all__)
