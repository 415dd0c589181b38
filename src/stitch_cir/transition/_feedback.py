"""Relevance feedback: moving a query set away from pictures that a user rejected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stitch_cir.transition._checks import number, read_rows, to_unit

__all__ = ["step_away"]


def step_away(
    captions: NDArray[np.float32], rejected: NDArray[np.float32], beta: float
) -> NDArray[np.float32]:
    r"""Move every caption vector away from the mean of the rejected pictures (Rocchio).

    .. math::

        t_k \leftarrow \operatorname{normalise}\Bigl(t_k - \frac{β}{|R|} \sum_{r \in R} r\Bigr)

    The negative half of Rocchio, "Relevance feedback in information retrieval", in: The SMART
    Retrieval System, 1971; the positive half is the composition itself.

    Parameters
    ----------
    captions:
        (K, d) unit rows, after the transition.
    rejected:
        (R, d), one unit row a rejected picture: its normalised mean view.
    beta:
        β ≥ 0; 0 changes nothing.

    Returns (K, d) float32 unit rows. Raises ``SettingError`` for a β out of range, ``VectorError``
    for vectors of the wrong shape, not finite, or that cancel to zero.
    """
    weight = number("the weight of rejected pictures", beta, 0.0)
    rows = read_rows("captions", captions)
    away = read_rows("rejected pictures", rejected, rows.shape[1]).mean(axis=0)
    if weight == 0:
        return np.asarray(captions, dtype=np.float32)
    return to_unit("query after feedback", rows - weight * away)
