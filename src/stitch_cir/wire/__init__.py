"""Everything that crosses a process, as pydantic models: server, client and assistants share them.

Requests are strict and refuse unknown fields; answers are frozen and drop them, so that a client
understands a newer server. Fields are named as in Python: what :class:`stitch_cir.searcher.Query`
calls ``labels`` is ``labels`` here.
"""

from stitch_cir import _exports
from stitch_cir.wire._gallery import (
    AddedImages,
    ErrorDetail,
    ErrorResponse,
    GalleryInfo,
    Health,
    ImageDetail,
    ImageInfo,
    ImagePage,
    PoolState,
    SkippedImage,
    UploadInfo,
    ViewInfo,
    WireModel,
)
from stitch_cir.wire._requests import (
    MAX_CAPTIONS,
    MAX_NEGATIVES,
    MAX_OBJECT,
    MAX_TEXT,
    EditedCaption,
    ExplainRequest,
    ExplanationImageRequest,
    GalleryReference,
    QueryRequest,
    QuerySettings,
    UploadReference,
)
from stitch_cir.wire._results import (
    CaptionInfo,
    ComposeResponse,
    CompositionInfo,
    Explanation,
    ExplanationSummary,
    HitInfo,
    MatchInfo,
    PlanInfo,
    QueryInfo,
    RankedImage,
    RankedImages,
    SearchResponse,
    SearchResults,
)

__all__ = [
    "MAX_CAPTIONS",
    "MAX_NEGATIVES",
    "MAX_OBJECT",
    "MAX_TEXT",
    "AddedImages",
    "CaptionInfo",
    "ComposeResponse",
    "CompositionInfo",
    "EditedCaption",
    "ErrorDetail",
    "ErrorResponse",
    "ExplainRequest",
    "Explanation",
    "ExplanationImageRequest",
    "ExplanationSummary",
    "GalleryInfo",
    "GalleryReference",
    "Health",
    "HitInfo",
    "ImageDetail",
    "ImageInfo",
    "ImagePage",
    "MatchInfo",
    "PlanInfo",
    "PoolState",
    "QueryInfo",
    "QueryRequest",
    "QuerySettings",
    "RankedImage",
    "RankedImages",
    "SearchResponse",
    "SearchResults",
    "SkippedImage",
    "UploadInfo",
    "UploadReference",
    "ViewInfo",
    "WireModel",
]

_exports.publish(__name__, __all__)
