"""A typed client of ``stitch serve``: the gallery of another process or machine, in Python.

::

    from stitch_cir.client import Client

    with Client("http://127.0.0.1:8000") as client:
        for hit in client.search("in red instead", reference="dress.jpg"):
            print(hit.rank, hit.score, hit.id)

Errors are those of the library (:mod:`stitch_cir.errors`), raised here as the server raised them
there; what only a connection can do wrong is :class:`ApiError`.
"""

from stitch_cir.client._ask import Asking, Picture, ReferenceLike, Settings
from stitch_cir.client._async import AsyncClient
from stitch_cir.client._client import Client
from stitch_cir.client._errors import ApiError, UnreachableError
from stitch_cir.client._types import (
    Added,
    Caption,
    Composition,
    Explanation,
    GalleryInfo,
    Health,
    Hit,
    Image,
    ImageDetail,
    ImagePage,
    Match,
    Plan,
    Query,
    Results,
    Skipped,
    Upload,
    View,
)

__all__ = [
    "Added",
    "ApiError",
    "Asking",
    "AsyncClient",
    "Caption",
    "Client",
    "Composition",
    "Explanation",
    "GalleryInfo",
    "Health",
    "Hit",
    "Image",
    "ImageDetail",
    "ImagePage",
    "Match",
    "Picture",
    "Plan",
    "Query",
    "ReferenceLike",
    "Results",
    "Settings",
    "Skipped",
    "UnreachableError",
    "Upload",
    "View",
]
