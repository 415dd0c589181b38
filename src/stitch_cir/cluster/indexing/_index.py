"""Index a folder into a dataset, with encoders on the nodes of a cluster."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import Any, TypedDict, Unpack

from stitch_cir.cluster._ray import Node, check_nodes, connected
from stitch_cir.cluster.indexing._commits import Committer
from stitch_cir.cluster.indexing._pool import encode_units
from stitch_cir.cluster.indexing._surveyed_records import SurveyedRecords
from stitch_cir.cluster.indexing._units import EncodedUnit, EncoderJob, Unit
from stitch_cir.cluster.storage import (
    ClusterIndexReport,
    SharedDataset,
    create_dataset,
    import_lance,
    lance_errors,
    metadata_of,
    positions,
    schema,
)
from stitch_cir.encoders import load_encoder
from stitch_cir.errors import (
    ClusterError,
    GalleryMismatchError,
    GalleryMissingError,
    SettingError,
    StitchError,
)
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.gallery.attributes import carried_position
from stitch_cir.gallery.index import FolderDivision, IndexSettings
from stitch_cir.gallery.store import encoder_name
from stitch_cir.views import ViewRecipe

__all__ = ["ClusterIndexOptions", "index_on_cluster"]

UNIT = 500
"""Ids of a unit, where nothing else is said."""
_UNITS_OF_A_COMMIT, _SECONDS_OF_A_COMMIT = 8, 30.0
_OF_A_COMMIT = ("generation", "commit", "meta_digest")


class ClusterIndexOptions(TypedDict, total=False):
    """What :func:`index_on_cluster` takes besides the folder, the dataset, the encoder and views.

    address:
        ``HOST:PORT`` of the cluster's head, or ``auto``; without one, a Ray of this process alone.
    workers:
        Encoders; by default one for each node, or with GPUs one for each GPU.
    num_gpus:
        GPUs of each encoder; by default 1 where ``device`` is a ``cuda`` device, else 0.
    unit:
        About how many files an encoder takes at a time; 500 by default. What was not committed is
        done again after an interruption.
    storage_options:
        Options of the dataset's storage.
    device, precision:
        As :func:`stitch_cir.encoders.load_encoder` takes them, on every node.
    memory, batch_size:
        Of each encoder, as in :class:`stitch_cir.gallery.IndexOptions`; and so are all others.
    """

    address: str | None
    workers: int | None
    num_gpus: float | None
    unit: int
    storage_options: Mapping[str, str] | None
    device: str | None
    precision: str | None
    captions: Path | str | None
    attributes: Path | str | None
    metadata: bool | None
    captions_from_metadata: bool | None
    progress: Progress | None
    restore_removed: bool
    exclude: Sequence[str] | None
    default_excludes: bool | None
    keep_days: float | None
    change_times: bool | None
    allow_missing: bool
    forget: bool
    batch_size: int
    max_pixels: int | None
    memory: int | None


def index_on_cluster(
    folder: Path | str,
    uri: str,
    *,
    encoder: str | None = None,
    recipe: ViewRecipe | None = None,
    **options: Unpack[ClusterIndexOptions],
) -> ClusterIndexReport:
    """Bring a dataset in line with a folder of images, which every node sees under the same path.

    The rows are those of :func:`stitch_cir.gallery.index_folder` and
    :func:`stitch_cir.cluster.export_gallery`, bit for bit. Only new and changed files are read.
    Whatever is killed meanwhile, the next run goes on from what is committed; no id gets a second
    row.

    Parameters
    ----------
    folder, uri:
        Root of the images, and the dataset, which is made if there is none.
    encoder, recipe:
        Name of what makes the vectors, and the views: by default those of the dataset, or ``mini``
        and ten grid views.
    options:
        Everything else, see :class:`ClusterIndexOptions`.

    Raises
    ------
    ClusterError
        The cluster cannot be reached, or a node does not fit; the node and the cause are named.
    GalleryMismatchError
        The dataset was made by another encoder, with other views, or of another folder.
    GalleryError
        A node cannot see the images, its disk is full, or the storage refuses.
    """
    import_lance()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stitch-index-")))
        run = _ClusterRun(Path(folder), uri, scratch, options)
        stack.callback(run.close)
        with _naming(scratch, uri):
            return run.run(encoder, recipe)


@contextmanager
def _naming(scratch: Path, uri: str) -> Iterator[None]:
    """Name the dataset in errors that would name the driver's own records of it."""
    try:
        yield
    except GalleryMismatchError as error:
        if str(scratch) not in error.message:
            raise
        raise GalleryMismatchError(
            error.message.replace(f"gallery {scratch}", f"dataset {uri}"),
            hint="Use the dataset's encoder and views and the folder that it was made of, or index "
            "to another address.",
        ) from error
    except StitchError as error:
        if str(scratch) not in f"{error.message} {error.hint}":
            raise
        message, hint = (
            text.replace(f"gallery {scratch}", f"dataset {uri}").replace(str(scratch), uri)
            for text in (error.message, error.hint)
        )
        raise type(error)(message, hint=hint) from error


