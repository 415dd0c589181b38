"""Which attributes are worth filtering by, in which ranges, and which group a gallery's variants.

A front asks for this when it does not know the gallery; nothing here changes what is found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stitch_cir.gallery._names import fold
from stitch_cir.gallery.attributes._carried import CARRIED
from stitch_cir.gallery.attributes._facets import FacetRequest, Occurrences, Period

__all__ = ["Suggestions", "suggest"]

MAX_FACETS = 24
MAX_GROUPINGS = 8
_LISTED = 12
"""Distinct values that can be listed one by one, whatever they are."""
_REPEATED = 8
"""Images that a value of many must have on average, or the values are names and not categories."""
_LONG_TEXT = 60
"""Mean characters of a value above which a text describes one image and is no category."""
_RARE = 0.1
"""Share of the images below which an attribute comes after all that are more common."""
_NOT_COUNTED = frozenset(map(fold, ("latitude", "longitude", "width", "height")))
"""Numbers that a typed condition serves better: near(…), width >= 2000."""
_CARRIED = frozenset(map(fold, CARRIED))
_UNITS: dict[Period, str] = {"year": "Y", "month": "M", "day": "D"}


@dataclass(frozen=True, slots=True)
class Suggestions:
    """``facets`` to count, the most useful first; ``groupings`` by attribute, the finest first."""

    facets: tuple[FacetRequest, ...]
    groupings: tuple[str, ...]


def suggest(uses: Sequence[Occurrences]) -> Suggestions:
    """Return what to filter and to group by; ``uses`` are in the order of first sight.

    Attributes that somebody set come before what images say of themselves, and rare ones last.
    """
    facets = [(use, request) for use in uses if (request := _facet(use)) is not None]
    facets.sort(
        key=lambda pair: (
            pair[0].with_value < _RARE * pair[0].total,
            fold(pair[0].name) in _CARRIED,
        )
    )
    groupings = sorted(filter(_groups_variants, uses), key=lambda use: -len(use.values))
    return Suggestions(
        tuple(request for _, request in facets[:MAX_FACETS]),
        tuple(use.name for use in groupings[:MAX_GROUPINGS]),
    )


def _facet(use: Occurrences) -> FacetRequest | None:
    """Return how to count an attribute; None where there is nothing to choose from."""
    name, kind, distinct = use.name, use.kind, len(use.values)
    is_the_same_everywhere = distinct == 1 and use.with_value == use.total
    if not distinct or is_the_same_everywhere or fold(name) in _NOT_COUNTED:
        return None
    if kind == "date":
        return _by_period(use)
    if kind == "number":
        if distinct <= _LISTED and 2 * distinct <= use.with_value:
            return FacetRequest(name)
        edges = _edges(use)
        return FacetRequest(name, edges) if edges else None
    if kind == "boolean":
        return FacetRequest(name)
    if distinct > _LISTED and int(use.counts.sum()) < _REPEATED * distinct:
        return None
    texts = [str(value) for value in use.values]
    is_prose = sum(map(len, texts)) > _LONG_TEXT * distinct
    return None if is_prose else FacetRequest(name)


def _by_period(use: Occurrences) -> FacetRequest | None:
    assert use.numbers is not None
    times = use.numbers.astype("datetime64[us]")
    for period, unit in _UNITS.items():
        if len(np.unique(times.astype(f"datetime64[{unit}]"))) > 1:
            return FacetRequest(use.name, period=period)
    return None


def _edges(use: Occurrences) -> tuple[float, ...]:
    """Return a few round numbers between the lowest and the highest fifth of the values.

    They are evenly spaced, or grow where the values do so by orders of magnitude; there are none
    where most values are the same.
    """
    assert use.numbers is not None
    values = np.repeat(use.numbers, use.counts)
    fifths = [float(value) for value in np.quantile(values, (0.2, 0.4, 0.6, 0.8))]
    if fifths[0] == fifths[-1]:
        return ()
    if fifths[0] > 0 and fifths[-1] > 10 * fifths[0]:
        edges = {_round_up(value / 1.5) for value in fifths}
    else:
        step = _round_up((fifths[-1] - fifths[0]) / 4)
        first, last = (round(end / step) for end in (fifths[0], fifths[-1]))
        # a step below 1 has digits that a float does not hold exactly
        edges = {round(number * step, 12) for number in range(first, last + 1)}
    return tuple(sorted(edge for edge in edges if values[0] < edge <= values[-1]))


def _round_up(value: float) -> float:
    """Return the first of 1, 2, 5, 10, … times a power of ten that reaches a value above 0."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        float(f"{each * power:.12g}")
        for each in (1, 2, 5, 10)
        if each * power >= value * (1 - 1e-12)
    )


def _groups_variants(use: Occurrences) -> bool:
    """Return whether most images have a value that they share with others."""
    kind, distinct = use.kind, len(use.values)
    # numbers are sizes and prices unless their name says that they identify something
    may_identify = kind == "text" or (kind == "number" and fold(use.name).endswith(("id", "group")))
    return (
        may_identify
        and fold(use.name) not in _CARRIED
        and distinct > 1
        and 2 * use.with_value >= use.total
        and 2 * use.with_value >= 3 * distinct
    )
