"""One indexing run over a folder: survey, check, encode what is new, let go of what has gone."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stitch_cir._cores import usable_cores
from stitch_cir.encoders import check_recipe, encoder_notes
from stitch_cir.errors import SettingError
from stitch_cir.gallery._report import IndexCounters, IndexReport, Progress
from stitch_cir.gallery.attributes import AttributeTable, read_attributes
from stitch_cir.gallery.attributes._carried import read_carried
from stitch_cir.gallery.attributes._write import refuse_contradictions, write_table
from stitch_cir.gallery.index import _survey
from stitch_cir.gallery.index._budget import MemoryBudget, default_memory
from stitch_cir.gallery.index._captions import captions_of_items, read_captions, record_captions
from stitch_cir.gallery.index._decode import Decoder, DecodeSettings
from stitch_cir.gallery.index._metadata_captions import encode_metadata_captions
from stitch_cir.gallery.index._missing import check_missing, require_images
from stitch_cir.gallery.index._options import FolderOptions, IndexSettings
from stitch_cir.gallery.index._perceptual_hashes import read_perceptual_hashes
from stitch_cir.gallery.index._pipeline import EncodingPipeline
from stitch_cir.gallery.index._rebuild import open_for_indexing, set_removed
from stitch_cir.gallery.index._scan import FileEntry, id_of, scan
from stitch_cir.gallery.index._write import Workload, Writer, encode_captions
from stitch_cir.gallery.index._written_captions import (
    Written,
    WrittenBefore,
    forget_outdated,
    take_over_written,
)
from stitch_cir.gallery.store import DATABASE, Store, _vanished, write_lock
from stitch_cir.gallery.store._provenance import (
    begin,
    encoder_name,
    finish,
    is_of,
    refuse_other_folder,
    set_root,
    set_waiting,
    switch_notes,
)
from stitch_cir.gallery.store._written_captions import written_elsewhere
from stitch_cir.views import ViewRecipe

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["FolderRun"]

_NOTEWORTHY_REREADS = 20
"""Unchanged files read again, from which on it is worth a note."""


class FolderRun:
    """Brings one gallery up to date with its folder, once."""

    def __init__(
        self,
        root: Path,
        directory: Path,
        encoder: DualEncoder,
        recipe: ViewRecipe | None,
        settings: IndexSettings,
    ) -> None:
        """Check the settings and read the captions file; nothing is written yet."""
        self._root = root
        self._directory = directory
        self._encoder = encoder
        self._recipe = recipe
        self._settings = settings
        self._workers = min(8, usable_cores()) if settings.workers is None else settings.workers
        for name, value in (("batch_size", settings.batch_size), ("workers", self._workers)):
            if value < 1:
                raise SettingError(f"{name} is {value!r}.", hint="It must be at least 1.")
        memory = default_memory() if settings.memory is None else settings.memory
        self._budget = MemoryBudget(memory)
        if recipe is not None:
            check_recipe(encoder, recipe)
        self._progress: Progress = settings.progress or (lambda event: None)
        self._counters = IndexCounters(notes=list(encoder_notes(encoder)))
        self._captions: dict[str, tuple[str, ...]] | None = None
        if settings.captions is not None:
            self._captions = read_captions(Path(settings.captions))
        self._options = FolderOptions.of(directory, settings)
        self._attributes: AttributeTable | None = None
        if settings.attributes is not None:
            self._attributes = read_attributes(Path(settings.attributes))
            refuse_contradictions(directory, self._attributes)

    def run(self) -> IndexReport:
        """Index the folder. Raises what :func:`index_folder` raises."""
        started = time.perf_counter()
        root, directory, settings = self._root, self._directory, self._settings
        walk = partial(scan, root, leave_out=directory, exclusions=self._options.exclusions)
        entries = walk()
        may_lose = settings.allow_missing or settings.forget
        if settings.only is not None:
            only = frozenset(settings.only)
            entries = (entry for entry in entries if entry.problem or id_of(entry.path) in only)
        elif not (may_lose or (directory / DATABASE).exists()):
            require_images(root, walk())
        is_guarded = settings.only is None and not may_lose
        start = partial(
            begin,
            encoder=self._encoder,
            recipe=self._recipe,
            root=root,
            directory=directory,
            may_move=is_guarded,
        )
        before: str | None = None
        with open_for_indexing(
            directory,
            start,
            rebuild=settings.rebuild,
            switch_when_done=settings.switch_when_done,
        ) as (store, recipe, old):
            if old is not None and settings.switch_when_done:
                refuse_other_folder(old.meta(), root, directory)
                before = encoder_name(old.meta())
            if old is not None and not is_of(old.meta(), root, directory):
                is_guarded = False  # started afresh from another folder
            total = self._survey(store, old, entries, is_guarded=is_guarded)
            self._update(store, old, recipe, total)
            finish(store)
            self._counters.vanished = _vanished.count(store)
            images = store.count("items")
        # not in the database of a rebuild, which no attribute goes through
        with write_lock(directory), closing(Store(directory, write=True)) as store:
            self._complete(store)
        self._counters.notes += switch_notes(before, self._encoder)
        return self._counters.close(images=images, seconds=time.perf_counter() - started)

    def _update(self, store: Store, old: Store | None, recipe: ViewRecipe, total: int) -> None:
        """Bring the surveyed images, their vectors and captions up to date."""
        back = self._counters.returned = _vanished.bring_back(store)
        _survey.check_colours(store, self._root, self._counters)
        self._encode(store, recipe, total)
        self._note_rereads()
        self._counters.unchanged = max(0, self._counters.unchanged - back)
        self._let_go(store)
        self._encode_captions(store, old)
        store.sweep()

    def _complete(self, store: Store) -> None:
        """Add what is read of the images beside their vectors: hashes, metadata, attributes."""
        # with its attributes, which the database of a rebuild has not
        forget_outdated(store)
        limit = self._options.max_pixels
        read_perceptual_hashes(store, self._root, limit, self._workers, self._progress)
        if self._options.metadata:
            read_carried(store, self._root, self._counters, self._progress)
        if self._attributes is not None:
            report = write_table(store, self._attributes)
            self._counters.attributed = report.items
            self._counters.unknown_attributes += report.unknown
        encode_metadata_captions(
            store,
            self._encoder,
            self._counters,
            self._progress,
            is_on=self._options.captions_from_metadata,
        )

    def _survey(
        self, store: Store, old: Store | None, entries: Iterable[FileEntry], *, is_guarded: bool
    ) -> int:
        """Record what the folder holds, and return the number of files that may be images.

        Nothing has changed when this refuses to let images go.
        """
        root, directory, settings = self._root, self._directory, self._settings
        counters, options = self._counters, self._options
        counters.notes += store.notes
        removed: frozenset[str] = frozenset()
        if not settings.restore_removed:
            removed = (old or store).removed()
        entries = self._without(entries, removed)
        if not options.change_times:
            entries = (replace(entry, facts=entry.facts._replace(mark=None)) for entry in entries)
        total = _survey.note(store, root, entries, counters, self._progress)
        if is_guarded:
            check_missing(store, old, root, counters, self._progress)
        counters.notes += [
            f"The pattern {pattern!r} left out nothing: it is compared with names, or if it has a "
            "slash with paths below the folder."
            for pattern in options.exclusions.patterns
            if settings.exclude is not None and pattern not in counters.excluded
        ]
        if not is_of(store.meta(), root, directory):
            counters.notes.append(
                f"The folder has moved; the gallery is now that of {root.absolute()}."
            )
            set_root(store, root, directory)
        self._record(store, removed)
        if old is not None and is_of(old.meta(), root, directory):
            _vanished.take_over(store, old)
        return total

    def _record(self, store: Store, removed: frozenset[str]) -> None:
        """Remember the options, what stays out, and what the survey met beside images."""
        self._options.record(store)
        set_removed(store, removed)
        _survey.record(store)

    def _without(
        self, entries: Iterable[FileEntry], removed: frozenset[str]
    ) -> Iterator[FileEntry]:
        for entry in entries:
            if removed and entry.problem is None and id_of(entry.path) in removed:
                self._counters.kept_out += 1
            else:
                yield entry

    def _encode(self, store: Store, recipe: ViewRecipe, total: int) -> None:
        """Read what is new or changed, encode it, and commit it batch by batch."""
        max_pixels, batch_size = self._options.max_pixels, self._settings.batch_size
        to_read = _survey.count_changed(store, max_pixels)
        if to_read:
            set_waiting(store, to_read)
        decoder = Decoder(
            DecodeSettings(self._root, recipe, self._encoder.decode_side, max_pixels),
            store,
            self._budget,
            workers=self._workers,
            # two more batches wait with the encoder, so few need to wait before it
            ahead=max(2 * self._workers, batch_size // 2),
        )
        with EncodingPipeline(self._encoder, recipe, ahead=self._workers) as pipeline:
            writer = Writer(
                store,
                pipeline,
                self._counters,
                self._progress,
                Workload(total, to_read, batch_size, most_held=self._budget.total // 8),
                missing_twin=partial(_survey.missing_twin, store),
            )
            with closing(decoder.run(_survey.changed(store, writer, max_pixels))) as stream:
                for decoded in stream:
                    writer.add(decoded)
            writer.flush()
        self._counters.encoding_seconds = pipeline.worked
        self._counters.waiting_seconds = pipeline.waited

    def _note_rereads(self) -> None:
        reread = self._counters.reread
        if reread >= _NOTEWORTHY_REREADS and reread == self._counters.unchanged:
            self._counters.notes.append(
                f"All {reread} known files were read again, and none has changed. If that "
                "happens at every run, their times of change mean nothing: --no-change-times."
            )

    def _let_go(self, store: Store) -> None:
        """Move items whose files have gone to the vanished ones, and drop those of long ago."""
        ids = _survey.missing(store)
        if ids:
            with store.transaction():
                _vanished.let_go(store, ids)
        self._counters.removed += len(ids)
        _vanished.expire(store, 0 if self._settings.forget else self._options.keep_days)

    def _encode_captions(self, store: Store, old: Store | None) -> None:
        """Encode the captions of the file; without one, a rebuild encodes those it had."""
        captions = self._captions
        if captions is None and old is not None:
            captions = {
                id: tuple(written_elsewhere(old, id))
                for id in old.captioned_ids(vanished=True)
                if store.item(id) or store.vanished(id)
            }
        if captions is not None:
            by_item = captions_of_items(store, captions, self._counters)
            encode_captions(store, self._encoder, by_item, self._counters, self._progress)
            record_captions(store, self._settings.captions, captions)
        take_over_written(store, self._written_before(old), self._encoder)

    def _written_before(self, old: Store | None) -> Iterable[Written]:
        """Return what a model wrote of the images that a rebuild encodes again."""
        return WrittenBefore(old).of()
