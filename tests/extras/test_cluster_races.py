"""What others do to a dataset between a look and what is done upon it: each moment, one at a time.

Nothing here runs at the same time: the others' work is a call at the very moment.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stitch_cir.cluster import DatasetShard, SharedDataset, export_gallery, import_gallery
from stitch_cir.cluster.shards import packed, unpacked
from stitch_cir.cluster.storage import metadata_of, schema
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import (
    GalleryDamagedError,
    GalleryMismatchError,
    GalleryMissingError,
    NotFoundError,
)
from stitch_cir.gallery import Gallery, index_folder
from tests.conftest import noise

pytestmark = pytest.mark.cluster
lance = pytest.importorskip("lance")

ENCODER = HashEncoder()
Before = Callable[[Any, str, Callable[[], Any]], None]


def make_gallery(folder: Path, *numbers: int) -> Path:
    """Index an image for each number, called by it."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        noise(number, 24, 20).save(folder / f"{number}.png")
    index_folder(folder, encoder=ENCODER)
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_gallery(tmp_path / "images", 1, 2, 3, 4)


@pytest.fixture
def uri(images: Path, tmp_path: Path) -> str:
    address = str(tmp_path / "photos.lance")
    export_gallery(images, address)
    return address


def interposed(monkeypatch: pytest.MonkeyPatch, *, others_first: bool) -> Before:
    """Return what has others do something before, or after, the next call of a method."""

    def arrange(owner: Any, name: str, others: Callable[[], Any]) -> None:
        method = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            monkeypatch.setattr(owner, name, method)
            if others_first:
                others()
            answer = method(*arguments, **options)
            if not others_first:
                others()
            return answer

        monkeypatch.setattr(owner, name, call)

    return arrange


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Have others do something right before a method is called for the next time."""
    return interposed(monkeypatch, others_first=True)


@pytest.fixture
def after(monkeypatch: pytest.MonkeyPatch) -> Before:
    """Have others do something right after a method was called for the next time."""
    return interposed(monkeypatch, others_first=False)


def supersede(uri: str) -> None:
    """Delete image 1 in a new version, and clean up the one before."""
    dataset = SharedDataset.open(uri)
    dataset.delete(["1.png"])
    assert dataset.compact(keep_days=0).versions_deleted


def make_anew(uri: str) -> None:
    """Put vectors of another encoder in place of the dataset's."""
    dataset = SharedDataset.open(uri)
    made = schema(metadata_of({**dataset.facts, "fingerprint": "f" * 64}, ()))
    fragments: list[Any] = []
    lance.LanceDataset.commit(
        uri, lance.LanceOperation.Overwrite(made, fragments), read_version=dataset.version
    )


def ids(uri: str, version: int | None = None) -> list[str]:
    return sorted(row["id"] for row in SharedDataset.open(uri, version).rows(["id"]))


def test_a_version_that_is_cleaned_up_while_it_is_read_is_not_called_damaged(uri: str) -> None:
    reader = SharedDataset.open(uri)
    supersede(uri)
    with pytest.raises(NotFoundError, match=r"Version 1 of .* was cleaned up while it was read"):
        list(reader.rows())
    with pytest.raises(NotFoundError, match=r"Version 1 of .* was cleaned up while it was read"):
        reader.verify()
    # what nobody cleans up is damaged where a part of it is missing
    (file,) = Path(uri, "data").iterdir()
    file.unlink()
    with pytest.raises(GalleryDamagedError, match="A part of .* is missing"):
        list(SharedDataset.open(uri).rows())


def test_a_tagged_version_with_a_part_missing_is_damaged(uri: str) -> None:
    SharedDataset.open(uri).tag("kept")
    SharedDataset.open(uri).delete(["1.png"])
    for file in Path(uri, "data").iterdir():
        file.unlink()
    with pytest.raises(GalleryDamagedError, match="A part of .* is missing"):
        list(SharedDataset.open(uri, "kept").rows())


@pytest.mark.parametrize("version", [None, 1])
def test_an_import_begins_again_with_a_newer_version_unless_one_was_named(
    version: int | None, uri: str, tmp_path: Path, before: Before
) -> None:
    before(SharedDataset, "rows", lambda: supersede(uri))
    back = tmp_path / "back"
    if version is None:
        assert import_gallery(uri, back).images == 3
        assert sorted(Gallery.open(back).ids) == ids(uri)
    else:
        with pytest.raises(NotFoundError, match="was cleaned up while it was read"):
            import_gallery(uri, back, version=version)
        assert not list(back.glob("*.sqlite*"))


