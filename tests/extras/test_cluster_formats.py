"""Datasets of format 1, whose rows have digests of BLAKE2b: read, checked, imported, added to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.cluster import SharedDataset, export_gallery, import_gallery
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import GalleryDamagedError, GalleryError
from stitch_cir.gallery import Gallery, index_folder
from stitch_cir.gallery.store import Store, earlier_row_digest, read_records
from tests.conftest import noise
from tests.gallery.fakes import to_schema

pytestmark = pytest.mark.cluster
lance = pytest.importorskip("lance")
pa = pytest.importorskip("pyarrow")

ENCODER = HashEncoder()
CONTENT = ("width", "height", "boxes", "vectors")
ITEM = ("path", "size", "mtime_ns", "mark", "since", "hash")


@pytest.fixture
def source(folder: Path) -> Path:
    """A gallery of an earlier version, with captions and attributes."""
    captions = folder / "captions.jsonl"
    captions.write_text(json.dumps({"id": "red.png", "captions": ["a square", "kırmızı"]}) + "\n")
    index_folder(folder, encoder=ENCODER, captions=captions)
    with Gallery.open(folder, encoder=ENCODER) as gallery:
        gallery.set_attributes({"red.png": {"price": 12.5, "brand": "Ünï"}})
    to_schema(folder / ".stitch", 9)
    return folder


@pytest.fixture
def earlier(source: Path, tmp_path: Path) -> str:
    """The dataset that an earlier version exports of it."""
    today, uri = str(tmp_path / "today.lance"), str(tmp_path / "earlier.lance")
    export_gallery(source, today)
    written = lance.dataset(today)
    rows = [{**row, "digest": earlier_digest(row)} for row in written.to_table().to_pylist()]
    metadata = {key.decode(): value.decode() for key, value in written.schema.metadata.items()}
    made = {**json.loads(metadata["stitch.dataset"]), "format": 1}
    schema = written.schema.with_metadata({**metadata, "stitch.dataset": json.dumps(made)})
    lance.write_dataset(pa.Table.from_pylist(rows, schema), uri, data_storage_version="2.0")
    return uri


def earlier_digest(row: dict[str, Any]) -> bytes:
    content = None
    if row["vectors"] is not None:
        content = earlier_row_digest(row["hash"], *(row[name] for name in CONTENT))
    return earlier_row_digest(
        content,
        row["id"],
        row["state"],
        *(row[name] for name in ITEM),
        len(row["captions"]),
        *row["captions"],
        *(row[name] for name in ("caption_vectors", "attributes", "metadata_of", "rows")),
    )


def format_of(uri: str) -> int:
    return int(json.loads(SharedDataset.open(uri).metadata["stitch.dataset"])["format"])


def records(directory: Path) -> list[Any]:
    store = Store(directory)
    rows = list(read_records(store))
    store.close()
    return rows


def test_a_dataset_of_format_1_is_checked_and_imported(
    source: Path, earlier: str, tmp_path: Path
) -> None:
    assert format_of(earlier) == 1
    report = SharedDataset.open(earlier).verify()
    assert (report.problems, report.version) == ((), 1)
    import_gallery(earlier, tmp_path / "back")
    assert records(source / ".stitch") == records(tmp_path / "back")
    assert Gallery.open(tmp_path / "back").verify().problems == ()
    assert SharedDataset.open(earlier).version == 1


def test_it_is_added_to_without_writing_what_is_there_again(
    source: Path, earlier: str, tmp_path: Path
) -> None:
    before = {row["id"]: row["digest"] for row in SharedDataset.open(earlier).rows()}
    report = export_gallery(source, earlier)
    assert (report.added, report.updated, report.unchanged) == (0, 0, len(before))
    noise(9, 30, 30).save(source / "new.png")
    index_folder(source, encoder=ENCODER)
    report = export_gallery(source, earlier)
    assert (report.added, report.updated, report.unchanged) == (1, 0, len(before))
    dataset = SharedDataset.open(earlier)
    after = {row["id"]: row["digest"] for row in dataset.rows()}
    assert {id: digest for id, digest in after.items() if id in before} == before
    assert dataset.verify().problems == ()
    # an earlier version would take the new row for damage, and is to be told
    assert format_of(earlier) == 2
    import_gallery(earlier, tmp_path / "back")
    assert records(source / ".stitch") == records(tmp_path / "back")


def test_a_row_of_format_1_that_was_altered_is_not_imported(earlier: str, tmp_path: Path) -> None:
    lance.dataset(earlier).update({"width": "width + 1"}, where="id = 'red.png'")
    (problem,) = SharedDataset.open(earlier).verify().problems
    assert problem == "red.png: is not what was written"
    with pytest.raises(GalleryDamagedError, match=r"red\.png"):
        import_gallery(earlier, tmp_path / "back")


def test_a_dataset_of_a_format_to_come_is_refused(earlier: str) -> None:
    dataset = lance.dataset(earlier)
    made = json.dumps({"format": 3, "shards": 256})
    dataset.update_schema_metadata({"stitch.dataset": made})
    with pytest.raises(GalleryError, match=r"newer version of stitch \(format 3\)"):
        SharedDataset.open(earlier)
