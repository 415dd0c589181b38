"""From decoded images and captions to rows: encoded in batches, one transaction each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stitch_cir.encoders import TextLimits, too_long
from stitch_cir.errors import VectorError
from stitch_cir.gallery._report import IndexCounters, Progress, ProgressEvent
from stitch_cir.gallery.index._decode import Decoded
from stitch_cir.gallery.index._pipeline import EncodingPipeline
from stitch_cir.gallery.store import Item, Store
from stitch_cir.gallery.store._perceptual_hashes import put as put_perceptual_hashes
from stitch_cir.gallery.store._provenance import set_waiting
from stitch_cir.gallery.store._vanished import let_go
from stitch_cir.gallery.store._view_sets import UNIT_TOLERANCE
from stitch_cir.gallery.store._written_captions import put_written_elsewhere, written_elsewhere

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["EncodingBatch", "Workload", "Writer", "checked", "encode_captions", "encode_new_texts"]

IN_FLIGHT = 2
"""Batches handed over and not yet written: one with the model, one behind it."""
_CAPTION_BATCH = 64
_NAMED = 5
"""Images that a note names; the rest is counted."""
_MOST_WAITING = 256
"""Files that need no encoding are still written in batches of at most this many."""


class EncodingBatch:
    """New images that are with the encoder, by content; once encoded, their memory counts no more.

    ``new`` are the images without their pixels.
    """

    def __init__(self, pipeline: EncodingPipeline, new: Mapping[str, Decoded]) -> None:
        """Hand the images over; there may be none."""
        self._dim = pipeline.dim
        self._vectors: Future[NDArray[np.float32]] | None = None
        if new:
            images = [decoded.image for decoded in new.values() if decoded.image is not None]
            self._vectors = pipeline.submit(images, [decoded.boxes for decoded in new.values()])
            holds = [decoded.hold for decoded in new.values() if decoded.hold is not None]

            def release(done: Future[NDArray[np.float32]]) -> None:
                for hold in holds:
                    hold.release()

            self._vectors.add_done_callback(release)
        # from here on the pixels belong to the encoder, which drops them as soon as it can
        self.new = {hash: replace(decoded, image=None) for hash, decoded in new.items()}

    @property
    def is_ready(self) -> bool:
        """Whether the vectors are there without waiting."""
        return self._vectors is None or self._vectors.done()

    def result(self) -> NDArray[np.float32]:
        """Return the vectors when they are there: (n, M, d) unit rows. Raises ``VectorError``."""
        if self._vectors is None:
            return np.empty((0, 0, self._dim), np.float32)
        new = list(self.new.values())
        return checked(
            self._vectors.result(),
            (len(new), len(new[0].boxes), self._dim),
            [decoded.candidate.id for decoded in new],
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Files written together, and the new images among them."""

    files: list[Decoded]
    encoding: EncodingBatch


@dataclass(frozen=True, slots=True)
class Workload:
    """How much there is to write, and in which portions.

    ``total`` files may be images; ``to_read`` of them are new or changed, which the gallery records
    as waiting until they are written. A batch is handed over with ``batch_size`` images to encode,
    or early when its images take ``most_held`` bytes.
    """

    total: int
    to_read: int
    batch_size: int
    most_held: int


