"""Products of many queries with the same view sets, computed once for all that can share them.

Ways of searching with the same texts (another α, scorer or temperature) have captions that are
combinations of the same few vectors, their *span*: f(t_1), …, f(t_K), f(m), r. A product is linear,
so the similarities of all these captions are combinations of the span's products, which alone cost
as much as the gallery is long and wide.

**No ranking changes.** With v = Σ c_j b_j + e and unit views y, v · y differs from Σ c_j (b_j · y)
by at most ‖e‖: captions with a longer rest than ``REST``, or with factors that would blow up
rounding, are multiplied themselves. What comes out are float32 scores as good as any, which only
find the sets near the cut; these are scored again in float64, from the captions, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir._cores import usable_cores
from stitch_cir.ranking._groups import rank_each_exactly
from stitch_cir.ranking._problem import (
    CaptionSet,
    Floats,
    PackedSets,
    Ranking,
    RankingProblem,
    set_sizes,
)
from stitch_cir.ranking._products import float_product
from stitch_cir.transport import Scorer

__all__ = ["can_share", "solve_sharing"]

REST = 1e-6
"""Longest rest of a caption that counts as a combination of its span."""
FACTORS = 8.0
"""Largest sum of a combination's factors, by which rounding grows."""
INDEPENDENT = 1e-10
"""Share of the largest eigenvalue of a span's products up to which a direction counts as none."""
TABLE_BYTES = 1 << 28
"""Most bytes of views that are laid out anew to be shared."""
PRODUCTS_BYTES = 8 << 20
"""Upper bound on the products that a thread holds at a time."""
SPANS_TOGETHER = 32
"""Spans, at most, whose sets near the cut are scored in float64 at a time."""

Select: TypeAlias = Callable[[int, Floats], NDArray[np.int64]]
"""Picks the rows near the cut, by a problem's number and its float32 scores (r,) of ``rows``."""


def can_share(problem: RankingProblem) -> bool:
    """Return whether the views that a problem ranks are few enough to be laid out anew."""
    views = int(set_sizes(problem.sets, problem.rows).sum())
    return 0 < 4 * views * int(problem.vectors.shape[1]) <= TABLE_BYTES


