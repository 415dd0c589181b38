"""An open gallery: snapshots of what it holds, its encoder, and every way to change it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from stitch_cir.errors import GalleryMismatchError, GalleryMissingError, SettingError
from stitch_cir.gallery._connections import Connections
from stitch_cir.gallery._directory import find_directory
from stitch_cir.gallery._reader import GalleryReader
from stitch_cir.gallery._report import IndexReport, VerifyReport
from stitch_cir.gallery._snapshot import Generation, Snapshot
from stitch_cir.gallery._verify import verify
from stitch_cir.gallery.attributes import (
    AttributeKind,
    AttributeRecord,
    AttributeReport,
    AttributeTable,
    AttributeValue,
    read_attributes,
)
from stitch_cir.gallery.attributes._write import drop_attribute, set_attributes
from stitch_cir.gallery.cache import PackedVectors, ViewMatrix
from stitch_cir.gallery.cache._texts import cached_texts
from stitch_cir.gallery.feeds._options import FeedOptions
from stitch_cir.gallery.feeds._report import FeedReport
from stitch_cir.gallery.feeds._sync import index_feed
from stitch_cir.gallery.index import IndexOptions, add_images, index_folder, remove_image
from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store._provenance import check_encoder, encoder_name
from stitch_cir.images import MAX_PIXELS

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["Gallery"]

T = TypeVar("T")


class Gallery(GalleryReader):
    """A gallery on disk. Safe to share between threads.

    Single questions are answered from what is committed at that moment; whatever needs several
    answers that agree takes a :meth:`snapshot`.
    """

    def __init__(self, directory: Path, store: Store, encoder: DualEncoder | None) -> None:
        """Use :meth:`open`."""
        self.directory = directory
        self._connections = Connections(directory, store)
        self._facts = store.meta()
        self._encoder = encoder
        self._packed = PackedVectors(directory / "cache")
        self._current: Generation | None = None
        self._texts: dict[tuple[str, ...], NDArray[np.float32]] = {}
        self._resources: dict[type, Any] = {}
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path | str, *, encoder: DualEncoder | None = None) -> Gallery:
        """Open a gallery directory, or the one inside an indexed folder.

        Without ``encoder`` the recorded one is loaded by name when it is first needed.

        Raises
        ------
        GalleryMissingError, GalleryDamagedError
            There is none, or its database is damaged.
        GalleryMismatchError
            Another encoder made the vectors.
        """
        directory = find_directory(Path(path))
        gallery = cls(directory, Store(directory), encoder)
        if "fingerprint" not in gallery._facts:
            gallery.close()
            raise GalleryMissingError(
                f"The gallery {directory} was never finished.",
                hint="Run stitch index on its folder again.",
            )
        if encoder is not None:
            gallery.use_encoder(encoder)
        return gallery

    def close(self) -> None:
        """Close the database; a gallery may also simply be dropped. Open snapshots stay usable."""
        with self._lock:
            self._current = None
            self._resources.clear()
            self._connections.close()

    def __enter__(self) -> Gallery:
        """Return the gallery itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the gallery."""
        self.close()

    @property
    def _store(self) -> Store:
        return self._connections.live

    @property
    def encoder(self) -> DualEncoder:
        """The encoder that made the vectors, loaded when it is first needed."""
        with self._lock:
            if self._encoder is None:
                # imported here: only who encodes should wait for an inference engine
                from stitch_cir.encoders import load_encoder

                encoder = load_encoder(encoder_name(self._facts))
                check_encoder(self._facts, encoder, self.address, self.index_command)
                self._encoder = encoder
            return self._encoder

    def use_encoder(self, encoder: DualEncoder) -> None:
        """Encode queries by this object from now on. Raises ``GalleryMismatchError``."""
        check_encoder(self._facts, encoder, self.address, self.index_command)
        self._encoder = encoder

    def reopened(self) -> Gallery:
        """Return the gallery as it is by now; raises what :meth:`open` raises."""
        return Gallery.open(self.directory)

    @property
    def notes(self) -> list[str]:
        """What is unusual about how the gallery is read at present, each once.

        For example that its cache was damaged and has been rebuilt, that nothing can be written,
        or that images are left out because their records are damaged.
        """
        with self._lock:
            current = [] if self._current is None else self._current.notes
            return list(dict.fromkeys([*self._store.notes, *current]))

    # -- snapshots -------------------------------------------------------------------------------

    def matrix(self) -> ViewMatrix:
        """Return all view sets, as they are now, as memory-mapped arrays.

        Raises what :meth:`snapshot` and its ``matrix`` raise.
        """
        with self.snapshot() as snapshot:
            return snapshot.matrix()

    def snapshot(self) -> Snapshot:
        """Return what is committed now; it stays as it is, whatever others commit meanwhile.

        Raises ``GalleryMismatchError`` when the gallery was meanwhile rebuilt by another encoder,
        ``GalleryMissingError`` when it was deleted.
        """
        store = self._connections.borrow()
        try:
            store.begin_reading()
            generation = self._generation_of(store)
        except BaseException:
            self._connections.give_back(store)
            raise
        release = self._connections.give_back
        return Snapshot(self, store, generation, load=self._load, release=release)

    def _generation_of(self, store: Store) -> Generation:
        """Return what belongs to the state that ``store`` reads."""
        state = store.state()
        with self._lock:
            if self._current is not None and self._current.state == state:
                return self._current
            facts = store.meta()
            if facts.get("fingerprint") != self._facts["fingerprint"]:
                raise GalleryMismatchError(
                    f"The gallery {self.directory} was rebuilt with another encoder while it was "
                    "open.",
                    hint="Open it again.",
                )
            generation = Generation(state, facts)
            # a thread that was overtaken by a commit keeps its generation for itself
            if self._store.state() == state and not self._connections.is_closed:
                self._facts, self._current = facts, generation
            return generation

    def _load(self, store: Store, generation: Generation) -> ViewMatrix:
        """Return the vectors of a generation that ``store`` reads; one thread packs at a time."""
        with self._lock:
            if generation.matrix is None:
                dim = int(generation.facts["dim"])
                opened = self._packed.open(store, dim, self._store.state)
                generation.matrix, generation.packing_notes = opened
            return generation.matrix

    def resource(self, kind: type[T]) -> T:
        """Return this gallery's instance of ``kind``, made when it is first needed.

        What is worth keeping from one search to the next lives as long as the open gallery.
        """
        with self._lock:
            if kind not in self._resources:
                self._resources[kind] = kind()
            return cast(T, self._resources[kind])

    def cached_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of texts that never change, (n, d), encoded once for this gallery.

        The gallery keeps them beside its packed vectors.
        """
        with self._lock:
            key = tuple(texts)
            if key not in self._texts:
                self._texts[key] = cached_texts(
                    self.directory / "cache",
                    str(self._facts["fingerprint"]),
                    texts,
                    int(self._facts["dim"]),
                    self.encoder.encode_texts,
                )
            return self._texts[key]

    # -- writing ---------------------------------------------------------------------------------

    def add(
        self,
        images: Sequence[tuple[str, bytes]],
        *,
        captions: Sequence[Sequence[str]] = (),
        max_pixels: int = MAX_PIXELS,
    ) -> tuple[list[str], list[tuple[str, str]]]:
        """Write images below ``root/added`` and index them, and nothing else.

        Parameters
        ----------
        images:
            Proposed names, and the files' bytes. Only letters, digits, blanks and a few signs of a
            name survive, its ending follows the content, and a name that is taken gets a number: no
            file is ever overwritten.
        captions:
            For each image its captions, or nothing at all.
        max_pixels:
            See :func:`stitch_cir.images.open_image`.

        Returns the new ids, and (name, reason) of what was not added.

        Raises ``GalleryBusyError``, ``GalleryMismatchError``, ``SettingError`` (a gallery of
        captions only has no folder), ``GalleryError`` where nothing can be written.
        """
        return add_images(
            self.directory, images, encoder=self.encoder, captions=captions, max_pixels=max_pixels
        )

    def remove(self, id: str) -> None:
        """Remove an item; it stays out at later indexing.

        The file stays where it is and its id is remembered, unless it lies below ``added``: then it
        is deleted. Raises ``NotFoundError`` for an unknown id, ``GalleryBusyError``,
        ``GalleryError``.
        """
        remove_image(self.directory, id)

    def set_attributes(
        self,
        values: Mapping[str, Mapping[str, AttributeValue | None]] | Path | str,
        *,
        kinds: Mapping[str, AttributeKind] | None = None,
    ) -> AttributeReport:
        """Set attributes of items, all that are named or none; no vector changes.

        Parameters
        ----------
        values:
            For each id the values by attribute, ``None`` to take one away; or the path of a CSV,
            TSV, JSON lines or Parquet file of them. Attributes that are not named stay.
        kinds:
            The kinds of attributes that are new: ``text``, ``number``, ``boolean``, ``date`` or
            ``list``. By default the narrowest that fits all values.

        Snapshots taken from now on see the change, in every process.

        Raises
        ------
        RecordError
            A value contradicts the kind of its attribute, or no id is an item.
        NotFoundError, ModelError
            The file does not exist, or is Parquet and pyarrow is missing.
        GalleryBusyError, GalleryError
            Another process writes, or nothing can be written.
        """
        if isinstance(values, (str, Path)):
            table = read_attributes(Path(values))
        else:
            table = AttributeTable([AttributeRecord(id, id, each) for id, each in values.items()])
        declared = {**table.kinds, **(kinds or {})}
        return set_attributes(
            self.directory, AttributeTable(table.records, declared, table.is_typed)
        )

    def drop_attribute(self, name: str) -> int:
        """Delete an attribute with all its values; return how many items had it.

        Raises ``NotFoundError``, ``GalleryBusyError``, ``GalleryError``.
        """
        return drop_attribute(self.directory, name)

    def index(self, **options: Unpack[IndexOptions]) -> IndexReport:
        """Bring the gallery up to date with its folder, by :func:`index_folder` and its options.

        Raises ``SettingError`` for a gallery of captions only, see :func:`index_captions`.
        """
        root = self.root
        if root is None:
            raise SettingError(
                "This gallery has captions only: there is no folder to index.",
                hint="Give its captions: stitch index --captions FILE --gallery DIR.",
            )
        return index_folder(root, self.directory, encoder=self.encoder, **options)

    def sync_feed(self, feed: Path | str, **options: Unpack[FeedOptions]) -> FeedReport:
        """Apply a feed of products, by :func:`index_feed` and its options.

        Raises ``GalleryMismatchError`` for a gallery that was made from a folder.
        """
        return index_feed(feed, self.directory, encoder=self.encoder, **options)

    # -- checking --------------------------------------------------------------------------------

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
            return verify(
                self._connections.renew(),
                self._facts,
                self.directory,
                self.path,
                encoder=(lambda: self.encoder) if repair else None,
                max_pixels=max_pixels,
                read_files=read_files,
            )
