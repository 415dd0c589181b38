"""The ids of a gallery as two arrays, whose patterns are matched without making a text of each."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery._names import fold, matcher

__all__ = ["Ids"]

_SPECIAL = re.compile(r"[*?\[\]]+")
# surrogates are no valid UTF-8, but may stand in an id; with them the order is that of the texts
_ERRORS = "surrogatepass"


class Ids(Sequence[str]):
    """n ids as one array of bytes: 1 byte a character and 9 an id, where a tuple takes 80 an id.

    ``characters``: (B,) uint8, each id in UTF-8 with a zero byte after it; ``ends``: (n,) int64,
    where each ends. The ids of a gallery are sorted, which :meth:`row_of` relies on; that order is
    the same for the bytes and for the texts.
    """

    def __init__(self, characters: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        """Refer to the arrays. Raises ``ValueError`` for ends that bound no ids."""
        bounds = np.concatenate([[-1], ends])
        if len(characters) != bounds[-1] + 1 or (np.diff(bounds) < 1).any():
            raise ValueError("the ends bound no ids")
        self._characters = characters
        self._ends = ends

    @classmethod
    def of(cls, ids: Iterable[str]) -> Ids:
        """Pack ids in the order in which they come."""
        encoded = [id.encode("utf-8", _ERRORS) for id in ids]
        sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
        characters = np.frombuffer(b"".join(id + b"\0" for id in encoded), np.uint8)
        return cls(characters, np.cumsum(sizes + 1) - 1)

    @classmethod
    def map(cls, folder: Path) -> Ids:
        """Map the files that :meth:`write` wrote, of at least one id.

        Raises ``OSError`` and ``ValueError`` where they are missing or do not fit each other.
        """
        ends = np.fromfile(folder / "id_ends", "<i8")
        # a plain array is the same map, and gives single ids in a twentieth of the time
        return cls(np.asarray(np.memmap(folder / "ids", np.uint8, "r")), ends)

    def write(self, folder: Path) -> None:
        """Write the files ``ids`` and ``id_ends`` into a folder."""
        (folder / "ids").write_bytes(self._characters.tobytes())
        (folder / "id_ends").write_bytes(self._ends.astype("<i8").tobytes())

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Ids: ...
    def __getitem__(self, index: int | slice) -> str | Ids:
        """Return an id, or some of them."""
        if isinstance(index, slice):
            return Ids.of(self[row] for row in range(*index.indices(len(self))))
        row = range(len(self))[index]
        start = int(self._ends[row - 1]) + 1 if row else 0
        return self._characters[start : self._ends[row]].tobytes().decode("utf-8", _ERRORS)

    def __iter__(self) -> Iterator[str]:
        """Yield every id."""
        whole, start = self._characters.tobytes(), 0
        for end in self._ends.tolist():
            yield whole[start:end].decode("utf-8", _ERRORS)
            start = end + 1

    def __eq__(self, other: object) -> bool:
        """Return whether these are the same ids in the same order."""
        if not isinstance(other, Ids):
            return NotImplemented
        return np.array_equal(self._ends, other._ends) and np.array_equal(
            self._characters, other._characters
        )

    __hash__ = None  # type: ignore[assignment]

    def row_of(self, id: str) -> int | None:
        """Return the row of an id, or ``None``; the ids must be sorted."""
        row = bisect_left(self, id)
        return row if row < len(self) and self[row] == id else None

    def matching(self, pattern: str) -> NDArray[np.bool_]:
        """Return which ids match a shell pattern, as ``matcher`` compares them: (n,) bool.

        What stands before, between and behind the special characters decides most ids at once; the
        others are compared as texts.
        """
        names, folded = self._folded, fold(pattern)
        pieces = [piece.encode("utf-8", _ERRORS) for piece in _SPECIAL.split(folded)]
        head, tail, inner = pieces[0], pieces[-1], pieces[1:-1]
        rows = names._beginning_with(head)
        stars = "*".join(_SPECIAL.split(folded)) == folded
        if len(pieces) == 1:
            rows = rows[names._sizes[rows] == len(head)]
        else:
            rows = names._ending_with(tail, rows, len(head))
        if stars and inner:
            rows = names._holding(max(inner, key=len), rows)
        simple = not inner or (pieces == [b"", inner[0], b""] and b"\0" not in inner[0])
        mask = np.zeros(len(self), bool)
        if not (stars and simple):
            matches = matcher([pattern])
            rows = rows[[matches(self[row]) for row in rows.tolist()]] if len(rows) else rows
        mask[rows] = True
        return mask

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.concatenate([[0], self._ends[:-1] + 1]).astype(np.int64)[: len(self)]

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return np.asarray(self._ends - self._starts)

    @cached_property
    def _folded(self) -> Ids:
        """The ids without differences of case and spelling, in the same order."""
        if not len(self._characters) or int(self._characters.max()) < 128:
            # all ASCII: one call instead of one for each id
            lower = np.frombuffer(self._characters.tobytes().lower(), np.uint8)
            return Ids(lower, self._ends)
        return Ids.of(fold(id) for id in self)

    def _beginning_with(self, head: bytes) -> NDArray[np.int64]:
        """Return the rows of ids that begin with ``head``, ascending."""
        rows = np.flatnonzero(self._sizes >= len(head))
        for offset, byte in enumerate(head):
            rows = rows[self._characters[self._starts[rows] + offset] == byte]
        return rows

    def _ending_with(self, tail: bytes, rows: NDArray[np.int64], before: int) -> NDArray[np.int64]:
        """Return which of ``rows`` end with ``tail``, with at least ``before`` bytes before it."""
        rows = rows[self._sizes[rows] >= before + len(tail)]
        for offset, byte in enumerate(reversed(tail), 1):
            rows = rows[self._characters[self._ends[rows] - offset] == byte]
        return rows

    def _holding(self, piece: bytes, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of ``rows`` hold ``piece``, which is not empty."""
        starts = np.flatnonzero(self._characters == piece[0])
        starts = starts[starts < len(self._characters) - len(piece)]
        for offset, byte in enumerate(piece[1:], 1):
            starts = starts[self._characters[starts + offset] == byte]
        # only a zero byte in the piece can make it begin in one id and end in the next
        holding = np.zeros(len(self), bool)
        holding[np.searchsorted(self._ends, starts)] = True
        kept: NDArray[np.int64] = rows[holding[rows]]
        return kept
