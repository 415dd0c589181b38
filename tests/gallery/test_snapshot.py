"""A snapshot shows one generation, whatever is committed while it is read."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stitch_cir as st
from stitch_cir.composers import Composition, VerbatimComposer
from stitch_cir.errors import GalleryMismatchError, GalleryMissingError, SettingError
from stitch_cir.gallery import Gallery, Snapshot, index_folder
from tests.gallery.fakes import FakeEncoder
from tests.gallery.states import equal, ranked, recorded

Paint = Callable[..., Path]


@pytest.fixture
def indexed(folder: Path, encoder: FakeEncoder) -> Path:
    captions = folder.parent / "captions.jsonl"
    captions.write_text('{"id": "b.png", "captions": ["a red dress"]}\n')
    index_folder(folder, encoder=encoder, captions=captions)
    return folder


@pytest.fixture
def commit(indexed: Path, encoder: FakeEncoder, paint: Paint) -> Callable[[], None]:
    """Change one image, add one, remove one, and replace the captions, in a way no one waits."""

    def change() -> None:
        paint(indexed / "a.png", 77, (30, 40))
        paint(indexed / "new.png", 78)
        captions = indexed.parent / "captions.jsonl"
        captions.write_text('{"id": "b.png", "captions": ["a hat", "two hats"]}\n')
        index_folder(indexed, encoder=encoder, captions=captions)
        Gallery.open(indexed).remove("sub/c.png")
        Gallery.open(indexed).matrix()

    return change


def contents(gallery: Gallery | Snapshot) -> dict[str, Any]:
    """Return all that a reader may show of every image."""
    ids = gallery.find(limit=100)[1]
    assert tuple(ids) == gallery.ids
    return {
        id: (
            gallery.path(id),
            gallery.size(id),
            gallery.captions(id),
            gallery.content_hash(id),
            [(view.box, view.caption) for view in gallery.views(id)],
        )
        for id in ids
    }


@pytest.mark.parametrize("packed", [True, False])
def test_everything_is_of_the_generation_that_was_opened(
    indexed: Path, encoder: FakeEncoder, commit: Callable[[], None], packed: bool
) -> None:
    with Gallery.open(indexed) as gallery:
        before = contents(gallery)
        vectors = ranked(gallery)
        if not packed:
            shutil.rmtree(indexed / ".stitch" / "cache")
            gallery.close()
            gallery = Gallery.open(indexed)
        with gallery.snapshot() as snapshot:
            commit()
            assert contents(snapshot) == before
            assert equal(ranked(snapshot), vectors)
            assert equal(recorded(snapshot), vectors)
            assert "new.png" not in snapshot
            assert snapshot.info()["images"] == 5
            # a later one beside it shows the later state
            with gallery.snapshot() as later:
                assert "new.png" in later
                assert "sub/c.png" not in later
                assert later.generation > snapshot.generation
                assert later.commit != snapshot.commit
                assert equal(ranked(later), recorded(later))
            assert contents(snapshot) == before
        assert contents(gallery) != before
        assert gallery.captions("b.png") == ["a hat", "two hats"]
        assert gallery.notes == []


def test_its_arrays_outlive_it(indexed: Path, commit: Callable[[], None]) -> None:
    with Gallery.open(indexed) as gallery:
        vectors = ranked(gallery)
        with gallery.snapshot() as snapshot, snapshot.snapshot() as same:
            assert same is snapshot
            matrix = snapshot.matrix()
        commit()
        rows = {
            id: np.array(matrix.vectors[matrix.offsets[row] : matrix.offsets[row + 1]])
            for row, id in enumerate(matrix.ids)
        }
        assert equal(rows, vectors)
        with pytest.raises(RuntimeError, match="closed"):
            snapshot.captions("a.png")


def test_snapshots_of_one_generation_share_their_vectors(indexed: Path) -> None:
    with Gallery.open(indexed) as gallery:
        with gallery.snapshot() as first, gallery.snapshot() as second:
            assert first.matrix() is second.matrix()
        with gallery.snapshot() as three:
            assert three.matrix() is gallery.matrix()


def test_an_open_snapshot_outlives_its_gallery(indexed: Path, commit: Callable[[], None]) -> None:
    gallery = Gallery.open(indexed)
    before = contents(gallery)
    with gallery.snapshot() as snapshot:
        gallery.close()
        commit()
        assert contents(snapshot) == before


def test_a_gallery_that_is_gone_or_of_another_encoder(
    indexed: Path, other_encoder: FakeEncoder
) -> None:
    with Gallery.open(indexed) as gallery:
        index_folder(indexed, encoder=other_encoder, rebuild=True)
        with pytest.raises(GalleryMismatchError, match="rebuilt with another encoder"):
            gallery.snapshot()
        shutil.rmtree(indexed / ".stitch")
        with pytest.raises(GalleryMissingError, match="deleted"):
            gallery.snapshot()


def test_a_commit_between_ranking_and_reading_the_hits(
    indexed: Path,
    encoder: FakeEncoder,
    commit: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first view set that a search reads of its hits is read after the gallery has changed."""
    original = Snapshot.views
    with Gallery.open(indexed, encoder=encoder) as gallery:
        settings = st.SearchSettings(include_reference=True, k=5)
        before = st.search(gallery, reference="a.png", settings=settings)
        committed = False

        def views(self: Snapshot, id: str) -> Any:
            nonlocal committed
            if not committed:
                committed = True
                commit()
            return original(self, id)

        monkeypatch.setattr(Snapshot, "views", views)
        during = st.search(gallery, reference="a.png", settings=settings)
        assert committed
        for first, second in zip(before, during, strict=True):
            assert first.to_dict(plan=True) == second.to_dict(plan=True)
            assert (first.size, first.captions, first.content) == (
                second.size,
                second.captions,
                second.content,
            )
        assert during.gallery == before.gallery
        after = st.search(gallery, reference="a.png", settings=settings)
        assert {hit.id for hit in after} == set(gallery.ids) != {hit.id for hit in before}


