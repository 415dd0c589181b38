"""The packed, memory-mapped copy of all vectors, rebuilt from the database whenever it is stale.

A cache is a folder named by its generation, written elsewhere and renamed into place, so a reader
sees a complete one or none. Its manifest holds two sums of every MiB of every file: the wrapping
sum of its 64-bit words, which costs about 5 ms per 100 MB, and its CRC-32. Opening compares all
sizes and word sums (of 1 GiB, evenly spread, where there is more); ``Gallery.verify`` also all
CRCs, and every row with the database.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery._codes import CODE_FILES, Codes, map_codes, write_codes
from stitch_cir.gallery._store import Store

__all__ = ["ViewMatrix", "build", "is_of_another_format", "open_cache"]

FORMAT = 2
CHUNK = 1 << 20
SAMPLE = 1024
"""How many chunks of a file are compared at opening, at most."""
_FILES = ("vectors", "means", "lengths", "offsets", "kinds", "ids", *CODE_FILES)
_ABANDONED = 3600.0
"""Seconds after which a half-built cache belongs to a process that died."""


@dataclass(frozen=True, slots=True)
class ViewMatrix:
    """All view sets of a gallery, packed in id order; the arrays cannot be written.

    ``vectors``: (T, d) float32 unit rows; ``offsets``: (n + 1,) int64, image i owns rows
    ``offsets[i]:offsets[i + 1]``; ``kinds``: (T,) uint8, 0 image view, 1 caption view; ``means``:
    (n, d) float32, each set's normalised mean; ``ids``: n sorted gallery ids. ``lengths``: (n,)
    float32, the length of each mean before it was normalised, and ``codes`` the vectors in eight
    bits; both make searching quicker, not different, and may be absent.
    """

    ids: tuple[str, ...] = field(repr=False)
    vectors: NDArray[np.float32] = field(repr=False)
    offsets: NDArray[np.int64] = field(repr=False)
    kinds: NDArray[np.uint8] = field(repr=False)
    means: NDArray[np.float32] = field(repr=False)
    generation: int
    lengths: NDArray[np.float32] | None = field(default=None, repr=False)
    codes: Codes | None = field(default=None, repr=False)


def build(store: Store, dim: int, cache: Path) -> Path:
    """Stream one state of the database into a new cache below the folder ``cache``; give its place.

    Memory does not grow with the gallery's vectors. Raises ``OSError`` where nothing can be
    written.
    """
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="building-", dir=cache))
    try:
        with store.snapshot():
            generation = store.generation()
            ids, views = _write_sets(store, dim, scratch)
        manifest = {
            "format": FORMAT,
            "generation": generation,
            "dim": dim,
            "images": ids,
            "views": views,
            "files": {name: _sums(scratch / name) for name in _FILES},
        }
        body = json.dumps(manifest).encode()
        # the first line vouches for the manifest as the manifest does for the other files
        (scratch / "manifest").write_bytes(b"%d\n%s" % (zlib.crc32(body), body))
        return _swap_in(scratch, cache, generation)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_sets(store: Store, dim: int, scratch: Path) -> tuple[int, int]:
    ids: list[str] = []
    offsets = [0]
    total = np.zeros(dim)
    with (
        (scratch / "vectors").open("wb") as vectors,
        (scratch / "means").open("wb") as means,
        (scratch / "lengths").open("wb") as lengths,
        (scratch / "kinds").open("wb") as kinds,
    ):
        for id, members, pictures in store.sets(dim):
            if not len(members):
                continue
            ids.append(id)
            offsets.append(offsets[-1] + len(members))
            vectors.write(members.tobytes())
            mean = members.mean(axis=0, dtype=np.float64)
            length = max(float(np.linalg.norm(mean)), 1e-12)
            means.write((mean / length).astype("<f4").tobytes())
            lengths.write(np.float32(length).astype("<f4").tobytes())
            total += mean * len(members)
            kinds.write(b"\0" * pictures + b"\1" * (len(members) - pictures))
    bounds = np.asarray(offsets, dtype="<i8")
    (scratch / "offsets").write_bytes(bounds.tobytes())
    written = np.empty((0, dim), np.float32)
    if ids:  # an empty file cannot be mapped
        written = np.memmap(scratch / "vectors", "<f4", "r", shape=(offsets[-1], dim))
    write_codes(scratch, written, bounds, total / max(offsets[-1], 1))
    (scratch / "ids").write_text(json.dumps(ids), encoding="utf-8")
    return len(ids), offsets[-1]


def _swap_in(scratch: Path, cache: Path, generation: int) -> Path:
    place = cache / str(generation)
    for _ in range(3):
        try:
            scratch.rename(place)
            break
        except OSError:
            if open_cache(cache, generation) is not None:
                break  # another process was faster, with the same content
            # a damaged one is in the way
            broken = Path(tempfile.mkdtemp(prefix="broken-", dir=cache))
            place.rename(broken / "cache")
    for old in cache.iterdir():
        # older generations and what died half-built; readers keep what they have mapped
        stale = old.name.isdigit() and int(old.name) < generation
        if stale or old.name.startswith("broken-") or _is_abandoned(old):
            shutil.rmtree(old, ignore_errors=True)
    return place


def _is_abandoned(folder: Path) -> bool:
    try:
        age = time.time() - folder.stat().st_mtime
    except OSError:
        return False
    return folder.name.startswith("building-") and age > _ABANDONED


def open_cache(cache: Path, generation: int, *, complete: bool = False) -> ViewMatrix | None:
    """Open the cache of this generation; ``None`` when there is none or it is not sound.

    ``complete`` compares every checksum of every byte.
    """
    place = cache / str(generation)
    try:
        checksum, _, body = (place / "manifest").read_bytes().partition(b"\n")
        if int(checksum) != zlib.crc32(body):
            return None
        manifest = json.loads(body)
        if manifest["format"] != FORMAT or manifest["generation"] != generation:
            return None
        for name in _FILES:
            if not _is_sound(place / name, manifest["files"][name], complete=complete):
                return None
        return _map(place, manifest)
    except (OSError, ValueError, KeyError, TypeError):
        # missing, cut short, altered, or just being replaced by a newer one
        return None


def is_of_another_format(place: Path) -> bool:
    """Tell whether the cache at ``place`` is whole, but of another version of this format."""
    try:
        checksum, _, body = (place / "manifest").read_bytes().partition(b"\n")
        return int(checksum) == zlib.crc32(body) and json.loads(body)["format"] != FORMAT
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _map(place: Path, manifest: dict[str, Any]) -> ViewMatrix:
    images, views, dim = manifest["images"], manifest["views"], manifest["dim"]
    ids = tuple(json.loads((place / "ids").read_text(encoding="utf-8")))
    offsets = np.fromfile(place / "offsets", "<i8")
    kinds = np.fromfile(place / "kinds", np.uint8)
    if len(ids) != images or offsets.shape != (images + 1,) or kinds.shape != (views,):
        raise ValueError("the manifest belongs to other files")
    for array in (offsets, kinds):
        array.setflags(write=False)
    if not images:  # an empty file cannot be mapped
        empty = np.empty((0, dim), np.float32)
        return ViewMatrix(ids, empty, offsets, kinds, empty, manifest["generation"])
    return ViewMatrix(
        ids,
        np.memmap(place / "vectors", "<f4", "r", shape=(views, dim)),
        offsets,
        kinds,
        np.memmap(place / "means", "<f4", "r", shape=(images, dim)),
        manifest["generation"],
        np.memmap(place / "lengths", "<f4", "r", shape=(images,)),
        map_codes(place, images, views, dim),
    )


def _is_sound(file: Path, facts: dict[str, Any], *, complete: bool) -> bool:
    if file.stat().st_size != facts["size"]:
        return False
    count = len(facts["words"])
    numbers: Sequence[int] = range(count)
    if not complete and count > SAMPLE:
        numbers = sorted({round(n * (count - 1) / (SAMPLE - 1)) for n in range(SAMPLE)})
    with file.open("rb") as stream:
        for number in numbers:
            stream.seek(number * CHUNK)
            chunk = stream.read(CHUNK)
            if _word_sum(chunk) != facts["words"][number]:
                return False
            if complete and zlib.crc32(chunk) != facts["crc32"][number]:
                return False
    return True


def _sums(file: Path) -> dict[str, Any]:
    words, crcs = [], []
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            words.append(_word_sum(chunk))
            crcs.append(zlib.crc32(chunk))
    return {"size": file.stat().st_size, "words": words, "crc32": crcs}


def _word_sum(chunk: bytes) -> int:
    if rest := len(chunk) % 8:
        chunk += bytes(8 - rest)
    return int(np.frombuffer(chunk, "<u8").sum(dtype=np.uint64))
