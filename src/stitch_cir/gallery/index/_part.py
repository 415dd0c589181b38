"""Index some files of a folder apart from the others: as a small gallery, by the same steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir.gallery._report import IndexCounters
from stitch_cir.gallery.attributes import AttributeTable
from stitch_cir.gallery.index._folder_run import FolderRun
from stitch_cir.gallery.index._options import IndexSettings
from stitch_cir.gallery.index._scan import FileEntry
from stitch_cir.gallery.index._written_captions import Written
from stitch_cir.gallery.store import IdRecord, Store, attribute_kinds, put_records, read_records
from stitch_cir.gallery.store._provenance import begin

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["FolderPart", "PartState", "index_part"]

_KEPT = "its folder cannot be looked into now"


@dataclass(frozen=True, slots=True)
class FolderPart:
    """Some ids of a folder: the files there are, and what the run's files say of these ids.

    ``entries`` are the files that were met; ids of earlier records without one have gone, but for
    those in ``kept``, whose files cannot be looked at now. ``captions`` and ``attributes`` are
    ``None`` where the run was given none; ``written`` is what a model wrote before a rebuild.
    """

    entries: tuple[FileEntry, ...]
    kept: tuple[str, ...] = ()
    captions: Mapping[str, tuple[str, ...]] | None = None
    attributes: AttributeTable | None = None
    written: tuple[Written, ...] = ()


@dataclass(frozen=True, slots=True)
class PartState:
    """What is recorded of some ids: their records, with the facts and attributes of the whole."""

    records: Sequence[IdRecord]
    facts: Mapping[str, Any]
    kinds: Sequence[tuple[str, str]]


def index_part(
    root: Path,
    part: FolderPart,
    before: PartState,
    *,
    directory: Path,
    encoder: DualEncoder,
    settings: IndexSettings,
    clock_offset: float = 0.0,
) -> tuple[IndexCounters, PartState]:
    """Return what the records of some ids become, and what was counted on the way.

    ``directory`` is an empty one, for a gallery that nobody needs afterwards. ``clock_offset`` is
    how many seconds this machine's clock is ahead of the clock of the run.

    Raises what :func:`stitch_cir.gallery.index_folder` raises while it encodes.
    """
    with closing(Store(directory, write=True)) as store:
        store.clock_offset = clock_offset
        with store.transaction():
            store.set_meta(**{**before.facts, "root": str(root.resolve())})
            put_records(store, before.records, before.kinds)
        run = _PartRun(root, directory, encoder, part, settings)
        counters = run.run_on(store)
        after = PartState(list(read_records(store)), store.meta(), attribute_kinds(store))
    return counters, after


class _PartRun(FolderRun):
    """One indexing run over the files of a part."""

    def __init__(
        self,
        root: Path,
        directory: Path,
        encoder: DualEncoder,
        part: FolderPart,
        settings: IndexSettings,
    ) -> None:
        super().__init__(root, directory, encoder, None, settings)
        self._part = part
        self._captions = None if part.captions is None else dict(part.captions)
        self._attributes = part.attributes

    def run_on(self, store: Store) -> IndexCounters:
        """Index the part into a store that holds its earlier records."""
        recipe = begin(store, self._encoder, None, self._root, self._directory)
        total = self._survey(store, None, self._entries(), is_guarded=False)
        self._update(store, None, recipe, total)
        self._complete(store)
        skipped = self._counters.skipped
        self._counters.skipped = [each for each in skipped if each[1] != _KEPT]
        return self._counters

    def _entries(self) -> Iterable[FileEntry]:
        yield from self._part.entries
        for id in self._part.kept:
            yield FileEntry(id.encode(), problem=_KEPT)

    def _written_before(self, old: Store | None) -> Iterable[Written]:
        return self._part.written

    def _complete(self, store: Store) -> None:
        table = self._attributes
        if table is not None:
            kept = [r for r in table.records if store.item(r.id) or store.vanished(r.id)]
            items = {record.id for record in kept}
            unknown = [record.id for record in table.records if record.id not in items]
            self._counters.unknown_attributes += unknown
            # a table without any item would be refused
            self._attributes = replace(table, records=kept) if kept else None
        super()._complete(store)
