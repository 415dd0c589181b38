"""An encoder: an actor that brings units up to date, and writes their rows to the storage."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stitch_cir._cores import THREADS, usable_cores
from stitch_cir._scratch import remove_abandoned, scratch_folder
from stitch_cir.cluster._errors import described
from stitch_cir.cluster._ray import node_name
from stitch_cir.cluster.indexing._units import EncodedUnit, EncoderJob, Failure, Ready, Unit
from stitch_cir.cluster.storage import (
    AttributePosition,
    SharedDataset,
    batches,
    import_lance,
    is_digest_of,
    lance_errors,
    row_of,
    to_record,
)
from stitch_cir.errors import GalleryDamagedError, StitchError
from stitch_cir.gallery.attributes import carried_position
from stitch_cir.gallery.index import PartState, index_part
from stitch_cir.gallery.store import IdRecord

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["UnitEncoder", "remove_scratch", "scratch_kind"]

_SCRATCH = "encoder"
"""What the kinds of the temporary folders begin with that encoders make, one kind for a run."""
_GONE_SECONDS = 10.0
_ROOM = "Free space there, or set TMPDIR for Ray on that node to another folder."
Answer = TypeVar("Answer")


class UnitEncoder:
    """Encodes units in a process of its own; answers with a :class:`Failure` instead of raising."""

    def __init__(self, job: EncoderJob) -> None:
        """Take as many threads as the node's encoders leave each other; load nothing yet."""
        threads = str(max(1, usable_cores() // job.sharing))
        # Ray limits an actor's numerical libraries to the CPUs that it was promised
        os.environ[THREADS] = os.environ["OMP_NUM_THREADS"] = threads
        self._job = job
        self._root = Path(job.root)
        self._encoder: DualEncoder | None = None
        self._dataset: SharedDataset | None = None

    def prepare(self) -> Ready | Failure:
        """Load the encoder; check that it is the dataset's, and that the images are to be seen."""
        return self._answer(self._prepare)

    def encode(self, unit: Unit, clock_offset: float) -> EncodedUnit | Failure:
        """Bring one unit up to date and write what became of its rows.

        ``clock_offset`` is how many seconds this node's clock is ahead of the driver's.
        """
        return self._answer(lambda: self._encode(unit, clock_offset))

    def _answer(self, work: Callable[[], Answer]) -> Answer | Failure:
        try:
            return work()
        except StitchError as error:
            kind, message, hint = described(error)
            # what is written there is no gallery of the user's
            temporary = f"stitch-{_SCRATCH}-" in message
            return Failure(node_name(), kind, message, _ROOM if temporary else hint)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
                raise
            what = error.filename or tempfile.gettempdir()
            return Failure(
                node_name(),
                "GalleryError",
                f"{what} cannot be written: {error.strerror}.",
                _ROOM,
            )

    def _prepare(self) -> Ready | Failure:
        from stitch_cir.encoders import load_encoder

        job = self._job
        sample = None if job.sample is None else self._root / os.fsdecode(job.sample)
        absent = next((p for p in (self._root, sample) if p and not os.path.lexists(p)), None)
        if absent is not None:
            return Failure(
                node_name(),
                "GalleryError",
                f"the images cannot be seen there: {absent} does not exist.",
                "Mount the folder of the images under the same path on every node.",
            )
        encoder = load_encoder(job.encoder, device=job.device, precision=job.precision)
        if encoder.fingerprint != job.facts["fingerprint"]:
            return Failure(
                node_name(),
                "GalleryMismatchError",
                f"its encoder {job.encoder} is another one ({encoder.weights_tag}, "
                f"{encoder.fingerprint[:12]}) than the dataset's ({job.facts['weights_tag']}, "
                f"{job.facts['fingerprint'][:12]}).",
                "Install the same model files on every node.",
            )
        self._encoder = encoder
        self._dataset = SharedDataset.open(job.uri, storage_options=job.storage_options)
        return Ready(node_name())

    def _encode(self, unit: Unit, clock_offset: float) -> EncodedUnit:
        assert self._encoder is not None
        job, started = self._job, time.process_time()
        rows = self._rows(unit)
        dim = self._encoder.dim
        try:
            records = [to_record(row, dim) for row in rows]
        except ValueError as error:
            raise GalleryDamagedError(
                f"A row of version {unit.version} of {job.uri} {error}.",
                hint="Find it: stitch cluster verify URI",
            ) from error
        remove_abandoned(_SCRATCH)
        with scratch_folder(scratch_kind(unit)) as scratch:
            counters, after = index_part(
                self._root,
                unit.part,
                PartState(records, job.facts, job.kinds),
                directory=scratch,
                encoder=self._encoder,
                settings=job.settings,
                clock_offset=clock_offset,
            )
        before = {row["id"]: row["digest"] for row in rows}
        made = [
            row
            for row in map(row_of, after.records)
            if not is_digest_of(before.get(row["id"]), row, row["digest"])
        ]
        there = {record.id for record in after.records}
        fragments = self._write(made)
        return EncodedUnit(
            unit.number,
            fragments,
            tuple(row["id"] for row in made),
            tuple(id for id in before if id not in there),
            tuple(
                AttributePosition(job.first + carried_position(name), name, kind)
                for name, kind in after.kinds
                if (name, kind) not in job.kinds
            ),
            counters,
            sum(entry.named for entry in unit.part.entries),
            _count(after.records, "items") - _count(records, "items"),
            _count(after.records, "vanished") - _count(records, "vanished"),
            _added(records, after.records),
            time.process_time() - started,
        )

    def _rows(self, unit: Unit) -> list[dict[str, Any]]:
        """Return the rows that the unit's ids have, of the version that its offsets are of."""
        if not unit.offsets:
            return []
        assert self._dataset is not None
        if self._dataset.version != unit.version:
            self._dataset = SharedDataset.open(
                self._job.uri, unit.version, storage_options=self._job.storage_options
            )
        with self._dataset.reading():
            rows: list[dict[str, Any]] = self._dataset.lance.take(unit.offsets).to_pylist()
        return rows

    def _write(self, rows: list[dict[str, Any]]) -> tuple[str, ...]:
        """Write rows as files that belong to no version yet; return the fragments as text."""
        if not rows:
            return ()
        import pyarrow as pa

        assert self._dataset is not None
        schema = self._dataset.lance.schema
        stream = pa.RecordBatchReader.from_batches(schema, batches(rows, schema))
        with lance_errors(self._job.uri):
            fragments = import_lance().fragment.write_fragments(
                stream,
                self._job.uri,
                schema=schema,
                mode="append",
                storage_options=dict(self._job.storage_options) or None,
            )
        return tuple(json.dumps(fragment.to_json()) for fragment in fragments)


def scratch_kind(unit: Unit) -> str:
    """Return the kind of the temporary folders of a unit's run."""
    return f"{_SCRATCH}-{unit.number.partition('-')[0]}"


def remove_scratch(kind: str) -> None:
    """Remove temporary folders of a run from this node, once its encoders there are dead."""
    until = time.monotonic() + _GONE_SECONDS
    while remove_abandoned(kind) and time.monotonic() < until:
        time.sleep(0.05)


def _count(records: Sequence[IdRecord], table: str) -> int:
    return sum(record.table == table for record in records)


def _added(before: Sequence[IdRecord], after: Sequence[IdRecord]) -> tuple[str, ...]:
    """Return the content of each image that is new, and that no image that has gone had."""
    ids = {record.id for record in before if record.table}
    there = {record.id for record in after if record.table == "items"}
    moved = {r.columns.get("hash") for r in before if r.table and r.id not in there}
    return tuple(
        record.columns["hash"]
        for record in after
        if record.table == "items" and record.id not in ids
        if record.columns["hash"] not in moved
    )
