"""The packed, memory-mapped copy of all vectors: opened, and checked against its checksums.

A cache is a folder named by its generation (see ``_build.py``, which writes it). Its manifest names
the commit of the database it was made from: a cache of any other commit, generation or gallery is
not used. It holds two sums of every MiB of every file: the wrapping sum of its 64-bit words, each
multiplied by a number of its position, which costs about 6 ms per 100 MB and sees words, pages and
sectors that changed places, and its CRC-32. Opening compares all sizes and word sums (of 1 GiB,
evenly spread, where there is more); ``Gallery.verify`` also all CRCs, and every row with the
database.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache as remembered
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stitch_cir.gallery.cache._codes import CODE_FILES, Codes, map_codes
from stitch_cir.gallery.cache._ids import Ids

__all__ = ["FORMAT", "ViewMatrix", "is_of_another_format", "map_unchecked", "open_cache"]

FORMAT = 4
CHUNK = 1 << 20
SAMPLE = 1024
"""How many chunks of a file are compared at opening, at most."""
FILES = ("vectors", "means", "lengths", "offsets", "kinds", "ids", "id_ends", *CODE_FILES)
_UNUSABLE = (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError)
"""What reading a missing, cut, altered or just vanishing cache may raise."""


@dataclass(frozen=True, slots=True)
class ViewMatrix:
    """All view sets of a gallery, packed in id order; the arrays cannot be written.

    ``vectors``: (T, d) float32 unit rows; ``offsets``: (n + 1,) int64, image i owns rows
    ``offsets[i]:offsets[i + 1]``; ``kinds``: (T,) uint8, 0 image view, 1 caption view; ``means``:
    (n, d) float32, each set's normalised mean; ``ids``: n sorted gallery ids. ``lengths``: (n,)
    float32, the length of each mean before it was normalised, and ``codes`` the vectors in eight
    bits; both make searching quicker, not different, and may be absent. ``commit`` identifies the
    state of the database it was made from; ``damaged`` are the ids whose records were damaged
    there, and which are therefore not in ``ids``; ``salvaged`` those whose vectors came from an
    older cache instead, proved by the digest of the record. ``structure`` says what was wrong with
    the structure of the database, if anything was.
    """

    ids: Ids = field(repr=False)
    vectors: NDArray[np.float32] = field(repr=False)
    offsets: NDArray[np.int64] = field(repr=False)
    kinds: NDArray[np.uint8] = field(repr=False)
    means: NDArray[np.float32] = field(repr=False)
    generation: int
    lengths: NDArray[np.float32] | None = field(default=None, repr=False)
    codes: Codes | None = field(default=None, repr=False)
    commit: str = ""
    damaged: tuple[str, ...] = ()
    salvaged: tuple[str, ...] = ()
    structure: str = ""


def open_cache(
    cache: Path, state: tuple[int, str], dim: int, *, complete: bool = False
) -> ViewMatrix | None:
    """Open the cache of this generation and commit; ``None`` when there is none or it is not sound.

    ``dim`` is the length of the gallery's vectors; ``complete`` compares every checksum of every
    byte.
    """
    folder = cache / str(state[0])
    try:
        manifest = read_manifest(folder)
        if manifest["format"] != FORMAT or manifest["dim"] != dim:
            return None
        if (manifest["generation"], manifest["commit"]) != state:
            return None
        for name in FILES:
            if not is_sound(folder / name, manifest["files"][name], complete=complete):
                return None
        return _map(folder, manifest)
    except _UNUSABLE:
        return None


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a cache; raises one of ``_UNUSABLE`` unless its checksum is right."""
    checksum, _, body = (folder / "manifest").read_bytes().partition(b"\n")
    if int(checksum) != zlib.crc32(body):
        raise ValueError("the manifest is damaged")
    manifest: dict[str, Any] = json.loads(body)
    return manifest


def read_manifests(cache: Path) -> list[dict[str, Any]]:
    """Read the manifest of every cache below the folder ``cache`` that has a whole one."""
    manifests = []
    try:
        for folder in sorted(cache.iterdir()):
            with suppress(*_UNUSABLE):
                manifests.append(dict(read_manifest(folder)))
    except OSError:
        pass
    return manifests


def is_of_another_format(folder: Path) -> bool:
    """Return whether the cache at ``place`` is whole, but of another version of this format."""
    try:
        return bool(read_manifest(folder)["format"] != FORMAT)
    except _UNUSABLE:
        return False


def is_of_another_commit(folder: Path, state: tuple[int, str]) -> bool:
    """Return whether the cache at ``place`` is whole, but of another state of the database."""
    try:
        manifest = read_manifest(folder)
        return (manifest["generation"], manifest["commit"]) != state
    except _UNUSABLE:
        return False