def solve_sharing(
    problems: Sequence[RankingProblem],
    numbers: Sequence[int],
    k: int,
    select: Select,
    *,
    coarse: Mapping[int, RankingProblem] | None = None,
) -> Iterator[dict[int, Ranking]]:
    """Rank the problems of these numbers, all of the same ``sets`` and ``rows``, ``k`` deep.

    ``coarse``: by number, the problems of the same captions by whose scores rows are selected,
    where these are not the scores that rank. Yields the rankings of some spans after the other, by
    number. Spans are scored on all cores; what is raised there ends the rest.
    """
    first = problems[numbers[0]]
    table = _ViewTable.of(first.sets, first.rows)
    by_span: dict[int, list[int]] = {}
    for number in numbers:
        span = problems[number].span
        key = id(problems[number].vectors if span is None else span)
        by_span.setdefault(key, []).append(number)
    spans = list(by_span.values())
    together = max(1, min(SPANS_TOGETHER, -(-len(spans) // usable_cores())))
    selecting = coarse or dict(zip(numbers, (problems[number] for number in numbers), strict=True))

    def solve(some: Sequence[Sequence[int]]) -> dict[int, Ranking]:
        close: dict[int, NDArray[np.int64]] = {}
        for block in _blocks([_Mixtures.of(selecting, members) for members in some], table.views):
            products = float_product(np.concatenate([each.base for each in block]), table.vectors)
            parts = np.split(products, np.cumsum([len(each.base) for each in block])[:-1])
            for mixture, part in zip(block, parts, strict=True):
                close |= mixture.select(selecting, table, part, select)
        return _rank_exactly(problems, close, k)

    # a span is selected and ranked by one thread from beginning to end: no core waits for another
    pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="rank")
    try:
        parts = (spans[start : start + together] for start in range(0, len(spans), together))
        yield from pool.map(solve, parts)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _blocks(mixtures: Sequence[_Mixtures], views: int) -> Iterator[list[_Mixtures]]:
    """Yield mixtures whose products with so many views are in memory together."""
    block: list[_Mixtures] = []
    size = 0
    for mixture in mixtures:
        size += len(mixture.base)
        if block and 4 * size * views > PRODUCTS_BYTES:
            yield block
            block, size = [], len(mixture.base)
        block.append(mixture)
    if block:
        yield block


def _rank_exactly(
    problems: Sequence[RankingProblem], close: dict[int, NDArray[np.int64]], k: int
) -> dict[int, Ranking]:
    """Rank the rows near the cut, by number."""
    some = [problems[number] for number in close]
    counts = [len(problem.candidates) for problem in some]
    rankings = rank_each_exactly(some, list(close.values()), k, counts)
    return dict(zip(close, rankings, strict=True))


@dataclass(frozen=True, slots=True)
class _ViewTable:
    """The views of r sets, laid out as scorers compute: members first.

    ``vectors``: (T, d). ``parts``: sets of the commonest size, and all others.
    """

    vectors: Floats = field(repr=False)
    parts: tuple[_TablePart, ...]
    count: int

    @classmethod
    def of(cls, sets: PackedSets, rows: NDArray[np.int64]) -> _ViewTable:
        """Lay out the views of ``rows`` (r,)."""
        starts = sets.offsets[rows]
        sizes = sets.offsets[rows + 1] - starts
        common = sizes == np.bincount(sizes).argmax()
        parts, indices, start = [], [], 0
        for chosen in (common, ~common):
            positions = np.flatnonzero(chosen)
            if not len(positions):
                continue
            steps = np.arange(int(sizes[positions].max()))
            present = steps < sizes[positions, None]
            # absent views repeat the original one, and do not count
            indices.append(
                np.where(present, starts[positions, None] + steps, starts[positions, None]).T
            )
            absent = None if present.all() else present.astype(np.float32)
            parts.append(_TablePart(positions, len(steps), start, absent))
            start += indices[-1].size
        vectors = np.asarray(sets.vectors)[np.concatenate([each.ravel() for each in indices])]
        return cls(np.ascontiguousarray(vectors), tuple(parts), len(rows))

    @property
    def views(self) -> int:
        """The number of views, T."""
        return len(self.vectors)

    def score(self, products: Floats, weights: Floats | None, scorer: Scorer) -> Floats:
        """Score all sets from the products (K, T) of a caption set: (r,) float32."""
        scores = np.empty(self.count, np.float32)
        for part in self.parts:
            end = part.start + part.size * len(part.positions)
            members_first = products[:, part.start : end].reshape(len(products), part.size, -1)
            similarities = members_first.transpose(2, 0, 1)
            scores[part.positions] = scorer.score_similarities(similarities, weights, part.present)
        return scores


@dataclass(frozen=True, slots=True, eq=False)
class _TablePart:
    """Sets of at most ``size`` views, at ``positions`` (n,) among the rows.

    Their size · n views begin at ``start``, first all original views. ``present``: (n, size)
    float32, 0 where a view is absent; ``None``: all sets are of this size.
    """

    positions: NDArray[np.int64] = field(repr=False)
    size: int
    start: int
    present: Floats | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Mixtures:
    """Problems of one span, with their captions as combinations of it.

    ``base``: (b, d), the span and captions that are no combination of it; ``factors``: (K, b) for
    each array of captions, by identity.
    """

    numbers: Sequence[int]
    base: Floats = field(repr=False)
    factors: dict[int, Floats] = field(repr=False)

    @classmethod
    def of(cls, problems: Mapping[int, RankingProblem], numbers: Sequence[int]) -> _Mixtures:
        """Find the combinations by least squares."""
        arrays = {
            id(vectors): vectors
            for number in numbers
            for (vectors, _), _ in problems[number].scored_sets()
        }
        captions = np.concatenate(list(arrays.values()))
        span = problems[numbers[0]].span
        if span is None:
            base, factors = captions, np.eye(len(captions), dtype=np.float32)
        else:
            exact = span.astype(np.float64)
            # by the few products within the span: least squares over all dimensions take longer
            values, directions = np.linalg.eigh(exact @ exact.T)
            some = values > INDEPENDENT * values[-1]
            inverse = (directions[:, some] / values[some]) @ directions[:, some].T
            solved = captions.astype(np.float64) @ exact.T @ inverse
            rest = np.linalg.norm(captions - solved @ exact, axis=1)
            outside = np.flatnonzero((rest > REST) | (np.abs(solved).sum(axis=1) > FACTORS))
            base = np.concatenate([span, captions[outside]])
            factors = np.zeros((len(captions), len(base)), np.float32)
            factors[:, : len(span)] = solved
            factors[outside] = 0.0
            factors[outside, len(span) + np.arange(len(outside))] = 1.0
        ends = np.cumsum([len(each) for each in arrays.values()])
        return cls(numbers, base, dict(zip(arrays, np.split(factors, ends[:-1]), strict=True)))

    def select(
        self,
        problems: Mapping[int, RankingProblem],
        table: _ViewTable,
        products: Floats,
        select: Select,
    ) -> dict[int, NDArray[np.int64]]:
        """Select each problem's rows near the cut from the products (b, T) of the base."""
        combined: dict[int, Floats] = {}

        def score(captions: CaptionSet, scorer: Scorer) -> Floats:
            vectors, weights = captions
            key = id(vectors)
            if key not in combined:
                combined[key] = self.factors[key] @ products
            return table.score(combined[key], weights, scorer)

        close = {}
        for number in self.numbers:
            problem = problems[number]
            scores = [score(captions, scorer) for captions, scorer in problem.scored_sets()]
            coarse = np.asarray(problem.combine(scores, problem.rows), dtype=np.float32)
            close[number] = select(number, coarse)
        return close
