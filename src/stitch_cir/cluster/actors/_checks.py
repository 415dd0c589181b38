"""What a router checks before it believes shards: that they hold all of the dataset it knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stitch_cir._hints import shell_word
from stitch_cir.cluster.storage import SHARDS
from stitch_cir.errors import ClusterError

__all__ = ["check_cover", "check_not_replaced"]


def check_cover(
    uri: str, version: int, expected: int | None, answers: Mapping[int, tuple[Any, ...]]
) -> None:
    """Raise ``ClusterError`` unless the answers cover every row of a version exactly once.

    ``expected``: how many rows the version has, ``None`` where that is not known.
    """
    ranges = sorted(numbers for numbers, _, _ in answers.values())
    covered = [number for first, end in ranges for number in range(first, end)]
    rows = sum(rows for _, rows, _ in answers.values())
    if covered != list(range(SHARDS)) or expected not in (None, rows):
        raise ClusterError(
            f"The shards of {uri} hold {rows:,} rows of version {version} together, in "
            f"{len(set(covered))} of {SHARDS} parts, and not {expected or 0:,} in all of them.",
            hint=f"Restart them: stitch cluster stop {shell_word(uri)}, then start the servers "
            "again.",
        )


def check_not_replaced(uri: str, newest: tuple[int, str], searched: tuple[int, str]) -> None:
    """Raise ``ClusterError`` where a dataset is not the one that is searched.

    ``newest``, ``searched``: version and its id.
    """
    if newest[0] < searched[0] or (newest[0] == searched[0] and newest[1] != searched[1]):
        raise ClusterError(
            f"The dataset at {uri} was replaced by another one, whose newest version is "
            f"{newest[0]}, while version {searched[0]} was searched.",
            hint="Restart its shards to search the new one: stitch cluster stop "
            f"{shell_word(uri)}, then start the servers again.",
        )
