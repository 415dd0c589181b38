"""STiTch: search the way people think – *this* image, but changed.

::

    import stitch_cir as st

    encoder = st.load_encoder("mini")
    st.index_folder("photos", encoder=encoder)
    gallery = st.Gallery.open("photos", encoder=encoder)
    results = st.search(gallery, reference="photos/dress.jpg", text="in red instead")
    for hit in results:
        print(hit.rank, hit.score, hit.path)

Importing the library imports none of its parts: each name below is imported when it is first used.
The public packages (``stitch_cir.transport``, ``stitch_cir.gallery``, …) are attributes, imported
in the same way; ``docs/python.md`` lists them.
"""

import os as _os

from stitch_cir.errors import (
    BrokenImageError,
    CacheError,
    ClusterError,
    CursorError,
    CursorGoneError,
    EndpointError,
    GalleryBusyError,
    GalleryDamagedError,
    GalleryEmptyError,
    GalleryError,
    GalleryMismatchError,
    GalleryMissingError,
    ImageError,
    ImageTooLargeError,
    MemoryLimitError,
    ModelError,
    NotAnImageError,
    NotFoundError,
    PromptTooLargeError,
    QueryError,
    RecordError,
    RowDamagedError,
    SettingError,
    StitchError,
    VectorError,
)

TYPE_CHECKING = False  # importing typing takes longer than importing all of this
if TYPE_CHECKING:
    from stitch_cir.captioning import CaptionReport, caption_gallery
    from stitch_cir.composers import (
        Caption,
        Composer,
        Composition,
        Phrase,
        RecordedComposer,
        Reference,
        Roles,
        VerbatimComposer,
    )
    from stitch_cir.encoders import DualEncoder, load_encoder
    from stitch_cir.explain import (
        Sheet,
        draw_contributions,
        draw_heatmap,
        draw_hit,
        draw_matches,
        render_html,
        render_png,
    )
    from stitch_cir.gallery import (
        CaptionIndexOptions,
        Gallery,
        GalleryReader,
        IndexOptions,
        IndexReport,
        ProgressEvent,
        Snapshot,
        index_captions,
        index_folder,
    )
    from stitch_cir.searcher import (
        ComposeOutcome,
        ComposeRequest,
        Cutoff,
        EncodedQuery,
        Hit,
        Hubness,
        Match,
        Query,
        QueryParts,
        Region,
        ResolvedReference,
        Results,
        Searcher,
        SearchOutcome,
        SearchSettings,
        View,
        WeightedReference,
        compose,
        search,
    )
    from stitch_cir.views import ViewBox, ViewRecipe

# From 1.29 on, ONNX Runtime reports its use to its makers, and leaves a device id in the user's
# cache, unless this is set before it is loaded. Nothing calls out unasked; another choice is kept.
_os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = [
    "BrokenImageError",
    "CacheError",
    "Caption",
    "CaptionIndexOptions",
    "CaptionReport",
    "ClusterError",
    "ComposeOutcome",
    "ComposeRequest",
    "Composer",
    "Composition",
    "CursorError",
    "CursorGoneError",
    "Cutoff",
    "DualEncoder",
    "EncodedQuery",
    "EndpointError",
    "Gallery",
    "GalleryBusyError",
    "GalleryDamagedError",
    "GalleryEmptyError",
    "GalleryError",
    "GalleryMismatchError",
    "GalleryMissingError",
    "GalleryReader",
    "Hit",
    "Hubness",
    "ImageError",
    "ImageTooLargeError",
    "IndexOptions",
    "IndexReport",
    "Match",
    "MemoryLimitError",
    "ModelError",
    "NotAnImageError",
    "NotFoundError",
    "Phrase",
    "ProgressEvent",
    "PromptTooLargeError",
    "Query",
    "QueryError",
    "QueryParts",
    "RecordError",
    "RecordedComposer",
    "Reference",
    "Region",
    "ResolvedReference",
    "Results",
    "Roles",
    "RowDamagedError",
    "SearchOutcome",
    "SearchSettings",
    "Searcher",
    "SettingError",
    "Sheet",
    "Snapshot",
    "StitchError",
    "VectorError",
    "VerbatimComposer",
    "View",
    "ViewBox",
    "ViewRecipe",
    "WeightedReference",
    "caption_gallery",
    "compose",
    "draw_contributions",
    "draw_heatmap",
    "draw_hit",
    "draw_matches",
    "index_captions",
    "index_folder",
    "load_encoder",
    "render_html",
    "render_png",
    "search",
]

_PACKAGES = (
    "benchmarks",
    "candidates",
    "captioning",
    "catalog",
    "chat",
    "client",
    "cluster",
    "composers",
    "concepts",
    "datasets",
    "encoders",
    "errors",
    "explain",
    "export",
    "gallery",
    "images",
    "mcp",
    "plugins",
    "ranking",
    "reranker",
    "searcher",
    "server",
    "testing",
    "transition",
    "transport",
    "views",
    "wire",
)
"""The public packages and modules."""

_HOMES = {
    "Caption": "composers",
    "CaptionIndexOptions": "gallery",
    "CaptionReport": "captioning",
    "ComposeOutcome": "searcher",
    "ComposeRequest": "searcher",
    "Cutoff": "searcher",
    "Composer": "composers",
    "Composition": "composers",
    "DualEncoder": "encoders",
    "EncodedQuery": "searcher",
    "Gallery": "gallery",
    "GalleryReader": "gallery",
    "Hit": "searcher",
    "Hubness": "searcher",
    "IndexOptions": "gallery",
    "IndexReport": "gallery",
    "Match": "searcher",
    "Phrase": "composers",
    "ProgressEvent": "gallery",
    "Query": "searcher",
    "QueryParts": "searcher",
    "RecordedComposer": "composers",
    "Reference": "composers",
    "Region": "searcher",
    "ResolvedReference": "searcher",
    "Results": "searcher",
    "Roles": "composers",
    "SearchOutcome": "searcher",
    "SearchSettings": "searcher",
    "Searcher": "searcher",
    "Sheet": "explain",
    "Snapshot": "gallery",
    "VerbatimComposer": "composers",
    "View": "searcher",
    "WeightedReference": "searcher",
    "ViewBox": "views",
    "ViewRecipe": "views",
    "caption_gallery": "captioning",
    "compose": "searcher",
    "draw_contributions": "explain",
    "draw_heatmap": "explain",
    "draw_hit": "explain",
    "draw_matches": "explain",
    "index_captions": "gallery",
    "index_folder": "gallery",
    "load_encoder": "encoders",
    "render_html": "explain",
    "render_png": "explain",
    "search": "searcher",
}
"""Public names that are imported when they are first used, and the packages that define them."""

if not TYPE_CHECKING:  # so that type checkers still refuse names that do not exist

    def __getattr__(name: str) -> object:
        """Return a public package, or a public name from the package that defines it."""
        from importlib import import_module

        if name in _PACKAGES:
            return import_module(f"stitch_cir.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'stitch_cir' has no attribute {name!r}")
        value = getattr(import_module(f"stitch_cir.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_PACKAGES, *(name for name in globals() if name.startswith("__"))})


del TYPE_CHECKING
