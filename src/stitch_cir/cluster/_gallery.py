"""A dataset that shards search, as a gallery: reading it asks the shards."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from stitch_cir.cluster._attributes import ClusterAttributes
from stitch_cir.cluster._errors import VersionGoneError
from stitch_cir.cluster._fleet import Fleet
from stitch_cir.errors import GalleryError, SettingError
from stitch_cir.gallery import Gallery, GalleryReader, Snapshot, StoredView, ViewMatrix, Where
from stitch_cir.gallery.store import same_id

if TYPE_CHECKING:
    from stitch_cir.cluster._engine import ClusterEngine
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.gallery import WrittenRow

__all__ = ["ClusterGallery", "ClusterSnapshot"]

_SUMMED = ("images", "distinct_images", "captioned", "skipped", "vanished")


class ClusterReader(GalleryReader):
    """Reads a dataset through its shards."""

    fleet: Fleet

    def ask(self, question: str, *arguments: Any) -> list[Any]:
        """Return what every shard answers; raises what :meth:`Fleet.ask` raises."""
        raise NotImplementedError

    def asked_once(self, question: str, argument: str) -> list[Any]:
        """Return what :meth:`ask` does; what was asked of a version lately is kept."""
        raise NotImplementedError

    def _item(self, id: str) -> dict[str, Any] | None:
        return next((each for each in self.asked_once("item", id) if each is not None), None)

    def _of(self, id: str, name: str) -> Any:
        item = self._item(id)
        return None if item is None else item[name]

    def __contains__(self, id: object) -> bool:
        """Return whether this is exactly the id of an item; never a path."""
        return isinstance(id, str) and self._item(id) is not None

    def __len__(self) -> int:
        """Count the images."""
        return self.find(limit=0)[0]

    @property
    def ids(self) -> tuple[str, ...]:
        """All gallery ids, sorted."""
        return tuple(self.find(limit=-1)[1])

    def _similar(self, name: str) -> str | None:
        ids = [id for part in self.ask("similar_ids", name) for id in part]
        return same_id(name, sorted(ids))

    def find(
        self, words: str = "", *, offset: int = 0, limit: int = 60, where: Where | str | None = None
    ) -> tuple[int, list[str]]:
        """Look ids up in id order: how many match, and ``limit`` of them from ``offset`` on."""
        most = -1 if limit < 0 else offset + limit
        parts = self.ask("find", words, most, where)
        ids = sorted(id for _, ids in parts for id in ids)
        end = len(ids) if limit < 0 else offset + limit
        return sum(total for total, _ in parts), ids[offset:end]

    def info(self) -> dict[str, Any]:
        """Return counts and everything that shaped the vectors, as JSON-ready data."""
        parts = self.ask("info")
        summed = {name: sum(part[name] for part in parts) for name in _SUMMED}
        kinds: dict[str, dict[str, Any]] = {}
        for part in parts:
            for row in part["attributes"]:
                kept = kinds.setdefault(row["name"], {**row, "items": 0})
                kept["items"] += row["items"]
        written: dict[str, Any] = {}
        for part in parts:
            for name, count in part["written_captions"].items():
                written[name] = written.get(name, 0) + count
        root = self.root
        return {
            **parts[0],
            **summed,
            "attributes": list(kinds.values()),
            "written_captions": written,
            "root": None if root is None else str(root),
            **self.provenance(),
        }

    def provenance(self) -> dict[str, Any]:
        """Return what shaped the vectors, JSON-ready."""
        shaping = ("weights_tag", "dim", "fingerprint", "recipe")
        return {
            "directory": str(self.directory),
            "encoder": self._facts.get("encoder"),
            **{name: self._facts.get(name) for name in shaping},
            "generation": self.generation,
        }

    def completeness(self) -> dict[str, Any]:
        """Return whether the last run of indexing came to its end, as the shards record it."""
        first = self.ask("info")[0]
        return {name: first.get(name) for name in ("complete", "waiting")}

    def incomplete_note(self) -> str | None:
        """Return a sentence that says that the gallery is incomplete, or None."""
        return next((note for note in self.ask("incomplete_note") if note), None)

    @property
    def max_pixels(self) -> int:
        """Largest width × height that its files may be opened with."""
        return int(self.ask("info")[0]["max_pixels"])

    def path(self, id: str) -> Path | None:
        """Return where the image's file lies on the machines that share the images."""
        path: Path | None = self._of(id, "path")
        return path

    def image_paths(self, id: str) -> tuple[Path, ...]:
        """Return where the files of an item of several images lie, in order; else nothing."""
        return tuple(self._of(id, "image_paths") or ())

    def size(self, id: str) -> tuple[int, int] | None:
        """Return the upright (width, height) of an image in pixels; None for captions only."""
        size: tuple[int, int] | None = self._of(id, "size")
        return size

    def captions(self, id: str) -> list[str]:
        """Return the different captions of an item, in order."""
        return list(self._of(id, "captions") or ())

    def written_captions(self) -> dict[str, WrittenRow]:
        """Return what is recorded of the captions that a model wrote, by id."""
        merged: dict[str, WrittenRow] = {}
        for part in self.ask("written_captions"):
            merged.update(part)
        return dict(sorted(merged.items()))

    def captions_by_model(self, id: str) -> list[str]:
        """Return the captions of an item that a model wrote, in order."""
        return list(self._of(id, "captions_by_model") or ())

    def views(self, id: str) -> list[StoredView]:
        """Return the view set of an item: image views first, then caption views."""
        return [view for part in self.asked_once("views", id) for view in part]

    def attributes_of(self, id: str) -> dict[str, Any]:
        """Return the attributes of an item, JSON-ready."""
        return dict(self._of(id, "attributes_of") or {})

    def content_hash(self, id: str) -> str | None:
        """Return the SHA-256 of an image's file."""
        hash: str | None = self._of(id, "content_hash")
        return hash

    def ids_with_content(self, hash: str) -> list[str]:
        """Return the ids of all items with an image whose file has this SHA-256."""
        return sorted({id for part in self.asked_once("ids_with_content", hash) for id in part})

    def skipped(self) -> list[tuple[str, str]]:
        """Return (id, reason) of the files that are left out because of their content."""
        return sorted(row for part in self.ask("skipped") for row in part)


