"""Hits drawn: their plans as images, and contact sheets of whole searches."""

from stitch_cir import _exports
from stitch_cir.explain._caption_card import caption_card
from stitch_cir.explain._contributions import draw_contributions
from stitch_cir.explain._draw import fit
from stitch_cir.explain._heatmap import draw_heatmap
from stitch_cir.explain._hit_image import KINDS, check_kind, draw_hit, draw_matches
from stitch_cir.explain._sheet import Sheet, render_html, render_png

__all__ = [
    "KINDS",
    "Sheet",
    "caption_card",
    "check_kind",
    "draw_contributions",
    "draw_heatmap",
    "draw_hit",
    "draw_matches",
    "fit",
    "render_html",
    "render_png",
]

_exports.publish(__name__, __all__)
