"""Write a shard's rows of one version of a dataset into a gallery on its machine."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from stitch_cir.cluster._errors import described, named_error
from stitch_cir.cluster.storage import SharedDataset, quoted, to_record
from stitch_cir.errors import (
    ClusterError,
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    NotFoundError,
    StitchError,
)
from stitch_cir.gallery.store import (
    DATABASE,
    Store,
    delete_records,
    put_records,
    set_root,
    write_lock,
)

__all__ = ["ROOM", "dataset_key", "materialise", "materialise_apart"]

ROOM = "Make room there, or give shards another folder: --shard-cache DIR."
_DONE = "complete.json"
"""Version, its id and number of rows, written last: a folder without it was not finished."""
_DIGESTS = "digests.json"
"""The digest of every row, from which the next version is made."""
_TOGETHER = 1000
_PATIENCE = 3600.0
"""Seconds that a replica waits for another one on its machine that writes the same folder."""
_KEPT = 2


def dataset_key(uri: str) -> str:
    """Return a short key for the address of a dataset, of hexadecimal digits."""
    return hashlib.blake2b(uri.encode(), digest_size=6).hexdigest()


def materialise(
    uri: str,
    version: int,
    numbers: tuple[int, int],
    folder: Path,
    storage_options: Mapping[str, str] | None = None,
    version_id: str | None = None,
) -> tuple[Path, int]:
    """Return the gallery of the rows whose shard number is in ``numbers``, and how many they are.

    ``numbers``: the first, and the one behind the last. A folder that holds the version already is
    reused, unless it was made from another dataset at the same address, whose version had another
    ``version_id``; ``None`` accepts any. Otherwise the folder of an earlier version is copied and
    brought up to date, unless most of its rows have changed. Of older versions one is kept.

    Raises
    ------
    NotFoundError
        The version was cleaned up, or the dataset was replaced by another one.
    GalleryError, GalleryDamagedError
        Nothing can be written in the folder, or a row is not what was written.
    """
    first, end = numbers
    target = _target(uri, version, numbers, folder)
    versions = target.parent
    try:
        versions.mkdir(parents=True, exist_ok=True)
        with _alone(versions):
            rows = _rows_of(target, version_id)
            if rows is None:
                dataset = SharedDataset.open(uri, version, storage_options=storage_options)
                if version_id not in (None, dataset.version_id):
                    raise NotFoundError(
                        f"Version {version} of {uri} is no longer there: another dataset has taken "
                        "its place.",
                        hint="Search again.",
                    )
                shutil.rmtree(target, ignore_errors=True)
                rows = _make(dataset, numbers, versions, target)
            _sweep(versions, version)
    except OSError as error:
        raise GalleryError(
            f"The shard {first}-{end} of {uri} cannot be written in {versions}: "
            f"{error.strerror or error}.",
            hint=ROOM,
        ) from error
    return target, rows


def materialise_apart(
    uri: str,
    version: int,
    numbers: tuple[int, int],
    folder: Path,
    storage_options: Mapping[str, str] | None = None,
    version_id: str | None = None,
) -> tuple[Path, int]:
    """Return what :func:`materialise` does, made by another process where it is missing.

    Lance takes more memory than the shard itself, which is freed when that process ends. Raises
    what :func:`materialise` does, and ``ClusterError`` where the process dies.
    """
    if _rows_of(_target(uri, version, numbers, folder), version_id) is not None:
        return materialise(uri, version, numbers, folder, storage_options, version_id)
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import main; main()"],
        input=json.dumps(
            [uri, version, numbers, str(folder), dict(storage_options or {}), version_id]
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ClusterError(
            f"The shard {numbers[0]}-{numbers[1]} of {uri} was not made: "
            f"{lines[-1] if lines else f'exit code {done.returncode}'}.",
            hint="Is there enough memory on its node?",
        )
    kind, *rest = json.loads(done.stdout)
    if kind == "error":
        raise named_error(*rest)
    target, rows = rest
    return Path(target), rows


def main() -> None:
    """Make what standard input describes, and print where it is, or what went wrong."""
    uri, version, numbers, folder, options, version_id = json.load(sys.stdin)
    try:
        target, rows = materialise(uri, version, tuple(numbers), Path(folder), options, version_id)
        answer = ["made", str(target), rows]
    except StitchError as error:
        answer = ["error", *described(error)]
    sys.stdout.write(json.dumps(answer))


def _target(uri: str, version: int, numbers: tuple[int, int], folder: Path) -> Path:
    """Return the folder of a shard's gallery at a version."""
    first, end = numbers
    return folder / dataset_key(uri) / f"{first}-{end}" / f"version-{version}"


