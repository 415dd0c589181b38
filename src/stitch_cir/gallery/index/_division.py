"""What a folder holds that its records do not, dealt out in parts that can be indexed apart."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir.errors import RecordError
from stitch_cir.gallery._names import compose, fold
from stitch_cir.gallery._report import SUMMED, IndexCounters
from stitch_cir.gallery.attributes import AttributeTable
from stitch_cir.gallery.attributes._records import convert, infer_kinds
from stitch_cir.gallery.attributes._write import existing_kinds
from stitch_cir.gallery.index import _survey
from stitch_cir.gallery.index._captions import captions_fact
from stitch_cir.gallery.index._folder_run import FolderRun
from stitch_cir.gallery.index._missing import require_images
from stitch_cir.gallery.index._options import IndexSettings, recorded_options
from stitch_cir.gallery.index._part import FolderPart
from stitch_cir.gallery.index._scan import Facts, FileEntry, scan
from stitch_cir.gallery.index._written_captions import WrittenBefore
from stitch_cir.gallery.store import Store, _vanished
from stitch_cir.gallery.store._provenance import begin, is_of
from stitch_cir.gallery.store._written_captions import written_elsewhere, written_rows

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.views import ViewRecipe

__all__ = ["FolderDivision"]

_PAGE = 512
_MOST_ALIKE = 4
"""Files of one size are kept in one part up to so many times its usual length."""


class FolderDivision(FolderRun):
    """Surveys a folder against the records of its ids, which hold no vectors, and divides the work.

    ``total`` files may be images, of which ``done`` need no look; ``remaining`` ids do.
    ``counters`` counts what has been counted so far.
    """

    def __init__(
        self,
        root: Path,
        directory: Path,
        encoder: DualEncoder,
        recipe: ViewRecipe | None,
        settings: IndexSettings,
        old: Store | None = None,
    ) -> None:
        """Check the settings, and read captions and attributes. ``directory`` has the records.

        ``old``: for a rebuild, the records as they were: what the folder has lost is compared with
        them; their captions are encoded again, those of a file where the settings name none.
        """
        super().__init__(root, directory, encoder, recipe, settings)
        self._store, self._old = Store(directory, write=True), old
        self._written = WrittenBefore(old)
        self._captions_before: dict[str, tuple[str, ...]] | None = None
        if old is not None and self._captions is None:
            ids = old.captioned_ids(vanished=True)
            self._captions_before = {id: tuple(written_elsewhere(old, id)) for id in ids}
            self._captions = self._captions_before
        self.total = self.remaining = self.done = 0
        self._spelled: dict[tuple[str, str], list[str]] = {}

    def close(self) -> None:
        """Close the database."""
        self._store.close()

    @property
    def counters(self) -> IndexCounters:
        """What was counted so far."""
        return self._counters

    @property
    def facts(self) -> dict[str, Any]:
        """What is recorded of the whole, with the options of this run."""
        facts = {**self._store.meta(), "folder": self._options.to_dict()}
        facts["root"] = str(self._root.resolve())
        if self._captions_before is not None and self._old is not None:
            before = self._old.meta()
            facts |= {"captions": before["captions"]} if "captions" in before else {}
        elif self._captions is not None:
            facts["captions"] = captions_fact(self._settings.captions, self._captions)
        return facts

    def run_survey(self) -> None:
        """Compare the folder with the records. Raises what an indexing run raises at its begin."""
        store, root, settings = self._store, self._root, self._settings
        is_new = "fingerprint" not in store.meta()
        may_lose = settings.allow_missing or settings.forget
        walk = partial(scan, root, leave_out=self._directory, exclusions=self._options.exclusions)
        entries = walk()
        if is_new and not may_lose:
            require_images(root, walk())
        begin(store, self._encoder, self._recipe, root, self._directory, may_move=not may_lose)
        self._options_before = recorded_options(store)
        store.rows("CREATE TEMP TABLE touched (id TEXT PRIMARY KEY, size, part INTEGER)")
        # only what the survey meets: nothing here is recorded yet
        old = self._old
        is_guarded = not may_lose and (old is None or is_of(old.meta(), root, self._directory))
        self.total = self._survey(store, old, entries, is_guarded=is_guarded)
        self._select()
        pixels = self._options.max_pixels
        self._counters.unchanged = _survey.count_unchanged(store, pixels)
        before = _survey.skipped_before(store, pixels)
        self._counters.skipped += before
        self.done = self._counters.unchanged + len(before)
        self.remaining = store.count("temp.touched")

    def _record(self, store: Store, removed: frozenset[str]) -> None:
        _survey.select_other_differences(store, "temp.touched")

    def _select(self) -> None:
        """Collect the ids of which something may change."""
        store, options, before = self._store, self._options, self._options_before
        _survey.select_changed(store, "temp.touched", options.max_pixels)
        store.rows("CREATE TEMP TABLE gone (id TEXT PRIMARY KEY)")
        store.run("INSERT INTO temp.gone VALUES (?)", [(id,) for id in _survey.missing(store)])
        chosen = [
            "SELECT id FROM temp.gone",
            "SELECT id FROM items WHERE hash IN (SELECT hash FROM outdated)",
            "SELECT id FROM items WHERE path NOT NULL AND hash NOT NULL"
            " AND hash NOT IN (SELECT hash FROM perceptual_hashes)",
        ]
        if self._settings.restore_removed:
            chosen.append("SELECT id FROM removed")
        if options.metadata:
            chosen.append(
                "SELECT i.id FROM items i LEFT JOIN attribute_items a USING (id)"
                " WHERE i.hash NOT NULL AND i.path NOT NULL AND a.content IS NOT i.hash"
            )
        if options.captions_from_metadata != before["captions_from_metadata"]:
            chosen.append("SELECT id FROM items UNION SELECT id FROM vanished")
        for statement in chosen:
            store.rows(f"INSERT OR IGNORE INTO temp.touched (id) {statement}")
        days = 0 if self._settings.forget else options.keep_days
        self._touch(_vanished.expired(store, days))
        self._touch(self._written.missing_in(store))
        if self._captions is not None:
            self._touch(self._other_captions())
        if self._attributes is not None:
            self._touch(self._attributes_by_id)
        self._gather_moved()

    def _touch(self, ids: Collection[str]) -> None:
        statement = "INSERT OR IGNORE INTO temp.touched (id) VALUES (?)"
        self._store.run(statement, [(id,) for id in ids])

    def _gather_moved(self) -> None:
        """Note the sizes that a new file and one that is gone share: it may have moved."""
        store = self._store
        store.rows(
            "CREATE TEMP TABLE pool AS SELECT id, size FROM items"
            " WHERE id IN (SELECT id FROM temp.gone) UNION SELECT id, size FROM vanished"
            " WHERE id NOT IN (SELECT id FROM temp.found)"
        )
        new = (
            "SELECT f.id, f.size FROM temp.found f JOIN temp.touched USING (id)"
            " WHERE f.id NOT IN (SELECT id FROM items)"
        )
        both = f"SELECT size FROM temp.pool INTERSECT SELECT size FROM ({new})"
        sizes = [size for (size,) in store.rows(both)]
        for size in sizes:
            alike = [*store.rows(f"SELECT id FROM ({new}) WHERE size = ?", (size,))]
            alike += store.rows("SELECT id FROM temp.pool WHERE size = ?", (size,))
            store.run(
                "INSERT OR REPLACE INTO temp.touched (id, size) VALUES (?, ?)",
                [(id, size) for (id,) in alike],
            )

    def count(self, counters: IndexCounters, added: Iterable[str]) -> None:
        """Count what became of a part; ``added`` are the contents of images that are new."""
        mine, store = self._counters, self._store
        for name in SUMMED:
            setattr(mine, name, getattr(mine, name) + getattr(counters, name))
        mine.unchanged += counters.reread
        for name in ("skipped", "notes"):
            before = getattr(mine, name)
            before += [each for each in getattr(counters, name) if each not in before]
        for id in counters.unknown_captions:
            mine.unknown_captions += self._spelled["captions", id]
        for id in counters.unknown_attributes:
            mine.unknown_attributes += self._spelled["attributes", id]
        store.rows("CREATE TEMP TABLE IF NOT EXISTS added (hash TEXT PRIMARY KEY)")
        for hash in added:
            is_new = store.run("INSERT OR IGNORE INTO temp.added VALUES (?)", [(hash,)])
            before = store.value("SELECT 1 FROM items WHERE hash = ?", (hash,))
            mine.duplicates += not is_new or before is not None

    # -- captions and attributes of the run's files ----------------------------------------------

    @cached_property
    def _ids(self) -> set[str]:
        rows = self._store.rows(
            "SELECT id FROM items UNION SELECT id FROM vanished UNION SELECT id FROM temp.found"
        )
        return {id for (id,) in rows}

    @cached_property
    def _by_folded(self) -> dict[str, list[str]]:
        by_folded: dict[str, list[str]] = {}
        for id in self._ids:
            by_folded.setdefault(fold(id), []).append(id)
        return by_folded

    def _resolve(self, name: str, *, may_choose: bool) -> str | None:
        """Return the id that a name means; of several spellings, that of the same case alone."""
        if name in self._ids:
            return name
        near = self._by_folded.get(fold(name), [])
        if may_choose:
            near = [id for id in near if compose(id) == compose(name)] or near
        return near[0] if len(near) == 1 else None

    @cached_property
    def _captions_by_id(self) -> dict[str, tuple[str, ...]]:
        if self._captions_before is not None:
            return self._captions_before
        by_id: dict[str, tuple[str, ...]] = {}
        for name, texts in (self._captions or {}).items():
            id = self._resolve(name, may_choose=True)
            if id is None:
                self._counters.unknown_captions.append(name)
            else:
                by_id[id] = (*by_id.get(id, ()), *texts)
                self._spelled.setdefault(("captions", id), []).append(name)
        return by_id

    def _other_captions(self) -> list[str]:
        """Return the ids whose captions are not those of the file."""
        before: dict[str, list[str]] = {}
        for id, text in self._store.rows("SELECT id, text FROM captions ORDER BY id, position"):
            before.setdefault(id, []).append(text)
        for row in written_rows(self._store).values():
            del before[row.id][len(before[row.id]) - row.members :]
        after = self._captions_by_id
        ids = before.keys() | after.keys()
        return [id for id in ids if tuple(before.get(id, ())) != after.get(id, ())]

    @cached_property
    def _attributes_by_id(self) -> dict[str, Any]:
        table = self._attributes
        records: dict[str, Any] = {}
        for record in () if table is None else table.records:
            id = self._resolve(record.id, may_choose=False)
            if id is None:
                self._counters.unknown_attributes.append(record.id)
            elif id in records:
                raise RecordError(
                    f"{record.position}: {record.id!r} means the item {id!r}, which "
                    f"{records[id].position} names already.",
                    hint="Leave one line for each item.",
                )
            else:
                records[id] = replace(record, id=id)
                self._spelled["attributes", id] = [record.id]
        if table is not None and table.records and not records:
            raise RecordError(
                f"None of the {len(table.records):,} ids is in the folder {self._root}, for "
                f"example {table.records[0].id!r} ({table.records[0].position}).",
                hint="Ids are paths below the indexed folder, as a search prints them.",
            )
        return records

    @cached_property
    def attribute_kinds(self) -> tuple[tuple[str, str], ...]:
        """Name and kind of the attributes that the run's file sets; raises ``RecordError``."""
        if self._attributes is None:
            return ()
        table = replace(self._attributes, records=list(self._attributes_by_id.values()))
        kinds = infer_kinds(table, existing_kinds(self._store))
        convert(table, kinds)
        return tuple(kinds.values())

    # -- parts -----------------------------------------------------------------------------------

    def parts(self, length: int) -> Iterator[tuple[list[str], FolderPart]]:
        """Yield the ids of each part, about ``length`` of them, with the part."""
        store = self._store
        for ids in self._divided(length):
            met = {
                id: FileEntry(path, Facts(*facts), bool(named))
                for id, path, named, *facts in self._met(ids)
            }
            leaving = {id for (id,) in self._among("SELECT id FROM temp.gone", ids)}
            kept = [
                id
                for id in ids
                if id not in met
                and id not in leaving
                and (_survey.is_below(store, id, "unread") or _survey.is_below(store, id, "away"))
            ]
            captions: Mapping[str, tuple[str, ...]] | None = None
            if self._captions is not None:
                texts = self._captions_by_id
                captions = {id: texts[id] for id in ids if id in texts}
            table: AttributeTable | None = None
            if self._attributes is not None:
                records = [self._attributes_by_id[i] for i in ids if i in self._attributes_by_id]
                table = replace(self._attributes, records=records)
            written = tuple(self._written.of(ids))
            yield ids, FolderPart(tuple(met.values()), tuple(kept), captions, table, written)

    def _divided(self, length: int) -> Iterator[list[str]]:
        """Yield lists of ids; those of one size that may have moved stay together."""
        with closing(self._pages()) as pages:
            ids: list[str] = []
            last: int | None = None
            for id, size in pages:
                together = size is not None and size == last
                if len(ids) >= (length * _MOST_ALIKE if together else length):
                    yield ids
                    ids = []
                ids.append(id)
                last = size
            if ids:
                yield ids

    def _pages(self) -> Generator[tuple[str, int | None], None, None]:
        for condition in ("size NOT NULL", "size IS NULL"):
            after: Sequence[Any] = (-1, "")
            while page := self._store.rows(
                f"SELECT id, size FROM temp.touched WHERE {condition}"
                " AND (coalesce(size, 0), id) > (?, ?) ORDER BY coalesce(size, 0), id LIMIT ?",
                (*after, _PAGE),
            ):
                yield from page
                after = (page[-1][1] or 0, page[-1][0])

    def _met(self, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        images = self._among("SELECT id, path, 1, size, mtime_ns, mark FROM temp.found", ids)
        others = self._among("SELECT id, id, 0, size, mtime_ns, mark FROM temp.found_others", ids)
        named = [(id, path.encode(), *rest) for id, path, *rest in others]
        return sorted([*images, *named])

    def _among(self, statement: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            marks = ", ".join("?" * len(page))
            rows += self._store.rows(f"{statement} WHERE id IN ({marks})", page)
        return rows
