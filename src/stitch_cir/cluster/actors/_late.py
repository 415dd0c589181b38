"""Options that count when shards are started, given where those run that were started otherwise."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stitch_cir.cluster.storage import options_digest
from stitch_cir.errors import ClusterError

__all__ = ["check_folder", "folder_of", "late_options", "shard_folder"]

_VARIABLE = "STITCH_SHARD_CACHE"
Hello = dict[str, Any] | str
"""What a replica says of itself, or why it says nothing."""


def shard_folder() -> str:
    """Return where nodes keep the galleries of their shards, unless a server says otherwise."""
    return os.environ.get(_VARIABLE) or str(Path(tempfile.gettempdir()) / "stitch-shards")


def folder_of(hellos: Iterable[Hello]) -> str | None:
    """Return where the galleries of these replicas are kept, on every node; ``None`` for none."""
    return next((str(each["folder"]) for each in hellos if not isinstance(each, str)), None)


def check_folder(uri: str, hellos: Iterable[Hello], folder: str | None) -> None:
    """Raise ``ClusterError`` for replicas whose galleries are elsewhere than in ``folder``."""
    there = folder_of(hellos)
    if None not in (there, folder) and Path(str(there)) != Path(str(folder)):
        raise ClusterError(
            f"The shards of {uri} keep their galleries in {there}, not in {folder}.",
            hint="Leave --shard-cache out; for another folder end the shards (stitch cluster "
            "stop), and start the server again.",
        )


def late_options(hellos: Iterable[Hello], storage_options: Mapping[str, str]) -> tuple[str, ...]:
    """Return a sentence for what was set here, and not where these replicas were started."""
    answers = [each for each in hellos if not isinstance(each, str)]
    there, variable, notes = folder_of(answers), os.environ.get(_VARIABLE), []
    if variable and there and Path(there) != Path(variable):
        notes.append(
            f"{_VARIABLE} is {variable} here, and the shards keep their galleries in {there}: it "
            "counts for shards that are started when there are none"
        )
    digest = options_digest(storage_options)
    if storage_options and any(each["options"] != digest for each in answers):
        notes.append(
            "the storage options given here are not those with which the shards were started, and "
            "which they keep: end them (stitch cluster stop), and start the server again"
        )
    return tuple(notes)