class ClusterSnapshot(ClusterReader, Snapshot):
    """One version of a dataset; the shards keep it while the next one is searched."""

    def __init__(self, gallery: ClusterGallery, version: int) -> None:
        """Use :meth:`ClusterGallery.snapshot`."""
        self.directory = gallery.directory
        self.fleet = gallery.fleet
        self._facts = gallery._facts
        self._gallery = gallery
        self._version = version
        self._answered = False
        self._attributes_of_version: ClusterAttributes | None = None
        self.noted: tuple[str, ...] | None = None
        """What the shards noted when they were asked what takes part."""
        self.missing: dict[int, str] = {}
        """Shards that did not answer, and why, where an answer may be incomplete."""

    def close(self) -> None:
        """Do nothing: shards hold a version until two newer ones have come."""

    def ask(self, question: str, *arguments: Any) -> list[Any]:
        """Return what every shard answers at this version.

        A version that is gone before anything was answered is replaced by the one that is searched
        now, once.
        """
        return self.ask_each(question, [arguments])

    def asked_once(self, question: str, argument: str) -> list[Any]:
        """Return what :meth:`ask` does; what was asked of a version lately is kept."""
        return self._cluster.whole.recent(self, question, argument)

    def ask_each(self, question: str, arguments: Sequence[Sequence[Any]]) -> list[Any]:
        """Return what every shard answers to arguments of its own; see :meth:`ask`."""
        options: dict[str, Any] = {
            "without": tuple(self.missing),
            "may_miss": self._cluster.may_miss,
        }
        try:
            answers = self.fleet.ask(self._version, question, arguments, **options)
        except VersionGoneError:
            if self._answered:
                raise
            self._version = self.fleet.version()
            answers = self.fleet.ask(self._version, question, arguments, **options)
        self._answered = True
        self.missing.update(answers.missing)
        return answers.values

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
        return f"{self.directory} {self._facts.get('created')} version {self._version}"

    @property
    def max_pixels(self) -> int:
        """Largest width × height that its files may be opened with."""
        return self._cluster.whole.max_pixels(self)

    @property
    def attributes(self) -> ClusterAttributes:
        """The attributes of this version."""
        if self._attributes_of_version is None:
            self._attributes_of_version = ClusterAttributes(self)
        return self._attributes_of_version

    @property
    def num_perceptual_hashes(self) -> int:
        """They change with the version alone."""
        return 0

    @property
    def notes(self) -> list[str]:
        """What is unusual about how this version is read, each once."""
        if self.noted is None:
            self.noted = tuple(note for part in self.ask("notes") for note in part)
        missing = (f"Images are missing: {each}" for each in self.missing.values())
        return list(dict.fromkeys([*self.noted, *missing]))

    @property
    def damaged(self) -> frozenset[str]:
        """Each shard leaves its damaged records out itself."""
        return frozenset()

    def matrix(self) -> ViewMatrix:
        """Raise ``GalleryError``: no machine holds all vectors."""
        _refuse_matrix(self.directory)


class ClusterGallery(ClusterReader, Gallery):
    """A dataset whose shards are searched by a cluster; safe to share between threads.

    With ``may_miss`` searches answer while shards are missing, and say so: ``complete`` is false
    in their results.
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
        from stitch_cir.cluster._whole import WholeGallery

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
        """What ends when this is closed."""

    def close(self) -> None:
        """Leave the cluster; the shards stay."""
        self._resources.clear()
        self.closing.close()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What shaped the dataset."""
        return dict(self._facts)

    def engine(self) -> ClusterEngine:
        """Return what ranks it."""
        from stitch_cir.cluster._engine import ClusterEngine

        return ClusterEngine(self)

    def snapshot(self) -> ClusterSnapshot:
        """Return the version that is searched now."""
        return ClusterSnapshot(self, self.fleet.version())

    def ask(self, question: str, *arguments: Any) -> list[Any]:
        """Return what every shard answers at the version that is searched now."""
        return self.snapshot().ask(question, *arguments)

    def asked_once(self, question: str, argument: str) -> list[Any]:
        """Return what :meth:`ask` does; what was asked of a version lately is kept."""
        return self.snapshot().asked_once(question, argument)

    @property
    def generation(self) -> int:
        """The dataset's version that is searched now."""
        return self.fleet.version()

    @property
    def notes(self) -> list[str]:
        """What is unusual about how the shards read the dataset."""
        return list(dict.fromkeys(note for part in self.ask("notes") for note in part))

    @property
    def max_pixels(self) -> int:
        """Largest width × height that its files may be opened with."""
        return self.whole.max_pixels(self.snapshot())

    def matrix(self) -> ViewMatrix:
        """Raise ``GalleryError``: no machine holds all vectors."""
        _refuse_matrix(self.directory)

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


def _refuse_matrix(directory: Path) -> NoReturn:
    raise GalleryError(
        f"{directory} is searched by a cluster: no machine holds all of its vectors.",
        hint="Import it into a gallery for this: stitch cluster import URI GALLERY",
    )


def _read_only(uri: str) -> SettingError:
    return SettingError(
        f"{uri} is a dataset that a cluster searches; it is not written through a search.",
        hint=f"Write it with stitch cluster index, export or delete: stitch cluster log {uri}",
    )
