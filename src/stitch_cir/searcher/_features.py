"""What a query is on its way to the ranking: composed, encoded, moved by a transition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from stitch_cir._schema import DECLARED
from stitch_cir.composers import Composition, Roles
from stitch_cir.errors import QueryError, SettingError, VectorError
from stitch_cir.searcher._reference import ResolvedReference
from stitch_cir.searcher._roles import PartVectors, RoleVectors
from stitch_cir.transition import (
    CalibratedMembers,
    Calibrates,
    Transition,
    WeighsParts,
    fuse,
    fusion_by_name,
    rocchio_step,
)

__all__ = ["ComposedQuery", "ComposedSet", "EncodedQuery", "QueryFeatures"]


@dataclass(frozen=True, slots=True)
class ComposedSet:
    """What a composed-query encoder made of the references and the text.

    ``vectors``: (s, d) float32 unit rows; ``weights``: (s,) float32, sum 1; ``settings``: what made
    them, JSON-ready.
    """

    vectors: NDArray[np.float32] = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ComposedQuery:
    """A query whose references are resolved and whose captions are written, ready to be encoded.

    ``text`` is the modification of all turns, without white space around it; ``requests`` are the
    turns as the user wrote them, where there are several. Without a ``composition`` the references'
    own view sets are searched with. ``roles`` are those that are scored beside the captions: what
    the user avoids, and for the scorer ``roles`` all of the composition's.
    """

    references: tuple[ResolvedReference, ...]
    text: str
    composition: Composition | None
    requests: tuple[str, ...] = ()
    roles: Roles = field(default_factory=Roles)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about its composition and its reference."""
        composed = () if self.composition is None else self.composition.notes
        return (*composed, *(note for each in self.references for note in each.notes))

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights of the references, as shares of 1."""
        total = sum(each.weight for each in self.references)
        return tuple(each.weight / total for each in self.references)

    def texts(self) -> tuple[str, ...]:
        """Return what is encoded: captions, modification, the reference's captions, roles."""
        composition = self.composition
        if composition is None:
            return self.roles.texts
        modification = (composition.intent or self.text,) if self.text else ()
        described = composition.reference_captions
        return (*composition.texts, *modification, *described, *self.roles.texts)


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """The set of vectors that a gallery is ranked by.

    ``vectors``: (K, d) float32 unit rows after the transition; ``weights``: (K,) float32, sum 1;
    ``labels``: K texts that say what each row is. ``reference_captions``: (R, d) float32, captions
    of the unchanged reference, for transitions that combine scores only. ``negatives``: the gallery
    ids of rejected images, which ``vectors`` were moved away from. ``reference`` names the only or
    first reference; ``references`` are all of them with their shares, which sum to 1; ``requests``
    are all turns, where there are several. ``span``: (b, d) float32, the query's vectors before the
    transition, the same array for every transition of its features. ``roles``: those that a scorer
    may use. ``share`` is what the score of ``vectors`` is multiplied by, where a transition adds
    that of ``parts`` of the query before it.
    ``composed``: what made the last rows out of reference and text together, or None where there
    are none of these. ``calibration``: how the cosines of the rows count, where a transition says
    so.
    """

    vectors: NDArray[np.float32] = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    labels: tuple[str, ...]
    composition: Composition | None
    reference: str | None
    text: str | None
    reference_captions: NDArray[np.float32] | None = field(default=None, repr=False)
    negatives: tuple[str, ...] = ()
    references: tuple[tuple[str, float], ...] = ()
    requests: tuple[str, ...] = ()
    span: NDArray[np.float32] | None = field(default=None, repr=False)
    roles: tuple[RoleVectors, ...] = ()
    share: float = 1.0
    parts: tuple[PartVectors, ...] = ()
    composed: Mapping[str, Any] | None = None
    calibration: CalibratedMembers | None = field(default=None, repr=False)

    @property
    def reference_names(self) -> tuple[str, ...]:
        """The names of all references, in their order."""
        return tuple(name for name, _ in self.references)

    @property
    def avoided(self) -> tuple[str, ...]:
        """What the user avoids."""
        forbidden = (
            each for role in self.roles if role.term == "forbidden" for each in role.phrases
        )
        return tuple(phrase.text for phrase in forbidden if phrase.origin == "user")

    @property
    def row_noun(self) -> str:
        """What a row is: a target caption, or a view of the reference of a query without text."""
        return "part of the reference" if self.composition is None else "caption"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, without vectors and composition."""
        return {
            "reference": self.reference,
            "text": self.requests[-1] if self.requests else self.text,
            "labels": list(self.labels),
            "weights": [round(float(weight), 6) for weight in self.weights],
            "negatives": list(self.negatives),
            "avoid": list(self.avoided),
            "references": [
                {"name": name, "share": round(share, 6)} for name, share in self.references
            ],
            "turns": list(self.requests[:-1]),
            **({} if self.composed is None else {"composed": dict(self.composed)}),
        }

    def fused(self, fusion: str, means: NDArray[np.float32]) -> EncodedQuery:
        """Return the query with its members' weights as the fusion of this name has them.

        Of the sets' mean vectors, ``means`` (n, d), at most 4,096 are taken, evenly spread. Raises
        ``VectorError`` where the fusion's weights are none.
        """
        if fusion == DECLARED["fusion"].default or len(self.vectors) < 2 or len(means) < 2:
            return self
        rows = np.unique(np.linspace(0, len(means) - 1, min(4096, len(means))).astype(np.int64))
        sample = np.asarray(means)[rows]
        weights = fuse(fusion_by_name(fusion), self.vectors, self.weights, sample)
        return replace(self, weights=weights)

    def joined_by(self, other: ComposedSet | None, weight: float) -> EncodedQuery:
        """Return the query with the vectors of reference and text together as further members.

        They have the share ``weight`` of it; with 1 they are all that is left.
        """
        if other is None or weight == 0:
            return self
        if self.calibration is not None and weight < 1:
            raise SettingError(
                "A vector of reference and text together has no scale beside calibrated parts.",
                hint="Search with it alone (composed_weight 1), or with another transition.",
            )
        label = " + ".join([*self.reference_names, f"“{self.text}”"])
        labels = (label,) * len(other.vectors)
        share, parts = self.share, self.parts
        if weight == 1:
            vectors, weights, share, parts = other.vectors, other.weights, 1.0, ()
        else:
            vectors = np.concatenate([self.vectors, other.vectors])
            shares = np.float32(1 - weight) * self.weights, np.float32(weight) * other.weights
            weights, labels = np.concatenate(shares), (*self.labels, *labels)
        made = {**other.settings, "weight": weight}
        return replace(
            self,
            vectors=vectors,
            weights=weights,
            labels=labels,
            composed=made,
            share=share,
            parts=parts,
            calibration=None,
        )

    def away_from(
        self, ids: tuple[str, ...], means: NDArray[np.float32], weight: float
    ) -> EncodedQuery:
        """Return the query moved away by ``weight`` from rejected images of mean vectors (n, d)."""
        return replace(self, vectors=rocchio_step(self.vectors, means, weight), negatives=ids)


@dataclass(frozen=True, slots=True)
class QueryFeatures:
    """The vectors of a composed query before any transition, float32 unit rows.

    ``captions``: (K, d), f(t_k), or the views of a reference without text; ``labels``: what each of
    them is; ``modification``: (d,), f(m), or None without a text; ``reference_captions``: (R, d),
    captions of the unchanged references, or None; ``reference_image``: (d,), the view of the whole
    reference image where a transition needs it, of several their weighted mean, renormalised.
    ``weights``: (K,), sum 1, the shares of the views of several references without text. ``span``:
    (b, d), the vectors of all texts, of the reference image and of ``composed`` as one array, or
    None. ``roles``: the roles with their vectors, and the views of the reference where something is
    to be preserved. ``composed``: what each composed-query encoder made of the query, by the
    encoder's name.
    """

    composition: Composition | None
    reference: str | None
    text: str
    labels: tuple[str, ...]
    captions: NDArray[np.float32] = field(repr=False)
    modification: NDArray[np.float32] | None = field(default=None, repr=False)
    reference_captions: NDArray[np.float32] | None = field(default=None, repr=False)
    reference_image: NDArray[np.float32] | None = field(default=None, repr=False)
    weights: NDArray[np.float32] | None = field(default=None, repr=False)
    references: tuple[tuple[str, float], ...] = ()
    requests: tuple[str, ...] = ()
    span: NDArray[np.float32] | None = field(default=None, repr=False)
    roles: tuple[RoleVectors, ...] = ()
    composed: Mapping[str, ComposedSet] = field(default_factory=dict, repr=False)

    def refine(self, transition: Transition) -> EncodedQuery:
        """Apply a transition; the views of a reference stay where they are.

        Raises ``QueryError`` for weights that cannot be marginals, ``VectorError`` where the
        transition cannot be applied to this query.
        """
        if self.composition is None:
            shares = self.weights
            if shares is None:
                shares = np.full(len(self.captions), 1.0 / len(self.captions), dtype=np.float32)
            return EncodedQuery(
                self.captions,
                shares,
                self.labels,
                None,
                self.reference,
                None,
                references=self.references,
                roles=self.roles,
            )
        reference = {
            "reference_captions": self.reference_captions,
            "reference_image": self.reference_image,
        }
        calibration = None
        # of a type, which is remembered: that of an object takes as long as to move its captions
        if issubclass(type(transition), Calibrates):
            calibrating = cast(Calibrates, transition)
            calibration = calibrating.calibrate(self.captions, self.modification, **reference)
            refined = calibration.vectors
        else:
            refined = transition.refine(self.captions, self.modification, **reference)
        refined = np.ascontiguousarray(refined, dtype=np.float32)
        if transition.keeps_captions:
            if len(refined) != len(self.captions):
                raise VectorError(
                    f"The transition {transition.name} made {len(refined)} vectors of "
                    f"{len(self.captions)} captions.",
                    hint="One that does not keep the captions says so: keeps_captions = False.",
                )
            labels = self.labels
            weights = np.asarray([c.weight for c in self.composition.captions], np.float32)
        else:
            labels = tuple(self.text for _ in range(len(refined)))
            weights = np.ones(len(refined), np.float32)
        share, parts = self._parts(transition)
        total = float(weights.sum())
        if not np.isfinite(total) or total <= 0 or bool((weights < 0).any()):
            raise QueryError(
                f"The captions' weights {weights.tolist()} are not usable.",
                hint="Every weight must be a finite number of at least 0, one of them above 0.",
            )
        return EncodedQuery(
            refined,
            weights / np.float32(total),
            labels,
            self.composition,
            self.reference,
            self.text or None,
            self.reference_captions if transition.combines_scores else None,
            references=self.references,
            requests=self.requests,
            span=self.span,
            roles=self.roles,
            share=share,
            parts=parts,
            calibration=calibration,
        )

    def _parts(self, transition: Transition) -> tuple[float, tuple[PartVectors, ...]]:
        """Return what the refined captions' score is multiplied by, and what is added to it."""
        if self.modification is None or not issubclass(type(transition), WeighsParts):
            return 1.0, ()
        factors = cast(WeighsParts, transition).part_weights()
        assert self.composition is not None
        weights = [each.weight for each in self.composition.captions]
        alone, factor = self.modification[None], factors["modification"]
        parts = (
            PartVectors("captions", self.labels, self.captions, weights, factors["captions"]),
            PartVectors("modification", (self.text,), alone, [1.0], factor),
        )
        return factors["refined"], tuple(each for each in parts if each.factor)
