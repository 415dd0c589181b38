"""The exact best k without scoring everything: bound all sets, score those that may matter.

The ranking is that of ``Exhaustive``, which scores every set: same rows, order and float64 scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from stitch_cir.ranking._exhaustive import Exhaustive
from stitch_cir.ranking._groups import count_units, kth_best, rank_exactly
from stitch_cir.ranking._problem import (
    CaptionSet,
    Progress,
    Ranking,
    RankingProblem,
    set_sizes,
)
from stitch_cir.ranking._scan import Scanner
from stitch_cir.ranking._scores import (
    BLOCK_BYTES,
    ROUNDING,
    score_rows,
)
from stitch_cir.ranking._shared_bounds import can_share_bounds, solve_sharing_bounds
from stitch_cir.transport import BoundedScorer, SetBound

__all__ = ["Bounded"]


@dataclass(frozen=True, slots=True)
class Bounded:
    """Bound every score, then score the sets that may be among the best. Safe to share by threads.

    No parameter changes a ranking.

    Parameters
    ----------
    worth_bounding, worth_bounding_if_costly:
        Numbers in the vectors to rank below which scoring all of them is as fast; the second for
        scorers that iterate.
    first:
        Sets scored before the first look at the cut, at least.
    tried, too_many:
        Once this share of the sets was scored, and this share still waits, all are scored in order:
        that is cheaper than picking.
    captions_per_scan:
        Captions of different queries scanned together.
    bounds_per_scan:
        Bounds held at a time, 4 bytes each.
    block_bytes:
        Upper bound on the view vectors scored at a time.
    scanner:
        Computes the bounds.
    """

    worth_bounding: int = 1 << 23
    worth_bounding_if_costly: int = 1 << 20
    first: int = 64
    tried: float = 1 / 32
    too_many: float = 0.5
    captions_per_scan: int = 512
    bounds_per_scan: int = 1 << 26
    block_bytes: int = BLOCK_BYTES
    scanner: Scanner = field(default_factory=Scanner)

    device: ClassVar[str] = "cpu"

    def solve(self, problem: RankingProblem, k: int) -> Ranking:
        """Rank the candidates and return the best ``k``, or all where there are fewer."""
        rows = problem.candidates
        bound = self._usable_bound(problem, rows)
        if bound is None:
            return self._score_all(problem, k)
        return self._best(problem, rows, self._bounds([problem], rows, bound)[0], k)

    def above(self, problem: RankingProblem, score: float) -> NDArray[np.int64]:
        """Return all candidates whose float64 score is at least ``score``: (m,), ascending.

        Only sets whose bound allows it are scored.
        """
        rows = problem.candidates
        bound = self._usable_bound(problem, rows)
        if bound is not None:
            rows = rows[self._bounds([problem], rows, bound)[0] >= score - ROUNDING]
        return Exhaustive(self.block_bytes).above(replace(problem, rows=rows, excluded=None), score)

    def solve_many(
        self, problems: Sequence[RankingProblem], k: int, *, progress: Progress | None = None
    ) -> list[Ranking]:
        """Return what :meth:`solve` returns for each problem, in order.

        Problems with the same ``sets`` and ``rows`` (the same objects), equal transitions where
        scores are combined, and equally many captions are scanned in blocks over both queries
        and sets. Memory beyond the map does not grow with the number of problems.
        """
        rankings: dict[int, Ranking] = {}
        report = progress or (lambda done, total: None)
        groups: dict[tuple[SetBound, tuple[object, ...]], list[int]] = {}
        shared: dict[tuple[SetBound, int, int], list[int]] = {}
        unbounded = []
        usable_bounds: dict[tuple[object, ...], SetBound | None] = {}
        for number, problem in enumerate(problems):
            scored = (id(problem.scorer), id(problem.transition), problem.combines)
            key = (id(problem.sets), id(problem.rows), problem.terms.scan_key(), *scored)
            if key not in usable_bounds:
                usable_bounds[key] = self._usable_bound(problem, problem.rows)
            usable = usable_bounds[key]
            if usable is None:
                unbounded.append(number)
            elif k > 0 and can_share_bounds(problem, usable):
                same = (usable, id(problem.sets), id(problem.rows))
                shared.setdefault(same, []).append(number)
            else:
                groups.setdefault((usable, _scan_key(problem)), []).append(number)
        solved = Exhaustive(self.block_bytes).solve_many(
            [problems[number] for number in unbounded],
            k,
            progress=lambda done, _: report(done, len(problems)),
        )
        rankings |= dict(zip(unbounded, solved, strict=True))
        for (bound, *_), members in shared.items():
            for some in solve_sharing_bounds(problems, members, k, bound, self.first):
                rankings |= some
                report(len(rankings), len(problems))
        for (bound, _), members in groups.items():
            rows = problems[members[0]].rows
            captions = len(problems[members[0]].vectors)
            together = min(self.captions_per_scan // captions, self.bounds_per_scan // len(rows))
            together = max(1, together)
            for start in range(0, len(members), together):
                part = members[start : start + together]
                block = self._bounds([problems[number] for number in part], rows, bound)
                for number, bounds in zip(part, block, strict=True):
                    problem, kept = problems[number], problems[number].included()
                    rankings[number] = self._best(problem, problem.rows[kept], bounds[kept], k)
                    report(len(rankings), len(problems))
        return [rankings[number] for number in range(len(problems))]

    def _usable_bound(self, problem: RankingProblem, rows: NDArray[np.int64]) -> SetBound | None:
        """Return how the scores are bounded; ``None`` where scoring everything is the way."""
        if not len(rows) or not isinstance(problem.scorer, BoundedScorer):
            return None
        bound = problem.scorer.set_bound()
        bounds_combine = problem.transition.combines_monotonically and bound.two_sided
        if problem.combines and not bounds_combine:
            return None
        if problem.terms.usable_bounds() is None:
            return None
        sets = problem.sets
        if bound.kind == "means" and sets.lengths is None:
            return None
        views = int(set_sizes(sets, rows).sum())
        least = self.worth_bounding_if_costly if bound.costly else self.worth_bounding
        return bound if views * problem.vectors.shape[1] >= least else None

    def _bounds(
        self, problems: Sequence[RankingProblem], rows: NDArray[np.int64], bound: SetBound
    ) -> NDArray[np.float32]:
        """Bound the combined scores, less the penalties, from above: (Q, n)."""
        first = problems[0]
        caption_sets = [problem.caption_sets() for problem in problems]
        refined: list[CaptionSet] = [captions[0] for captions in caption_sets]
        bounds = self.scanner.scan(first.sets, rows, refined, bound)
        if first.combines:
            reference = [captions[1] for captions in caption_sets]
            lower = self.scanner.scan(first.sets, rows, reference, bound, lower=True)
            with np.errstate(invalid="ignore"):
                bounds = np.asarray(first.transition.combine(bounds, lower), dtype=np.float32)
            # infinities that cancel: a set with NaN or infinity in its vectors
            bounds[np.isnan(bounds)] = np.inf
        if first.terms:
            bounds = self._add_terms(problems, rows, bounds)
        for row, problem in zip(bounds, problems, strict=True):
            if problem.penalty is not None:
                penalty = problem.penalty[rows]
                # rounding to float32 and subtracting: an ulp of either each
                row -= penalty.astype(np.float32)
                row += np.float32(2.0**-22) * (np.abs(row) + np.abs(penalty)).astype(np.float32)
        return bounds

    def _add_terms(
        self,
        problems: Sequence[RankingProblem],
        rows: NDArray[np.int64],
        bounds: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Bound the scores with their terms, which have the same factors in all problems: (Q, n).

        Terms that raise a score are bounded from above, those that lower it from below.
        """
        terms = problems[0].terms
        others = []
        for index, (term, bound) in enumerate(
            zip(terms.terms, terms.usable_bounds() or (), strict=True)
        ):
            captions = [problem.terms.terms[index].captions for problem in problems]
            lower = term.factor < 0
            scanned = self.scanner.scan(problems[0].sets, rows, captions, bound, lower=lower)
            others.append(scanned)
        with np.errstate(invalid="ignore"):
            total = terms.bounds(bounds, others)
        # NaN: infinities of a set with NaN or infinity in its vectors
        return np.where(np.isnan(total), np.float32(np.inf), total)

    def _score_all(self, problem: RankingProblem, k: int) -> Ranking:
        return Exhaustive(self.block_bytes).solve(problem, k)

    def _score(self, problem: RankingProblem, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return score_rows(problem, rows, block_bytes=self.block_bytes, blas=False)

    def _best(
        self,
        problem: RankingProblem,
        rows: NDArray[np.int64],
        bounds: NDArray[np.float32],
        k: int,
    ) -> Ranking:
        """Score in the order of the bounds until no bound beats the k-th best score or group.

        The cut only rises, so what falls below it stays below. A set that is left out has an exact
        score of at most its bound, which is below the k-th best float32 score less its rounding: it
        is not among the best k, tied or not. For groups see ``_groups``.
        """
        count, units = len(rows), count_units(problem, rows)
        k = min(k, units)
        if not k:
            return rank_exactly(problem, rows[:0], 0, bounded=count, block_bytes=self.block_bytes)
        # so many sets hold k groups, were they of even size and spread evenly
        size = min(count, max(self.first, 4 * k * -(-count // units)))
        picked = np.argpartition(-bounds, size - 1)[:size]
        scores = self._score(problem, rows[picked])
        cut = kth_best(problem, rows[picked], scores, k)
        waiting = np.setdiff1d(np.flatnonzero(bounds >= cut - ROUNDING), picked)
        waiting = waiting[np.argsort(-bounds[waiting], kind="stable")]
        while len(waiting):
            if len(picked) > self.tried * count and len(waiting) > self.too_many * count:
                ranking = self._score_all(problem, k)
                return replace(ranking, bounded=count)
            size *= 2
            now, waiting = waiting[:size], waiting[size:]
            more = self._score(problem, rows[now])
            scores, picked = np.append(scores, more), np.append(picked, now)
            cut = kth_best(problem, rows[picked], scores, k)
            waiting = waiting[bounds[waiting] >= cut - ROUNDING]
        close = rows[np.sort(picked[scores >= cut - ROUNDING])]
        scored = len(picked)
        return rank_exactly(
            problem, close, k, bounded=count, scored=scored, block_bytes=self.block_bytes
        )


def _scan_key(problem: RankingProblem) -> tuple[object, ...]:
    """Return what problems that are scanned together have in common."""
    sizes = [len(vectors) for vectors, _ in problem.caption_sets()]
    combination = repr(problem.transition.settings()) if problem.combines else None
    return (id(problem.sets), id(problem.rows), combination, problem.terms.scan_key(), *sizes)
