"""One run of indexing on a cluster: survey, encode what is new on the nodes, commit."""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import fields, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir.cluster._ray import Node, check_nodes, connected
from stitch_cir.cluster.indexing._commits import Committer
from stitch_cir.cluster.indexing._options import ClusterIndexOptions
from stitch_cir.cluster.indexing._pool import encode_units
from stitch_cir.cluster.indexing._renewal import Renewal, RenewalKind, check_folder
from stitch_cir.cluster.indexing._surveyed_records import SurveyedRecords
from stitch_cir.cluster.indexing._units import EncodedUnit, EncoderJob, Unit
from stitch_cir.cluster.storage import (
    ClusterIndexReport,
    SharedDataset,
    absolute_address,
    check_place,
    create_dataset,
    lance_errors,
    metadata_of,
    positions,
    schema,
)
from stitch_cir.encoders import load_encoder
from stitch_cir.errors import ClusterError, GalleryMissingError, SettingError, StitchError
from stitch_cir.gallery import Progress, ProgressEvent
from stitch_cir.gallery.attributes import carried_position
from stitch_cir.gallery.index import FolderDivision, IndexSettings
from stitch_cir.gallery.store import Store, encoder_name, switch_notes
from stitch_cir.views import ViewRecipe

if TYPE_CHECKING:
    from stitch_cir.encoders import DualEncoder

__all__ = ["BEFORE", "ClusterRun"]

UNIT = 500
"""Ids of a unit, where nothing else is said."""
_UNITS_OF_A_COMMIT, _SECONDS_OF_A_COMMIT = 8, 30.0
_OF_A_COMMIT = ("generation", "commit", "meta_digest")
_FIRST = "first_attribute"
"""Fact of a dataset that is not finished: the position of the first attribute that is new."""
BEFORE = "before"
"""Folder of the driver's records of a dataset that is encoded anew, below those of the new one."""