def test_a_dataset_that_is_made_around_an_import_is_not_mixed_with_it(
    images: Path, uri: str, tmp_path: Path, before: Before
) -> None:
    target = tmp_path / "target"
    before(SharedDataset, "rows", lambda: shutil.copytree(uri, target, dirs_exist_ok=True))
    with pytest.raises(Exception, match="it lies in the dataset"):
        import_gallery(uri, target)
    assert not list(target.glob("*.sqlite*"))


@pytest.mark.parametrize("work", ["comparing", "writing"])
def test_an_export_begins_again_where_the_version_that_it_read_is_cleaned_up(
    work: str, images: Path, uri: str, before: Before
) -> None:
    make_gallery(images, 5)
    owner, name = (
        (SharedDataset, "rows") if work == "comparing" else (lance.LanceDataset, "merge_insert")
    )
    before(owner, name, lambda: supersede(uri))
    report = export_gallery(images, uri)
    assert (report.added, report.unchanged) == (2, 3)
    assert ids(uri) == [f"{number}.png" for number in (1, 2, 3, 4, 5)]
    assert not SharedDataset.open(uri).verify().problems


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_export_adds_nothing_to_what_another_encoder_has_made_meanwhile(
    moment: str, images: Path, uri: str, before: Before, after: Before
) -> None:
    """An attribute that is new is recorded first, in a version of its own."""
    with Gallery.open(images, encoder=ENCODER) as gallery:
        gallery.set_attributes({"1.png": {"price": 3}})
    arrange = before if moment == "before" else after
    arrange(lance.LanceDataset, "update_schema_metadata", lambda: make_anew(uri))
    with pytest.raises(GalleryMismatchError, match="by another encoder"):
        export_gallery(images, uri)
    assert ids(uri) == []


def test_attributes_of_two_kinds_are_refused_however_close_their_writers_are(
    images: Path, uri: str, tmp_path: Path, before: Before
) -> None:
    other = make_gallery(tmp_path / "other", 9)
    for folder, price in ((images, 3), (other, "cheap")):
        with Gallery.open(folder, encoder=ENCODER) as gallery:
            gallery.set_attributes({gallery.ids[0]: {"price": price}})
    before(lance.LanceDataset, "update_schema_metadata", lambda: export_gallery(other, uri))
    with pytest.raises(GalleryMismatchError, match="'price' is a text in .* and a number"):
        export_gallery(images, uri)
    assert "9.png" in ids(uri)


def test_a_version_that_is_cleaned_up_before_it_is_opened_is_gone(uri: str, before: Before) -> None:
    SharedDataset.open(uri).delete(["1.png"])
    compact = SharedDataset.open(uri).compact
    before(lance.LanceDataset, "checkout_version", lambda: compact(keep_days=0))
    with pytest.raises(NotFoundError, match="has no version '1'; it may have been cleaned up"):
        SharedDataset.open(uri, 1)
    with pytest.raises(NotFoundError, match="has no version '1'; it may have been cleaned up"):
        SharedDataset.open(uri).check_out(1)


@pytest.mark.parametrize("exists", [True, False])
def test_a_tag_that_others_make_or_delete_meanwhile_is_set_all_the_same(
    exists: bool, uri: str, before: Before
) -> None:
    def others() -> None:
        dataset = SharedDataset.open(uri)
        dataset.untag("kept") if exists else dataset.tag("kept")

    SharedDataset.open(uri).delete(["1.png"])
    if exists:
        SharedDataset.open(uri).tag("kept")
    before(type(lance.dataset(uri).tags), "update" if exists else "create", others)
    assert SharedDataset.open(uri).tag("kept", 1) == 1
    assert SharedDataset.open(uri, "kept").version == 1


def test_tags_of_what_is_gone_meanwhile_are_refused(uri: str, before: Before) -> None:
    dataset = SharedDataset.open(uri)
    dataset.tag("kept")
    tags = type(lance.dataset(uri).tags)
    before(tags, "delete", lambda: SharedDataset.open(uri).untag("kept"))
    with pytest.raises(NotFoundError, match="has no tag 'kept'"):
        dataset.untag("kept")
    before(tags, "create", lambda: supersede(uri))
    with pytest.raises(NotFoundError, match="has no version '1'"):
        dataset.tag("kept")
    assert [each.tags for each in dataset.versions()] == [()]


