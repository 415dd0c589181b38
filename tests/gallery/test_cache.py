"""The packed matrix says what the database says, or is built again."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.errors import GalleryError
from stitch_cir.gallery import Codes, Gallery, ViewMatrix, index_folder, write_codes
from stitch_cir.gallery.cache import (
    CHUNK,
    CODE_FILES,
    FORMAT,
    checksums,
    is_sound,
    map_codes,
    read_manifest,
)
from stitch_cir.gallery.cache import FILES as CACHE_FILES
from tests.gallery.fakes import FakeEncoder
from tests.gallery.faults import building, checking

FILES = (*CACHE_FILES, "manifest")


@pytest.fixture
def indexed(folder: Path, encoder: FakeEncoder) -> Path:
    index_folder(folder, encoder=encoder)
    Gallery.open(folder).matrix()
    return folder


def cache_of(folder: Path) -> Path:
    (cache,) = (folder / ".stitch" / "cache").iterdir()
    return cache


def same(first: ViewMatrix, second: ViewMatrix) -> bool:
    arrays = ("vectors", "offsets", "kinds", "means", "lengths")
    coded = ("codes", "scales", "errors", "centre")
    return (
        first.ids == second.ids
        and all(np.array_equal(getattr(first, name), getattr(second, name)) for name in arrays)
        and all(np.array_equal(getattr(first.codes, n), getattr(second.codes, n)) for n in coded)
    )


def test_it_holds_what_the_database_holds(indexed: Path) -> None:
    gallery = Gallery.open(indexed)
    matrix = gallery.matrix()
    assert matrix.vectors.dtype == matrix.means.dtype == np.float32
    assert matrix.offsets.dtype == np.int64
    assert matrix.kinds.dtype == np.uint8
    for row, id in enumerate(matrix.ids):
        members = matrix.vectors[matrix.offsets[row] : matrix.offsets[row + 1]]
        assert np.array_equal(members, np.stack([view.vector for view in gallery.views(id)]))
        mean = members.mean(axis=0)
        assert matrix.means[row] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
        assert matrix.lengths is not None
        assert matrix.lengths[row] == pytest.approx(np.linalg.norm(mean), abs=1e-6)
    assert gallery.notes == []
    codes = matrix.codes
    assert codes is not None
    eight_bits = (codes.codes, codes.scales, codes.errors, codes.centre)
    for array in (matrix.vectors, matrix.means, matrix.offsets, matrix.kinds, *eight_bits):
        with pytest.raises(ValueError, match="read-only"):
            array[:1] = 0


def test_it_is_built_once_and_again_after_a_change(
    indexed: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []
    original = building.build

    def count(*args: Any, **options: Any) -> Path:
        built.append(args[2])
        return original(*args, **options)

    monkeypatch.setattr("stitch_cir.gallery.cache._packed.build", count)
    gallery = Gallery.open(indexed)
    assert gallery.matrix() is gallery.matrix()
    Gallery.open(indexed).matrix()
    assert built == []
    (indexed / "a.png").unlink()
    index_folder(indexed, encoder=encoder)
    assert len(gallery) == 4
    assert len(built) == 1
    assert len(list((indexed / ".stitch" / "cache").iterdir())) == 1


def in_memory(matrix: ViewMatrix) -> ViewMatrix:
    codes = matrix.codes
    assert codes is not None
    copies = (codes.codes, codes.scales, codes.errors, codes.centre)
    return dataclasses.replace(
        matrix,
        vectors=np.array(matrix.vectors),
        means=np.array(matrix.means),
        lengths=np.array(matrix.lengths),
        codes=Codes(*map(np.array, copies)),
    )


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["cut", "grown", "flipped", "empty", "gone"])
def test_damage_is_detected_repaired_and_reported(indexed: Path, name: str, how: str) -> None:
    sound = in_memory(Gallery.open(indexed).matrix())
    file = cache_of(indexed) / name
    content = bytearray(file.read_bytes())
    if how == "flipped":
        content[len(content) // 2] ^= 0x10
    changed: dict[str, bytes] = {
        "cut": content[:-1],  # type: ignore[dict-item]
        "grown": content + b"x",  # type: ignore[dict-item]
        "flipped": content,  # type: ignore[dict-item]
        "empty": b"",
    }
    file.unlink()
    if how != "gone":
        file.write_bytes(changed[how])
    gallery = Gallery.open(indexed)
    assert same(gallery.matrix(), sound)
    assert gallery.notes == ["The cache was damaged and has been rebuilt."]
    assert Gallery.open(indexed).verify().problems == ()


def test_a_cache_of_another_version_is_rebuilt_and_not_called_damaged(indexed: Path) -> None:
    cache = cache_of(indexed)
    sound = in_memory(Gallery.open(indexed).matrix())
    body = (cache / "manifest").read_bytes().partition(b"\n")[2]
    older = body.replace(b'"format": %d' % FORMAT, b'"format": 1')
    assert older != body
    (cache / "manifest").write_bytes(b"%d\n%s" % (zlib.crc32(older), older))
    for name in CODE_FILES:
        (cache / name).unlink()
    gallery = Gallery.open(indexed)
    assert same(gallery.matrix(), sound)
    assert gallery.notes == ["The cache was of another version and has been rebuilt."]


@pytest.mark.parametrize("outlier", [0.0, 40.0])
def test_eight_bit_codes_are_as_near_as_their_bound(tmp_path: Path, outlier: float) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(5000, 33)) + 2.0
    vectors[:, 5] += outlier
    vectors[7] = vectors[8] = vectors.mean(axis=0)  # nothing left beside the centre
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    sizes = random.integers(1, 6, 5000)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    offsets = np.append(offsets[offsets < 5000], 5000)
    write_codes(tmp_path, vectors, offsets, vectors.mean(axis=0))
    codes = map_codes(tmp_path, len(offsets) - 1, 5000, 33)
    whole = (codes.codes.astype(np.float64) - 128) * codes.scales[:, None]
    lost = np.linalg.norm(vectors - (codes.centre.astype(np.float64) + whole), axis=1)
    far = np.linalg.norm(whole, axis=1)
    for column, true in enumerate((lost, far)):
        said = codes.errors[:, column]
        assert (said >= np.maximum.reduceat(true, offsets[:-1])).all()
        assert (said <= np.maximum.reduceat(true, offsets[:-1]) * 1.001 + 2e-6).all()
    assert lost.max() < 0.02


def test_a_cache_may_be_deleted(indexed: Path) -> None:
    shutil.rmtree(indexed / ".stitch" / "cache")
    gallery = Gallery.open(indexed)
    assert len(gallery) == 5
    assert gallery.notes == []


@pytest.mark.parametrize("size", [0, 7, 8, 1000, CHUNK, 3 * CHUNK + 5])
def test_checksums_cover_every_byte(tmp_path: Path, size: int) -> None:
    file = tmp_path / "x"
    content = bytearray(np.random.default_rng(0).bytes(size))
    file.write_bytes(content)
    facts = checksums(file)
    for complete in (False, True):
        assert is_sound(file, facts, complete=complete)
    for position in {0, size // 2, size - 1} if size else ():
        spoiled = bytearray(content)
        spoiled[position] ^= 1
        file.write_bytes(spoiled)
        for complete in (False, True):
            assert not is_sound(file, facts, complete=complete)


@pytest.mark.parametrize("unit", [8, 512, 4096])
def test_swapped_parts_are_noticed_at_opening(
    tmp_path: Path, encoder: FakeEncoder, unit: int
) -> None:
    """Words, sectors and pages: their plain sum is the same."""
    fill(tmp_path / "gallery", encoder, 30, 64)
    sound = in_memory(Gallery.open(tmp_path / "gallery").matrix())
    (cache,) = (tmp_path / "gallery" / "cache").iterdir()
    content = (cache / "vectors").read_bytes()
    swapped = content[unit : 2 * unit] + content[:unit] + content[2 * unit :]
    (cache / "vectors").write_bytes(swapped)
    gallery = Gallery.open(tmp_path / "gallery")
    assert same(gallery.matrix(), sound)
    assert gallery.notes == ["The cache was damaged and has been rebuilt."]


def test_a_complete_check_detects_what_a_checksum_does_not(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = cache_of(indexed) / "vectors"
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    (right,) = read_manifest(cache_of(indexed))["files"]["vectors"]["words"]
    word_sum = checking.word_sum
    with monkeypatch.context() as patch:
        patch.setattr(
            checking, "word_sum", lambda c: right if len(c) == len(content) else word_sum(c)
        )
        assert len(Gallery.open(indexed)) == 5
        assert Gallery.open(indexed).verify().problems == (
            "cache: damaged; thrown away, the next search builds a new one",
        )
    assert Gallery.open(indexed).verify().problems == ()


def test_a_directory_that_cannot_be_written_still_answers(
    folder: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_folder(folder, encoder=encoder)
    original = Path.mkdir

    def refuse(self: Path, *args: Any, **options: Any) -> None:
        if self.name == "cache":
            raise OSError(30, "Read-only file system")
        original(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", refuse)
    gallery = Gallery.open(folder)
    matrix = gallery.matrix()
    assert len(matrix.ids) == 5
    (note,) = gallery.notes
    assert "Read-only file system" in note
    cache = Path(matrix.vectors.filename).parents[1]  # type: ignore[attr-defined]
    assert cache.is_dir()
    del gallery, matrix
    assert not cache.exists()


def test_a_database_that_cannot_be_written_is_read(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    original = sqlite3.connect

    def refuse(address: Any, *args: Any, **options: Any) -> sqlite3.Connection:
        if str(address).endswith("mode=ro"):
            raise sqlite3.OperationalError("unable to open database file")
        return original(address, *args, **options)

    monkeypatch.setattr(sqlite3, "connect", refuse)
    gallery = Gallery.open(indexed)
    assert len(gallery) == 5
    assert "immutable" not in "".join(gallery.notes)


def test_a_disk_that_forgets_is_no_endless_loop(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "stitch_cir.gallery.cache._packed.open_cache", lambda *args, **options: None
    )
    with pytest.raises(GalleryError, match="does not hold what was just written"):
        Gallery.open(indexed).matrix()


def test_several_processes_build_at_once(indexed: Path) -> None:
    code = textwrap.dedent(
        """
        import sys
        from stitch_cir.gallery import Gallery
        print("there", flush=True)
        sys.stdin.readline()
        for _ in range(5):
            matrix = Gallery.open(sys.argv[1]).matrix()
        print(len(matrix.ids), matrix.vectors.shape[0])
        """
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(indexed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
    shutil.rmtree(indexed / ".stitch" / "cache")
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate()[0].split() for process in processes]
    assert answers == [["5", "50"]] * 3
    assert len(list((indexed / ".stitch" / "cache").iterdir())) == 1


def test_leftovers_of_dead_builders_are_swept(indexed: Path, encoder: FakeEncoder) -> None:
    cache = indexed / ".stitch" / "cache"
    for name, age in (("building-dead", 7200), ("building-alive", 0), ("1", 0)):
        (cache / name).mkdir(exist_ok=True)
        os.utime(cache / name, (time.time() - age,) * 2)
    (indexed / "a.png").unlink()
    index_folder(indexed, encoder=encoder)
    generation = Gallery.open(indexed).matrix().generation
    assert sorted(path.name for path in cache.iterdir()) == sorted(
        ["building-alive", str(generation)]
    )


def fill(folder: Path, encoder: FakeEncoder, count: int, dim: int) -> None:
    """Make a gallery without encoding anything."""
    from stitch_cir.gallery.store import Item, Store, record
    from stitch_cir.views import ViewBox, ViewRecipe

    encoder.dim = dim
    random = np.random.default_rng(0)
    folder.mkdir()
    store = Store(folder, write=True)
    with store.transaction():
        record(store, encoder, ViewRecipe(), folder, folder)
        for number in range(count):
            vectors = random.normal(size=(10, dim)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            store.put_content(f"{number}", (9, 9), [ViewBox()] * 10, vectors)
            store.put_item(Item(f"{number:06}.jpg", b"x", 1, 1, f"{number}"))
    store.close()


def test_it_is_mapped_not_read(tmp_path: Path, encoder: FakeEncoder) -> None:
    fill(tmp_path / "gallery", encoder, 50, 16)
    matrix: Callable[[], ViewMatrix] = Gallery.open(tmp_path / "gallery").matrix
    assert isinstance(matrix().vectors, np.memmap)
    assert isinstance(matrix().means, np.memmap)
