"""Images that are near everything, measured on the gallery alone."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stitch_cir._cores import usable_cores
from stitch_cir.ranking._problem import PackedSets
from stitch_cir.ranking._scores import pad_sets
from stitch_cir.transport import Scorer

__all__ = [
    "BANK",
    "VIEWS_EACH",
    "HubnessBank",
    "HubnessCache",
    "allowed_neighbours",
    "bank_images",
    "count_neighbours",
    "hubness",
    "hubness_against",
    "hubness_of_each",
]

BANK = 10_000
"""Most views of the bank; of more, images evenly spread over the gallery are taken."""
VIEWS_EACH = 3
"""Most views an image adds to the bank, so that large sets do not outvote the others."""
SHARE = 0.03
"""Largest share of the bank that counts as neighbours."""
MOST_KEPT = 32
"""Hubnesses that are kept of a gallery: a benchmark ranks by as many scorers."""
SIMILARITIES = 1 << 22
"""Most similarities of the bank's views that are in memory at a time."""
STEPS = 2.0**26
"""Steps of a number in products, whose sums up to 2 then fit the 53 digits of a float64."""
FEWEST = 5
"""Neighbours that are allowed however small the bank is: fewer are too noisy a mean."""


class HubnessCache:
    """Hubness penalties of one gallery, kept: each costs as much as thousands of searches.

    The cache refers to the vectors weakly, so it keeps no closed gallery's map alive. Safe to share
    between threads.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lock = threading.Lock()
        self._vectors: weakref.ref[NDArray[np.float32]] | None = None
        self._kept: dict[str, NDArray[np.float64]] = {}
        """Hubness, (n,) each, by scorer and neighbours."""

    def hubness_penalty(
        self, sets: PackedSets, scorer: Scorer, weight: float, neighbours: int = 200
    ) -> NDArray[np.float64] | None:
        """Return ``weight`` · hubness, (n,) float64; ``None`` for the weight 0."""
        if not weight:
            return None
        with self._lock:
            return weight * self._hubness_of(sets, [scorer], neighbours)[0]

    def measure(self, sets: PackedSets, scorers: Sequence[Scorer], neighbours: int = 200) -> None:
        """Measure the hubness of several scorers together, which costs less than one by one."""
        with self._lock:
            self._hubness_of(sets, scorers, neighbours)

    def _hubness_of(
        self, sets: PackedSets, scorers: Sequence[Scorer], neighbours: int
    ) -> list[NDArray[np.float64]]:
        vectors = None if self._vectors is None else self._vectors()
        if vectors is not sets.vectors:
            self._vectors, self._kept = weakref.ref(sets.vectors), {}
        keys = [
            json.dumps([scorer.settings(), neighbours], sort_keys=True, default=str)
            for scorer in scorers
        ]
        new = {
            key: scorer for key, scorer in zip(keys, scorers, strict=True) if key not in self._kept
        }
        measured = hubness_of_each(sets, list(new.values()), neighbours) if new else []
        every = {**self._kept, **dict(zip(new, measured, strict=True))}
        self._kept = dict(list(every.items())[-MOST_KEPT:])
        return [every[key] for key in keys]


def hubness(
    sets: PackedSets,
    scorer: Scorer,
    neighbours: int = 200,
    *,
    bank: int = BANK,
    views_each: int = VIEWS_EACH,
) -> NDArray[np.float64]:
    """Return how near each image is to those that are nearest to it: (n,) float64, as scores.

    h(y) is the mean of the ``neighbours`` best scores of image y among queries of one view each,
    taken from the *other* images. High-dimensional spaces have hubs that come up for every query;
    taking γ·h(y) off their score is the correction of CSLS (Conneau et al., "Word translation
    without parallel data", ICLR 2018, with γ = ½ of our two-way scores), against a bank that is the
    gallery itself: no query is looked at, so each is still answered on its own.

    Neighbours are at most 3 % of the bank (see :func:`count_neighbours`): the mean over a large
    part of a small gallery measures how typical an image is, and taking that off hurts.

    The ``bank`` holds at most so many views, ``views_each`` of an image; of more, images evenly
    spread over the gallery are taken. With fewer queries than ``neighbours`` all of them count; an
    image alone in its gallery has 0.
    """
    return hubness_of_each(sets, [scorer], neighbours, bank=bank, views_each=views_each)[0]


def hubness_of_each(
    sets: PackedSets,
    scorers: Sequence[Scorer],
    neighbours: int = 200,
    *,
    bank: int = BANK,
    views_each: int = VIEWS_EACH,
) -> list[NDArray[np.float64]]:
    """Return :func:`hubness` under each of several scorers, which share their products: (n,) each.

    The products take half of the time, and are the same bits for all.
    """
    numbers = np.arange(len(sets.offsets) - 1)
    sizes = sets.offsets[1:] - sets.offsets[:-1]
    images = bank_images(sizes, bank=bank, views_each=views_each)
    whole = HubnessBank.of(sets, images, images, views_each=views_each)
    return _against(whole, sets, numbers, scorers, neighbours)


def hubness_against(
    bank: HubnessBank,
    sets: PackedSets,
    numbers: NDArray[np.int64],
    scorer: Scorer,
    neighbours: int,
) -> NDArray[np.float64]:
    """Return the hubness of sets that may be part of a gallery, against the bank of all: (n,).

    ``numbers``: (n,) int64, which image of the gallery each set is: its views in the bank do not
    count for it. Parts give what the whole gives, bit for bit.
    """
    return _against(bank, sets, numbers, [scorer], neighbours)[0]


def _against(
    bank: HubnessBank,
    sets: PackedSets,
    numbers: NDArray[np.int64],
    scorers: Sequence[Scorer],
    neighbours: int,
) -> list[NDArray[np.float64]]:
    """Return the hubness of sets against a bank under each scorer: (n,) each."""
    sizes = sets.offsets[1:] - sets.offsets[:-1]
    queries, owners = _in_steps(bank.queries), bank.owners
    kept = min(allowed_neighbours(neighbours, len(owners)), len(owners))
    means = np.zeros((len(scorers), len(sizes)))

    def average_best(rows: NDArray[np.int64]) -> None:
        views, _ = pad_sets(sets, rows)
        products = queries @ _in_steps(views.reshape(-1, queries.shape[1])).T
        # members first, as scorers compute, once for all of them
        by_view = np.ascontiguousarray(products.reshape(-1, views.shape[1]).T, np.float32)
        similarities = by_view[None].transpose(2, 0, 1)
        itself = owners[:, None] == numbers[rows]
        for number, scorer in enumerate(scorers):
            scores = scorer.score_similarities(similarities).reshape(len(queries), len(rows))
            scores[itself] = -np.inf
            best = np.partition(scores, len(owners) - kept, axis=0)[len(owners) - kept :]
            # each image's own row: NumPy adds up a lone column in another order
            best = np.ascontiguousarray(best.T, np.float64)
            finite = np.isfinite(best)
            total = np.where(finite, best, 0.0).sum(axis=1)
            means[number, rows] = total / np.maximum(finite.sum(axis=1), 1)

    with ThreadPoolExecutor(usable_cores(), thread_name_prefix="hubness") as pool:
        for size in np.unique(sizes):  # sets of one size together: no padding, whatever the largest
            rows = np.flatnonzero(sizes == size).astype(np.int64)
            together = max(1, SIMILARITIES // (len(queries) * int(size)))
            parts = [rows[start : start + together] for start in range(0, len(rows), together)]
            list(pool.map(average_best, parts))
    return list(means)


def _in_steps(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return unit rows (n, d) in whole steps, finer than float32's own near 1.

    Products of steps add up without rounding, in whatever order and however many rows are
    multiplied at once, so that parts of a gallery, and other processors, have the same bits.
    """
    return np.asarray(np.rint(vectors.astype(np.float64) * STEPS) / STEPS)


@dataclass(frozen=True, slots=True, eq=False)
class HubnessBank:
    """Views that are queries: ``queries`` (b, d) float32, ``owners`` (b,) int64, their images."""

    queries: NDArray[np.float32] = field(repr=False)
    owners: NDArray[np.int64] = field(repr=False)

    @classmethod
    def of(
        cls,
        sets: PackedSets,
        rows: NDArray[np.int64],
        numbers: NDArray[np.int64],
        *,
        views_each: int = VIEWS_EACH,
    ) -> HubnessBank:
        """Return the views that sets ``rows`` (r,) add to the bank of a gallery.

        ``numbers``: (r,) int64, which images of the gallery they are.
        """
        each = np.minimum(sets.offsets[rows + 1] - sets.offsets[rows], views_each)
        steps = np.arange(views_each)
        indices = (sets.offsets[rows][:, None] + steps)[steps < each[:, None]]
        queries = np.asarray(sets.vectors)[indices].astype(np.float32)
        return cls(queries, np.repeat(numbers, each))

    @classmethod
    def joined(cls, parts: Sequence[HubnessBank]) -> HubnessBank:
        """Return the bank of a gallery from those of its shards, in the order of its images."""
        owners = np.concatenate([part.owners for part in parts])
        order = np.argsort(owners, kind="stable")
        queries = np.concatenate([part.queries for part in parts])[order]
        return cls(queries, owners[order])


def count_neighbours(
    sets: PackedSets, neighbours: int, *, bank: int = BANK, views_each: int = VIEWS_EACH
) -> int:
    """Return how many neighbours :func:`hubness` averages over where ``neighbours`` are requested.

    That is at most 3 % of the bank's views, or 5 where that is more.
    """
    sizes = sets.offsets[1:] - sets.offsets[:-1]
    images = bank_images(sizes, bank=bank, views_each=views_each)
    return allowed_neighbours(neighbours, int(np.minimum(sizes[images], views_each).sum()))


def allowed_neighbours(neighbours: int, bank_size: int) -> int:
    """Return how many neighbours hubness averages over in a bank of so many views."""
    return min(neighbours, max(FEWEST, int(SHARE * bank_size)))


def bank_images(
    sizes: NDArray[np.int64], *, bank: int = BANK, views_each: int = VIEWS_EACH
) -> NDArray[np.int64]:
    """Return the images whose views are the bank: (b,) int64, ascending.

    ``sizes``: (n,) int64, the views of every image of the gallery, in its order.
    """
    images = np.arange(len(sizes))
    if int(np.minimum(sizes, views_each).sum()) > bank:
        last = len(sizes) - 1
        images = np.unique(np.linspace(0, last, max(1, bank // views_each)).astype(np.int64))
    return images
