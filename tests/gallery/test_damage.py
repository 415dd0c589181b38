"""Bits that flip in the database: noticed, mended from the intact side, never ranked silently."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import stitch_cir as st
from stitch_cir.errors import GalleryDamagedError, RowDamagedError, StitchError
from stitch_cir.gallery import Gallery, index_folder
from tests.gallery.fakes import FakeEncoder, to_schema
from tests.gallery.states import drop_logs, equal, flip, ranked, run, settled

Paint = Callable[..., Path]
CONTENT = "hash = (SELECT hash FROM items WHERE id = 'b.png')"


@pytest.fixture
def indexed(folder: Path, encoder: FakeEncoder, tmp_path: Path) -> Path:
    captions = tmp_path / "captions.jsonl"
    captions.write_text('{"id": "b.png", "captions": ["a red dress", "a blue coat"]}\n')
    index_folder(folder, encoder=encoder, captions=captions)
    Gallery.open(folder).matrix()
    return folder


def spoil_blob(column: str, table: str, where: str) -> Callable[[Path], None]:
    def act(directory: Path) -> None:
        ((blob,),) = run(directory, f"SELECT {column} FROM {table} WHERE {where}")
        text = isinstance(blob, str)
        spoiled = flip(blob.encode() if text else blob, 3, 0x01 if text else 0x80)
        value = spoiled.decode() if text else spoiled
        run(directory, f"UPDATE {table} SET {column} = ? WHERE {where}", value)

    return act


def statement(text: str) -> Callable[[Path], None]:
    def act(directory: Path) -> None:
        run(directory, text)

    return act


WHERE_TEXT = "text = 'a red dress'"
DAMAGE = {
    "sign of a vector": spoil_blob("vectors", "contents", CONTENT),
    "boxes": spoil_blob("boxes", "contents", CONTENT),
    "boxes that are no JSON": statement(f"UPDATE contents SET boxes = '[[' WHERE {CONTENT}"),
    "its digest": spoil_blob("digest", "contents", CONTENT),
    "the key of a content": spoil_blob("hash", "contents", CONTENT),
    "vector of a caption": spoil_blob("vector", "caption_vectors", WHERE_TEXT),
    "digest of a caption": spoil_blob("digest", "caption_vectors", WHERE_TEXT),
    "key of a caption": spoil_blob("text", "caption_vectors", WHERE_TEXT),
    "text of a caption": spoil_blob("text", "captions", WHERE_TEXT),
}


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("name", DAMAGE)
def test_what_the_cache_still_has_is_put_back(indexed: Path, name: str, earlier: bool) -> None:
    """In a gallery whose digests an earlier version computed, too."""
    before = ranked(Gallery.open(indexed))
    if earlier:
        to_schema(indexed / ".stitch", 9)
    DAMAGE[name](indexed / ".stitch")
    with Gallery.open(indexed) as gallery:
        assert equal(ranked(gallery), before)  # the cache is whole
        (problem,) = gallery.verify().problems
        assert problem == "b.png: was damaged in the database; repaired from the cache"
        assert gallery.verify().problems == ()
        assert len(gallery.views("b.png")) == 12
        assert gallery.captions("b.png") == ["a red dress", "a blue coat"]
    shutil.rmtree(indexed / ".stitch" / "cache")
    assert equal(ranked(Gallery.open(indexed)), before)


@pytest.mark.parametrize("name", DAMAGE)
def test_without_a_cache_it_is_left_out_or_proved(
    indexed: Path, encoder: FakeEncoder, name: str
) -> None:
    before = ranked(Gallery.open(indexed))
    shutil.rmtree(indexed / ".stitch" / "cache")
    DAMAGE[name](indexed / ".stitch")
    with Gallery.open(indexed, encoder=encoder) as gallery:
        now = ranked(gallery)
        assert all((now[id] == before[id]).all() for id in now)
        assert now.keys() >= before.keys() - {"b.png"}
        (note,) = gallery.notes
        assert "1 record is damaged in the database" in note
        assert "b.png" in note
        assert "--repair" in note
        problems = gallery.verify().problems
        assert len(problems) == 1
        if "repaired" not in problems[0]:
            assert gallery.verify().problems == problems  # not called sound meanwhile
        report = gallery.verify(repair=True)
        assert report.problems == ()
        assert gallery.verify().problems == ()
        assert equal(ranked(gallery), before)
        assert gallery.notes == []


@pytest.mark.parametrize("cached", [True, False])
def test_a_record_that_is_lost_is_encoded_again(
    indexed: Path, encoder: FakeEncoder, cached: bool
) -> None:
    before = ranked(Gallery.open(indexed))
    run(indexed / ".stitch", f"DELETE FROM contents WHERE {CONTENT}")
    if not cached:
        shutil.rmtree(indexed / ".stitch" / "cache")
    encoder.encoded_images = 0
    with Gallery.open(indexed, encoder=encoder) as gallery:
        assert ("b.png" in ranked(gallery)) is cached
        (problem,) = gallery.verify().problems
        assert "b.png: its record is lost" in problem
        assert "--repair" in problem
        report = gallery.verify(repair=True)
        assert report.repaired[0] == "b.png: was damaged in the database; encoded again"
        assert "1 repaired, sound" in report.summary()
        assert encoder.encoded_images == 1
        assert equal(ranked(gallery), before)


def test_an_item_whose_hash_is_damaged(indexed: Path, encoder: FakeEncoder) -> None:
    before = ranked(Gallery.open(indexed))
    spoil_blob("hash", "items", "id = 'b.png'")(indexed / ".stitch")
    with Gallery.open(indexed, encoder=encoder) as gallery:
        assert gallery.verify().problems
        assert gallery.verify(repair=True).problems == ()
        assert equal(ranked(gallery), before)


def test_a_damaged_record_whose_file_is_gone_or_changed(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    shutil.rmtree(indexed / ".stitch" / "cache")
    DAMAGE["sign of a vector"](indexed / ".stitch")
    (indexed / "b.png").rename(indexed / "hidden")
    with Gallery.open(indexed, encoder=encoder) as gallery:
        (problem,) = gallery.verify(repair=True).problems
        assert "its file is gone" in problem
        paint(indexed / "b.png", 99, (50, 50))
        (problem,) = gallery.verify(repair=True).problems
        assert "has changed; run stitch index" in problem


def test_the_last_good_cache_survives_a_commit(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    """Rot, then an indexing run: the next cache is built from the older one where rows are bad."""
    before = ranked(Gallery.open(indexed))
    DAMAGE["sign of a vector"](indexed / ".stitch")
    paint(indexed / "new.png", 77)
    index_folder(indexed, encoder=encoder)
    with Gallery.open(indexed) as gallery:
        now = ranked(gallery)
        del now["new.png"]
        assert equal(now, before)
        assert "taken from an older cache: b.png" in gallery.notes[0]
        assert "repaired from the cache" in gallery.verify().problems[0]
        assert gallery.verify().problems == ()
        gallery.matrix()
        assert gallery.notes == []


def test_both_sides_damaged_in_different_rows(indexed: Path, encoder: FakeEncoder) -> None:
    before = ranked(Gallery.open(indexed))
    DAMAGE["sign of a vector"](indexed / ".stitch")
    (cache,) = (indexed / ".stitch" / "cache").iterdir()
    content = (cache / "vectors").read_bytes()
    (cache / "vectors").write_bytes(flip(content))  # of a.png
    with Gallery.open(indexed) as gallery:
        assert any("b.png: was damaged" in problem for problem in gallery.verify().problems)
        assert equal(ranked(gallery), before)
        assert gallery.verify().problems == ()


def test_a_hit_with_a_damaged_record_is_left_out_and_noted(
    indexed: Path, encoder: FakeEncoder
) -> None:
    DAMAGE["boxes that are no JSON"](indexed / ".stitch")
    with Gallery.open(indexed, encoder=encoder) as gallery:
        results = st.search(gallery, reference="a.png")
        assert sorted(hit.id for hit in results.hits) == [
            "sub/c.png",
            "sub/d.jpg",
            "sub/deep/e.webp",
        ]
        (note,) = gallery.notes
        assert "b.png are damaged" in note
        with pytest.raises(RowDamagedError, match=r"'b\.png' is damaged") as caught:
            gallery.views("b.png")
        assert "--repair" in caught.value.hint
        gallery.verify()
        assert len(st.search(gallery, reference="a.png").hits) == 4
        assert gallery.notes == []


def test_a_size_that_is_none(indexed: Path) -> None:
    run(indexed / ".stitch", f"UPDATE contents SET width = 'x' WHERE {CONTENT}")
    with Gallery.open(indexed) as gallery, pytest.raises(RowDamagedError):
        gallery.size("b.png")


VALUES = ["{", "[" * 100_000, '"x"']


@pytest.mark.parametrize("value", VALUES)
def test_facts_that_are_damaged(indexed: Path, encoder: FakeEncoder, value: str) -> None:
    shutil.rmtree(indexed / ".stitch" / "cache")
    run(indexed / ".stitch", "UPDATE meta SET value = ? WHERE key = 'recipe'", value)
    for act in (lambda: Gallery.open(indexed), lambda: index_folder(indexed, encoder=encoder)):
        with pytest.raises(GalleryDamagedError, match="--rebuild"):
            act()
    index_folder(indexed, encoder=encoder, rebuild=True)
    assert Gallery.open(indexed).verify().problems == ()


@pytest.mark.parametrize(
    "change",
    [
        *(f"value = '{value[:99]}' WHERE key = 'recipe'" for value in VALUES),
        "key = 'qecipe' WHERE key = 'recipe'",
        "value = '14' WHERE key = 'dim'",
    ],
)
def test_facts_are_taken_from_the_copy_in_the_cache(
    indexed: Path, encoder: FakeEncoder, change: str
) -> None:
    before = ranked(Gallery.open(indexed))
    run(indexed / ".stitch", f"UPDATE meta SET {change}")
    with Gallery.open(indexed, encoder=encoder) as gallery:
        assert equal(ranked(gallery), before)
        assert gallery.recipe.count == 10
        (problem,) = gallery.verify().problems
        assert "facts it records were damaged; repaired from the cache" in problem
        assert gallery.verify().problems == ()
    shutil.rmtree(indexed / ".stitch" / "cache")
    assert equal(ranked(Gallery.open(indexed)), before)


def test_a_damaged_tree_is_reported_though_every_row_is_intact(
    indexed: Path, encoder: FakeEncoder
) -> None:
    directory = indexed / ".stitch"
    before = ranked(Gallery.open(indexed))
    ((page,),) = run(directory, "SELECT rootpage FROM sqlite_master WHERE name = 'captions'")
    content = bytearray(settled(directory))
    # the first two entries of a page without children change places: its rows are out of order
    first = (page - 1) * 4096 + 8
    content[first : first + 4] = content[first + 2 : first + 4] + content[first : first + 2]
    (directory / "gallery.sqlite").write_bytes(content)
    shutil.rmtree(directory / "cache")
    with Gallery.open(indexed, encoder=encoder) as gallery:
        gallery.matrix()
        assert gallery.notes[0].startswith("The database is damaged")
        assert "stitch verify" in gallery.notes[0]
        assert any("its indexes were rebuilt" in problem for problem in gallery.verify().problems)
        assert gallery.verify().problems == ()
        assert equal(ranked(gallery), before)


def test_an_id_that_is_damaged_is_put_right_by_indexing(
    indexed: Path, encoder: FakeEncoder
) -> None:
    before = ranked(Gallery.open(indexed))
    run(indexed / ".stitch", "UPDATE items SET id = 'sub/c.pog' WHERE id = 'sub/c.png'")
    with Gallery.open(indexed) as gallery:
        problems = gallery.verify().problems
        assert any(
            "names another file" in problem and "stitch index" in problem for problem in problems
        )
    assert index_folder(indexed, encoder=encoder).encoded == 0
    with Gallery.open(indexed) as gallery:
        assert gallery.verify().problems == ()
        assert equal(ranked(gallery), before)


def test_any_bit(indexed: Path, encoder: FakeEncoder) -> None:
    """One flipped bit anywhere: never other vectors, never a silent loss, never called sound."""
    directory = indexed / ".stitch"
    before = ranked(Gallery.open(indexed))
    content = settled(directory)
    bits = random.Random(7)
    used = [position for position, byte in enumerate(content) if byte]
    outcomes: dict[str, int] = {}
    for _ in range(60):
        drop_logs(directory)
        position, mask = bits.choice(used), 1 << bits.randrange(8)
        (directory / "gallery.sqlite").write_bytes(flip(content, position, mask))
        shutil.rmtree(directory / "cache", ignore_errors=True)
        try:
            with Gallery.open(indexed, encoder=encoder) as gallery:
                now = ranked(gallery)
                # an id has no digest: a flipped one is known to verify alone
                renamed = now.keys() - before.keys()
                assert all((now[id] == before[id]).all() for id in now.keys() - renamed)
                lost = before.keys() - now.keys()
                assert bool(lost) <= bool(gallery.notes or renamed)
                # at once: what verification can repair is no problem a second time
                assert bool(lost or renamed) <= bool(gallery.verify().problems)
                outcome = "left out" if lost else "whole"
        except StitchError as error:
            outcome = type(error).__name__
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes["left out"] >= 10
    # the last one: the number of the schema became a later version's
    assert outcomes.keys() <= {"left out", "whole", "GalleryDamagedError", "GalleryError"}
    assert outcomes.get("GalleryError", 0) <= 1
