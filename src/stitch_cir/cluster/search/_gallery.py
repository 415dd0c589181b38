"""A dataset in shards as a gallery: every read asks the shards."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from stitch_cir.cluster._errors import VersionGoneError
from stitch_cir.cluster.search._attributes import ClusterAttributes
from stitch_cir.cluster.search._counts import ShardCount
from stitch_cir.cluster.search._fleet import Answers, Fleet, FleetState
from stitch_cir.cluster.search._reader import ClusterReader
from stitch_cir.errors import ClusterError, GalleryError, GalleryMismatchError, SettingError
from stitch_cir.gallery import Gallery, Snapshot, ViewMatrix
from stitch_cir.gallery.store import encoder_name

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.searcher import Engine

__all__ = ["ClusterGallery", "ClusterSnapshot"]


class ClusterSnapshot(ClusterReader, Snapshot):
    """One version of a dataset; the shards keep it while the next one is searched."""

    def __init__(self, gallery: ClusterGallery, version: int) -> None:
        """Use :meth:`ClusterGallery.snapshot`."""
        self.directory, self.uri = gallery.directory, gallery.uri
        self.fleet = gallery.fleet
        self._facts = gallery._facts
        self._gallery = gallery
        self._version = version
        self._answered = False
        self._attributes_of_version: ClusterAttributes | None = None
        self.noted: tuple[str, ...] | None = None
        """Notes of the shards on the images that take part; ``None`` before they are asked."""
        self.missing: dict[int, str] = {}
        """Why shards did not answer, by number from 0, where answers may be incomplete."""

    def close(self) -> None:
        """Do nothing: shards hold a version until two newer ones are loaded."""

    def ask(self, question: str, *arguments: Any) -> list[Any]:
        """Return the answers of all shards at this version.

        If the version is gone before the first answer, the snapshot moves, once, to the version
        that is searched now.
        """
        return self.ask_each(question, [arguments])

    def recent_answers(self, question: str, argument: str) -> list[Any]:
        """Return what :meth:`ask` does, from a cache of recent answers where possible."""
        return self._cluster.whole.recent(self, question, argument)

    def ask_each(self, question: str, arguments: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the answers of all shards, each to its own arguments; see :meth:`ask`."""
        answers = self._answers(question, arguments, may_miss=self._cluster.may_miss)
        self.missing.update(answers.missing)
        return answers.values

    def ask_some(self, question: str, *arguments: Any) -> list[Any]:
        """Return the answers of the shards, where a single one that is not empty suffices.

        Raises ``ClusterError`` where a shard is missing and the others have nothing.
        """
        if self._cluster.may_miss:
            return self.ask(question, *arguments)
        answers = self._answers(question, [arguments], may_miss=True)
        if answers.missing and not any(answers.values):
            raise ClusterError(next(iter(answers.missing.values())), hint="Try again in a moment.")
        return answers.values

    def _answers(
        self, question: str, arguments: Sequence[Sequence[Any]], *, may_miss: bool
    ) -> Answers:
        options: dict[str, Any] = {"without": tuple(self.missing), "may_miss": may_miss}
        try:
            answers = self.fleet.ask(self._version, question, arguments, **options)
        except VersionGoneError:
            if self._answered:
                raise
            self._version = self._cluster.searched_version()
            answers = self.fleet.ask(self._version, question, arguments, **options)
        self._answered = True
        return answers

    @property
    def _cluster(self) -> ClusterGallery:
        assert isinstance(self._gallery, ClusterGallery)
        return self._gallery

    @property
    def generation(self) -> int:
        """The dataset's version."""
        return self._version

    @property
    def commit(self) -> str:
        """What identifies the version, the same for every router."""
        return f"{self.uri} {self._facts.get('created')} version {self._version}"

    @property
    def max_pixels(self) -> int:
        """Largest width × height that its files may be opened with."""
        return self._cluster.whole.max_pixels(self)

    def check_reachable(self, name: str) -> None:
        """Raise ``ClusterError`` where an image that was not found may be in a missing shard."""
        if self.missing:
            why = " ".join(self.missing.values())
            raise ClusterError(
                f"Whether the gallery has {name!r} cannot be said: {why}",
                hint="Search again when all shards answer, or with another image.",
            )

    @property
    def attributes(self) -> ClusterAttributes:
        """The attributes of this version."""
        if self._attributes_of_version is None:
            self._attributes_of_version = ClusterAttributes(self)
        return self._attributes_of_version

    @property
    def num_perceptual_hashes(self) -> int:
        """Always 0: perceptual hashes change only with the version."""
        return 0

    @property
    def notes(self) -> list[str]:
        """Notes of the shards on this version, without repetitions, and on missing shards."""
        if self.noted is None:
            self.noted = tuple(note for part in self.ask("notes") for note in part)
        missing = (f"Images are missing: {each}" for each in self.missing.values())
        return list(dict.fromkeys([*self.noted, *missing]))

    @property
    def damaged(self) -> frozenset[str]:
        """Always empty: each shard skips its damaged records itself."""
        return frozenset()

    def similar_ids(self, name: str) -> list[str]:
        """Return the ids that are ``name`` but for case and Unicode spelling."""
        return sorted(id for part in self.ask("similar_ids", name) for id in part)

    def matrix(self) -> NoReturn:
        """Raise ``GalleryError``: no machine holds all vectors."""
        _refuse_matrix(self.uri)

    near_duplicates = hashed_contents = matrix

    def grouped_as(self, labels: Mapping[str, int]) -> NoReturn:
        """Raise ``GalleryError``: groups are those of the rows of the matrix."""
        _refuse_matrix(self.uri)


