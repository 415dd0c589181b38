"""Indexing: bring a gallery in line with a folder and with captions; incremental and resumable."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stitch_cir.cores import usable_cores
from stitch_cir.encoders import check_recipe
from stitch_cir.errors import GalleryError, SettingError
from stitch_cir.gallery._progress import Progress
from stitch_cir.gallery._report import IndexReport, Tally
from stitch_cir.gallery.index import _outdated, _survey
from stitch_cir.gallery.index._budget import MemoryBudget, default_memory
from stitch_cir.gallery.index._captions import captions_of_items, read_captions, record_captions
from stitch_cir.gallery.index._decode import Decoder
from stitch_cir.gallery.index._missing import check_missing, refuse_emptying, require_images
from stitch_cir.gallery.index._options import Options
from stitch_cir.gallery.index._pending import settle
from stitch_cir.gallery.index._pipeline import EncodingLine
from stitch_cir.gallery.index._scan import Found, id_of, scan
from stitch_cir.gallery.index._write import Writer, encode_captions
from stitch_cir.gallery.store import _vanished
from stitch_cir.gallery.store._database import DATABASE, delete_database, write_lock
from stitch_cir.gallery.store._provenance import begin, finish, is_of, set_root, set_waiting
from stitch_cir.gallery.store._store import Store
from stitch_cir.views import ViewRecipe

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["DEFAULT_DIRECTORY", "index_captions", "index_folder"]

DEFAULT_DIRECTORY = ".stitch"
_MANY = 20
"""Files read again for nothing, from which on it is worth a note."""
_REBUILD = "rebuild.sqlite"


def index_folder(
    folder: Path | str,
    gallery_dir: Path | str | None = None,
    *,
    encoder: DualEncoder,
    recipe: ViewRecipe | None = None,
    captions: Path | str | None = None,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
    rebuild: bool = False,
    restore_removed: bool = False,
    exclude: Sequence[str] | None = None,
    default_excludes: bool | None = None,
    keep_days: float | None = None,
    change_times: bool | None = None,
    allow_missing: bool = False,
    forget: bool = False,
    batch_size: int = 16,
    workers: int | None = None,
    max_pixels: int | None = None,
    memory: int | None = None,
) -> IndexReport:
    """Bring the gallery of a folder up to date.

    Files whose size and modification time are known are not even opened; new and changed ones are
    read and hashed; only contents never seen before are encoded. Every batch is one transaction:
    whatever kills the run, the next one goes on from there.

    Parameters
    ----------
    folder:
        Root of the pictures; ids are paths relative to it.
    gallery_dir:
        Where the gallery lives, ``folder/.stitch`` by default.
    encoder, recipe:
        What makes the vectors; recorded at the first run and compared ever after. ``recipe=None``
        takes the recorded one, or ten grid views.
    captions:
        JSON lines with captions by id; they become caption views, and earlier captions that are
        not in this file go. Without a file, earlier captions stay (a rebuild encodes them again).
    only:
        Ids to index; whatever else lies in the folder is treated as if it were not there.
    rebuild:
        Encode everything again. Searches see the old gallery until the new one is complete; an
        interrupted rebuild goes on where it was.
    restore_removed:
        Take back what was removed by hand; otherwise those ids stay out.
    exclude:
        Patterns of files and folders to leave out (a shell pattern for names or paths); an
        empty sequence takes them all back. Recorded, and with ``None`` the recorded ones count.
    default_excludes:
        Whether the built-in patterns and markers (``@eaDir``, ``.nomedia``, …) count too. Recorded
        likewise; true in a new gallery.
    keep_days:
        For how many days vectors and captions of files that have gone are kept. Recorded likewise;
        30 in a new gallery.
    change_times:
        Whether a file whose time of last change of status differs is read again, although size and
        modification time are the same. Recorded likewise; true in a new gallery. Switch it off
        where a file system gives each file a new one at every mount.
    allow_missing:
        Let the gallery be empty, or lose more than half of its images, or those of a folder that
        is empty now.
    forget:
        Drop at once what has gone, and what had gone before; includes ``allow_missing``.
    batch_size:
        Pictures encoded and written together.
    workers:
        Threads that decode, and as many that prepare; by default one for each core, at most eight.
    max_pixels:
        See :func:`stitch_cir.images.open_image`. Recorded when it is given, and used by later runs
        and searches; at first 179 megapixels.
    memory:
        Bytes that images may take together while they are decoded and while they wait for the
        encoder (its own memory comes on top); an image that needs more alone is left out. By
        default half of what the machine or container has up to 2 GB, a quarter up to 4 GB.

    Raises
    ------
    NotFoundError, SettingError, GalleryMismatchError, GalleryBusyError, RecordError
        Before anything is written; so does the ``GalleryError`` that refuses to let more than half
        of the images go, and the ``NotFoundError`` for a folder without any image.
    VectorError, GalleryError
        What was committed before is kept.
    """
    root = Path(folder)
    place = root / DEFAULT_DIRECTORY if gallery_dir is None else Path(gallery_dir)
    workers = min(8, usable_cores()) if workers is None else workers
    for name, value in (("batch_size", batch_size), ("workers", workers)):
        if value < 1:
            raise SettingError(f"{name} is {value!r}.", hint="It must be at least 1.")
    budget = MemoryBudget(default_memory() if memory is None else memory)
    if recipe is not None:
        check_recipe(encoder, recipe)
    tell: Progress = progress or (lambda event: None)
    started = time.perf_counter()
    tally = Tally(notes=list(getattr(encoder, "notes", ())))
    texts = None if captions is None else read_captions(Path(captions))
    options = Options.of(place, exclude, default_excludes, keep_days, max_pixels, change_times)
    walk = partial(scan, root, leave_out=place, exclusions=options.exclusions)
    entries = walk()
    if only is not None:
        chosen_ids = frozenset(only)
        entries = (one for one in entries if one.problem or id_of(one.path) in chosen_ids)
    elif not (allow_missing or forget or (place / DATABASE).exists()):
        require_images(root, walk())
    guarded = only is None and not (allow_missing or forget)
    start = partial(begin, encoder=encoder, recipe=recipe, root=root, place=place, may_move=guarded)
    with _writing(place, start, rebuild=rebuild) as (store, chosen, old):
        if old is not None and not is_of(old.meta(), root, place):
            guarded = False  # started afresh from another folder
        tally.notes += store.notes
        removed: frozenset[str] = frozenset() if restore_removed else (old or store).removed()
        entries = _without(entries, removed, tally)
        if not options.change_times:
            entries = (replace(entry, facts=entry.facts._replace(mark=None)) for entry in entries)
        total = _survey.note(store, root, entries, tally, tell)
        if guarded:
            check_missing(store, old, root, tally, tell)
        # up to here nothing has changed, and a refusal leaves the gallery as it was
        tally.notes += [
            f"The pattern {pattern!r} left out nothing: it is compared with names, or if it has a "
            "slash with paths below the folder."
            for pattern in options.exclusions.patterns
            if exclude is not None and pattern not in tally.excluded
        ]
        if not is_of(store.meta(), root, place):
            tally.notes.append(
                f"The folder has moved; the gallery is now that of {root.absolute()}."
            )
            set_root(store, root, place)
        options.record(store)
        _set_removed(store, removed)
        _survey.record(store)
        if old is not None and is_of(old.meta(), root, place):
            _vanished.take_over(store, old)
        back = tally.returned = _vanished.bring_back(store)
        _outdated.check_colours(store, root, tally)
        to_read = _survey.count_changed(store, options.max_pixels)
        if to_read:
            set_waiting(store, to_read)
        decoder = Decoder(
            root,
            store,
            chosen,
            decode_side=encoder.decode_side,
            max_pixels=options.max_pixels,
            budget=budget,
            workers=workers,
            # two more batches wait with the encoder, so few need to wait before it
            ahead=max(2 * workers, batch_size // 2),
        )
        with EncodingLine(encoder, chosen, ahead=workers) as line:
            writer = Writer(
                store,
                line,
                tally,
                tell,
                dim=encoder.dim,
                total=total,
                to_read=to_read,
                batch_size=batch_size,
                most_held=budget.total // 8,
                missing_twin=partial(_survey.missing_twin, store),
            )
            with closing(decoder.run(_survey.changed(store, writer, options.max_pixels))) as stream:
                for decoded in stream:
                    writer.add(decoded)
            writer.flush()
        tally.encoding_seconds, tally.waiting_seconds = line.worked, line.waited
        if tally.reread >= _MANY and tally.reread == tally.unchanged:
            tally.notes.append(
                f"All {tally.reread} known files were read again, and none has changed. If that "
                "happens at every run, their times of change mean nothing: --no-change-times."
            )
        tally.unchanged = max(0, tally.unchanged - back)
        _let_go(store, _survey.missing(store), tally)
        _vanished.expire(store, 0 if forget else options.keep_days)
        if texts is None and old is not None:
            texts = {
                id: tuple(old.captions(id))
                for id in old.captioned_ids(vanished=True)
                if store.item(id) or store.vanished(id)
            }
        if texts is not None:
            known = captions_of_items(store, texts, tally)
            encode_captions(store, encoder, known, tally, tell)
            record_captions(store, captions, texts)
        store.sweep()
        finish(store)
        tally.vanished = _vanished.count(store)
        images = store.count("items")
    return tally.close(images=images, seconds=time.perf_counter() - started)


def index_captions(
    captions: Path | str,
    gallery_dir: Path | str,
    *,
    encoder: DualEncoder,
    progress: Progress | None = None,
    rebuild: bool = False,
    restore_removed: bool = False,
    allow_missing: bool = False,
) -> IndexReport:
    """Make or update a gallery of captions only: every id of the file is an item.

    Ids that left the file leave the gallery; more than half of them only with ``allow_missing``.
    Raises what :func:`index_folder` raises.
    """
    texts = {id: own for id, own in read_captions(Path(captions)).items() if own}
    tell: Progress = progress or (lambda event: None)
    started = time.perf_counter()
    tally = Tally(notes=list(getattr(encoder, "notes", ())))
    place = Path(gallery_dir)
    start = partial(begin, encoder=encoder, recipe=None, root=None, place=place)
    with _writing(place, start, rebuild=rebuild) as (store, _, old):
        tally.notes += store.notes
        known = store if old is None else old
        removed = frozenset[str]() if restore_removed else known.removed()
        tally.kept_out = len(removed & texts.keys())
        texts = {id: own for id, own in texts.items() if id not in removed}
        gone = [item.id for item in known.items() if item.id not in texts]
        if 2 * len(gone) > known.count("items") and not allow_missing:
            refuse_emptying(known, len(gone), known.count("items"), f"in the file {captions}")
        _set_removed(store, removed)
        _remove(store, [item.id for item in store.items() if item.id not in texts], tally)
        encode_captions(store, encoder, texts, tally, tell, make_items=True)
        record_captions(store, captions, texts)
        store.sweep()
        finish(store)
        images = store.count("items")
    return tally.close(images=images, seconds=time.perf_counter() - started)


@contextmanager
def _writing(
    place: Path, begin: Callable[[Store], ViewRecipe], *, rebuild: bool
) -> Iterator[tuple[Store, ViewRecipe, Store | None]]:
    """Give the database to write into, the recipe, and for a rebuild the old database.

    ``begin`` records or checks what shapes the vectors. A rebuild goes into a database beside the
    old one, which adopts it at the end, in one transaction.
    """
    with write_lock(place):
        beside = place / _REBUILD
        if not (rebuild and (place / DATABASE).exists()):
            with closing(Store(place, write=True)) as store:
                settle(store, place)
                yield store, begin(store), None
            # the remains of a rebuild that was given up
            delete_database(beside)
            return
        with closing(Store(place, write=True)) as old:
            old.needs_facts = False  # a rebuild may be what damaged ones need
            settle(old, place)
            try:
                with closing(Store(place, write=True, name=_REBUILD)) as new:
                    begin(new)
            except GalleryError:
                # left by an interrupted rebuild of another kind
                delete_database(beside)
            with closing(Store(place, write=True, name=_REBUILD)) as new:
                yield new, begin(new), old
            old.adopt(beside)
        delete_database(beside)


def _set_removed(store: Store, removed: frozenset[str]) -> None:
    """Record the ids to leave out; a rebuild takes the list over."""
    if removed != store.removed():
        with store.transaction():
            store.set_removed(removed)


def _without(entries: Iterable[Found], removed: frozenset[str], tally: Tally) -> Iterator[Found]:
    for one in entries:
        if removed and one.problem is None and id_of(one.path) in removed:
            tally.kept_out += 1
        else:
            yield one


def _let_go(store: Store, ids: list[str], tally: Tally) -> None:
    if ids:
        with store.transaction():
            _vanished.let_go(store, ids)
    tally.removed += len(ids)


def _remove(store: Store, ids: list[str], tally: Tally) -> None:
    if ids:
        with store.transaction():
            store.remove_items(ids)
    tally.removed += len(ids)
