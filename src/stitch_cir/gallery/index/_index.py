"""Bring a gallery in line with a folder or with captions; incremental and resumable."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from stitch_cir.encoders import encoder_notes
from stitch_cir.gallery._report import IndexCounters, IndexReport, Progress
from stitch_cir.gallery.attributes import read_attributes
from stitch_cir.gallery.attributes._write import refuse_contradictions, set_attributes
from stitch_cir.gallery.index._captions import read_captions, record_captions
from stitch_cir.gallery.index._folder_run import FolderRun
from stitch_cir.gallery.index._missing import refuse_emptying
from stitch_cir.gallery.index._options import CaptionIndexOptions, IndexOptions, IndexSettings
from stitch_cir.gallery.index._rebuild import open_for_indexing, set_removed
from stitch_cir.gallery.index._write import encode_captions
from stitch_cir.gallery.store import Store
from stitch_cir.gallery.store._provenance import (
    begin,
    encoder_name,
    finish,
    refuse_other_folder,
    switch_notes,
)

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder
    from stitch_cir.views import ViewRecipe

__all__ = ["DEFAULT_DIRECTORY", "index_captions", "index_folder"]

DEFAULT_DIRECTORY = ".stitch"


def index_folder(
    folder: Path | str,
    gallery_dir: Path | str | None = None,
    *,
    encoder: DualEncoder,
    recipe: ViewRecipe | None = None,
    **options: Unpack[IndexOptions],
) -> IndexReport:
    """Bring the gallery of a folder up to date.

    Files whose size and modification time are known are not even opened; new and changed ones are
    read and hashed; only contents that are not encoded yet are encoded. Every batch is one
    transaction: whatever kills the run, the next one continues from there.

    Parameters
    ----------
    folder:
        Root of the images; ids are paths relative to it.
    gallery_dir:
        Where the gallery lies, ``folder/.stitch`` by default.
    encoder, recipe:
        What makes the vectors; recorded at the first run and compared ever after. ``recipe=None``
        takes the recorded one, or ten grid views.
    options:
        Everything else, see :class:`stitch_cir.gallery.IndexOptions`.

    Raises
    ------
    NotFoundError, SettingError, GalleryMismatchError, GalleryBusyError, RecordError
        Before anything is written; so does the ``GalleryError`` that refuses to let more than half
        of the images go, and the ``NotFoundError`` for a folder without any image.
    VectorError, GalleryError
        What was committed before is kept.
    """
    root = Path(folder)
    directory = root / DEFAULT_DIRECTORY if gallery_dir is None else Path(gallery_dir)
    return FolderRun(root, directory, encoder, recipe, IndexSettings(**options)).run()


def index_captions(
    captions: Path | str,
    gallery_dir: Path | str,
    *,
    encoder: DualEncoder,
    **options: Unpack[CaptionIndexOptions],
) -> IndexReport:
    """Make or update a gallery of captions only: every id of the file is an item.

    Ids that left the file leave the gallery; more than half of them only with ``allow_missing``.
    See :class:`stitch_cir.gallery.CaptionIndexOptions` for the other options.
    Raises what :func:`index_folder` raises.
    """
    settings = IndexSettings(**options)
    texts = {id: each for id, each in read_captions(Path(captions)).items() if each}
    table = None if settings.attributes is None else read_attributes(Path(settings.attributes))
    if table is not None:
        refuse_contradictions(Path(gallery_dir), table)
    progress: Progress = settings.progress or (lambda event: None)
    started = time.perf_counter()
    counters = IndexCounters(notes=list(encoder_notes(encoder)))
    directory = Path(gallery_dir)
    start = partial(begin, encoder=encoder, recipe=None, root=None, directory=directory)
    before: str | None = None
    with open_for_indexing(
        directory, start, rebuild=settings.rebuild, switch_when_done=settings.switch_when_done
    ) as (store, _, old):
        if old is not None and settings.switch_when_done:
            refuse_other_folder(old.meta(), None, directory)
            before = encoder_name(old.meta())
        counters.notes += store.notes
        current = store if old is None else old
        removed = frozenset[str]() if settings.restore_removed else current.removed()
        counters.kept_out = len(removed & texts.keys())
        texts = {id: each for id, each in texts.items() if id not in removed}
        gone = [item.id for item in current.items() if item.id not in texts]
        if 2 * len(gone) > current.count("items") and not settings.allow_missing:
            refuse_emptying(current, len(gone), current.count("items"), f"in the file {captions}")
        set_removed(store, removed)
        _remove(store, [item.id for item in store.items() if item.id not in texts], counters)
        encode_captions(store, encoder, texts, counters, progress, make_items=True)
        record_captions(store, captions, texts)
        store.sweep()
        finish(store)
        images = store.count("items")
    if table is not None:
        report = set_attributes(directory, table)
        counters.attributed = report.items
        counters.unknown_attributes += report.unknown
    counters.notes += switch_notes(before, encoder)
    return counters.close(images=images, seconds=time.perf_counter() - started)


def _remove(store: Store, ids: list[str], counters: IndexCounters) -> None:
    if ids:
        with store.transaction():
            store.remove_items(ids)
    counters.removed += len(ids)
