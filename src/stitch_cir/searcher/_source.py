"""What a query is ranked in: one gallery, or one whose parts lie elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from stitch_cir.candidates import CandidateSource
from stitch_cir.gallery import Facet, FacetRequest, Gallery, Snapshot
from stitch_cir.ranking import ShardRanking, Solver
from stitch_cir.searcher._candidates import TakingPart
from stitch_cir.searcher._cursor import Cursor
from stitch_cir.searcher._cutoff import Chance
from stitch_cir.searcher._features import EncodedQuery, QueryFeatures
from stitch_cir.searcher._hit import Hit
from stitch_cir.searcher._reference import ResolvedReference
from stitch_cir.searcher._settings import SearchSettings
from stitch_cir.searcher._shortlist import NamedRows
from stitch_cir.searcher._usage import StageTimer
from stitch_cir.transition import Transition

__all__ = ["Engine", "ProvidesEngine", "RankingRequest", "Source", "moved_query"]


@dataclass(frozen=True, slots=True)
class RankingRequest:
    """What is ranked, and how, in whichever snapshot: an encoded query with its settings.

    ``solver`` computes the ranking; with ``None`` what is ranked chooses by ``settings.device``.
    ``composed`` names the composed-query encoder whose vectors join the query, ``""`` for none;
    ``candidates`` names the shortlist, ``None``: nearness to mean views does.
    """

    features: QueryFeatures
    references: tuple[ResolvedReference, ...]
    negatives: tuple[str, ...]
    settings: SearchSettings
    solver: Solver | None
    notes: tuple[str, ...]
    timer: StageTimer
    facets: tuple[str | FacetRequest, ...] = ()
    cursor: Cursor | None = None
    composed: str = ""
    candidates: CandidateSource | None = None

    @property
    def offset(self) -> int:
        """How many of the best hits are left out."""
        return 0 if self.cursor is None else self.cursor.offset

    @property
    def reranks(self) -> bool:
        """Whether a hit of this page may be among those that are judged once more."""
        return self.settings.rerank > self.offset

    def without_image(self) -> RankingRequest:
        """Return the same request, which no longer holds the pixels of its references."""
        return replace(
            self, references=tuple(replace(each, image=None) for each in self.references)
        )


class Source(Protocol):
    """One query in the snapshot that it is ranked in; valid as long as that is open.

    Rankings are in the order of :mod:`stitch_cir.ranking`: larger score first, then by id. Their
    keys mean something to the source that returned them alone.
    """

    @property
    def encoded(self) -> EncodedQuery:
        """The query as it is ranked: after the transition, moved away from the negatives."""

    @property
    def settings(self) -> SearchSettings:
        """The settings that are used: a small gallery limits the neighbours of hubness."""

    @property
    def selection(self) -> TakingPart:
        """How many images take part."""

    @property
    def chance(self) -> Chance | None:
        """What random requests score, where the settings cut off by it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to note about what takes part, and about settings that are not as requested."""

    @property
    def named(self) -> NamedRows | None:
        """What another system named as the shortlist; ``None`` before :meth:`rank`, and without."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Shards that do not answer, where an answer may be incomplete."""

    def rank(self, depth: int, *, shortlist: int | None = None, cuts: Cuts) -> ShardRanking:
        """Return the best images, or groups, down to ``depth``; none has a damaged record.

        ``shortlist``: only as many images, nearest by mean view, are scored. ``cuts`` say what will
        be counted, so that it can be counted at the same time.
        """

    def means(self, keys: Sequence[Any]) -> NDArray[np.float32]:
        """Return the normalised mean views of ranked images (m,): (m, d)."""

    def count(self, score: float) -> int:
        """Count the images, or groups, that score at least ``score``, a cut of :meth:`rank`."""

    def facets(self, requests: Sequence[str | FacetRequest], score: float) -> list[Facet]:
        """Count facets over the images that score at least ``score``, a cut of :meth:`rank`."""

    def hits(
        self, ranked: Sequence[tuple[int, Any, float]], floor: float | None
    ) -> tuple[Hit, ...]:
        """Return the hits of (rank, key, score) each, with members of at least the score ``floor``.

        Members are the further images of a hit's group; with ``None`` each image is for itself.
        """

    def rank_of(self, id: str) -> tuple[int, Any, float] | None:
        """Return rank, key and score of an image; ``None`` where it does not take part."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """What is counted beside a ranking: images that score at least ``scores``, facets at the first.

    −∞ is a cut that all reach. ``shown``: how many of the best will be hits, so that who holds them
    may say at once what there is to show; 0 where that is not certain yet.
    """

    scores: tuple[float, ...] = (-np.inf,)
    facets: tuple[str | FacetRequest, ...] = ()
    shown: int = 0


class Engine(Protocol):
    """Selects and ranks the images of one gallery."""

    def device(self, name: str) -> tuple[Solver | None, str]:
        """Return the solver of a device, and how the device is called.

        Raises ``SettingError`` and ``ModelError`` as ``open_device`` does.
        """

    def select(
        self,
        snapshot: Snapshot,
        references: Sequence[ResolvedReference],
        negatives: Sequence[str],
        settings: SearchSettings,
    ) -> Any:
        """Return what takes part, for :meth:`open`.

        Raises ``NotFoundError`` for a negative that the gallery does not hold,
        ``GalleryEmptyError`` when nothing is left.
        """

    def open(self, snapshot: Snapshot, request: RankingRequest, selected: Any | None) -> Source:
        """Return a query in the snapshot that it is ranked in.

        ``selected`` is what :meth:`select` returned for the same state, or ``None``.
        """


@runtime_checkable
class ProvidesEngine(Protocol):
    """A gallery that is not ranked in this process."""

    def engine(self) -> Engine:
        """Return what ranks it."""

    def answering_partially(self) -> Gallery:
        """Return the same gallery, whose answers may lack parts that cannot be reached."""


def moved_query(
    request: RankingRequest,
    means: NDArray[np.float32],
    rejected: Sequence[str],
    mean_of: Callable[[str], NDArray[np.float32] | None],
    transition: Transition | None = None,
) -> EncodedQuery:
    """Return the query after transition, fusion, and the step away from the ``rejected`` images.

    ``means``: (n, d), the normalised mean views of the gallery, or of images spread over it;
    ``mean_of`` returns that of an id, (d,), or ``None`` where it is none. ``transition``: that of
    the settings as the gallery has it, where it learns from it.
    """
    settings = request.settings
    encoded = request.features.refine(transition or settings.transition)
    if request.composed:
        made = request.features.composed.get(request.composed)
        encoded = encoded.joined_by(made, settings.composed_weight)
    encoded = encoded.fused(settings.fusion, means)
    ids = tuple(dict.fromkeys(rejected))
    vectors = [mean for id in ids if (mean := mean_of(id)) is not None]
    if not vectors:
        return encoded
    return encoded.away_from(ids, np.stack(vectors), settings.negative_weight)
