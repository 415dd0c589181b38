"""The roles of a query on their way to the ranking, and what each adds to the score of a hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stitch_cir.composers import Phrase, Roles
from stitch_cir.ranking import ScoreTerm, ScoreTerms
from stitch_cir.transport import RoleScorer, Scorer, Term, TransportPlan, forward_look

if TYPE_CHECKING:
    from stitch_cir.searcher._hit import View

__all__ = [
    "PartVectors",
    "RoleMatch",
    "RoleShare",
    "RoleVectors",
    "role_shares",
    "role_vectors",
    "score_terms",
]


@dataclass(frozen=True, slots=True, eq=False)
class RoleVectors:
    """One role of a query: its phrases, their vectors (K, d) and weights (K,) of sum 1, float32.

    The term ``reference`` are the views of the reference, and its phrases their labels.
    """

    term: Term
    phrases: tuple[Phrase, ...]
    vectors: NDArray[np.float32] = field(repr=False)

    @property
    def weights(self) -> NDArray[np.float32]:
        """The weights of the phrases, (K,) of sum 1."""
        return _normalised([each.weight for each in self.phrases])

    def by_user(self) -> RoleVectors | None:
        """Return the phrases that the user wrote; ``None`` where there are none."""
        rows = [n for n, each in enumerate(self.phrases) if each.origin == "user"]
        if not rows:
            return None
        kept = tuple(self.phrases[row] for row in rows)
        return replace(self, phrases=kept, vectors=self.vectors[rows])


def role_vectors(roles: Roles, vectors: NDArray[np.float32]) -> tuple[RoleVectors, ...]:
    """Sort the vectors of ``roles.texts`` into the roles that have phrases."""
    sorted_roles: list[RoleVectors] = []
    start = 0
    for role, phrases in roles.items():
        end = start + len(phrases)
        sorted_roles.append(RoleVectors(role, phrases, vectors[start:end]))
        start = end
    return tuple(sorted_roles)


@dataclass(frozen=True, slots=True, eq=False)
class PartVectors:
    """A part of a query as it was before its transition, whose score a transition counts.

    ``labels``: K texts; ``vectors``: (K, d) float32; ``shares``: K weights of any sum; ``factor``:
    what the score is multiplied by.
    """

    name: str
    labels: tuple[str, ...]
    vectors: NDArray[np.float32] = field(repr=False)
    shares: Sequence[float]
    factor: float


class Scored(Protocol):
    """What a query has to be scored by beside its vectors."""

    @property
    def share(self) -> float:
        """What the score of the captions is multiplied by."""

    @property
    def parts(self) -> tuple[PartVectors, ...]:
        """The parts whose scores are added."""

    @property
    def roles(self) -> tuple[RoleVectors, ...]:
        """The roles that a scorer may use."""


def score_terms(
    query: Scored, scorer: Scorer, forbidden_weight: float, tau: float
) -> tuple[ScoreTerms, tuple[tuple[str, ...], ...]]:
    """Return how parts and roles count beside the captions, and the texts of each term.

    The scorer ``roles`` uses all roles; every other what the user avoids, and nothing else.
    """
    roles: Sequence[RoleVectors] = query.roles
    factors: Mapping[Term, float] = {"global": 1.0, "forbidden": -forbidden_weight}
    rule = "sum"
    if isinstance(scorer, RoleScorer):
        factors = scorer.factors({each.term for each in roles}, forbidden_weight)
        rule = scorer.role_rule
    else:
        avoided = (each.by_user() for each in roles if each.term == "forbidden")
        roles = [each for each in avoided if each is not None]
    terms = [
        ScoreTerm(
            each.name,
            each.vectors,
            _normalised(each.shares),
            scorer,
            factors["global"] * each.factor,
            requested=True,
        )
        for each in query.parts
    ]
    texts = [each.labels for each in query.parts]
    look = forward_look(tau) if roles else scorer
    for role in roles:
        if factors.get(role.term):
            requested = role.term in ("desired", "preserve")
            factor = factors[role.term]
            terms.append(
                ScoreTerm(role.term, role.vectors, role.weights, look, factor, requested=requested)
            )
            texts.append(tuple(each.text for each in role.phrases))
    share = factors["global"] * query.share
    return ScoreTerms(tuple(terms), share, rule), tuple(texts)  # type: ignore[arg-type]


def _normalised(shares: Sequence[float]) -> NDArray[np.float32]:
    weights = np.array(shares, np.float64)
    return np.asarray(weights / weights.sum(), np.float32)


@dataclass(frozen=True, slots=True)
class RoleMatch:
    """A phrase of a role and the view that shows it best; ``similarity`` is their cosine."""

    text: str
    view: View
    similarity: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        view = {**self.view.to_dict(), "label": self.view.label}
        return {"text": self.text, "view": view, "similarity": round(self.similarity, 6)}


@dataclass(frozen=True, slots=True)
class RoleShare:
    """What one role gives to the score of a hit, or takes off it.

    ``role``: ``global`` (the captions), ``desired``, ``preserve``, ``reference`` (its views) or
    ``forbidden``; with a transition that counts them also ``captions`` (before it) and
    ``modification``. The shares of a hit sum to its score, before hubness is taken off.
    """

    role: str
    share: float
    matches: tuple[RoleMatch, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        matches = [match.to_dict() for match in self.matches]
        return {"role": self.role, "share": round(self.share, 6), "matches": matches}


def role_shares(
    terms: ScoreTerms,
    texts: Sequence[Sequence[str]],
    plan: TransportPlan,
    plans: Sequence[TransportPlan],
    views: Sequence[View],
) -> tuple[RoleShare, ...]:
    """Return the share of the captions and of each term; none where only the captions count.

    ``plan`` is that of the captions, ``plans`` are those of the terms, ``views`` the hit's.
    """
    if not terms:
        return ()
    shares = terms.shares(float(plan.score), [float(each.score) for each in plans])
    parts = [RoleShare("global", shares[0])]
    for term, labels, of_term, share in zip(terms.terms, texts, plans, shares[1:], strict=True):
        best = of_term.similarities.argmax(axis=-1)
        matches = tuple(
            RoleMatch(text, views[int(column)], float(of_term.similarities[row, column]))
            for row, (text, column) in enumerate(zip(labels, best, strict=True))
        )
        parts.append(RoleShare(term.name, share, matches))
    return tuple(parts)
