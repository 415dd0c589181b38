"""The front door: gallery + reference + text + settings → ranked, explained results."""

from stitch_cir.search._results import Hit, Query, Results, View
from stitch_cir.search._search import compose, locate, search
from stitch_cir.search._settings import PRESETS, SearchSettings

__all__ = [
    "PRESETS",
    "Hit",
    "Query",
    "Results",
    "SearchSettings",
    "View",
    "compose",
    "locate",
    "search",
]
