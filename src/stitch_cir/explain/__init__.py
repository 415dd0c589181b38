"""Why a hit is a hit: plans as tables and as pictures, and contact sheets of whole searches."""

from collections.abc import Callable

from PIL import Image

from stitch_cir.explain._cards import caption_card, draw_contributions
from stitch_cir.explain._draw import fit
from stitch_cir.explain._picture import draw_hit, draw_matches, draw_plan
from stitch_cir.explain._sheet import Sheet, render_html, render_png
from stitch_cir.explain._table import Match, caption_shares, matches, summary
from stitch_cir.search import Hit, Query

DRAWINGS: dict[str, Callable[[Query, Hit], Image.Image]] = {
    "all": draw_hit,
    "matches": draw_matches,
    "heatmap": draw_plan,
    "contributions": draw_contributions,
}
"""What can be drawn of a hit, by the name that command line and server use."""

__all__ = [
    "DRAWINGS",
    "Match",
    "Sheet",
    "caption_card",
    "caption_shares",
    "draw_contributions",
    "draw_hit",
    "draw_matches",
    "draw_plan",
    "fit",
    "matches",
    "render_html",
    "render_png",
    "summary",
]
