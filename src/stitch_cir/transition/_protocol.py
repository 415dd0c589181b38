"""What a transition is, the base that changes nothing, and transitions by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from stitch_cir._schema import check_fields, field_values
from stitch_cir.plugins import TRANSITIONS
from stitch_cir.transition._checks import read_rows

__all__ = [
    "TRANSITION_NAMES",
    "CalibratedMembers",
    "Calibrates",
    "QueryPart",
    "Transition",
    "TransitionBase",
    "WeighsParts",
    "transition_by_name",
]

Vectors = NDArray[np.float32]
Scores = NDArray[np.floating[Any]]
QueryPart: TypeAlias = Literal["refined", "captions", "modification"]
"""A set of vectors of a query that a score may count."""

TRANSITION_NAMES: tuple[str, ...] = tuple(TRANSITIONS.built_in)
"""Names of the built-in transitions, the method's own first. ``TRANSITIONS.names()`` has all."""


@runtime_checkable
class Transition(Protocol):
    """Moves target captions toward the modification: their vectors, or the images' scores.

    :class:`TransitionBase` has a default for every member but ``name``.
    """

    @property
    def name(self) -> str:
        """Short name, e.g. ``"linear"``."""
        ...

    @property
    def needs_reference_captions(self) -> bool:
        """Whether plain captions of the unchanged reference are of use."""
        ...

    @property
    def needs_reference_image(self) -> bool:
        """Whether the vector of the reference image is of use."""
        ...

    @property
    def keeps_captions(self) -> bool:
        """Whether row k of :meth:`refine` is caption k moved, and keeps its text and weight.

        Otherwise the rows stand for the modification, evenly weighted.
        """
        ...

    @property
    def combines_scores(self) -> bool:
        """Whether :meth:`combine` uses the scores of the reference's captions."""
        ...

    @property
    def combines_monotonically(self) -> bool:
        """Whether :meth:`combine` rises, or stays, with ``scores`` and falls with the others.

        Bounds of both then bound the result, and a search need not score every image.
        """
        ...

    def settings(self) -> dict[str, Any]:
        """Return ``{"transition": name}`` and every setting that changes a ranking, JSON-ready."""
        ...

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Move the caption vectors.

        Parameters
        ----------
        captions:
            (K, d) unit rows f(t_k), the target captions.
        modification:
            (d,) unit vector f(m), or ``None`` where there is no modification text.
        reference_captions:
            (R, d) unit rows, plain captions of the unchanged reference, or ``None``.
        reference_image:
            (d,) unit vector of the reference image, or ``None``.

        Returns (K', d) float32 unit rows; K' = K where captions are kept.

        Raises ``VectorError`` for vectors of the wrong shape, that are not finite, or that cancel
        to zero.
        """
        ...

    def combine(self, scores: Scores, reference_scores: Scores | None) -> Scores:
        """Combine scores (N,) of the refined captions with those (N,) of the reference's captions.

        Returns (N,), of the float type of ``scores``; ``scores`` itself where ``reference_scores``
        is ``None``.
        """
        ...


@runtime_checkable
class WeighsParts(Protocol):
    """A transition that also counts the scores of a query's parts as they were before it."""

    def part_weights(self) -> Mapping[QueryPart, float]:
        """Return what each score is multiplied by: finite numbers, that of ``refined`` above 0.

        ``refined``: the captions after the transition; ``captions``: before it; ``modification``:
        the modification alone. A query without a modification is scored by ``refined`` alone, as it
        is.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedMembers:
    """The members of a query, with how their cosines count.

    ``vectors``: (K, d) float32 unit rows; ``scale`` > 0 and ``offset``: (K,) float64. A cosine s
    with member k counts as ``scale_k s + offset_k``, within −1 and 1.
    """

    vectors: Vectors = field(repr=False)
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]


@runtime_checkable
class Calibrates(Protocol):
    """A transition that also says how the cosines of a query's members count."""

    def calibrate(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> CalibratedMembers:
        """Return the vectors that :meth:`Transition.refine` returns, and how they count."""
        ...


class TransitionBase:
    """Base of transitions: needs nothing, and returns captions and scores unchanged.

    The fields of a subclass that is a dataclass are its settings; those that every search has a
    declaration of (``stitch_cir._schema``) are checked by it.
    """

    __slots__ = ()

    name: ClassVar[str]

    needs_reference_captions: ClassVar[bool] = False
    needs_reference_image: ClassVar[bool] = False
    keeps_captions: ClassVar[bool] = True
    combines_scores: ClassVar[bool] = False
    combines_monotonically: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the fields of a dataclass. Raises ``SettingError``."""
        check_fields(self)

    def settings(self) -> dict[str, Any]:
        """Return the name and the fields of a dataclass, JSON-ready."""
        return {"transition": self.name, **field_values(self)}

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return the captions, (K, d) float32, unchanged."""
        read_rows("captions", captions)
        return np.asarray(captions, dtype=np.float32)

    def combine(self, scores: Scores, reference_scores: Scores | None) -> Scores:
        """Return ``scores``, (N,), unchanged."""
        return scores


def transition_by_name(
    name: str, *, options: Mapping[str, Any] | None = None, **shared: Any
) -> Transition:
    """Make a transition, built-in or of another package.

    Parameters
    ----------
    name:
        One of ``stitch_cir.plugins.TRANSITIONS.names()``.
    options:
        Settings of this transition; it must have all of them.
    shared:
        Settings such as ``alpha`` and ``scale``, for the transitions that have them. They are
        checked whatever the name.

    Raises ``SettingError`` for an unknown name, a value outside its range, or an option that the
    transition does not have.
    """
    transition: Transition = TRANSITIONS.make_from(name, shared, options)
    return transition
