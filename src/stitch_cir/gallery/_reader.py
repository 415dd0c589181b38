"""What can be read of a gallery: the same questions to the newest state and to a snapshot."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from stitch_cir.gallery.attributes import AttributeKind
from stitch_cir.gallery.attributes._kinds import shown
from stitch_cir.gallery.index import id_of, recorded_options
from stitch_cir.gallery.store import Store, StoredView, _attributes, _vanished, to_path
from stitch_cir.gallery.store._products import images_of
from stitch_cir.gallery.store._provenance import (
    completeness,
    encoder_name,
    incomplete_note,
    root_of,
)
from stitch_cir.gallery.store._view_sets import views
from stitch_cir.gallery.store._written_captions import (
    WrittenRow,
    counts,
    written_rows,
    written_texts,
)
from stitch_cir.views import ViewRecipe

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.gallery._snapshot import Snapshot
    from stitch_cir.gallery.cache import ViewMatrix

__all__ = ["GalleryReader"]

_SHAPING = ("weights_tag", "dim", "fingerprint", "recipe")
_FACTS = (
    "encoder",
    *_SHAPING,
    "captions",
    "feed",
    "created",
    "stitch_version",
)


class GalleryReader(ABC):
    """Reads a gallery: :class:`Gallery` what is committed by now, :class:`Snapshot` one state.

    Every method raises ``GalleryDamagedError`` for a damaged database and ``GalleryBusyError``
    where another program locks it.
    """

    directory: Path
    """The folder that holds the database and the cache."""
    _facts: dict[str, Any]

    @property
    def address(self) -> str:
        """Where the gallery is: its directory, or the address of a dataset in shared storage."""
        return str(self.directory)

    @property
    def index_command(self) -> str:
        """What encodes the gallery's images anew."""
        return "stitch index FOLDER"

    @property
    @abstractmethod
    def _store(self) -> Store:
        """The database to read."""

    @property
    @abstractmethod
    def encoder(self) -> DualEncoder:
        """The encoder that made the vectors, loaded when it is first needed."""

    @property
    @abstractmethod
    def notes(self) -> list[str]:
        """What is unusual about how the gallery is read, each once.

        For example that its cache was damaged and has been rebuilt, that nothing can be written,
        or that images are left out because their records are damaged.
        """

    def check_reachable(self, name: str) -> None:  # noqa: B027 - one machine reads everything
        """Raise ``ClusterError`` where an image that was not found may be where nothing is read."""

    @abstractmethod
    def matrix(self) -> ViewMatrix:
        """Return all view sets as memory-mapped arrays."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Return one state of the gallery, for a ``with`` block."""

    # -- what it is ------------------------------------------------------------------------------

    @property
    def recipe(self) -> ViewRecipe:
        """How the views of every image were chosen."""
        return ViewRecipe.from_dict(self._facts["recipe"])

    @property
    def root(self) -> Path | None:
        """The folder of the images; None for a gallery of captions only."""
        return root_of(self._facts, self.directory)

    @property
    def ids(self) -> tuple[str, ...]:
        """All gallery ids, sorted."""
        return tuple(self.matrix().ids)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.matrix().ids)

    def __contains__(self, id: object) -> bool:
        """Return whether this is exactly the id of an item; never a path."""
        return isinstance(id, str) and self._store.item(id) is not None

    def find(self, words: str = "", *, offset: int = 0, limit: int = 60) -> tuple[int, list[str]]:
        """Look ids up in id order: how many match, and ``limit`` of them from ``offset`` on.

        ``words`` must stand in the id or in one of the captions, whatever their case and Unicode
        spelling; empty words match everything.
        """
        return self._store.find(words, offset, limit)

    @property
    def generation(self) -> int:
        """Count of committed changes; it grows whenever another process changes the gallery."""
        return self._store.generation()

    def info(self) -> dict[str, Any]:
        """Return counts and everything that shaped the vectors, as JSON-ready data."""
        root = self.root
        distinct = "SELECT COUNT(DISTINCT hash) FROM items"
        return {
            "directory": str(self.directory),
            "root": None if root is None else os.path.realpath(root),
            "images": self._store.count("items"),
            "distinct_images": int(self._store.value(distinct)),
            "captioned": len(self._store.captioned_ids()),
            "skipped": self._store.count("skipped"),
            "vanished": _vanished.count(self._store),
            "written_captions": counts(self._store),
            "attributes": _attribute_facts(self._store),
            **self.completeness(),
            **recorded_options(self._store),
            **{name: self._facts.get(name) for name in _FACTS},
            **self.provenance(),
        }

    def provenance(self) -> dict[str, Any]:
        """Return what shaped the vectors, JSON-ready: the part of :meth:`info` that counts nothing.

        Recorded with every result, and so free of anything that takes longer in a larger gallery.
        """
        return {
            "directory": str(self.directory),
            "encoder": encoder_name(self._facts),
            **{name: self._facts.get(name) for name in _SHAPING},
            "generation": self._store.generation(),
        }

    def completeness(self) -> dict[str, Any]:
        """Return whether the last run of indexing came to its end, and how many files wait if not.

        Both are None for a gallery that was last written by a version that did not record it;
        ``waiting`` alone is None when the files had not been counted yet.
        """
        return completeness(self._store.meta())

    def incomplete_note(self) -> str | None:
        """Return a sentence that says that the gallery is incomplete, or None."""
        return incomplete_note(self._store.meta())

    @property
    def max_pixels(self) -> int:
        """Largest width × height that indexing allowed, and that its files may be opened with."""
        return int(recorded_options(self._store)["max_pixels"])

    # -- single items ----------------------------------------------------------------------------

    def resolve(self, reference: str | Path) -> str | None:
        """Find the gallery id of an id or of a path below the root; None if it is neither.

        Case and Unicode spelling do not matter where no file is spelled exactly like that.
        """
        text = os.fspath(reference)
        names = [id_of(os.fsencode(text))]
        root = self.root
        if root is not None and "\0" not in text:
            names += [
                id_of(os.fsencode(path.relative_to(base)))
                for path in _spellings(Path(text))
                for base in _spellings(root)
                if path.is_relative_to(base)
            ]
        exact = next((name for name in names if name in self), None)
        if exact is not None:
            return exact
        similar = (self._similar(name) for name in dict.fromkeys(names))
        near = next((id for id in similar if id is not None), None)
        return near if near is None or self._may_be(Path(text), near) else None

    def match(self, name: str) -> str | None:
        """Find the id that ``name`` is, whatever its case and Unicode spelling; never a path."""
        return name if name in self else self._similar(name)

    def _similar(self, name: str) -> str | None:
        """Return the id that ``name`` is but for case and Unicode spelling, if it is one."""
        return self._store.find_id(name)

    def _may_be(self, path: Path, id: str) -> bool:
        """Return whether a path that is spelled otherwise than an id may mean its file."""
        indexed = self.path(id)
        try:
            # another file of nearly the same name is not in the gallery
            return not path.is_file() or (indexed is not None and path.samefile(indexed))
        except (OSError, ValueError):
            return True

    def path(self, id: str) -> Path | None:
        """Return where the image's file lies (it may be gone by now); None for captions only."""
        item = self._store.item(id)
        root = self.root
        if item is None or item.path is None or root is None:
            return None
        return Path(os.path.normpath(root)) / to_path(item.path)

    def image_paths(self, id: str) -> tuple[Path, ...]:
        """Return where the files of an item of several images lie, in order; else nothing."""
        root = self.root
        images = images_of(self._store, id)
        if root is None or len(images) < 2:
            return ()
        return tuple(Path(os.path.normpath(root)) / to_path(image.path) for image in images)

    def size(self, id: str) -> tuple[int, int] | None:
        """Return the upright (width, height) of an image in pixels; None for captions only."""
        return self._store.size(id)

    def captions(self, id: str) -> list[str]:
        """Return the different captions of an item, in order."""
        return list(dict.fromkeys(self._store.captions(id)))

    def written_captions(self) -> dict[str, WrittenRow]:
        """Return what is recorded of the captions that a model wrote, by id."""
        return written_rows(self._store)

    def captions_by_model(self, id: str) -> list[str]:
        """Return the captions of an item that a model wrote, in order."""
        return written_texts(self._store, id)

    def views(self, id: str) -> list[StoredView]:
        """Return the view set of an item: image views first, then caption views.

        Raises ``RowDamagedError`` when what is stored is not what was written.
        """
        return views(self._store, id)

    def attributes_of(self, id: str) -> dict[str, Any]:
        """Return the attributes of an item, JSON-ready: dates in ISO 8601, lists as lists."""
        return {
            name: shown(cast(AttributeKind, kind), values)
            for name, kind, values in _attributes.values_of(self._store, id)
        }

    def content_hash(self, id: str) -> str | None:
        """Return the SHA-256 of an image's file, or of several images' together; None for none."""
        item = self._store.item(id)
        return None if item is None else item.hash

    def ids_with_content(self, hash: str) -> list[str]:
        """Return the ids of all items with an image whose file has this SHA-256."""
        return self._store.ids_with_content(hash)

    def duplicates(self, id: str) -> list[str]:
        """Return the ids of the other images whose file is byte-identical."""
        hash = self.content_hash(id)
        return [] if hash is None else [i for i in self.ids_with_content(hash) if i != id]

    def skipped(self) -> list[tuple[str, str]]:
        """Return (id, reason) of the files that are left out because of their content."""
        return [
            tuple(row) for row in self._store.rows("SELECT id, reason FROM skipped ORDER BY id")
        ]


def _attribute_facts(store: Store) -> list[dict[str, Any]]:
    """Return name, kind and count of items of every attribute."""
    counts = _attributes.counts(store)
    return [
        {"name": row.name, "kind": row.kind, "items": counts.get(row.number, 0)}
        for row in _attributes.attributes(store)
    ]


def _spellings(path: Path) -> tuple[Path, Path]:
    """Return an absolute path as it is written, and with all links followed."""
    return Path(os.path.normpath(path.absolute())), Path(os.path.realpath(path))
