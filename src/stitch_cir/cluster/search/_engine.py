"""Rank a query by asking all shards, with the results of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir._schema import DECLARED
from stitch_cir.cluster._errors import ColumnMissingError
from stitch_cir.cluster.search._gallery import ClusterSnapshot
from stitch_cir.cluster.search._learned import learned
from stitch_cir.cluster.search._source import ClusterSource, joined, notes_of
from stitch_cir.cluster.search._whole import NEAR_DUPLICATES
from stitch_cir.cluster.shards import ShardQuery, ShardTakingPart
from stitch_cir.errors import ClusterError
from stitch_cir.gallery import Snapshot
from stitch_cir.ranking import Exhaustive
from stitch_cir.searcher import (
    IMAGES,
    REQUESTS,
    Chance,
    ChanceCache,
    GalleryRanker,
    LeftOut,
    RankingRequest,
    ResolvedReference,
    SearchSettings,
    TakingPart,
    left_out_of,
    limited_neighbours,
    moved_query,
    score_chance,
)

if TYPE_CHECKING:
    from stitch_cir.cluster.search._gallery import ClusterGallery
    from stitch_cir.cluster.search._whole import Sample
    from stitch_cir.ranking import Solver

__all__ = ["ClusterEngine"]


@dataclass(frozen=True, slots=True)
class TakingPartInShards:
    """Which images take part, over all shards: counts, and the notes about them."""

    left_out: LeftOut
    selection: TakingPart
    shards: int
    incomplete: str | None
    duplicates: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterEngine:
    """Ranks a dataset by asking all of its shards."""

    gallery: ClusterGallery

    def device(self, name: str) -> tuple[Solver | None, str]:
        """Return the device's name in the shards. Raises ``ClusterError`` if they differ."""
        devices = self.gallery.whole.device(self.gallery.snapshot(), name)
        if len(devices) > 1:
            raise ClusterError(
                f"The device {name} is {' in some shards and '.join(devices)} in others.",
                hint="Choose a device that all shards have, such as --device cpu",
            )
        return None, devices[0]

    def select(
        self,
        snapshot: Snapshot,
        references: Sequence[ResolvedReference],
        negatives: Sequence[str],
        settings: SearchSettings,
    ) -> TakingPartInShards:
        """Return which images take part; raises an error where none does."""
        assert isinstance(snapshot, ClusterSnapshot)
        left_out = left_out_of(snapshot, references, negatives, settings)
        duplicates = None
        if settings.near_duplicates == "collapse":
            duplicates = self.gallery.whole.duplicates(snapshot)
        parts = self._taking_part(snapshot, settings, left_out.ids, duplicates)
        selection = joined(parts, settings)
        selection.check(snapshot.address)
        notes = notes_of(parts)
        incomplete = next((part.incomplete for part in parts if part.incomplete), None)
        return TakingPartInShards(left_out, selection, len(parts), incomplete, duplicates, notes)

    def _taking_part(
        self,
        snapshot: ClusterSnapshot,
        settings: SearchSettings,
        excluded: frozenset[str],
        duplicates: str | None,
    ) -> list[ShardTakingPart]:
        """Return which images take part in every shard; recent answers are reused.

        They are not reused where a shard may be missing, since its images then no longer count, nor
        for groups, whose sizes may take much memory.
        """

        def ask() -> list[ShardTakingPart]:
            return self.ask(snapshot, "select", settings, excluded, duplicates)

        may_miss = self.gallery.may_miss or bool(self.gallery.state().missing)
        if may_miss or duplicates is not None or settings.group_by is not None:
            return ask()
        return self.gallery.whole.lately(snapshot, ("select", repr(settings), excluded), ask)

    def open(
        self, snapshot: Snapshot, request: RankingRequest, selected: TakingPartInShards | None
    ) -> ClusterSource:
        """Return a query as it is sent to the shards."""
        assert isinstance(snapshot, ClusterSnapshot)
        whole, settings, timer = self.gallery.whole, request.settings, request.timer
        selected = selected or self.select(
            snapshot, request.references, request.negatives, settings
        )
        snapshot.noted = selected.notes
        rejected = list(selected.left_out.rejected.values())
        means = (
            whole.means(snapshot) if settings.fusion != DECLARED["fusion"].default else _NO_MEANS
        )
        sets = (
            {id: each for part in snapshot.ask("sets", rejected) for id, each in part.items()}
            if rejected
            else {}
        )

        def mean_of(id: str) -> NDArray[np.float32] | None:
            return sets[id][1] if id in sets else None

        texts = self.gallery.cached_texts
        with learned(whole, snapshot, settings.transition, texts) as transition:
            encoded = moved_query(request, means, rejected, mean_of, transition)
        timer.finish("encode")
        notes: tuple[str, ...] = ()
        hubness = None
        if settings.hubness.weight:
            images, _ = whole.counts(snapshot)
            used = whole.neighbours(snapshot, settings.hubness.neighbours)
            settings, notes = limited_neighbours(settings, used, images)
            hubness = whole.hubness(snapshot, settings)
            timer.finish("hubness")
        query = ShardQuery(encoded, settings, selected.left_out.ids, hubness, selected.duplicates)
        first = () if selected.incomplete is None else (selected.incomplete,)
        notes = (*first, *selected.selection.notes(settings), *notes)
        source = ClusterSource(self, snapshot, query, selected.selection, selected.shards, notes)
        if settings.strictness is not None and request.cursor is not None:
            sample = whole.sample(snapshot)
            without = "".join(f" {number}" for number in sorted(snapshot.missing))
            source.chance = self.gallery.resource(ChanceCache).get(
                request.cursor.ranking + without.encode(), lambda: self._chance(source, sample)
            )
            timer.finish("chance")
        return source

    def _chance(self, source: ClusterSource, sample: Sample) -> Chance:
        """Score random requests on the sample, as one machine does on its own."""
        images, _ = self.gallery.whole.counts(source.snapshot)
        penalty = None
        if source.query.hubness is not None:
            ids = list(sample.matrix.ids)
            of_id = {
                id: each
                for part in self.ask(source.snapshot, "penalties", source.query, ids)
                for id, each in part.items()
            }
            penalty = np.array([of_id[id] for id in ids])
        ranker = GalleryRanker(sample.matrix, source.settings, Exhaustive(), penalty)
        rows, others = sample.among(images, IMAGES), sample.among(images, REQUESTS)
        return score_chance(self.gallery, ranker, source.encoded, rows, others)

    def ask(self, snapshot: ClusterSnapshot, question: str, *arguments: Any) -> list[Any]:
        """Return the shards' answers; compute columns again, once, that a restarted shard lacks."""
        try:
            return snapshot.ask(question, *arguments)
        except ColumnMissingError as error:
            query = next((each for each in arguments if isinstance(each, ShardQuery)), None)
            self.gallery.whole.forget(str(error))
            if query is not None and query.hubness is not None:
                self.gallery.whole.hubness(snapshot, query.settings)
            if str(error).startswith(NEAR_DUPLICATES):
                self.gallery.whole.duplicates(snapshot)
            try:
                return snapshot.ask(question, *arguments)
            except ColumnMissingError as again:
                raise ClusterError(
                    f"A shard of {snapshot.uri} was started again during this search.",
                    hint="Search again.",
                ) from again


_NO_MEANS = np.empty((0, 1), np.float32)
