"""A typed client of ``stitch serve``: the gallery of another process or machine, in Python.

::

    from stitch_cir.client import Client

    with Client("http://127.0.0.1:8000") as client:
        for hit in client.search("in red instead", reference="dress.jpg"):
            print(hit.rank, hit.score, hit.id)

Answers are the models of :mod:`stitch_cir.wire`. Errors are those of the library
(:mod:`stitch_cir.errors`), raised here as the server raised them there; errors that only a server
or a connection has are :class:`ApiError`.
"""

from stitch_cir import _exports
from stitch_cir.client._arguments import ImageSource, QueryArguments, ReferenceLike
from stitch_cir.client._async import AsyncClient
from stitch_cir.client._client import Client
from stitch_cir.client._errors import ApiError, UnreachableError
from stitch_cir.wire import (
    AddedImages,
    CaptionInfo,
    CompositionInfo,
    EditedCaption,
    Explanation,
    GalleryInfo,
    Health,
    HitInfo,
    ImageDetail,
    ImageInfo,
    ImagePage,
    MatchInfo,
    PlanInfo,
    PoolState,
    QueryInfo,
    QuerySettings,
    SearchResults,
    SkippedImage,
    UploadInfo,
    ViewInfo,
)

__all__ = [
    "AddedImages",
    "ApiError",
    "AsyncClient",
    "CaptionInfo",
    "Client",
    "CompositionInfo",
    "EditedCaption",
    "Explanation",
    "GalleryInfo",
    "Health",
    "HitInfo",
    "ImageDetail",
    "ImageInfo",
    "ImagePage",
    "ImageSource",
    "MatchInfo",
    "PlanInfo",
    "PoolState",
    "QueryArguments",
    "QueryInfo",
    "QuerySettings",
    "ReferenceLike",
    "SearchResults",
    "SkippedImage",
    "UnreachableError",
    "UploadInfo",
    "ViewInfo",
]

_exports.publish(__name__, __all__)
