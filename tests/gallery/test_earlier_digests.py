"""Galleries whose rows have digests of BLAKE2b, and those that have both kinds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from stitch_cir.errors import RowDamagedError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.store import Store, earlier_row_digest, read_records, row_digest
from tests.gallery.fakes import FakeEncoder, to_schema
from tests.gallery.states import equal, ranked, recorded, run

Paint = Callable[..., Path]
DIGESTS = "SELECT hash, width, height, boxes, vectors, digest FROM contents ORDER BY hash"


@pytest.fixture
def earlier(folder: Path, encoder: FakeEncoder, tmp_path: Path) -> Path:
    """A gallery of the schema before SHA-256, without a cache."""
    captions = tmp_path / "captions.jsonl"
    captions.write_text('{"id": "b.png", "captions": ["a red dress"]}\n')
    index_folder(folder, encoder=encoder, captions=captions)
    to_schema(folder / ".stitch", 9)
    return folder


def kinds(folder: Path) -> dict[str, int]:
    """Count the contents with each kind of digest."""
    counts = {"sha256": 0, "blake2b": 0, "neither": 0}
    for *row, digest in run(folder / ".stitch", DIGESTS):
        is_new, is_old = digest == row_digest(*row), digest == earlier_row_digest(*row)
        counts["sha256" if is_new else "blake2b" if is_old else "neither"] += 1
    return counts


def test_digests_are_the_first_bytes_of_standard_ones() -> None:
    joined = b"b4:k\xc3\xb6yb1:\xff7;None;"
    columns = ("köy", b"\xff", 7, None)
    assert row_digest(*columns) == hashlib.sha256(joined).digest()[:16]
    assert earlier_row_digest(*columns) == hashlib.blake2b(joined, digest_size=16).digest()


def test_both_kinds_stand_side_by_side(earlier: Path, encoder: FakeEncoder, paint: Paint) -> None:
    count = sum(kinds(earlier).values())
    assert kinds(earlier) == {"sha256": 0, "blake2b": count, "neither": 0}
    with Gallery.open(earlier) as gallery:
        assert gallery.verify().problems == ()
        assert len(gallery.views("b.png")) > 1
    paint(earlier / "new.png", 71, (41, 30))
    report = index_folder(earlier, encoder=encoder)
    assert (report.added, report.encoded) == (1, 1)
    # nothing is rewritten: that would take as long as writing the gallery
    assert kinds(earlier) == {"sha256": 1, "blake2b": count, "neither": 0}
    with Gallery.open(earlier) as gallery:
        assert equal(ranked(gallery), recorded(gallery))
        assert gallery.verify(read_files=True).problems == ()
        assert len(gallery.views("new.png")) == len(gallery.views("a.png"))


def test_records_have_the_digests_of_today(earlier: Path) -> None:
    store = Store(earlier / ".stitch")
    contents = {record.columns["hash"]: record.content for record in read_records(store)}
    for hash, content in contents.items():
        assert content is not None
        row = (hash, content.width, content.height, content.boxes, content.vectors)
        assert content.digest == row_digest(*row)
    store.close()


@pytest.mark.parametrize("table", ["contents", "caption_vectors"])
def test_damage_shows_without_a_cache(earlier: Path, table: str) -> None:
    column = "vectors" if table == "contents" else "vector"
    run(earlier / ".stitch", f"UPDATE {table} SET {column} = zeroblob(length({column}))")
    with Gallery.open(earlier) as gallery:
        problems = gallery.verify().problems
        assert any(problem.startswith("b.png") for problem in problems)
        with pytest.raises(RowDamagedError, match=r"b\.png"):
            gallery.views("b.png")
    store = Store(earlier / ".stitch")
    with pytest.raises(RowDamagedError):
        list(read_records(store))
    store.close()
