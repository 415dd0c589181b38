"""Transitions by name, the built-in ones and those of other packages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stitch_cir.plugins import TRANSITIONS
from stitch_cir.transition._protocol import Transition

__all__ = ["TRANSITION_NAMES", "transition_by_name"]

TRANSITION_NAMES: tuple[str, ...] = tuple(TRANSITIONS.built_in)
"""Names of the built-in transitions, the method's own first. ``TRANSITIONS.names()`` has all."""


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
