"""Further caption sets that count in a score, each with a factor: roles, and parts of a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir.transport import BoundedScorer, Scorer, SetBound

__all__ = ["ScoreTerm", "ScoreTerms"]

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTerm:
    """One more caption set whose score counts in that of a ranking problem.

    ``vectors``: (K, d) float32 unit rows; ``weights``: (K,) float32 of sum 1, or ``None``: evenly
    weighted; ``scorer`` scores them; ``factor`` is what that score is multiplied by, below 0 where
    it lowers the whole. ``name`` says what it is. ``requested``: whether another request would have
    other captions here, as opposed to what is the reference's, or is avoided whatever is requested.
    """

    name: str
    vectors: Floats = field(repr=False)
    weights: Floats | None = field(repr=False)
    scorer: Scorer
    factor: float
    requested: bool = False

    @property
    def captions(self) -> tuple[Floats, Floats | None]:
        """The caption set: vectors and weights."""
        return self.vectors, self.weights

    def bound(self) -> SetBound | None:
        """Return how its part of the score is bounded from above, or ``None`` where it is not."""
        if not isinstance(self.scorer, BoundedScorer):
            return None
        bound = self.scorer.set_bound()
        usable = bound.kind != "means" and (self.factor > 0 or bound.two_sided)
        return bound if usable else None


@dataclass(frozen=True, slots=True, eq=False)
class ScoreTerms:
    """How the score of a problem's captions and those of further sets make one score.

    ``rule``: ``"sum"``, ``share · s + Σ factor_i · s_i``; or ``"product"``, ``s · (1 + r) / 2``
    with r half the mean of the scores with positive factors less half that of the others, at least
    −1.
    """

    terms: tuple[ScoreTerm, ...] = ()
    share: float = 1.0
    rule: Literal["sum", "product"] = "sum"

    def __bool__(self) -> bool:
        """Return whether the score is another than that of the captions."""
        return bool(self.terms) or self.share != 1.0

    def combine(
        self, scores: NDArray[np.floating[Any]], others: Sequence[NDArray[np.floating[Any]]]
    ) -> NDArray[np.floating[Any]]:
        """Combine the captions' scores (m,) with those of every term; the dtype is theirs."""
        if not self:
            return scores
        if self.rule == "product":
            balance = sum(
                (
                    sign * np.mean([half / 2 for half in halves], axis=0)
                    for sign, halves in self._by_sign(others)
                    if halves
                ),
                np.zeros_like(scores),
            )
            return np.asarray(scores * (1 + np.maximum(balance, -1)) / 2, dtype=scores.dtype)
        total = scores * scores.dtype.type(self.share)
        for term, of_term in zip(self.terms, others, strict=True):
            total = total + of_term.astype(scores.dtype) * scores.dtype.type(term.factor)
        return np.asarray(total, dtype=scores.dtype)

    def shares(self, score: float, others: Sequence[float]) -> list[float]:
        """Return what the captions and each term give to a score, which is their sum."""
        if self.rule == "sum":
            pairs = zip(self.terms, others, strict=True)
            return [self.share * score, *(term.factor * of_term for term, of_term in pairs)]
        counts = {sign: len(halves) for sign, halves in self._by_sign([np.zeros(1)] * len(others))}
        signs = [1 if term.factor > 0 else -1 for term in self.terms]
        parts = [
            sign * score * of_term / 4 / counts[sign]
            for sign, of_term in zip(signs, others, strict=True)
        ]
        return [score / 2, *parts]

    def bounds(self, upper: Floats, others: Sequence[Floats]) -> Floats:
        """Bound the sum from above: bounds of the captions' scores and of every term's.

        Those of a term are from above where its factor is positive, from below where it is
        negative, of any shape that all share. Raised by what float32 can lose in the sum.
        """
        total = upper * np.float32(self.share)
        size = np.abs(total)
        for term, of_term in zip(self.terms, others, strict=True):
            part = of_term * np.float32(term.factor)
            total = total + part
            size = size + np.abs(part)
        return np.asarray(total + np.float32((len(others) + 2) * 2.0**-22) * size, np.float32)

    def usable_bounds(self) -> tuple[SetBound, ...] | None:
        """Return how the terms are bounded; ``None`` where one of them, or the rule, is not."""
        bounds = [term.bound() for term in self.terms]
        if self.rule != "sum" or self.share <= 0 or None in bounds:
            return None
        return tuple(bound for bound in bounds if bound is not None)

    def scan_key(self) -> tuple[object, ...]:
        """Return what the terms of problems that are scanned together have in common."""
        terms = ((len(each.vectors), each.factor, each.bound()) for each in self.terms)
        return (self.rule, self.share, *terms)

    def _by_sign(
        self, others: Sequence[NDArray[np.floating[Any]]]
    ) -> list[tuple[int, list[NDArray[np.floating[Any]]]]]:
        pairs = list(zip(self.terms, others, strict=True))
        return [
            (1, [scores for term, scores in pairs if term.factor > 0]),
            (-1, [scores for term, scores in pairs if term.factor < 0]),
        ]
