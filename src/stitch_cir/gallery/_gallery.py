"""An open gallery: what it holds, where its pictures are, and its packed vectors."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir.errors import GalleryError, GalleryMismatchError, GalleryMissingError
from stitch_cir.gallery._nowhere import no_gallery
from stitch_cir.gallery._report import VerifyReport
from stitch_cir.gallery._verify import verify
from stitch_cir.gallery.cache._format import ViewMatrix
from stitch_cir.gallery.cache._packed import PackedVectors
from stitch_cir.gallery.index._index import DEFAULT_DIRECTORY
from stitch_cir.gallery.index._options import recorded_options
from stitch_cir.gallery.index._scan import id_of
from stitch_cir.gallery.store import _vanished
from stitch_cir.gallery.store._database import DATABASE
from stitch_cir.gallery.store._provenance import (
    check_encoder,
    completeness,
    incomplete_note,
    root_of,
)
from stitch_cir.gallery.store._store import Store, to_path
from stitch_cir.gallery.store._view_sets import StoredView, views
from stitch_cir.images import MAX_PIXELS
from stitch_cir.views import ViewRecipe

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["Gallery"]

_FACTS = (
    "encoder",
    "weights_tag",
    "dim",
    "fingerprint",
    "recipe",
    "captions",
    "created",
    "stitch_version",
)


class Gallery:
    """A gallery on disk, opened for searching. Safe to share between threads."""

    def __init__(self, directory: Path, store: Store, encoder: DualEncoder | None) -> None:
        """Use :meth:`open`."""
        self.directory = directory
        self._store = store
        self._facts = store.meta()
        self._encoder = encoder
        self._packed = PackedVectors(store, directory / "cache")
        self._damaged: set[str] = set()
        self._lock = threading.RLock()

    @classmethod
    def open(cls, place: Path | str, *, encoder: DualEncoder | None = None) -> Gallery:
        """Open a gallery directory, or the one inside an indexed folder.

        Without ``encoder`` the recorded one is loaded by name when it is first needed.

        Raises
        ------
        GalleryMissingError, GalleryDamagedError
            There is none, or its database is damaged.
        GalleryMismatchError
            Another encoder made the vectors.
        """
        given = Path(place)
        inside = given / DEFAULT_DIRECTORY
        try:
            directory = next((d for d in (given, inside) if (d / DATABASE).is_file()), None)
        except OSError as error:
            raise GalleryError(
                f"The gallery at {given} cannot be read: {error.strerror or error}.",
                hint="Check the permissions of the folder, and the disk.",
            ) from error
        if directory is None:
            raise no_gallery(given)
        gallery = cls(directory, Store(directory), encoder)
        if "fingerprint" not in gallery._facts:
            gallery.close()
            raise GalleryMissingError(
                f"The gallery {directory} was never finished.",
                hint="Run stitch index on its folder again.",
            )
        if encoder is not None:
            check_encoder(gallery._facts, encoder, directory)
        return gallery

    def close(self) -> None:
        """Let go of the database; a gallery may also simply be dropped."""
        self._packed.forget()
        self._store.close()

    def __enter__(self) -> Gallery:
        """Open for a ``with`` block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close at the end of a ``with`` block."""
        self.close()

    # -- what it is ------------------------------------------------------------------------------

    @property
    def encoder(self) -> DualEncoder:
        """The encoder that made the vectors, loaded when first asked for."""
        with self._lock:
            if self._encoder is None:
                # imported here: only who encodes should wait for an inference engine
                from stitch_cir.encoders import load_encoder

                encoder = load_encoder(self._facts["encoder"])
                check_encoder(self._facts, encoder, self.directory)
                self._encoder = encoder
            return self._encoder

    @property
    def recipe(self) -> ViewRecipe:
        """How the views of every picture were chosen."""
        return ViewRecipe.from_dict(self._facts["recipe"])

    @property
    def root(self) -> Path | None:
        """The folder of the pictures; None for a gallery of captions only."""
        return root_of(self._facts, self.directory)

    @property
    def ids(self) -> tuple[str, ...]:
        """All gallery ids, sorted."""
        return self.matrix().ids

    def __len__(self) -> int:
        """Count the images."""
        return len(self.matrix().ids)

    def __contains__(self, id: object) -> bool:
        """Tell whether this is exactly the id of an item; never a path."""
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
        """Give counts and everything that shaped the vectors, as JSON-ready data."""
        root = self.root
        distinct = "SELECT COUNT(DISTINCT hash) FROM items"
        return {
            "directory": str(self.directory),
            "root": None if root is None else os.path.realpath(root),
            "images": self._store.count("items"),
            "distinct_pictures": int(self._store.value(distinct)),
            "captioned": len(self._store.captioned_ids()),
            "skipped": self._store.count("skipped"),
            "vanished": _vanished.count(self._store),
            **self.completeness(),
            **recorded_options(self._store),
            **{name: self._facts.get(name) for name in _FACTS},
            "generation": self._store.generation(),
        }

    def completeness(self) -> dict[str, Any]:
        """Say whether the last run of indexing came to its end, and how many files wait if not.

        Both are None for a gallery that was last written by a version that did not record it;
        ``waiting`` alone is None when the files had not been counted yet.
        """
        return completeness(self._store.meta())

    def incomplete_note(self) -> str | None:
        """Say in a sentence that the gallery is incomplete, or return None."""
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
        exact = next((name for name in names if self._store.item(name) is not None), None)
        if exact is not None:
            return exact
        similar = (self._store.find_id(name) for name in dict.fromkeys(names))
        near = next((id for id in similar if id is not None), None)
        return near if near is None or self._may_be(Path(text), near) else None

    def match(self, name: str) -> str | None:
        """Find the id that ``name`` is, whatever its case and Unicode spelling; never a path."""
        return name if name in self else self._store.find_id(name)

    def _may_be(self, path: Path, id: str) -> bool:
        """Return whether a path that is spelled otherwise than an id may mean its file."""
        indexed = self.path(id)
        try:
            # another file of nearly the same name is not in the gallery
            return not path.is_file() or (indexed is not None and path.samefile(indexed))
        except (OSError, ValueError):
            return True

    def path(self, id: str) -> Path | None:
        """Where the picture lies (it may be gone by now); None for captions only."""
        item = self._store.item(id)
        root = self.root
        if item is None or item.path is None or root is None:
            return None
        return Path(os.path.normpath(root)) / to_path(item.path)

    def size(self, id: str) -> tuple[int, int] | None:
        """Give the upright (width, height) of a picture in pixels; None for captions only."""
        return self._store.size(id)

    def captions(self, id: str) -> list[str]:
        """Give the captions of an item, in order."""
        return self._store.captions(id)

    def views(self, id: str) -> list[StoredView]:
        """Give the view set of an item: image views first, then caption views."""
        return views(self._store, id)

    def content_hash(self, id: str) -> str | None:
        """Give the SHA-256 of a picture's file; None for captions only."""
        item = self._store.item(id)
        return None if item is None else item.hash

    def ids_with_content(self, hash: str) -> list[str]:
        """Give the ids of all pictures whose file has this SHA-256."""
        return self._store.ids_with_content(hash)

    def duplicates(self, id: str) -> list[str]:
        """Give the ids of the other pictures whose file is byte-identical."""
        hash = self.content_hash(id)
        return [] if hash is None else [i for i in self.ids_with_content(hash) if i != id]

    def skipped(self) -> list[tuple[str, str]]:
        """Give (id, reason) of the files that are left out because of their content."""
        return [
            tuple(row) for row in self._store.rows("SELECT id, reason FROM skipped ORDER BY id")
        ]

    # -- packed vectors --------------------------------------------------------------------------

    @property
    def notes(self) -> list[str]:
        """What is unusual about how the gallery is read at present, each said once.

        For example that its cache was damaged and has been rebuilt, that nothing can be written,
        or that images are left out because their records are damaged.
        """
        with self._lock:
            found = [*self._store.notes, *self._packed.notes]
            if self._damaged:
                found.append(
                    f"The database's records of {', '.join(sorted(self._damaged))} are damaged; "
                    "these images are left out. Repair the gallery: stitch verify GALLERY --repair"
                )
            return list(dict.fromkeys(found))

    @property
    def damaged(self) -> frozenset[str]:
        """Ids in the matrix that must not be shown, because their records are damaged since."""
        with self._lock:
            return frozenset(self._damaged)

    def matrix(self) -> ViewMatrix:
        """Give all view sets as memory-mapped arrays, rebuilt from the database when stale.

        A cache that was damaged, cut short, or made from another state of the database is rebuilt
        too; damaged records are left out. :attr:`notes` says so. Where nothing can be written, the
        arrays live in a temporary folder until the process ends, or in memory.

        Raises ``GalleryMismatchError`` when the gallery was meanwhile rebuilt by another encoder,
        ``GalleryMissingError`` when it was deleted, ``GalleryDamagedError`` when every record is
        damaged.
        """
        with self._lock:
            self._store.refresh()
            return self._packed.current(self._refresh)

    def _refresh(self) -> int:
        """Take over changed facts, unless the vectors are now another encoder's."""
        facts = self._store.meta()
        if facts.get("fingerprint") != self._facts["fingerprint"]:
            raise GalleryMismatchError(
                f"The gallery {self.directory} was rebuilt with another encoder while it was open.",
                hint="Open it again.",
            )
        self._facts = facts
        self._damaged = set()
        return int(facts["dim"])

    def leave_out(self, id: str) -> None:
        """Remember that the record of an image turned out to be damaged, until the next change."""
        with self._lock:
            self._damaged.add(id)

    def verify(
        self, *, read_files: bool = False, repair: bool = False, max_pixels: int = MAX_PIXELS
    ) -> VerifyReport:
        """Check database, vectors, cache, and whether the files are still the same.

        Files whose size and times are as recorded are read only with ``read_files``.

        What can be proved right by its digest is repaired from the cache, where the gallery can be
        written. ``repair`` also encodes damaged records again from their files (of at most
        ``max_pixels`` pixels), which loads the encoder.
        """
        with self._lock:
            self._store.refresh()
            return verify(
                self._store,
                self._facts,
                self.directory,
                self.path,
                encoder=(lambda: self.encoder) if repair else None,
                max_pixels=max_pixels,
                read_files=read_files,
            )


def _spellings(path: Path) -> tuple[Path, Path]:
    """Give an absolute path as it is written, and with all links followed."""
    return Path(os.path.normpath(path.absolute())), Path(os.path.realpath(path))