def test_no_read_transaction_is_open_while_a_composer_works(
    indexed: Path, encoder: FakeEncoder, commit: Callable[[], None]
) -> None:
    """What is committed meanwhile is searched, all of it."""

    class Slow(VerbatimComposer):
        def compose(self, *args: Any, **options: Any) -> Composition:
            commit()
            return dataclasses.replace(super().compose(*args, **options), notes=("slow",))

    with Gallery.open(indexed, encoder=encoder) as gallery:
        results = st.search(gallery, reference="sub/c.png", text="in blue", composer=Slow())
        assert "slow" in results.notes
        assert {hit.id for hit in results} == set(gallery.ids) - {"sub/c.png"}
        assert "new.png" in gallery.ids
        assert results.gallery["generation"] == gallery.generation
        hit = results.hit("b.png")
        assert hit is not None
        assert hit.captions == ("a hat", "two hats")


def test_an_open_gallery_adds_indexes_and_removes(
    indexed: Path, encoder: FakeEncoder, paint: Paint
) -> None:
    content = (indexed / "b.png").read_bytes()
    with Gallery.open(indexed, encoder=encoder) as gallery:
        ids, skipped = gallery.add([("copy.png", content), ("x.png", b"no image")])
        assert (ids, [name for name, _ in skipped]) == (["added/copy.png"], ["x.png"])
        paint(indexed / "new.png", 60)
        report = gallery.index(progress=lambda event: None, batch_size=2)
        assert (report.added, report.images) == (1, 7)
        gallery.remove("new.png")
        assert gallery.index().kept_out == 1
        assert set(gallery.ids) == {
            "a.png",
            "added/copy.png",
            "b.png",
            "sub/c.png",
            "sub/d.jpg",
            "sub/deep/e.webp",
        }
        assert gallery.captions("b.png") == ["a red dress"]


def test_a_gallery_of_captions_has_no_folder_to_index(tmp_path: Path, encoder: FakeEncoder) -> None:
    (tmp_path / "captions.jsonl").write_text('{"id": "a", "captions": ["a red dress"]}\n')
    st.index_captions(tmp_path / "captions.jsonl", tmp_path / "g", encoder=encoder)
    with (
        Gallery.open(tmp_path / "g", encoder=encoder) as gallery,
        pytest.raises(SettingError, match="captions only"),
    ):
        gallery.index()
