"""The transition that learns a projection from texts and a centre from a gallery: BASIC's query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from stitch_cir._schema import default_of
from stitch_cir.transition._checks import SHORTEST, Doubles, read_row, read_rows, to_unit
from stitch_cir.transition._corpora import STYLES, SUBJECTS
from stitch_cir.transition._originals import NearestViews, OriginalViews
from stitch_cir.transition._parts import Parts
from stitch_cir.transition._protocol import CalibratedMembers, Transition, TransitionBase, Vectors

__all__ = [
    "LearnedParts",
    "LearnsFromGallery",
    "ProjectedParts",
    "contrastive_projection",
]

SAMPLE = 1024
"""Images, evenly spread over the gallery, whose smallest similarity is measured."""
SHARE = 0.03
"""Largest share of a gallery that counts as neighbours: the mean of all is no direction."""
SHARPNESS = 0.1
"""Factor in the exponent by which neighbours are weighed."""


@runtime_checkable
class LearnsFromGallery(Protocol):
    """A transition that first learns from the gallery that is searched."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts that never change, whose vectors it learns from."""
        ...

    def learn(self, images: OriginalViews, texts: Vectors) -> Transition:
        """Return the transition for a gallery; ``texts``: (t, d), the vectors of :attr:`texts`."""
        ...


@dataclass(frozen=True, slots=True)
class ProjectedParts(Parts):
    r"""Search with the reference image, projected and expanded, and with the modification.

    The query of BASIC (Psomas et al., "Instance-Level Composed Image Retrieval", NeurIPS 2025,
    arXiv 2510.25387). With :math:`\bar y` the mean of the gallery's images, :math:`\bar c` that of
    texts about what images show, and P the projection that keeps what such texts differ in and
    texts about how images show it do not (:func:`contrastive_projection`):

    .. math::

        s_x = P\hat x \cdot (y - \bar y), \qquad
        s_m = (f(m) - \bar c) \cdot (y - \bar y), \qquad
        \hat x = \frac{\sum_i e^{s_i / 10} (x_i - \bar y)}{\sum_i e^{s_i / 10}},

    where :math:`x_i` are the reference (s = 1) and its nearest images by :math:`s_x`. Both
    similarities are counted from the smallest that the gallery has among its own images, and with
    the texts; what is below counts as nothing. A scorer gets them as numbers from −1, nothing, to
    1, the most that one of them can be.

    It learns from a gallery (:meth:`learn`); before, it refines as :class:`Parts` does.

    Parameters
    ----------
    components:
        The most directions that P keeps, ≥ 1; those without positive contrast are left out.
    contrast:
        a in [0, 1], how much texts about how images show something are held against a direction.
    neighbours:
        How many images the reference is expanded by, 3 % of the gallery at most; 0 is none.

    Raises ``SettingError`` for a value out of its range.
    """

    components: int = default_of("components")
    contrast: float = default_of("contrast")
    neighbours: int = default_of("neighbours")

    name: ClassVar[str] = "projected-parts"

    @property
    def texts(self) -> tuple[str, ...]:
        """What the projection is learnt from: first what images show, then how."""
        return (*SUBJECTS, *STYLES)

    def learn(self, images: OriginalViews, texts: Vectors) -> Transition:
        """Return the transition for a gallery; ``texts``: (t, d), the vectors of :attr:`texts`.

        A gallery of one image has nothing to learn from, and ``Parts`` is returned.
        """
        if len(images) < 2:
            return Parts()
        centre = images.total() / len(images)
        subjects, styles = np.split(read_rows("texts", texts), [len(SUBJECTS)])
        of_texts = subjects.mean(axis=0)
        projection = contrastive_projection(
            subjects - of_texts, styles - of_texts, self.contrast, self.components
        )
        rows = np.unique(np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(np.int64))
        sample = images.take(rows).astype(np.float64) - centre
        # a gallery of equal images has no smallest similarity to count from
        least = min(float((sample @ sample.T).min()), -SHORTEST)
        least_of_texts = float(((np.concatenate([subjects, styles]) - of_texts) @ sample.T).min())
        return LearnedParts(
            self, images, centre, of_texts, projection, least, min(least_of_texts, -SHORTEST)
        )