def map_unchecked(folder: Path) -> ViewMatrix | None:
    """Map a cache whatever its checksums, commit and format say; None where that is impossible."""
    try:
        _, _, body = (folder / "manifest").read_bytes().partition(b"\n")
        return _map(folder, json.loads(body))
    except _UNUSABLE:
        return None


def _map(folder: Path, manifest: dict[str, Any]) -> ViewMatrix:
    images, views, dim = (int(manifest[name]) for name in ("images", "views", "dim"))
    ids = _map_ids(folder, manifest)
    offsets = np.fromfile(folder / "offsets", "<i8")
    kinds = np.fromfile(folder / "kinds", np.uint8)
    if len(ids) != images or offsets.shape != (images + 1,) or kinds.shape != (views,) or dim < 1:
        raise ValueError("the manifest belongs to other files")
    if offsets[0] != 0 or offsets[-1] != views or (np.diff(offsets) < 1).any():
        raise ValueError("the offsets bound no sets")
    for name, size in (("vectors", views * dim), ("means", images * dim), ("lengths", images)):
        if (folder / name).stat().st_size != 4 * size:
            raise ValueError("the manifest belongs to other files")
    for array in (offsets, kinds):
        array.setflags(write=False)
    facts: dict[str, Any] = {
        "commit": str(manifest.get("commit", "")),
        "damaged": tuple(manifest.get("damaged", ())),
        "salvaged": tuple(manifest.get("mended", ())),
        "structure": str(manifest.get("structure", "")),
    }
    if not images:  # an empty file cannot be mapped
        empty = np.empty((0, dim), np.float32)
        return ViewMatrix(ids, empty, offsets, kinds, empty, manifest["generation"], **facts)
    return ViewMatrix(
        ids,
        np.memmap(folder / "vectors", "<f4", "r", shape=(views, dim)),
        offsets,
        kinds,
        np.memmap(folder / "means", "<f4", "r", shape=(images, dim)),
        manifest["generation"],
        np.memmap(folder / "lengths", "<f4", "r", shape=(images,)),
        map_codes(folder, images, views, dim),
        **facts,
    )


def _map_ids(folder: Path, manifest: dict[str, Any]) -> Ids:
    if manifest["format"] < 4:  # no longer searched, but damaged records are mended from it
        return Ids.of(json.loads((folder / "ids").read_text(encoding="utf-8")))
    return Ids.map(folder) if manifest["images"] else Ids.of(())


def is_sound(file: Path, facts: dict[str, Any], *, complete: bool) -> bool:
    if file.stat().st_size != facts["size"]:
        return False
    count = len(facts["words"])
    if count != -(-facts["size"] // CHUNK):
        return False
    numbers: Sequence[int] = range(count)
    if not complete and count > SAMPLE:
        numbers = sorted({round(n * (count - 1) / (SAMPLE - 1)) for n in range(SAMPLE)})
    # one buffer for all chunks: allocating each anew takes longer than summing it
    buffer = memoryview(bytearray(min(CHUNK, facts["size"])))
    with file.open("rb") as stream:
        for number in numbers:
            stream.seek(number * CHUNK)
            chunk = buffer[: stream.readinto(buffer)]
            if word_sum(chunk) != facts["words"][number]:
                return False
            if complete and zlib.crc32(chunk) != facts["crc32"][number]:
                return False
    return True


def checksums(file: Path) -> dict[str, Any]:
    """Return the size of a file and both sums of each of its chunks, JSON-ready."""
    words, crcs = [], []
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            words.append(word_sum(chunk))
            crcs.append(zlib.crc32(chunk))
    return {"size": file.stat().st_size, "words": words, "crc32": crcs}


def word_sum(chunk: bytes | memoryview) -> int:
    """Return Σ wᵢ mᵢ modulo 2⁶⁴ over a chunk's 64-bit words; mᵢ is odd and differs with i.

    Every change of a single word changes it, because an odd factor can be divided out.
    """
    if rest := len(chunk) % 8:
        chunk = bytes(chunk) + bytes(8 - rest)
    words = np.frombuffer(chunk, "<u8")
    # einsum multiplies and adds without a temporary array, and wraps around
    return int(np.einsum("i,i->", words, _multipliers()[: len(words)]))


@remembered
def _multipliers() -> NDArray[np.uint64]:
    golden = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ over the golden ratio: consecutive ones far apart
    factors = (np.arange(1, CHUNK // 8 + 1, dtype=np.uint64) * golden) | np.uint64(1)
    factors.setflags(write=False)
    return factors