class Writer:
    """Collects decoded files, has them encoded, and writes them batch by batch, in order.

    At most ``IN_FLIGHT`` batches are with the encoder: another one waits for the oldest.
    """

    def __init__(
        self,
        store: Store,
        pipeline: EncodingPipeline,
        counters: IndexCounters,
        progress: Progress,
        work: Workload,
        missing_twin: Callable[[str], str | None],
    ) -> None:
        """Write into ``store``, count in ``counters``, and report the progress.

        ``missing_twin`` finds, by content, an item whose file is gone.
        """
        self._store = store
        self._pipeline = pipeline
        self._counters = counters
        self._progress = progress
        self._work = work
        self._to_read = work.to_read
        self._missing_twin = missing_twin
        self._waiting: list[Decoded] = []
        self._new: dict[str, Decoded] = {}
        self._in_flight: deque[_Batch] = deque()
        self._done = 0

    def unchanged(self, id: str) -> None:
        """Count a file that need not be read."""
        self._counters.unchanged += 1
        self._step(id)

    def skip(self, id: str, reason: str) -> None:
        """Report a file that is left out."""
        self._counters.skipped.append((id, reason))
        self._step(id, reason)

    def add(self, decoded: Decoded) -> None:
        """Take one decoded file; hand over what fills a batch, and write what is encoded."""
        hash = decoded.hash
        if decoded.image is not None and hash is not None:
            # a byte-identical file may have been decoded before its twin was written
            if self._is_encoded(hash):
                decoded = decoded.without_image()
            else:
                self._new[hash] = decoded
        self._waiting.append(decoded)
        is_full = len(self._new) >= self._work.batch_size or len(self._waiting) >= _MOST_WAITING
        if is_full or self._held() >= self._work.most_held:
            self._hand_over()
        while self._in_flight and self._in_flight[0].encoding.is_ready:
            self._write(self._in_flight.popleft())

    def flush(self) -> None:
        """Encode and write all that was added."""
        if self._waiting:
            self._hand_over()
        while self._in_flight:
            self._write(self._in_flight.popleft())

    def _is_encoded(self, hash: str) -> bool:
        coming = (batch.encoding.new for batch in self._in_flight)
        return any(hash in new for new in (self._new, *coming)) or self._store.has_content(hash)

    def _held(self) -> int:
        """Return the bytes of the images that wait to be handed over."""
        return sum(new.hold.size for new in self._new.values() if new.hold is not None)

    def _hand_over(self) -> None:
        while len(self._in_flight) >= IN_FLIGHT:
            self._write(self._in_flight.popleft())
        encoding = EncodingBatch(self._pipeline, self._new)
        files = [replace(decoded, image=None) for decoded in self._waiting]
        self._in_flight.append(_Batch(files, encoding))
        self._waiting, self._new = [], {}

    def _write(self, batch: _Batch) -> None:
        """Write one batch when it is encoded, all or nothing."""
        new, vectors = batch.encoding.new, batch.encoding.result()
        self._to_read -= len(batch.files)
        with self._store.transaction():
            for (hash, decoded), rows in zip(new.items(), vectors, strict=True):
                self._store.put_content(hash, decoded.size, decoded.boxes, rows)
            hashes = [(hash, decoded.perceptual_hash) for hash, decoded in new.items()]
            put_perceptual_hashes(
                self._store, [(h, bits) for h, bits in hashes if bits is not None]
            )
            for decoded in batch.files:
                self._put(decoded)
            set_waiting(self._store, self._to_read)
        self._counters.encoded += len(new)
        for decoded in batch.files:
            problem = decoded.problem
            self._step(decoded.candidate.id, None if problem is None else problem.reason)

    def _put(self, decoded: Decoded) -> None:
        store, counters, file, problem = (
            self._store,
            self._counters,
            decoded.candidate,
            decoded.problem,
        )
        size, mtime_ns, mark = file.facts
        counters.notes += decoded.notes
        if problem is not None:
            counters.skipped.append((file.id, problem.reason))
            if problem.of_content:
                left_out = Item(file.id, file.path, size, mtime_ns, mark=mark)
                let_go(store, [file.id])
                store.put_skipped(left_out, problem.reason, problem.max_pixels)
            return
        assert decoded.hash is not None
        item = Item(file.id, file.path, size, mtime_ns, decoded.hash, mark)
        before = store.item(file.id)
        kept = store.vanished(file.id) if before is None else None
        if kept is not None:
            store.put_item(item)
            if kept.hash in (None, decoded.hash):
                counters.returned += 1
            else:
                counters.changed += 1
            return
        if before is not None and before.hash == decoded.hash:
            counters.unchanged += 1
            counters.reread += 1
            store.put_item(item)
            return
        old = self._missing_twin(decoded.hash) if before is None else None
        if old is not None:
            counters.moved += 1
            store.rename_item(old, item)
            return
        if before is None:
            counters.added += 1
            counters.duplicates += bool(store.ids_with_content(decoded.hash))
        else:
            counters.changed += 1
        store.put_item(item)

    def _step(self, id: str, skipped: str | None = None) -> None:
        self._done += 1
        self._progress(ProgressEvent("indexing", self._done, self._work.total, id, skipped))


