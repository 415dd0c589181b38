"""Why a hit is a hit: plans as tables and as pictures, and contact sheets of whole searches."""

from stitch_cir.explain._picture import draw_hit
from stitch_cir.explain._sheet import Sheet, render_html, render_png
from stitch_cir.explain._table import Match, caption_shares, matches, summary

__all__ = [
    "Match",
    "Sheet",
    "caption_shares",
    "draw_hit",
    "matches",
    "render_html",
    "render_png",
    "summary",
]
