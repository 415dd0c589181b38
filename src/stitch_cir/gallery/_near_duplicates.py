"""Which images are copies of one another: groups of near-duplicates by their perceptual hashes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store import _perceptual_hashes as tables
from stitch_cir.images import COLOUR_BYTES, STRUCTURE_BYTES

__all__ = [
    "NearDuplicateCache",
    "NearDuplicates",
    "content_groups",
    "grouped",
    "hashed_contents",
]

MOST_BITS = 31
"""Bits of 256 in which the structure of near-duplicates may differ: PDQ's own threshold."""
MOST_COLOUR = 10.0
"""Mean difference of their colour cells, in levels of 255."""
_BYTES = STRUCTURE_BYTES + COLOUR_BYTES
_WORDS = 16
_PAIRS = 1 << 20
"""Pairs that are compared at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class NearDuplicates:
    """The groups of one state of a gallery.

    ``groups``: (n,) int64, the group of every row from 0 on; an image without near-duplicates is
    alone in its own. ``missing`` counts images without a perceptual hash, which are alone as well.
    ``labels`` (g,) say what each group is called by its contents, −1 for one without any.
    """

    groups: NDArray[np.int64] = field(repr=False)
    missing: int
    labels: NDArray[np.int64] = field(repr=False)


class NearDuplicateCache:
    """The groups of the latest state of an open gallery; thread-safe."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._lock = threading.Lock()
        self._key: tuple[str, int, int] | None = None
        self._groups: NearDuplicates | None = None

    def get(self, store: Store, commit: str, ids: Sequence[str]) -> NearDuplicates:
        """Return the groups among ``ids``, the sorted ids of the matrix of a commit."""
        with self._lock:
            # perceptual hashes make no commit, and a matrix may leave damaged records out
            key = (commit, tables.count_perceptual_hashes(store), len(ids))
            if self._groups is None or self._key != key:
                self._groups, self._key = _near_duplicates(store, ids), key
            return self._groups


def _near_duplicates(store: Store, ids: Sequence[str]) -> NearDuplicates:
    """Return the groups of near-duplicates among ``ids``, the sorted ids of a matrix."""
    return grouped(store, ids, content_groups(hashed_contents(store)))


def hashed_contents(store: Store) -> dict[str, bytes | None]:
    """Return the perceptual hash of the content of every item; ``None`` for one without."""
    prints = tables.perceptual_hashes(store)
    return {hash: prints.get(hash) for _, hash in tables.hashed_items(store)}


def content_groups(prints: Mapping[str, bytes | None]) -> dict[str, int]:
    """Return the group of every content, by the contents' perceptual hashes.

    Contents are joined where they are near-duplicates of each other, directly or by others between
    them.
    """
    contents = sorted(prints)
    detailed = [
        position
        for position, content in enumerate(contents)
        if len(prints[content] or b"") == _BYTES
    ]
    data = np.frombuffer(
        b"".join(prints[contents[position]] or b"" for position in detailed), np.uint8
    ).reshape(len(detailed), _BYTES)
    positions = np.array(detailed, np.int64)
    labels = np.arange(len(contents))
    for first, second in _pairs(data):
        labels = _joined(labels, positions[first], positions[second])
    return dict(zip(contents, labels.tolist(), strict=True))


def grouped(store: Store, ids: Sequence[str], labels: Mapping[str, int]) -> NearDuplicates:
    """Return the groups of the sorted ``ids``, by the ``labels`` of their contents.

    Byte-identical files are always of one group.
    """
    row_of = {id: row for row, id in enumerate(ids)}
    items = [(row_of[id], hash) for id, hash in tables.hashed_items(store) if id in row_of]
    prints = tables.perceptual_hashes(store)
    groups = 1 + max(labels.values(), default=-1) + np.arange(len(ids))
    rows = np.array([row for row, _ in items], np.int64)
    groups[rows] = [labels[hash] for _, hash in items]
    missing = sum(hash not in prints for _, hash in items)
    names, inverse = np.unique(groups, return_inverse=True)
    keys = np.where(names <= max(labels.values(), default=-1), names, -1)
    return NearDuplicates(inverse.astype(np.int64), missing, keys)


def _pairs(data: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the pairs of near-duplicates, (m,) and (m,), some of them several times.

    Of 16 words, two structures that differ in at most 31 bits have one that differs in at most one:
    only what shares such a word is compared, and no pair is missed.
    """
    if len(data) < 2:
        return
    structure, colour = data[:, :STRUCTURE_BYTES], data[:, STRUCTURE_BYTES:].astype(np.int16)
    bits = np.unpackbits(structure, axis=1)
    words = np.ascontiguousarray(structure).view(np.uint64)
    for word in range(_WORDS):
        # every 16th bit: neighbouring frequencies are alike, and words of them would be common
        packed = np.packbits(bits[:, word::_WORDS], axis=1).astype(np.int32)
        values = packed[:, 0] << 8 | packed[:, 1]
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        for flip in (0, *(1 << bit for bit in range(16))):
            low = np.searchsorted(ordered, values ^ flip, "left")
            high = np.searchsorted(ordered, values ^ flip, "right")
            for first, second in _expand(low, high):
                second = order[second]
                once = first < second
                first, second = first[once], second[once]
                near = _differing(words, first, second) <= MOST_BITS
                first, second = first[near], second[near]
                tinted = np.abs(colour[first] - colour[second]).mean(axis=1) > MOST_COLOUR
                yield first[~tinted], second[~tinted]


def _differing(
    words: NDArray[np.uint64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the bits in which pairs of rows (n, 4) differ: (m,)."""
    total = np.zeros(len(first), np.int64)
    for column in words.T:
        different = column[first] ^ column[second]
        # without NumPy 2, by the classic sums of neighbouring bits
        different -= (different >> np.uint64(1)) & np.uint64(0x5555555555555555)
        pairs = np.uint64(0x3333333333333333)
        different = (different & pairs) + ((different >> np.uint64(2)) & pairs)
        different = (different + (different >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        total += ((different * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.int64)
    return total


def _expand(
    low: NDArray[np.int64], high: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (i, j) for every j from ``low[i]`` up to, not including, ``high[i]``, in blocks."""
    counts = high - low
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        base = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, base + _PAIRS, "right")))
        part = counts[start:stop]
        first = np.repeat(np.arange(start, stop), part)
        within = np.arange(int(part.sum())) - np.repeat(np.cumsum(part) - part, part)
        yield first, np.repeat(low[start:stop], part) + within
        start = stop


def _joined(
    labels: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return labels in which the ends of every pair have the same, the smallest they can reach."""
    while True:
        smaller = np.minimum(labels[first], labels[second])
        if (labels[first] == smaller).all() and (labels[second] == smaller).all():
            return labels
        joined = labels.copy()
        # the labels themselves are joined, and with them all that bear them
        np.minimum.at(joined, labels[first], smaller)
        np.minimum.at(joined, labels[second], smaller)
        while not (joined == joined[joined]).all():
            joined = joined[joined]
        labels = joined[labels]