@dataclass(frozen=True, slots=True)
class LearnedParts(TransitionBase):
    """``ProjectedParts`` with what it learnt from a gallery.

    ``centre`` and ``of_texts``: (d,), the means of images and of texts; ``projection``: (d, d);
    ``least`` and ``least_of_texts``: the smallest similarities among images, and with the texts.
    """

    source: ProjectedParts
    images: OriginalViews = field(repr=False)
    centre: Doubles = field(repr=False)
    of_texts: Doubles = field(repr=False)
    projection: Doubles = field(repr=False)
    least: float
    least_of_texts: float

    name: ClassVar[str] = ProjectedParts.name
    needs_reference_captions: ClassVar[bool] = True
    needs_reference_image: ClassVar[bool] = True
    keeps_captions: ClassVar[bool] = False

    def settings(self) -> dict[str, object]:
        """Return those of the transition."""
        return self.source.settings()

    def refine(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> Vectors:
        """Return the vectors, (2, d) float32 unit rows; fewer where a part is missing."""
        return self.calibrate(
            captions,
            modification,
            reference_captions=reference_captions,
            reference_image=reference_image,
        ).vectors

    def calibrate(
        self,
        captions: Vectors,
        modification: Vectors | None,
        *,
        reference_captions: Vectors | None = None,
        reference_image: Vectors | None = None,
    ) -> CalibratedMembers:
        """Return the vectors with how their cosines count; a query without parts as it is."""
        rows = read_rows("captions", captions, len(self.centre))
        reference = Parts.reference_of(rows.shape[1], reference_captions, reference_image)
        members: list[tuple[Doubles, float]] = []
        if reference is not None:
            expanded = self._expanded(reference) @ self.projection
            members.append((expanded, self.least))
        if modification is not None:
            text = read_row("modification", modification, rows.shape[1])
            members.append((text - self.of_texts, self.least_of_texts))
        if not members:
            ones = np.ones(len(rows))
            return CalibratedMembers(rows.astype(np.float32), ones, np.zeros(len(rows)))
        vectors = np.stack([vector for vector, _ in members])
        lengths = np.linalg.norm(vectors, axis=1)
        # v · (y − centre) − least, as a line of the cosine; the code divides both by one number
        least = np.array([smallest for _, smallest in members])
        scale = lengths / -self.least
        offset = (-(vectors @ self.centre) - least) / -self.least
        largest = max(float((scale + offset).max()), SHORTEST)
        return CalibratedMembers(
            to_unit("parts of the query", vectors), 2 * scale / largest, 2 * offset / largest - 1
        )

    def _expanded(self, reference: Doubles) -> Doubles:
        """Return x̂ (d,), centred: the reference with its nearest images, which it is not among."""
        centred = reference - self.centre
        count = min(self.source.neighbours, int(SHARE * len(self.images)))
        if not count:
            return centred
        projected = centred @ self.projection
        nearest = self.images.nearest(NearestViews(projected, reference, count))
        views = nearest.astype(np.float64) - self.centre
        weights = np.exp(SHARPNESS * np.append(views @ projected, 1.0))
        return np.asarray(weights @ np.vstack([views, centred]) / weights.sum())


def contrastive_projection(
    subjects: Doubles, styles: Doubles, contrast: float, components: int
) -> Doubles:
    """Return the projection (d, d) on the directions in which the subjects differ most.

    The eigenvectors of ``(1 − a) AᵀA / (n − 1) − a BᵀB / (m − 1)`` with the largest positive
    eigenvalues, ``components`` at most, for centred texts A (n, d) and B (m, d), ``subjects``
    and ``styles``, and a the ``contrast``.
    """
    first, second = (each.T @ each / max(len(each) - 1, 1) for each in (subjects, styles))
    values, directions = np.linalg.eigh((1 - contrast) * first - contrast * second)
    kept = directions[:, np.argsort(-values, kind="stable")[: min(components, (values > 0).sum())]]
    return np.asarray(kept @ kept.T)
