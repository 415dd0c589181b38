"""The contract of transitions."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import VectorError
from stitch_cir.plugins import TRANSITIONS
from stitch_cir.testing._contract import (
    ContractError,
    require,
    require_close,
    require_plug_in,
    require_rows,
    require_settings,
    unit_rows,
)
from stitch_cir.transition import Transition

__all__ = ["check_transition"]

COUNT, DIM = 4, 16

Scores: TypeAlias = NDArray[np.floating[Any]]


def check_transition(transition: Transition) -> None:
    """Check a transition. Raises ``ContractError`` naming the rule that is broken."""
    require_plug_in(TRANSITIONS, transition)
    require_settings(transition.settings(), transition=transition.name)
    captions, modification = unit_rows(1, COUNT, DIM), unit_rows(2, DIM)
    described, image = unit_rows(3, 2, DIM), unit_rows(4, DIM)
    before = captions.copy()
    refined = transition.refine(
        captions, modification, reference_captions=described, reference_image=image
    )
    rows = COUNT if transition.keeps_captions else len(refined)
    require_rows("refine", refined, (rows, DIM))
    require(bool((captions == before).all()), "refine does not change its arguments")
    again = transition.refine(
        captions, modification, reference_captions=described, reference_image=image
    )
    require(bool((again == refined).all()), "refine returns the same for the same vectors")
    alone = transition.refine(captions, None)
    require_rows("refine without a modification", alone, alone.shape)
    if not transition.needs_reference_image:
        without = transition.refine(captions, modification, reference_captions=described)
        rule = "without needs_reference_image the reference's image does not matter"
        require_close(without, refined, rule, 0.0)
    if not transition.needs_reference_captions:
        without = transition.refine(captions, modification, reference_image=image)
        rule = "without needs_reference_captions the reference's captions do not matter"
        require_close(without, refined, rule, 0.0)
    try:
        transition.refine(captions * np.float32(np.nan), modification)
    except VectorError:
        pass
    else:
        raise ContractError("refine raises VectorError for captions that are not finite")
    _check_combine(transition)


def _check_combine(transition: Transition) -> None:
    scores = np.linspace(-1.5, 1.5, 7)
    others = scores[::-1].copy()
    single = scores.astype(np.float32), others.astype(np.float32)
    pairs: tuple[tuple[Scores, Scores], ...] = ((scores, others), single)
    for now, then in pairs:
        same = transition.combine(now, None)
        require_close(same, now, "combine returns the scores where there are no others", 0.0)
        combined = transition.combine(now, then)
        require(combined.shape == now.shape, "combine keeps the shape of the scores")
        require(combined.dtype == now.dtype, "combine keeps the float type of the scores")
        if not transition.combines_scores:
            rule = "without combines_scores the other scores do not matter"
            require_close(combined, now, rule, 0.0)
    if transition.combines_monotonically:
        combined = transition.combine(scores, others)
        higher, lower = (
            transition.combine(scores + 0.2, others),
            transition.combine(scores, others + 0.2),
        )
        require(bool((higher >= combined).all()), "combine does not fall as the scores rise")
        require(bool((lower <= combined).all()), "combine does not rise with the other scores")