@contextmanager
def _alone(versions: Path) -> Iterator[None]:
    """Hold the folder's lock; other replicas of the shard on this machine wait for it."""
    until = time.monotonic() + _PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(write_lock(versions))
                break
            except GalleryBusyError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        yield


def _rows_of(target: Path, version_id: str | None = None) -> int | None:
    """Return how many rows a finished folder has; ``None`` for one that is not finished.

    Nor is one that holds a version of another id.
    """
    try:
        done = json.loads((target / _DONE).read_text())
        rows = int(done["rows"])
    except (FileNotFoundError, ValueError, KeyError):
        # a process or a machine may die between making a file and writing it
        return None
    return rows if version_id in (None, done.get("version_id")) else None


def _make(dataset: SharedDataset, numbers: tuple[int, int], versions: Path, target: Path) -> int:
    """Make a folder that is not there; return how many rows it has."""
    first, end = numbers
    condition = f"shard >= {first} AND shard < {end}"
    digests: dict[str, str] = {}
    count = 0
    for row in dataset.rows(["id", "digest"], condition):
        # where a writer was interrupted before it deleted a second row, the first one counts
        digests.setdefault(row["id"], row["digest"].hex())
        count += 1
    before: dict[str, str] = {}
    gone: list[str] = []
    target.mkdir()
    for earlier in _finished(versions)[:1]:
        before = json.loads((earlier / _DIGESTS).read_text())
        gone = [id for id, digest in before.items() if digests.get(id) != digest]
        if 2 * len(gone) > len(before):
            before, gone = {}, []
        else:
            _copy_database(earlier / DATABASE, target / DATABASE)
    fresh = [id for id, digest in digests.items() if before.get(id) != digest]
    # no journal is needed: an unfinished folder is deleted
    with closing(Store(target, write=True)) as store, store.unlogged():
        for start in range(0, len(gone), _TOGETHER):
            with store.transaction():
                delete_records(store, gone[start : start + _TOGETHER])
        for records in _records(dataset, condition, fresh, every=not before):
            with store.transaction():
                put_records(store, records, dataset.kinds)
        with store.transaction():
            store.set_meta(**dataset.facts)
        root = dataset.facts["root"]
        if root is not None:
            set_root(store, Path(root), target)
    (target / _DIGESTS).write_text(json.dumps(digests))
    done = {"version": dataset.version, "version_id": dataset.version_id, "rows": count}
    (target / _DONE).write_text(json.dumps(done))
    return count


def _records(
    dataset: SharedDataset, condition: str, fresh: Sequence[str], *, every: bool
) -> Iterator[list[Any]]:
    """Yield the records of ``fresh`` ids in batches; at least one, which carries attributes' kinds.

    ``every``: ``fresh`` are all ids of the shard.
    """
    conditions = [condition]
    if not every:
        parts = [fresh[start : start + _TOGETHER] for start in range(0, len(fresh), _TOGETHER)]
        conditions = [f"id IN ({', '.join(map(quoted, part))})" for part in parts]
    waiting: list[Any] = []
    ids = set(fresh)
    for each in conditions:
        for row in dataset.rows(None, each):
            if row["id"] not in ids:
                continue  # it stands there twice
            ids.discard(row["id"])
            try:
                waiting.append(to_record(row, dataset.dim))
            except ValueError as error:
                raise GalleryDamagedError(
                    f"The row of {row['id']!r} in version {dataset.version} of {dataset.uri} "
                    f"{error}.",
                    hint="Go back to an earlier version, or export the gallery again: stitch "
                    "cluster log",
                ) from error
            if len(waiting) == _TOGETHER:
                yield waiting
                waiting = []
    yield waiting


def _finished(versions: Path) -> Sequence[Path]:
    """Return the folders that were finished, the newest version first."""
    folders = [path.parent for path in versions.glob(f"version-*/{_DONE}")]
    done = [folder for folder in folders if _rows_of(folder) is not None]
    return sorted(done, key=lambda folder: -int(folder.name.removeprefix("version-")))


def _sweep(versions: Path, version: int) -> None:
    """Delete the folders of versions older than ``version``, except the newest of them."""
    numbered = [(int(each.name.removeprefix("version-")), each) for each in _finished(versions)]
    older = [folder for number, folder in numbered if number < version]
    for folder in older[_KEPT - 1 :]:
        # a process that dies meanwhile leaves a folder that is not finished
        (folder / _DONE).unlink(missing_ok=True)
        # what is mapped stays readable until it is closed
        shutil.rmtree(folder, ignore_errors=True)


def _copy_database(source: Path, target: Path) -> None:
    """Copy a database that other processes may read at the same time."""
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
