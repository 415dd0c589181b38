"""Bring a gallery in line with a feed of products; incremental and resumable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from stitch_cir._cores import usable_cores
from stitch_cir.encoders import check_recipe, encoder_notes
from stitch_cir.errors import NotFoundError, RecordError
from stitch_cir.gallery._report import Progress, ProgressEvent
from stitch_cir.gallery.attributes._write import existing_kinds
from stitch_cir.gallery.feeds._compare import ProductChange, compare
from stitch_cir.gallery.feeds._deletions import (
    departed_products,
    named_products,
    refuse_emptying_feed,
)
from stitch_cir.gallery.feeds._fields import FieldReader, UnusableRowError
from stitch_cir.gallery.feeds._images import FolderImages, ImageSource, remove_unused
from stitch_cir.gallery.feeds._locate import ProductImages
from stitch_cir.gallery.feeds._options import FeedOptions, FeedSettings
from stitch_cir.gallery.feeds._read import RowFailure, read_feed
from stitch_cir.gallery.feeds._report import FeedCounters, FeedReport
from stitch_cir.gallery.feeds._write import ProductWriter
from stitch_cir.gallery.index import EncodingPipeline, MemoryBudget, default_memory
from stitch_cir.gallery.index._decode import Decoder, DecodeSettings
from stitch_cir.gallery.index._rebuild import open_for_indexing, set_removed
from stitch_cir.gallery.store import DATABASE, Store, write_lock
from stitch_cir.gallery.store._products import image_files
from stitch_cir.gallery.store._provenance import (
    begin,
    check_encoder,
    finish,
    refuse_other_kind,
    root_of,
    set_waiting,
)
from stitch_cir.images import MAX_PIXELS

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.views import ViewRecipe

__all__ = ["index_feed"]

FETCHED = "images"
"""Folder in a gallery for images that were fetched."""


def index_feed(
    feed: Path | str,
    gallery_dir: Path | str | None = None,
    *,
    encoder: DualEncoder,
    recipe: ViewRecipe | None = None,
    **options: Unpack[FeedOptions],
) -> FeedReport:
    """Make a gallery of a feed's products, or bring it up to date with the feed.

    An item is a product, under the id that it has in the feed; the views of all its images are its
    view set. Its fields are attributes. What changed is found by comparing row by row: a new price
    encodes nothing. Every batch is one transaction: whatever kills the run, the next one continues
    from there. Rows that cannot be used are listed in the report; their products stay as they
    were. When a row has failed whose id is not known, nothing is deleted.

    Parameters
    ----------
    feed:
        TSV, CSV, JSON lines or Parquet, with the columns of Google Merchant.
    gallery_dir:
        Where the gallery lies, ``.stitch`` beside the feed by default.
    encoder, recipe:
        As for :func:`index_folder`.
    options:
        Everything else, see :class:`FeedOptions`.

    Raises
    ------
    NotFoundError, SettingError, RecordError, GalleryMismatchError, GalleryBusyError
        Before anything is written; so does the ``GalleryError`` that refuses to delete more than
        half of the products.
    VectorError, GalleryError
        What was committed before is kept.
    """
    file = Path(feed)
    directory = file.parent / ".stitch" if gallery_dir is None else Path(gallery_dir)
    return _FeedRun(file, directory, encoder, recipe, FeedSettings(**options)).run()


class _FeedRun:
    """Applies one feed to one gallery, once."""

    def __init__(
        self,
        file: Path,
        directory: Path,
        encoder: DualEncoder,
        recipe: ViewRecipe | None,
        settings: FeedSettings,
    ) -> None:
        self._file = file
        self._directory = directory
        self._encoder = encoder
        self._recipe = recipe
        self._settings = settings
        self._progress: Progress = settings.progress or (lambda event: None)
        self._counters = FeedCounters(notes=list(encoder_notes(encoder)))
        self._ids: set[str] = set()
        """Ids of the feed; "" stands for rows whose id cannot be read."""
        if recipe is not None:
            check_recipe(encoder, recipe)
        with closing(read_feed(file)) as rows:
            if next(rows, None) is None:
                raise RecordError(f"{file} has no rows.", hint="Export it again.")
        facts = _recorded(directory)
        before = facts.get("feed") or {}
        fetch = settings.fetch_images
        if fetch is None:
            fetch = settings.images is None and bool(before.get("fetch"))
        self._fetch = fetch
        root = root_of(facts, directory) if before and before.get("fetch") == fetch else None
        if settings.images is not None:
            root = Path(settings.images)
        self._root = directory / FETCHED if fetch else root or file.parent
        if not fetch and not self._root.is_dir():
            raise NotFoundError(
                f"There is no folder {self._root} of images.",
                hint="Give it with --images DIR, or fetch images with --fetch-images.",
            )

    def run(self) -> FeedReport:
        """Apply the feed. Raises what :func:`index_feed` raises."""
        started = time.perf_counter()
        with ExitStack() as stack:
            source = self._source(stack)
            apply = self._compare_only if self._settings.dry_run else self._apply
            products = apply(source)
        return self._counters.close(
            products=products,
            dry_run=self._settings.dry_run,
            seconds=time.perf_counter() - started,
        )

    def _source(self, stack: ExitStack) -> ImageSource:
        if not self._fetch:
            return FolderImages(self._root)
        # imported here: nothing else of indexing needs a network
        from stitch_cir.gallery.feeds._fetch import FetchedImages

        return stack.enter_context(closing(FetchedImages(self._root)))

    def _compare_only(self, source: ImageSource) -> int:
        """Report what would change; the database is only read."""
        counters = self._counters
        with closing(Store(self._directory)) as store:
            facts = store.meta()
            refuse_other_kind(facts, self._directory, is_feed=True)
            check_encoder(facts, self._encoder, self._directory)
            for change in self._survey(store, store, source):
                counters.count(change)
            counters.deleted += self._deletions(store)
            return int(store.count("items")) + len(counters.added) - len(counters.deleted)

    def _begin(self, store: Store) -> ViewRecipe:
        feed = {"file": self._file.name, "fetch": self._fetch}
        recipe = begin(store, self._encoder, self._recipe, self._root, self._directory, feed=feed)
        if store.meta().get("feed") != feed:
            store.set_meta(feed=feed)
        return recipe

    def _apply(self, source: ImageSource) -> int:
        settings, directory = self._settings, self._directory
        with open_for_indexing(
            directory,
            self._begin,
            rebuild=settings.rebuild,
            switch_when_done=settings.switch_when_done,
        ) as (store, recipe, old):
            current = store if old is None else old
            removed = frozenset[str]() if settings.restore_removed else current.removed()
            self._write_all(store, current, recipe, source)
            set_removed(store, removed)
            finish(store)
            listed = self._counters
            if old is not None:
                listed.added = [id for id in listed.added if old.item(id) is None]
        with write_lock(directory), closing(Store(directory, write=True)) as store:
            if old is not None:
                # attributes are not in the database of a rebuild
                self._counters = FeedCounters(notes=listed.notes)
                self._write_all(store, store, self._begin(store), source)
                finish(store)
                again = self._counters
                again.added, again.deleted = listed.added, listed.deleted
                again.encoded, again.fetched = listed.encoded, listed.fetched
            store.sweep()
            if self._fetch:
                remove_unused(self._root, image_files(store))
            return store.count("items")

    def _write_all(
        self, store: Store, current: Store, recipe: ViewRecipe, source: ImageSource
    ) -> None:
        """Compare every row, then write what differs and delete what is gone."""
        settings, counters = self._settings, self._counters
        total = sum(each.is_encoded_anew for each in self._survey(store, current, source))
        gone = self._deletions(current)
        if not settings.allow_missing:
            refuse_emptying_feed(current, gone, self._file)
        workers = settings.workers or min(8, usable_cores())
        decoder = Decoder(
            DecodeSettings(
                self._root,
                recipe,
                self._encoder.decode_side,
                settings.max_pixels or MAX_PIXELS,
            ),
            store,
            MemoryBudget(settings.memory or default_memory()),
            workers=workers,
            ahead=max(2 * workers, settings.batch_size // 2),
        )
        reader = FieldReader(existing_kinds(current))
        images = ProductImages(self._root, source, decoder, counters.failed.append)
        with EncodingPipeline(self._encoder, recipe, ahead=workers) as pipeline:
            writer = ProductWriter(
                store,
                pipeline,
                counters,
                reader.kinds,
                batch_size=settings.batch_size,
                with_attributes=store is current,
            )
            writer.waiting = total
            if total:
                set_waiting(store, total)
            changes = self._changes(store, current, source, reader, writer)
            with closing(images.run(changes)) as products:
                for done, (change, parts) in enumerate(products, 1):
                    writer.add(change, parts)
                    self._progress(ProgressEvent("products", done, total, change.product.id))
            writer.flush()
        counters.fetched += images.located if self._fetch else 0
        doomed = [id for id in gone if store.item(id) is not None]
        if doomed:
            with store.transaction():
                store.remove_items(doomed)
        counters.deleted += gone

    def _deletions(self, store: Store) -> list[str]:
        """Return the products to delete: those that left the feed, and those that are named."""
        settings = self._settings
        gone = named_products(store, settings.delete, self._ids, self._directory)
        if not settings.partial:
            gone |= departed_products(store, self._ids, self._counters.notes)
        return sorted(gone)

    def _survey(self, store: Store, current: Store, source: ImageSource) -> Iterator[ProductChange]:
        """Yield what every row changes; list the rows that fail, and collect all ids."""
        self._ids = set()
        return self._compared(
            store, current, source, FieldReader(existing_kinds(current)), survey=True
        )

    def _changes(
        self,
        store: Store,
        current: Store,
        source: ImageSource,
        reader: FieldReader,
        writer: ProductWriter,
    ) -> Iterator[ProductChange]:
        """Yield the products whose images change; give the writer the others."""
        for change in self._compared(store, current, source, reader, survey=False):
            if change.is_encoded_anew:
                yield change
            else:
                self._counters.unchanged += change.kind is None
                writer.set_attributes(change)

    def _compared(
        self,
        store: Store,
        current: Store,
        source: ImageSource,
        reader: FieldReader,
        *,
        survey: bool,
    ) -> Iterator[ProductChange]:
        failed = self._counters.failed if survey else []
        removed = frozenset[str]() if self._settings.restore_removed else current.removed()
        for number, row in enumerate(read_feed(self._file), 1):
            if survey:
                self._ids.add(row.id or "")
                if number % 1000 == 0:
                    self._progress(ProgressEvent("reading", number, None))
            if isinstance(row, RowFailure):
                failed.append(row)
                continue
            if row.id in removed:
                self._counters.kept_out += survey
                continue
            try:
                change = compare(store, self._root, source, reader.product(row))
            except UnusableRowError as error:
                failed.append(RowFailure(row.line, row.id, str(error)))
                continue
            failed += change.failures
            yield change


def _recorded(directory: Path) -> dict[str, Any]:
    """Return the facts of the gallery that is there, none without one."""
    if not (directory / DATABASE).is_file():
        return {}
    with closing(Store(directory)) as store:
        return store.meta()