def encode_captions(
    store: Store,
    encoder: DualEncoder,
    texts: Mapping[str, Sequence[str]],
    counters: IndexCounters,
    progress: Progress,
    *,
    make_items: bool = False,
) -> None:
    """Replace the captions of the gallery by ``texts``; only new ones are encoded.

    Items that are not in ``texts`` lose theirs, vanished ones too; what a model wrote
    stays. With ``make_items``, ids that are no item become one; otherwise every id must be one, or
    one that has vanished.
    """
    by_id = {**dict.fromkeys(store.captioned_ids(vanished=True), ()), **texts}
    changed = [
        id for id, captions in by_id.items() if written_elsewhere(store, id) != list(captions)
    ]
    cut: dict[str, int] = {}
    for start in range(0, len(changed), _CAPTION_BATCH):
        ids = changed[start : start + _CAPTION_BATCH]
        new, vectors = encode_new_texts(store, encoder, [t for id in ids for t in by_id[id]])
        cut |= dict(too_long(encoder, new))
        with store.transaction():
            store.put_caption_vectors(new, vectors)
            for id in ids:
                if make_items and store.item(id) is None:
                    store.put_item(Item(id))
                    counters.added += 1
                put_written_elsewhere(store, id, by_id[id])
        counters.captioned += len(ids)
        progress(ProgressEvent("captions", start + len(ids), len(changed), ids[-1]))
    if cut:
        counters.notes.append(_cut_note(encoder, cut, by_id))


def encode_new_texts(
    store: Store, encoder: DualEncoder, texts: Sequence[str]
) -> tuple[list[str], NDArray[np.float32]]:
    """Return the different texts that have no vectors yet, and those: (n, d) float32 unit rows."""
    new = [text for text in dict.fromkeys(texts) if not store.has_caption(text)]
    if not new:
        return new, np.empty((0, encoder.dim), np.float32)
    return new, checked(encoder.encode_texts(new), (len(new), encoder.dim), new)


def _cut_note(
    encoder: DualEncoder, cut: Mapping[str, int], by_id: Mapping[str, Sequence[str]]
) -> str:
    """Return a note: how many captions were cut, and the first few with their lengths."""
    assert isinstance(encoder, TextLimits)
    ids = {id: max(cut.get(text, 0) for text in texts) for id, texts in by_id.items() if texts}
    named = [f"{id} ({count})" for id, count in ids.items() if count]
    more = f" and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    return (
        f"{len(cut):,} caption(s) were cut: {encoder.name} reads {encoder.context_length} tokens. "
        f"Longer are those of {', '.join(named[:_NAMED])}{more}."
    )


def checked(
    vectors: NDArray[np.float32], shape: tuple[int, ...], names: Sequence[str]
) -> NDArray[np.float32]:
    """Refuse vectors of a wrong shape, not finite or not unit length; give float32.

    ``names[i]`` says what ``vectors[i]`` was made of. Raises ``VectorError``.
    """
    array = np.asarray(vectors, dtype=np.float32)
    if array.shape != shape:
        what = f"vectors of shape {array.shape} for {len(names)} inputs, expected {shape}"
        raise _refused(what)
    for wrong, kind in (
        (~np.isfinite(array), "not finite (NaN or infinite)"),
        (np.abs(np.linalg.norm(array, axis=-1) - 1.0) > UNIT_TOLERANCE, "not of unit length"),
    ):
        if wrong.any():
            first = int(np.argwhere(wrong)[0, 0])
            raise _refused(f"vectors that are {kind} for {names[first]!r}")
    return array


def _refused(what: str) -> VectorError:
    return VectorError(
        f"The encoder gave {what}.",
        hint="Check the encoder; nothing of this batch was stored, earlier ones are safe.",
    )
