"""What travels between the driver of an indexing run and its encoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stitch_cir.cluster.storage import AttributePosition

# at run time: an encoder's counters come back in a message
from stitch_cir.gallery._report import IndexCounters
from stitch_cir.gallery.index import FolderPart, IndexSettings

__all__ = ["EncodedUnit", "EncoderJob", "Failure", "Ready", "Unit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderJob:
    """What all units of a run share: the dataset, the folder, the encoder and the settings.

    ``kinds`` are the attributes of the dataset, and those that the run's file sets; new ones of the
    images are shown from position ``first`` on. A node's cores
    are divided among ``sharing`` encoders. ``sample`` is a file that every node must see.
    """

    uri: str
    storage_options: Mapping[str, str] = field(repr=False)
    root: str
    facts: Mapping[str, Any]
    kinds: tuple[tuple[str, str], ...]
    first: int
    encoder: str
    device: str | None
    precision: str | None
    settings: IndexSettings
    sharing: int
    sample: bytes | None


@dataclass(slots=True)
class Unit:
    """Ids that one encoder takes at a time; ``offsets`` are those of their rows in ``version``."""

    number: str
    ids: list[str]
    version: int
    offsets: list[int]
    part: FolderPart
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class EncodedUnit:
    """A unit that was written to the storage and is to be committed.

    ``ids`` are those of its new rows, ``gone`` those that lose theirs. ``images`` and ``vanished``
    are by how many their numbers grow; ``added`` the contents of images that are new, and
    ``cpu_seconds`` what the unit took of the encoder's processor time.
    """

    number: str
    fragments: tuple[str, ...]
    ids: tuple[str, ...]
    gone: tuple[str, ...]
    kinds: tuple[AttributePosition, ...]
    counters: IndexCounters
    files: int
    images: int
    vanished: int
    added: tuple[str, ...]
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Ready:
    """An encoder that can take units, and the node that it runs on."""

    node: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that ends the run: which node it was on, and what to do."""

    node: str
    kind: str
    message: str
    hint: str