class ClusterGallery(ClusterReader, Gallery):
    """A dataset that the shards of a cluster search; safe to share between threads.

    With ``may_miss`` searches also answer while shards are missing; ``complete`` is then false in
    their results.
    """

    def __init__(
        self,
        uri: str,
        fleet: Fleet,
        facts: Mapping[str, Any],
        encoder: DualEncoder | None = None,
        *,
        may_miss: bool = False,
    ) -> None:
        """Use :func:`stitch_cir.cluster.open_cluster`."""
        from stitch_cir.cluster.search._whole import WholeGallery

        self.directory = Path(uri)
        self.uri = uri
        self.fleet = fleet
        self.may_miss = may_miss
        self.whole = WholeGallery()
        self._facts = dict(facts)
        self._encoder = encoder
        self._texts: dict[tuple[str, ...], NDArray[np.float32]] = {}
        self._resources: dict[type, Any] = {}
        self._lock = threading.RLock()
        self.closing = ExitStack()
        """What :meth:`close` closes."""

    def close(self) -> None:
        """Leave the cluster; the shards stay."""
        self._resources.clear()
        self.closing.close()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What shaped the vectors that are searched."""
        return dict(self._facts)

    def check_reachable(self, name: str) -> None:
        """Raise ``ClusterError`` where an image that was not found may be in a missing shard."""
        snapshot = self.snapshot()
        snapshot.ask("holds", [])
        snapshot.check_reachable(name)

    def shard_counts(self) -> Sequence[ShardCount]:
        """Return the counters of every shard that was asked."""
        return self.fleet.shard_counts()

    def state(self) -> FleetState:
        """Return the last known state of the shards, without asking them."""
        return self.fleet.state()

    def answering_partially(self) -> ClusterGallery:
        """Return the same dataset with ``may_miss``."""
        if self.may_miss:
            return self
        lenient = copy.copy(self)
        lenient.may_miss = True
        return lenient

    def searched_version(self) -> int:
        """Return the version that is searched now.

        Raises ``GalleryMismatchError`` where another encoder has made its vectors, or with other
        views: see :func:`stitch_cir.gallery.renewed`.
        """
        version = self.fleet.version()
        facts = self.fleet.facts(version)
        if any(facts[name] != self._facts[name] for name in ("fingerprint", "recipe")):
            raise GalleryMismatchError(
                f"The vectors of {self.uri} were made again by {encoder_name(facts)}, while the "
                f"gallery was open with those of {encoder_name(self._facts)}.",
                hint="Open it again (stitch_cir.gallery.renewed), and search again.",
            )
        return version

    def reopened(self) -> ClusterGallery:
        """Return a gallery of the same shards, with the facts and encoder of today's version."""
        version = self.fleet.version()
        facts, encoder = self.fleet.facts(version), self.fleet.encoder(version)
        opened = ClusterGallery(self.uri, self.fleet, facts, encoder, may_miss=self.may_miss)
        opened.closing = self.closing
        return opened

    def engine(self) -> Engine:
        """Return what ranks it."""
        from stitch_cir.cluster.search._engine import ClusterEngine

        return ClusterEngine(self)

    def snapshot(self) -> ClusterSnapshot:
        """Return the version that is searched now."""
        return ClusterSnapshot(self, self.searched_version())

    def ask(self, question: str, *arguments: Any) -> list[Any]:
        """Return the answers of all shards at the version that is searched now."""
        return self.snapshot().ask(question, *arguments)

    def recent_answers(self, question: str, argument: str) -> list[Any]:
        """Return what :meth:`ask` does, from a cache of recent answers where possible."""
        return self.snapshot().recent_answers(question, argument)

    @property
    def generation(self) -> int:
        """The dataset's version that is searched now."""
        return self.fleet.version()

    @property
    def notes(self) -> list[str]:
        """Notes of the shards on the dataset, without repetitions."""
        return list(dict.fromkeys(note for part in self.ask("notes") for note in part))

    @property
    def max_pixels(self) -> int:
        """Largest width × height that its files may be opened with."""
        return self.whole.max_pixels(self.snapshot())

    def matrix(self) -> ViewMatrix:
        """Raise ``GalleryError``: no machine holds all vectors."""
        _refuse_matrix(self.uri)

    def cached_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts that never change, (n, d), encoded once by this router."""
        with self._lock:
            key = tuple(texts)
            if key not in self._texts:
                self._texts[key] = self.encoder.encode_texts(list(texts))
            return self._texts[key]

    # -- writing -----------------------------------------------------------------------------------

    def add(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``SettingError``: datasets are written by ``stitch cluster``."""
        raise _read_only(self.uri)

    def remove(self, id: str) -> NoReturn:
        """Raise ``SettingError``: datasets are written by ``stitch cluster``."""
        raise _read_only(self.uri)

    def set_attributes(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``SettingError``: datasets are written by ``stitch cluster``."""
        raise _read_only(self.uri)

    def drop_attribute(self, name: str) -> NoReturn:
        """Raise ``SettingError``: datasets are written by ``stitch cluster``."""
        raise _read_only(self.uri)

    def index(self, **_: Any) -> NoReturn:
        """Raise ``SettingError``: datasets are written by ``stitch cluster``."""
        raise _read_only(self.uri)

    def sync_feed(self, *_: Any, **__: Any) -> NoReturn:
        """Raise ``SettingError``: datasets are written by ``stitch cluster``."""
        raise _read_only(self.uri)

    def verify(self, **_: Any) -> NoReturn:
        """Raise ``GalleryError``: datasets are checked by ``stitch cluster verify``."""
        raise GalleryError(
            f"{self.uri} is a dataset that a cluster searches.",
            hint=f"Check it with stitch cluster verify {self.uri}",
        )


def _refuse_matrix(uri: str) -> NoReturn:
    raise GalleryError(
        f"{uri} is searched by a cluster: no machine holds all of its vectors.",
        hint="Import it into a gallery for this: stitch cluster import URI GALLERY",
    )


def _read_only(uri: str) -> SettingError:
    return SettingError(
        f"{uri} is a dataset that a cluster searches, which is read-only here.",
        hint="Write it with stitch cluster index, export or delete.",
    )
