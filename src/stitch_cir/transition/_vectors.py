"""Transitions that move the vectors of the captions, and relevance feedback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from stitch_cir._schema import DECLARED, default_of
from stitch_cir.transition._checks import read_row, read_rows, to_unit
from stitch_cir.transition._protocol import TransitionBase, Vectors

__all__ = ["PDV", "Linear", "NoTransition", "ReferenceSubtraction", "TextOnly", "rocchio_step"]


@dataclass(frozen=True, slots=True)
class Linear(TransitionBase):
    """Mix every caption with the modification: ``t̂_k = normalise((1 − α) f(t_k) + α f(m))``.

    STiTch, arXiv 2605.21261: the increment from reference to target is unknown, and f(m)
    estimates it. The refined caption leans on the intent and drops detail of the reference image
    that the text does not mention.

    Parameters
    ----------
    alpha:
        α in [0, 1]; the paper has 0.45, its public code 0.5. 0 is :class:`NoTransition`; 1 scores
        as :class:`TextOnly` does.

    Without a modification the captions stay unchanged. Raises ``SettingError`` when α is outside
    [0, 1]; ``refine`` raises ``VectorError`` where a caption and the modification cancel.
    """

    alpha: float = default_of("alpha")

    name: ClassVar[str] = "linear"

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return t̂, (K, d) float32 unit rows."""
        rows = read_rows("captions", captions)
        if modification is None:
            return np.asarray(captions, dtype=np.float32)
        intent = read_row("modification", modification, rows.shape[1])
        return to_unit("mixture", (1.0 - self.alpha) * rows + self.alpha * intent)


@dataclass(frozen=True, slots=True)
class NoTransition(TransitionBase):
    """Captions as they were composed (α = 0): the control without the transition."""

    name: ClassVar[str] = "none"


@dataclass(frozen=True, slots=True)
class TextOnly(TransitionBase):
    """The modification alone (α = 1): the control without composition.

    Returns one row, since K equal captions score as one. Without a modification the captions stay
    unchanged.
    """

    name: ClassVar[str] = "text-only"
    keeps_captions: ClassVar[bool] = False

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return f(m) as (1, d) float32."""
        rows = read_rows("captions", captions)
        if modification is None:
            return np.asarray(captions, dtype=np.float32)
        return to_unit("modification", read_row("modification", modification, rows.shape[1])[None])


@dataclass(frozen=True, slots=True)
class ReferenceSubtraction(TransitionBase):
    r"""The linear transition, less a share of the unchanged reference.

    .. math::

        t̂_k = \operatorname{normalise}((1 - α) f(t_k) + α f(m) - β r),

    with r the normalised mean of the reference's plain captions. A caption that carries words of
    the reference along also finds the images that look like it *without* the change, its closest
    look-alikes first; β takes that back. With β = 0 this is :class:`Linear`; along f(t_k) − r it
    is the step of :class:`PDV` without its length.

    Parameters
    ----------
    alpha:
        α in [0, 1], the weight of the modification.
    beta:
        β in [0, 1], how much of the reference is taken away.

    Without a modification or without captions of the reference that part is left out. Raises
    ``SettingError`` for a value outside its range; ``refine`` raises ``VectorError`` where a sum
    cancels to zero.
    """

    alpha: float = default_of("alpha")
    beta: float = default_of("beta")

    name: ClassVar[str] = "away"
    needs_reference_captions: ClassVar[bool] = True

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return t̂, (K, d) float32 unit rows."""
        rows = read_rows("captions", captions)
        moved = rows
        if modification is not None:
            intent = read_row("modification", modification, rows.shape[1])
            moved = (1.0 - self.alpha) * rows + self.alpha * intent
        if reference_captions is not None and self.beta > 0:
            plain = read_rows("captions of the reference", reference_captions, rows.shape[1])
            mean = to_unit("mean caption of the reference", plain.mean(axis=0, keepdims=True))
            moved = moved - self.beta * mean.astype(np.float64)
        if moved is rows:
            return np.asarray(captions, dtype=np.float32)
        return to_unit("mixture", moved)