class _ClusterRun:
    """One run: survey, encode what is new on the cluster, commit."""

    def __init__(self, root: Path, uri: str, scratch: Path, options: ClusterIndexOptions) -> None:
        self._root, self._uri, self._scratch, self._options = root, uri, scratch, options
        self._storage = dict(options.get("storage_options") or {})
        names = {field.name for field in fields(IndexSettings)} - {"workers"}
        chosen: dict[str, Any] = {name: options[name] for name in names & options.keys()}  # type: ignore[literal-required]
        self._settings = IndexSettings(**chosen)
        self._progress: Progress = options.get("progress") or (lambda event: None)
        self._length = options.get("unit", UNIT)
        workers = options.get("workers")
        for name, value in (("unit", self._length), ("workers", workers)):
            if value is not None and value < 1:
                raise SettingError(f"{name} is {value!r}.", hint="It must be at least 1.")
        self._stack = ExitStack()
        self._records = self._stack.enter_context(SurveyedRecords(scratch, self._progress))
        self._encoders = self._units = self._done = self._left = self._first = 0
        self._cpu_seconds = 0.0
        self._lengths: dict[str, int] = {}

    def close(self) -> None:
        """Close what is open on the driver."""
        self._stack.close()

    def run(self, encoder: str | None, recipe: ViewRecipe | None) -> ClusterIndexReport:
        """Bring the dataset up to date. Raises what :func:`index_on_cluster` raises."""
        started = time.perf_counter()
        dataset: SharedDataset | None = None
        with suppress(GalleryMissingError):
            dataset = SharedDataset.open(self._uri, storage_options=self._storage)
        if dataset is not None:
            self._records.read(dataset)
        division = self._survey(dataset, encoder, recipe)
        facts = {name: fact for name, fact in division.facts.items() if name not in _OF_A_COMMIT}
        if dataset is None:
            dataset = self._create(facts)
        self._first = dataset.next_position
        committer = Committer(dataset, self._records.addresses)
        committer.remove_duplicates()
        if division.remaining:
            self._encode(division, committer, facts)
        committer.record({**facts, "survey": {"complete": True, "waiting": 0}})
        division.counters.vanished = self._records.vanished
        report = division.counters.close(
            images=self._records.images, seconds=time.perf_counter() - started
        )
        version = committer.dataset.version
        return ClusterIndexReport(report, version, self._units, self._encoders, self._cpu_seconds)

    def _survey(
        self, dataset: SharedDataset | None, encoder: str | None, recipe: ViewRecipe | None
    ) -> FolderDivision:
        recorded = None if dataset is None else encoder_name(dataset.facts)
        self._encoder = encoder or recorded or "mini"
        model = load_encoder(
            self._encoder,
            device=self._options.get("device"),
            precision=self._options.get("precision"),
        )
        division = FolderDivision(self._root, self._scratch, model, recipe, self._settings)
        self._stack.callback(division.close)
        division.run_survey()
        return division

    def _create(self, facts: Mapping[str, Any]) -> SharedDataset:
        """Make the dataset without rows."""
        empty = schema(metadata_of({**facts, "survey": _incomplete(None)}, ()))
        with lance_errors(self._uri):
            create_dataset(self._uri, empty, [], self._storage)
        return SharedDataset.open(self._uri, storage_options=self._storage)

    def _encode(
        self, division: FolderDivision, committer: Committer, facts: Mapping[str, Any]
    ) -> None:
        """Have all units encoded, and commit them as they come."""
        self._left = division.remaining
        new = positions(division.attribute_kinds, self._first + carried_position(None))
        committer.record({**facts, "survey": _incomplete(self._left)}, new)
        self._done = division.done
        waiting = list[EncodedUnit]()
        with connected(self._options.get("address")) as ray:
            stream = self._stream(ray, division, committer.dataset)
            last = time.monotonic()
            try:
                for unit in stream:
                    waiting.append(unit)
                    self._units += 1
                    self._report(unit, division.total)
                    late = time.monotonic() - last > _SECONDS_OF_A_COMMIT
                    if len(waiting) >= _UNITS_OF_A_COMMIT or late:
                        self._commit(committer, waiting, division)
                        last = time.monotonic()
                self._commit(committer, waiting, division)
            except BaseException:
                # what is encoded by now is kept, whatever ends the run
                with suppress(StitchError):
                    self._commit(committer, waiting, division)
                    committer.record({**facts, "survey": _incomplete(self._left)})
                raise
            finally:
                stream.close()

    def _stream(
        self, ray: Any, division: FolderDivision, dataset: SharedDataset
    ) -> Generator[EncodedUnit, None, None]:
        options = self._options
        nodes = check_nodes(ray, on=lambda node: node.cpus >= 1)
        gpus = options.get("num_gpus")
        if gpus is None:
            gpus = 1.0 if (options.get("device") or "").startswith("cuda") else 0.0
        self._encoders = _number_of_encoders(options.get("workers"), gpus, nodes)
        units = self._units_of(division)
        first = next(units)
        job = EncoderJob(
            # nodes have other working directories
            uri=self._uri if "://" in self._uri else str(Path(self._uri).absolute()),
            version=dataset.version,
            storage_options=self._storage,
            root=str(self._root.resolve()),
            facts=dataset.facts,
            kinds=tuple(dataset.kinds),
            first=self._first,
            encoder=self._encoder,
            device=options.get("device"),
            precision=options.get("precision"),
            # captions and attributes travel with each unit, which are only those of its ids
            settings=replace(self._settings, progress=None, captions=None, attributes=None),
            sharing=-(-self._encoders // len(nodes)),
            sample=next((entry.path for entry in first.part.entries if entry.named), None),
        )
        return encode_units(ray, job, chain([first], units), nodes, count=self._encoders, gpus=gpus)

    def _units_of(self, division: FolderDivision) -> Iterator[Unit]:
        run = uuid.uuid4().hex
        for number, (ids, part) in enumerate(division.parts(self._length)):
            unit = Unit(f"{run}-{number}", ids, self._records.addresses.offsets(ids), part)
            self._lengths[unit.number] = len(ids)
            yield unit

    def _commit(
        self, committer: Committer, waiting: list[EncodedUnit], division: FolderDivision
    ) -> None:
        """Commit what waits, and count it."""
        if not waiting:
            return
        committer.commit(waiting)
        units = list(waiting)
        waiting.clear()
        self._left -= sum(self._lengths.pop(unit.number) for unit in units)
        for unit in units:
            self._cpu_seconds += unit.cpu_seconds
            self._records.images += unit.images
            self._records.vanished += unit.vanished
            division.count(unit.counters, unit.added)

    def _report(self, unit: EncodedUnit, total: int) -> None:
        """Report what an encoder has done, without waiting until it is committed."""
        self._done += unit.files
        name = (unit.ids or unit.gone or ("",))[-1]
        for id, reason in unit.counters.skipped:
            self._progress(ProgressEvent("indexing", self._done, total, id, reason))
        self._progress(ProgressEvent("indexing", self._done, total, name))


def _number_of_encoders(workers: int | None, gpus: float, nodes: Sequence[Node]) -> int:
    """Return how many encoders to start; raises ``ClusterError`` where there is no room for one."""
    if not nodes:
        raise ClusterError(
            "No node of the cluster has a CPU for an encoder.",
            hint="Add nodes: ray start --address HEAD",
        )
    there = sum(node.gpus for node in nodes)
    if gpus > there:
        raise ClusterError(
            f"Each encoder is to have {gpus:g} GPUs; the cluster has {there:g}.",
            hint="Add nodes with GPUs, or encode on processors: --device cpu --num-gpus 0",
        )
    if workers is not None:
        return workers
    return int(there // gpus) if gpus else len(nodes)


def _incomplete(waiting: int | None) -> dict[str, Any]:
    return {"complete": False, "waiting": waiting}
