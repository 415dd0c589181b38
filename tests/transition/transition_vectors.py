"""Unit vectors that the transitions are tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

LAW = settings(max_examples=150, deadline=None, derandomize=True)


def unit_rows(rng: np.random.Generator, *shape: int) -> np.ndarray:
    rows = rng.standard_normal(shape)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Ask:
    """What a query gives a transition: captions (K, d), the rest (d,) but before (R, d)."""

    captions: np.ndarray
    modification: np.ndarray
    before: np.ndarray
    image: np.ndarray


@st.composite
def asks(draw: st.DrawFn) -> Ask:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    k, r, d = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(3, 16))
    return Ask(unit_rows(rng, k, d), unit_rows(rng, d), unit_rows(rng, r, d), unit_rows(rng, d))
