"""What a router computes from a whole dataset, once for each version."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery import Ids, ViewMatrix, content_groups
from stitch_cir.ranking import BANK, VIEWS_EACH, HubnessBank, allowed_neighbours
from stitch_cir.searcher import IMAGES, REQUESTS, SearchSettings, spread_rows
from stitch_cir.transition import Transition

if TYPE_CHECKING:
    from stitch_cir.cluster.search._gallery import ClusterSnapshot

__all__ = ["NEAR_DUPLICATES", "Sample", "WholeGallery"]

MEANS = 4096
"""Number of mean views in the sample that calibrates similarities, as on one machine."""
RECENT = 2048
"""Number of cached answers about single images: a page shows the same ones repeatedly."""
_OF_ONE_IMAGE = frozenset({"item", "views"})
"""Questions that only the shard of an image answers: the other shards may be missing."""
NEAR_DUPLICATES = "near-duplicates"
T = TypeVar("T")


class ShardWentMissingError(Exception):
    """A shard stopped answering during a computation over all, which starts again without it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Images spread evenly over a dataset.

    ``matrix``: their view sets in id order; ``rows``: (m,) int64, their positions in the dataset.
    """

    matrix: ViewMatrix = field(repr=False)
    rows: NDArray[np.int64] = field(repr=False)

    def among(self, images: int, count: int) -> NDArray[np.int64]:
        """Return the rows of ``matrix`` that are ``count`` images spread over all ``images``."""
        return np.searchsorted(self.rows, spread_rows(images, count))


class WholeGallery:
    """Values computed once for a version and kept until the next; safe to share by threads."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._lock = threading.RLock()
        self._version: int | None = None
        self._kept: dict[str, Any] = {}
        self._recent: OrderedDict[tuple[Any, ...], list[Any]] = OrderedDict()

    def recent(self, snapshot: ClusterSnapshot, question: str, argument: str) -> list[Any]:
        """Return the shards' answers about an image, or recent ones at the same version."""
        ask = snapshot.ask_some if question in _OF_ONE_IMAGE else snapshot.ask
        return self.lately(snapshot, (question, argument), lambda: ask(question, argument))

    def lately(
        self, snapshot: ClusterSnapshot, question: tuple[Hashable, ...], ask: Callable[[], list[T]]
    ) -> list[T]:
        """Return the answers of ``ask``, or recent ones to the same question at this version."""
        key = (snapshot.generation, tuple(snapshot.missing), *question)
        with self._lock:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key]
        answers = ask()
        key = (snapshot.generation, tuple(snapshot.missing), *question)
        with self._lock:
            self._recent[key] = answers
            while len(self._recent) > RECENT:
                self._recent.popitem(last=False)
        return answers

    def device(self, snapshot: ClusterSnapshot, name: str) -> list[str]:
        """Return the names of a device in the shards, without repetitions."""
        if name == "cpu":
            return [name]
        return self._keep(
            snapshot, f"device {name}", lambda: sorted(set(snapshot.ask("device", name)))
        )

    def _keep(self, snapshot: ClusterSnapshot, name: str, make: Callable[[], T]) -> T:
        """Return the value that is kept under a name, computed first if it is missing.

        A value that was computed while a shard went missing belongs neither to all shards nor to
        the others: it is computed again, and never kept.
        """
        with self._lock:
            while True:
                version, among = snapshot.generation, _among(name, snapshot)
                if self._version != version:
                    self._version, self._kept = version, {}
                if among in self._kept:
                    return cast(T, self._kept[among])
                with suppress(ShardWentMissingError):
                    made = make()
                    if _among(name, snapshot) == among:
                        self._kept[among] = made
                        return made

    def max_pixels(self, snapshot: ClusterSnapshot) -> int:
        """Return the largest width × height that files may be opened with."""
        return self._keep(
            snapshot, "max_pixels", lambda: int(snapshot.ask_some("info")[0]["max_pixels"])
        )

    def forget(self, name: str) -> None:
        """Forget what a shard no longer holds; it is computed again when it is next needed."""
        with self._lock:
            for key in [key for key in self._kept if key.startswith(name)]:
                del self._kept[key]

    # -- samples -----------------------------------------------------------------------------------

    def counts(self, snapshot: ClusterSnapshot) -> tuple[int, int]:
        """Return the number of images, and of the views that the hubness bank may take."""

        def count() -> tuple[int, int]:
            parts = snapshot.ask("view_counts", VIEWS_EACH)
            return sum(images for images, _ in parts), sum(views for _, views in parts)

        return self._keep(snapshot, "counts", count)

    def sample(self, snapshot: ClusterSnapshot) -> Sample:
        """Return the images that random requests are made of and scored on."""

        def read() -> Sample:
            images, _ = self.counts(snapshot)
            rows = np.union1d(spread_rows(images, IMAGES), spread_rows(images, REQUESTS))
            sets = self._sets(snapshot, rows)
            vectors = [views for views, _ in sets.values()]
            sizes = np.array([len(views) for views in vectors], np.int64)
            matrix = ViewMatrix(
                Ids.of(sets),
                np.concatenate(vectors),
                np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
                np.zeros(int(sizes.sum()), np.uint8),
                np.stack([mean for _, mean in sets.values()]),
                snapshot.generation,
            )
            return Sample(matrix, rows)

        return self._keep(snapshot, "sample", read)

    def means(self, snapshot: ClusterSnapshot) -> NDArray[np.float32]:
        """Return the mean views of at most 4,096 images, evenly spread: (m, d)."""

        def read() -> NDArray[np.float32]:
            images, _ = self.counts(snapshot)
            sets = self._sets(snapshot, spread_rows(images, MEANS))
            return np.stack([mean for _, mean in sets.values()])

        return self._keep(snapshot, "means", read)

    def ids_at(self, snapshot: ClusterSnapshot, rows: NDArray[np.int64]) -> list[str]:
        """Return the ids at some positions among all ids of the dataset, in order."""
        return _ids_at(snapshot, rows)

    def learned(
        self, snapshot: ClusterSnapshot, transition: Transition, learn: Callable[[], T]
    ) -> T:
        """Return what a transition with these settings learns, once for a version."""
        return self._keep(snapshot, "learned " + _digest(transition.settings()), learn)

    def _sets(
        self, snapshot: ClusterSnapshot, rows: NDArray[np.int64]
    ) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Return view sets and means of images by their positions in the dataset, in id order."""
        ids = _ids_at(snapshot, rows)
        sets = {id: each for part in snapshot.ask("sets", ids) for id, each in part.items()}
        return {id: sets[id] for id in ids if id in sets}

    # -- what shards hold of the whole -------------------------------------------------------------

    def neighbours(self, snapshot: ClusterSnapshot, requested: int) -> int:
        """Return how many neighbours hubness averages over: fewer where the bank is small."""
        _, bank = self._bank(snapshot)
        return allowed_neighbours(requested, len(bank.owners))

    def hubness(self, snapshot: ClusterSnapshot, settings: SearchSettings) -> str:
        """Have every shard compute and keep its images' hubness; return the column's name."""
        described = [settings.scorer.settings(), settings.hubness.neighbours]
        of_all = "hubness " + _digest(described)

        def spread() -> str:
            owners, bank = self._bank(snapshot)
            name = _among(of_all, snapshot)
            snapshot.ask(
                "keep_hubness",
                name,
                (bank.queries, bank.owners),
                owners,
                settings.scorer,
                settings.hubness.neighbours,
            )
            return name

        return self._keep(snapshot, of_all, spread)

    def duplicates(self, snapshot: ClusterSnapshot) -> str:
        """Have every shard keep its images' near-duplicate groups; return the column's name."""

        def spread() -> str:
            prints: dict[str, bytes | None] = {}
            for part in snapshot.ask("hashed_contents"):
                # one shard that has hashed a content is enough
                prints.update({hash: each or prints.get(hash) for hash, each in part.items()})
            name = _among(NEAR_DUPLICATES, snapshot)
            snapshot.ask("keep_duplicates", name, content_groups(prints))
            return name

        return self._keep(snapshot, NEAR_DUPLICATES, spread)

    def _bank(self, snapshot: ClusterSnapshot) -> tuple[list[str], HubnessBank]:
        """Return the bank of hubness, and the ids of its images by number."""

        def read() -> tuple[list[str], HubnessBank]:
            images, views = self.counts(snapshot)
            ids = None
            if views > BANK:
                ids = _ids_at(snapshot, spread_rows(images, max(1, BANK // VIEWS_EACH)))
            parts = snapshot.ask("bank", ids, VIEWS_EACH)
            sets = dict(sorted(each for part in parts for each in part))
            sizes = [len(views) for views in sets.values()]
            owners = np.repeat(np.arange(len(sets)), sizes)
            return list(sets), HubnessBank(np.concatenate(list(sets.values())), owners)

        return self._keep(snapshot, "bank", read)


def _ids_at(snapshot: ClusterSnapshot, rows: NDArray[np.int64]) -> list[str]:
    """Return the ids at some positions among all ids of the dataset, in order.

    Each round narrows down where the position may lie in every shard: the middle id of the widest
    interval is compared with all others, and halves it. Raises ``ShardWentMissingError``.
    """
    began_without = len(snapshot.missing)
    sizes = [images for images, _ in snapshot.ask("view_counts", 1)]
    targets = rows.tolist()
    low = np.zeros((len(targets), len(sizes)), np.int64)
    high = np.tile(np.array(sizes, np.int64), (len(targets), 1))
    answers: dict[int, str] = {}
    while waiting := [number for number in range(len(targets)) if number not in answers]:
        spans = high - low
        widest = {number: int(np.argmax(spans[number])) for number in waiting}
        positions_in: list[list[int]] = [[] for _ in sizes]
        for number in waiting:
            shard = widest[number]
            positions_in[shard].append(int(low[number, shard] + high[number, shard]) // 2)
        by_shard = snapshot.ask_each("ids_at", [[each] for each in positions_in])
        if len(snapshot.missing) > began_without:
            raise ShardWentMissingError
        cursors = [iter(ids) for ids in by_shard]
        pivots = [next(cursors[widest[number]]) for number in waiting]
        before = snapshot.ask("positions", pivots)
        if len(snapshot.missing) > began_without:
            raise ShardWentMissingError
        for position, number in enumerate(waiting):
            counts = np.array([part[position] for part in before], np.int64)
            rank = int(counts.sum())
            if rank == targets[number]:
                answers[number] = pivots[position]
            elif rank < targets[number]:
                low[number] = np.maximum(low[number], counts)
                low[number, widest[number]] = counts[widest[number]] + 1
            else:
                high[number] = np.minimum(high[number], counts)
    return [answers[number] for number in range(len(targets))]


def _among(name: str, snapshot: ClusterSnapshot) -> str:
    """Return a name that differs from that of all shards where some are missing."""
    return f"{name} without {sorted(snapshot.missing)}" if snapshot.missing else name


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