def test_what_is_deleted_while_it_is_open_is_missing(uri: str, images: Path) -> None:
    dataset = SharedDataset.open(uri)
    shutil.rmtree(uri)
    works: list[Callable[[], Any]] = [
        dataset.verify,
        dataset.versions,
        dataset.compact,
        lambda: dataset.tag("kept"),
        lambda: dataset.check_out(1),
        lambda: dataset.delete(["1.png"]),
    ]
    for work in works:
        with pytest.raises(GalleryMissingError, match="There is no dataset at"):
            work()


def test_files_are_merged_although_others_write_meanwhile(uri: str, before: Before) -> None:
    for number in (1, 2):
        SharedDataset.open(uri).delete([f"{number}.png"])
    dataset = SharedDataset.open(uri)

    def others() -> None:
        SharedDataset.open(uri).delete(["3.png"])
        raise OSError("Retryable commit conflict for version 4: This Rewrite transaction was")

    before(type(dataset.lance.optimize), "compact_files", others)
    assert dataset.compact(keep_days=0).versions_deleted
    assert ids(uri) == ["4.png"]


def doubled(uri: str) -> SharedDataset:
    """Leave a second row of an id, as a writer does that is killed before it deletes it."""
    dataset = lance.dataset(uri)
    row = dataset.to_table(filter="id = '2.png'")
    dataset.insert(row)
    made = SharedDataset.open(uri)
    assert "2.png: stands there twice" in made.verify().problems
    return made


def test_a_row_that_stands_there_twice_is_read_once(images: Path, uri: str, tmp_path: Path) -> None:
    with Gallery.open(images, encoder=ENCODER) as gallery:
        gallery.set_attributes({"2.png": {"price": 3}})
    export_gallery(images, uri)
    version = doubled(uri).version
    assert import_gallery(uri, tmp_path / "back").images == 4
    shard = DatasetShard(uri, (0, 256), str(tmp_path / "shards"))
    kind, _, _, rows = shard.load(version)
    # as many as the dataset counts, so that a router misses none
    assert (kind, rows) == ("answer", 5)
    assert shard.hello()["images"] == {version: 4}


def test_a_shard_says_that_a_version_was_cleaned_up_while_it_was_loaded(
    uri: str, tmp_path: Path, before: Before
) -> None:
    shard = DatasetShard(uri, (0, 256), str(tmp_path / "shards"))
    before(SharedDataset, "rows", lambda: supersede(uri))
    kind, name, message, _ = shard.load(1)
    assert (kind, name) == ("error", "VersionGoneError"), message


def test_a_folder_of_a_shard_that_was_not_finished_is_made_again(uri: str, tmp_path: Path) -> None:
    """A machine that loses power may leave an empty file."""
    folder = tmp_path / "shards"
    assert DatasetShard(uri, (0, 256), str(folder)).load(1)[0] == "answer"
    (done,) = folder.rglob("complete.json")
    for text in ("", "{}"):
        done.write_text(text)
        shard = DatasetShard(uri, (0, 256), str(folder))
        assert shard.load(1)[-1] == 4
        assert json.loads(done.read_text())["rows"] == 4


def test_a_version_that_another_process_deletes_from_the_folder_is_made_again(
    uri: str, images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "shards"
    held = DatasetShard(uri, (0, 256), str(folder))
    held.load(1)
    first = held.answer(1, "views", packed(["1.png"]))
    other = DatasetShard(uri, (0, 256), str(folder))
    for id in ("2.png", "3.png"):
        SharedDataset.open(uri).delete([id])
        other.load(SharedDataset.open(uri).version)
    assert not list(folder.rglob("version-1"))
    again = held.answer(1, "views", packed(["1.png"]))
    assert again[0] == "answer"
    views, views_before = (
        np.array([view.vector for view in unpacked(each[-1])[1]]) for each in (again, first)
    )
    assert np.array_equal(views, views_before)


def test_a_folder_that_is_being_deleted_is_none_that_is_finished(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, delete = tmp_path / "shards", shutil.rmtree
    shard = DatasetShard(uri, (0, 256), str(folder))

    def die(path: Path, **options: Any) -> None:
        if path.name == "version-1":
            (path / "gallery.sqlite").unlink()
            raise KeyboardInterrupt
        delete(path, **options)

    shard.load(1)
    for id in ("2.png", "3.png"):
        SharedDataset.open(uri).delete([id])
    shard.load(2)
    monkeypatch.setattr(shutil, "rmtree", die)
    with pytest.raises(KeyboardInterrupt):
        shard.load(3)
    assert list(folder.rglob("version-1/cache"))
    monkeypatch.undo()
    assert DatasetShard(uri, (0, 256), str(folder)).load(1)[-1] == 4
