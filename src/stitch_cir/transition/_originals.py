"""The original views of a gallery, for what learns from all of them: alike in any number of parts.

Sums are of whole numbers, which come out the same in any order, and the nearest views are those of
float64, whichever machine looked for them first.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stitch_cir.transition._checks import Doubles
from stitch_cir.transition._protocol import Vectors

__all__ = ["NearestViews", "OriginalViews", "OriginalsInBlocks", "sum_of", "whole_sum"]

STEPS = 2.0**32
"""Steps of a number in a sum: finer than float32, and 2³¹ of them fit a whole number."""
SAME = 1e-6
"""A view as near to the reference as this is the reference's."""


class OriginalViews(Protocol):
    """The original view of each of n images, in the order of their ids."""

    def __len__(self) -> int:
        """Return n."""
        ...

    def total(self) -> Doubles:
        """Return the sum of all views, (d,)."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the views of ``rows`` (m,): (m, d)."""
        ...

    def nearest(self, request: NearestViews) -> Vectors:
        """Return the views that are requested, nearest first: (m, d), m ≤ ``request.count``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class NearestViews:
    """A request for the ``count`` ≥ 1 views with the largest product with a direction.

    ``direction`` and ``reference``: (d,); a view that is all but ``reference`` itself is left out.
    Equal products are ordered as the views are.
    """

    direction: Doubles = field(repr=False)
    reference: Doubles = field(repr=False)
    count: int

    def among(self, blocks: Iterable[Vectors]) -> NDArray[np.int64]:
        """Return the rows among which :meth:`choose` finds those requested, in order.

        Products are float32 here: every row is returned that its rounding may have kept out.
        """
        direction, reference = (
            vector.astype(np.float32) for vector in (self.direction, self.reference)
        )
        parts = [(block @ direction, block @ reference) for block in blocks]
        if not parts:
            return np.empty(0, np.int64)
        products, nearness = (np.concatenate(each) for each in zip(*parts, strict=True))
        margin = len(direction) * float(np.finfo(np.float32).eps)
        surely = products[nearness < 1 - SAME - margin]
        least = -np.inf
        if len(surely) > self.count:
            last = float(np.partition(surely, -self.count)[-self.count])
            least = last - 2 * margin * float(np.linalg.norm(self.direction))
        return np.flatnonzero((products >= least) & (nearness < 1 - SAME + margin))

    def choose(self, views: Vectors) -> NDArray[np.int64]:
        """Return the positions of those requested among ``views`` (m, d), nearest first."""
        rows = views.astype(np.float64)
        products = [
            _product(row, self.direction) if _product(row, self.reference) < 1 - SAME else -math.inf
            for row in rows
        ]
        order = np.argsort(-np.array(products, np.float64), kind="stable")[: self.count]
        return np.array([at for at in order if products[at] > -math.inf], np.int64)


class OriginalsInBlocks(ABC):
    """Base of the original views in this process."""

    __slots__ = ()

    @abstractmethod
    def blocks(self) -> Iterator[Vectors]:
        """Yield (m, d) float32 unit rows, one block after the other, in the order of the ids."""

    @abstractmethod
    def take(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the views of ``rows`` (m,): (m, d)."""

    def total(self) -> Doubles:
        """Return the sum of all views, (d,)."""
        return sum_of([whole_sum(self.blocks())])

    def nearest(self, request: NearestViews) -> Vectors:
        """Return the views that are requested, nearest first."""
        views = self.take(request.among(self.blocks()))
        return np.asarray(views[request.choose(views)])


def whole_sum(blocks: Iterable[Vectors]) -> NDArray[np.int64]:
    """Return the sum of vectors within [-1, 1] in steps of 2⁻³², (d,): whole numbers.

    That of no block is a zero without a dimension, which adds to any other sum.
    """
    sums = (np.rint(block * STEPS).astype(np.int64).sum(axis=0) for block in _doubles(blocks))
    return np.asarray(sum(sums), np.int64)


def sum_of(parts: Iterable[NDArray[np.int64]]) -> Doubles:
    """Return the sum of the parts of :func:`whole_sum`, (d,)."""
    return np.asarray(sum(parts) / STEPS)


def _doubles(blocks: Iterable[Vectors]) -> Iterator[Doubles]:
    return (block.astype(np.float64) for block in blocks)


def _product(row: Doubles, vector: Doubles) -> float:
    # exact, so that it does not depend on the rows beside it
    return math.fsum((row * vector).tolist())
