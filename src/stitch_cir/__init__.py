"""STiTch: search the way people think – *this* picture, but changed.

::

    import stitch_cir as st

    encoder = st.load_encoder("mini")
    st.index_folder("photos", encoder=encoder)
    gallery = st.Gallery.open("photos", encoder=encoder)
    results = st.search(gallery, reference="photos/dress.jpg", text="in red instead")
    for hit in results:
        print(hit.rank, hit.score, hit.path)
"""

import os as _os

from stitch_cir.composers import (
    Caption,
    Composer,
    Composition,
    RecordedComposer,
    Reference,
    TemplateComposer,
)
from stitch_cir.encoders import DualEncoder, load_encoder
from stitch_cir.errors import *  # noqa: F403
from stitch_cir.errors import __all__ as _errors
from stitch_cir.explain import (
    Sheet,
    draw_contributions,
    draw_heatmap,
    draw_hit,
    draw_matches,
    matches,
    render_html,
    render_png,
    summary,
)
from stitch_cir.gallery import Gallery, ProgressEvent, index_captions, index_folder
from stitch_cir.searcher import Hit, Query, Results, SearchSettings, View, compose, locate, search
from stitch_cir.views import ViewBox, ViewRecipe

# From 1.29 on, ONNX Runtime reports its use to its makers, and leaves a device id in the user's
# cache, unless this is set before it is loaded. Nothing calls out unasked; another choice is kept.
_os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = [
    *_errors,
    "Caption",
    "Composer",
    "Composition",
    "DualEncoder",
    "Gallery",
    "Hit",
    "ProgressEvent",
    "Query",
    "RecordedComposer",
    "Reference",
    "Results",
    "SearchSettings",
    "Sheet",
    "TemplateComposer",
    "View",
    "ViewBox",
    "ViewRecipe",
    "compose",
    "draw_contributions",
    "draw_heatmap",
    "draw_hit",
    "draw_matches",
    "index_captions",
    "index_folder",
    "load_encoder",
    "locate",
    "matches",
    "render_html",
    "render_png",
    "search",
    "summary",
]
