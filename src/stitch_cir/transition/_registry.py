"""Transitions by name, for settings files and command lines."""

from __future__ import annotations

from stitch_cir.errors import SettingError
from stitch_cir.hints import did_you_mean
from stitch_cir.transition._away import Away
from stitch_cir.transition._increment import SemanticIncrement
from stitch_cir.transition._linear import Linear, NoTransition, TextOnly
from stitch_cir.transition._pdv import PDV
from stitch_cir.transition._protocol import Transition

__all__ = ["TRANSITION_NAMES", "transition_by_name"]

TRANSITION_NAMES: tuple[str, ...] = (
    "linear",
    "none",
    "text-only",
    "pdv",
    "semantic-increment",
    "away",
)
"""Names :func:`transition_by_name` knows; the first is the method's own."""


def transition_by_name(
    name: str,
    *,
    alpha: float = 0.45,
    beta: float = 0.1,
    scale: float = 1.4,
    image_weight: float = 0.25,
    gain: float = 0.13,
    loss: float = 2.1,
) -> Transition:
    """Build a transition.

    Parameters
    ----------
    name:
        One of ``TRANSITION_NAMES``.
    alpha:
        Used by ``linear`` and ``away``.
    beta:
        Used by ``away``.
    scale, image_weight:
        Used by ``pdv``.
    gain, loss:
        Used by ``semantic-increment``.

    All values are checked whatever the name, so that a bad one never hides. Raises
    ``SettingError`` for an unknown name or a value outside its range.
    """
    transitions: tuple[Transition, ...] = (
        Linear(alpha),
        NoTransition(),
        TextOnly(),
        PDV(scale, image_weight),
        SemanticIncrement(gain, loss),
        Away(alpha, beta),
    )
    for transition in transitions:
        if transition.name == name:
            return transition
    raise SettingError(
        f"There is no transition {name!r}.",
        hint=f"{did_you_mean(name, TRANSITION_NAMES)}Transitions: {', '.join(TRANSITION_NAMES)}.",
    )
