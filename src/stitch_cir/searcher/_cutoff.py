"""Where a ranking stops saying anything: a cut-off that random requests hardly reach."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir._schema import DECLARED
from stitch_cir.gallery import Gallery
from stitch_cir.ranking import chance_threshold, shaped_like, view_sets
from stitch_cir.searcher._features import EncodedQuery
from stitch_cir.searcher._random_captions import RECIPE, length_of, random_captions
from stitch_cir.searcher._ranker import GalleryRanker
from stitch_cir.searcher._settings import SearchSettings

__all__ = [
    "IMAGES",
    "REQUESTS",
    "Chance",
    "ChanceCache",
    "Cutoff",
    "measure_chance",
    "place_cutoff",
    "score_chance",
    "spread_rows",
]

REQUESTS = 512
"""Random requests that a score is compared with."""
IMAGES = 256
"""Images that they are scored against, spread evenly over the gallery."""
SEED = 16
_KEPT = 64
_RANGE = DECLARED["strictness"].range
LEAST, MOST = _RANGE.low, _RANGE.high


@dataclass(frozen=True, slots=True)
class Cutoff:
    """The cut-off of one ranking.

    ``score``: what at most the share ``strictness`` of random requests scores on an image;
    ``above``: how many hits (images, or groups) reach it; ``best_share``: the share of random
    requests that reach the score of the best image, 0 where none does, ``None`` where no image
    takes part. ``requests`` random ones were scored on ``images`` of the gallery; ``recipe`` and
    ``seed`` say which. ``advice`` says what to do where nothing is above.
    """

    strictness: float
    score: float
    above: int
    best_share: float | None
    requests: int
    images: int
    recipe: str
    seed: int
    advice: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return in one sentence where it lies."""
        rare = f"1 in {1 / self.strictness:,.0f} random requests reaches"
        if not self.above:
            return f"Nothing like that here: no image scores {self.score:.3f}, which {rare}."
        hits = "1 hit lies" if self.above == 1 else f"{self.above:,} hits lie"
        return f"{hits} above the cut-off of {self.score:.3f}, which {rare}."

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "strictness": self.strictness,
            "score": round(self.score, 6),
            "above": self.above,
            "best_share": None if self.best_share is None else round(self.best_share, 6),
            "requests": self.requests,
            "images": self.images,
            "recipe": self.recipe,
            "seed": self.seed,
            "advice": list(self.advice),
        }


@dataclass(frozen=True, slots=True)
class Chance:
    """What random requests score: ``scores`` (n,) ascending, of ``requests`` on ``images``."""

    scores: NDArray[np.float64]
    requests: int
    images: int
    recipe: str

    def threshold(self, share: float) -> float:
        """Return the smallest score that at most ``share`` of them reach."""
        return chance_threshold(self.scores, share)

    def share_above(self, score: float) -> float:
        """Return the share of them that reach a score."""
        return float(1 - np.searchsorted(self.scores, score) / len(self.scores))


class ChanceCache:
    """What random requests score for the latest queries of an open gallery; thread-safe.

    Further pages of a query are cut at the same score without measuring it again.
    """

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, Chance] = OrderedDict()

    def get(self, key: bytes, measure: Callable[[], Chance]) -> Chance:
        """Return what is kept under a key, measured if need be."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        chance = measure()
        with self._lock:
            self._entries[key] = chance
            while len(self._entries) > _KEPT:
                self._entries.popitem(last=False)
        return chance


def measure_chance(gallery: Gallery, ranker: GalleryRanker, query: EncodedQuery) -> Chance:
    """Score random requests of the shape of a query on images spread evenly over the gallery.

    For a query in words they are random captions of about the same length, for a reference without
    text they are other images.
    """
    count = len(ranker.matrix.ids)
    return score_chance(
        gallery, ranker, query, spread_rows(count, IMAGES), spread_rows(count, REQUESTS)
    )


def score_chance(
    gallery: Gallery,
    ranker: GalleryRanker,
    query: EncodedQuery,
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
) -> Chance:
    """Score random requests of the shape of a query on ``rows`` of the ranker's matrix.

    ``others`` are the rows whose images are the requests, where the query has no words.
    """
    if query.composition is None:
        scores = ranker.chance(query, view_sets(ranker.matrix, others), rows)
        is_itself = others[:, None] == rows
        kept = scores[~is_itself] if not is_itself.all() else scores.reshape(-1)
        return Chance(np.sort(kept), len(others), len(rows), "images")
    length = length_of(query.composition.texts)
    directions = gallery.cached_texts(random_captions(REQUESTS, SEED, length))
    requests = shaped_like(query.vectors, query.weights, directions)
    scores = ranker.chance(query, requests, rows, directions)
    return Chance(np.sort(scores.reshape(-1)), REQUESTS, len(rows), f"{RECIPE}, {length}")


def spread_rows(images: int, count: int) -> NDArray[np.int64]:
    """Return at most ``count`` of the rows of a gallery of so many ``images``, evenly spread."""
    return np.unique(np.linspace(0, images - 1, min(count, images)).astype(np.int64))


def place_cutoff(
    chance: Chance, settings: SearchSettings, above: int, best: float | None, left_out: int
) -> Cutoff:
    """Return the cut-off of a ranking in which ``above`` hits reach it.

    ``best`` is the score of the best image, ``left_out`` the number of images that filters left
    out.
    """
    strictness = settings.strictness
    assert strictness is not None
    share = None if best is None else chance.share_above(best)
    return Cutoff(
        strictness,
        chance.threshold(strictness),
        above,
        share,
        chance.requests,
        chance.images,
        chance.recipe,
        SEED,
        () if above else tuple(_advice(share, left_out)),
    )


def _advice(share: float | None, left_out: int) -> Iterator[str]:
    yield "Say in a few words what the image shows, as a caption would."
    if left_out:
        images = "1 image was" if left_out == 1 else f"{left_out:,} images were"
        yield f"Search without the filters: {images} left out."
    enough = None if share is None else _round_up(share)
    if enough is not None and enough <= MOST:
        yield f"Loosen the strictness: {enough:g} keeps the best image."


def _round_up(share: float) -> float:
    """Return a number of two digits that is not smaller."""
    if share <= 0:
        return LEAST
    digits = 1 - math.floor(math.log10(share))
    return max(LEAST, float(math.ceil(share * 10.0**digits) / 10.0**digits))