@dataclass(frozen=True, slots=True)
class PDV(TransitionBase):
    r"""Scale the step from the reference's text to the composed text, and move the image by it too.

    With r the normalised mean of the reference's plain captions, x the reference image and

    .. math::

        Δ_k = f(t_k) - r, \qquad
        a_k = r + λ Δ_k, \qquad
        b_k = x + λ Δ_k,

    the refined caption is ``normalise((1 − w) a_k + w b_k)``: dynamic text, semantic transfer to
    the image, and their fusion, as the authors' published function adds them up (Tursun et al.,
    "PDV: Prompt Directional Vectors for Zero-shot Composed Image Retrieval", WACV 2026, arXiv
    2502.07215). One λ serves text and image here.

    The defaults are the values that the paper reports for the composer nearest to this one, several
    captions a query (LDRE with PDV on CIRCO and CIRR, every backbone): α_T = α_I = 1.4, β = 0.75.
    The paper's β weighs the text, w = 1 − β. ``PDV(1, 0)`` is the identity.

    Parameters
    ----------
    scale:
        λ in [−1000, 1000]; 1 keeps the composed captions, more exaggerates the change, 0 is
        the reference, less than 0 turns the change around.
    image_weight:
        w in [0, 1]; 0 searches with text alone, 1 with the moved image alone.

    Without captions of the reference there is no direction, and the captions stay unchanged.
    Without a reference image w counts as 0. Raises ``SettingError`` for a value outside its range;
    ``refine`` raises ``VectorError`` where a sum cancels to zero.
    """

    scale: float = default_of("scale")
    image_weight: float = default_of("image_weight")

    name: ClassVar[str] = "pdv"
    needs_reference_captions: ClassVar[bool] = True
    needs_reference_image: ClassVar[bool] = True

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return the refined captions, (K, d) float32 unit rows; the modification is not used."""
        rows = read_rows("captions", captions)
        if reference_captions is None:
            return np.asarray(captions, dtype=np.float32)
        plain = read_rows("captions of the reference", reference_captions, rows.shape[1])
        reference = to_unit("mean caption of the reference", plain.mean(axis=0, keepdims=True))
        step = self.scale * (rows - reference)
        if reference_image is None or self.image_weight == 0:
            return to_unit("moved text", reference + step)
        image = read_row("reference image", reference_image, rows.shape[1])
        weight = self.image_weight
        return to_unit("fusion", (1.0 - weight) * reference + weight * image + step)


def rocchio_step(captions: Vectors, rejected: Vectors, beta: float) -> Vectors:
    r"""Move every caption vector away from the mean of the rejected images (Rocchio).

    .. math::

        t_k \leftarrow \operatorname{normalise}\Bigl(t_k - \frac{β}{|R|} \sum_{r \in R} r\Bigr)

    The negative half of Rocchio, "Relevance feedback in information retrieval", in: The SMART
    Retrieval System, 1971; the positive half is the composition itself.

    Parameters
    ----------
    captions:
        (K, d) unit rows, after the transition.
    rejected:
        (R, d), one unit row for each rejected image: its normalised mean view.
    beta:
        β in [0, 1000]; 0 changes nothing.

    Returns (K, d) float32 unit rows. Raises ``SettingError`` for a β out of range, ``VectorError``
    for vectors of the wrong shape, not finite, or that cancel to zero.
    """
    weight = DECLARED["negative_weight"].check(beta)
    rows = read_rows("captions", captions)
    centre = read_rows("rejected images", rejected, rows.shape[1]).mean(axis=0)
    if weight == 0:
        return np.asarray(captions, dtype=np.float32)
    return to_unit("query after feedback", rows - weight * centre)
