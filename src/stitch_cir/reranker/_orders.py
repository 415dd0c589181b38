"""Rankings of numbered candidates: the orders they are shown in, what is read, how they agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from stitch_cir.chat import MalformedReplyError, Reply, read_json

__all__ = ["disagreement", "is_ranking", "mean_standing", "orders", "read_ranking"]


def orders(count: int, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the two orders in which ``count`` candidates are shown: shuffled, and its reverse.

    In both together every candidate stands as far from the start as from the end, so that a model
    that prefers what it sees first prefers none of them.
    """
    shuffled = tuple(int(each) for each in np.random.default_rng(seed).permutation(count))
    return shuffled, shuffled[::-1]


def read_ranking(reply: Reply, count: int) -> tuple[int, ...]:
    """Return the positions 0 … count − 1 in the order of a reply, best first.

    The reply is the object ``{"ranking": […]}`` with every number from 1 to ``count`` exactly once.
    Raises ``MalformedReplyError`` for anything else.
    """
    data = read_json(reply)
    numbers = data.get("ranking")
    if data.keys() != {"ranking"} or not isinstance(numbers, list):
        raise MalformedReplyError("no ranking")
    if any(type(number) is not int or not 1 <= number <= count for number in numbers):
        raise MalformedReplyError("unknown numbers")
    if len(set(numbers)) < len(numbers):
        raise MalformedReplyError("repeated numbers")
    if len(numbers) < count:
        raise MalformedReplyError("missing numbers")
    return tuple(number - 1 for number in numbers)


def is_ranking(reply: Reply, count: int) -> bool:
    """Return whether :func:`read_ranking` can read a reply."""
    try:
        read_ranking(reply, count)
    except MalformedReplyError:
        return False
    return True


def mean_standing(rankings: Sequence[Sequence[int]]) -> list[float]:
    """Return the mean standing of each candidate: 1 is first in every ranking, 0 is last.

    ``rankings`` holds permutations of 0 … n − 1, best first; a single candidate stands at 1.
    """
    count = len(rankings[0])
    if count == 1:
        return [1.0]
    positions = np.mean([np.argsort(ranking) for ranking in rankings], axis=0)
    return [1 - float(position) / (count - 1) for position in positions]


def disagreement(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the share of pairs of candidates that two rankings order differently, in [0, 1]."""
    pairs = list(combinations(range(len(first)), 2))
    if not pairs:
        return 0.0
    a, b = np.argsort(first), np.argsort(second)
    return sum(bool((a[i] < a[j]) != (b[i] < b[j])) for i, j in pairs) / len(pairs)