class ClusterRun:
    """One run: survey, encode what is new on the cluster, commit."""

    def __init__(self, root: Path, uri: str, scratch: Path, options: ClusterIndexOptions) -> None:
        self._root, self._uri, self._scratch, self._options = root, uri, scratch, options
        self._storage = dict(options.get("storage_options") or {})
        names = {field.name for field in fields(IndexSettings)} - {"workers"}
        chosen: dict[str, Any] = {name: options[name] for name in names & options.keys()}  # type: ignore[literal-required]
        self._settings = IndexSettings(**chosen)
        if self._settings.rebuild and self._settings.switch_when_done:
            raise SettingError(
                "rebuild and switch_when_done are two ways to encode everything again.",
                hint="Choose one of them.",
            )
        self._progress: Progress = options.get("progress") or (lambda event: None)
        self._length = options.get("unit", UNIT)
        workers = options.get("workers")
        for name, value in (("unit", self._length), ("workers", workers)):
            if value is not None and value < 1:
                raise SettingError(f"{name} is {value!r}.", hint="It must be at least 1.")
        gpus = options.get("num_gpus")
        if gpus is not None and not (0 <= gpus <= 1 or (float(gpus).is_integer() and gpus > 0)):
            raise SettingError(
                f"num_gpus is {gpus!r}.", hint="It must be a part of a GPU, or a whole number."
            )
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
        main = self._opened(self._uri)
        recorded = None if main is None else encoder_name(main.facts)
        self._encoder = encoder or recorded or "mini"
        device = self._options.get("device")
        if device is not None and device.startswith("cuda"):
            # only names the vectors here; a GPU is the nodes' that encode
            device = "cpu"
        model = load_encoder(self._encoder, device=device, precision=self._options.get("precision"))
        renewal = None if main is None else self._renewal(main, model, recipe)
        if renewal is None:
            version = self._update(main, None, model, recipe)
        else:
            with renewal.alone():
                self._update(self._resumed(renewal, model, recipe), renewal, model, recipe)
                version = renewal.adopt()
            # to the encoders an image of the dataset is one that had vanished
            counters = self._division.counters
            counters.added, counters.returned = counters.added + counters.returned, 0
            if self._settings.switch_when_done:
                counters.notes += switch_notes(recorded, model)
        counters = self._division.counters
        counters.vanished = self._records.vanished
        report = counters.close(images=self._records.images, seconds=time.perf_counter() - started)
        return ClusterIndexReport(report, version, self._units, self._encoders, self._cpu_seconds)

    def _opened(self, uri: str) -> SharedDataset | None:
        try:
            return SharedDataset.open(uri, storage_options=self._storage)
        except GalleryMissingError:
            return None

    def _renewal(
        self, main: SharedDataset, model: DualEncoder, recipe: ViewRecipe | None
    ) -> Renewal | None:
        """Return what encodes the dataset anew, where that was requested and is needed."""
        settings = self._settings
        if settings.rebuild:
            kind: RenewalKind = "rebuild"
        elif settings.switch_when_done and _is_of_others(main, model, recipe):
            kind = "switch"
        else:
            return None
        check_folder(main, str(self._root.resolve()), kind)
        return Renewal(main, kind, self._storage)

    def _resumed(
        self, renewal: Renewal, model: DualEncoder, recipe: ViewRecipe | None
    ) -> SharedDataset | None:
        """Go on beside the dataset; return what an interrupted run has left there."""
        facts: dict[str, Any] = {
            "fingerprint": model.fingerprint,
            "root": str(self._root.resolve()),
        }
        if recipe is not None:
            facts["recipe"] = recipe.to_dict()
        before = self._scratch / BEFORE
        before.mkdir()
        records = self._stack.enter_context(SurveyedRecords(before, self._progress))
        records.read(renewal.main)
        self._uri = renewal.uri
        return renewal.resume(facts)

    def _update(
        self,
        dataset: SharedDataset | None,
        renewal: Renewal | None,
        model: DualEncoder,
        recipe: ViewRecipe | None,
    ) -> int:
        """Survey, encode what is new, commit; return the number of the newest version."""
        if dataset is not None:
            self._records.read(dataset)
        division = self._division = self._survey(renewal, model, recipe)
        left_out = (*_OF_A_COMMIT, _FIRST)
        facts = {name: fact for name, fact in division.facts.items() if name not in left_out}
        if dataset is None:
            dataset = self._create(renewal, facts)
        # a run that goes on shows attributes in the order that the first one began
        self._first = dataset.facts.get(_FIRST, dataset.next_position)
        committer = Committer(dataset, self._records.addresses)
        committer.commit([])  # without rows that stand there twice
        if division.remaining:
            self._encode(division, committer, facts)
        committer.record({**facts, "survey": {"complete": True, "waiting": 0}})
        return committer.dataset.version

    def _survey(
        self, renewal: Renewal | None, model: DualEncoder, recipe: ViewRecipe | None
    ) -> FolderDivision:
        old = None
        if renewal is not None:
            old = self._stack.enter_context(closing(Store(self._scratch / BEFORE)))
        division = FolderDivision(self._root, self._scratch, model, recipe, self._settings, old)
        self._stack.callback(division.close)
        division.run_survey()
        return division

    def _create(self, renewal: Renewal | None, facts: Mapping[str, Any]) -> SharedDataset:
        """Make the dataset without rows, or with what a renewal begins with."""
        facts = {**facts, "survey": _incomplete(None)}
        if renewal is not None:
            dataset = renewal.begin(facts)
            self._records.locate(dataset)
            return dataset
        check_place(self._uri)
        empty = schema(metadata_of(facts, ()))
        with lance_errors(self._uri):
            create_dataset(self._uri, empty, [], self._storage)
        return SharedDataset.open(self._uri, storage_options=self._storage)

    def _encode(
        self, division: FolderDivision, committer: Committer, facts: Mapping[str, Any]
    ) -> None:
        """Have all units encoded, and commit them as they come."""
        self._left = division.remaining
        new = positions(division.attribute_kinds, self._first + carried_position(None))
        committer.record({**facts, **self._unfinished()}, new)
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
                    committer.record({**facts, **self._unfinished()})
                raise
            finally:
                stream.close()

    def _unfinished(self) -> dict[str, Any]:
        """Return the facts of a run that has not come to its end."""
        return {"survey": _incomplete(self._left), _FIRST: self._first}

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
            uri=absolute_address(self._uri),
            storage_options=self._storage,
            root=str(self._root.resolve()),
            facts=dataset.facts,
            kinds=tuple(dataset.kinds),
            first=self._first,
            encoder=self._encoder,
            device=options.get("device"),
            precision=options.get("precision"),
            # captions and attributes travel with each unit, which are only those of its ids
            settings=replace(
                self._settings, progress=None, captions=None, attributes=None, rebuild=False
            ),
            sharing=-(-self._encoders // len(nodes)),
            sample=next((entry.path for entry in first.part.entries if entry.named), None),
        )
        return encode_units(ray, job, chain([first], units), nodes, count=self._encoders, gpus=gpus)

    def _units_of(self, division: FolderDivision) -> Iterator[Unit]:
        run = uuid.uuid4().hex
        for number, (ids, part) in enumerate(division.parts(self._length)):
            addresses = self._records.addresses
            unit = Unit(f"{run}-{number}", ids, addresses.version, addresses.offsets(ids), part)
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
            f"Each encoder is to have {gpus:g} GPU{'' if gpus == 1 else 's'}; the cluster has "
            f"{there:g}.",
            hint="Add nodes with GPUs, or encode on processors: --device cpu --num-gpus 0",
        )
    if workers is not None:
        # an encoder needs a CPU: more than there are would never start
        return min(workers, int(sum(node.cpus for node in nodes)))
    return int(there // gpus) if gpus else len(nodes)


def _is_of_others(main: SharedDataset, model: DualEncoder, recipe: ViewRecipe | None) -> bool:
    """Return whether another encoder, or other views, made the vectors of a dataset."""
    if main.facts["fingerprint"] != model.fingerprint:
        return True
    return recipe is not None and recipe != ViewRecipe.from_dict(main.facts["recipe"])


def _incomplete(waiting: int | None) -> dict[str, Any]:
    return {"complete": False, "waiting": waiting}
