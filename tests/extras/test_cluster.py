"""Galleries in a Lance dataset: there and back, versions, many writers, writers that die, bad input."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.cluster import (
    GalleryExportReport,
    SharedDataset,
    export_gallery,
    import_gallery,
    storage,
)
from stitch_cir.cluster.storage import lance_errors
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import (
    GalleryDamagedError,
    GalleryError,
    GalleryMismatchError,
    GalleryMissingError,
    NotFoundError,
    SettingError,
)
from stitch_cir.gallery import Gallery, index_captions, index_folder
from stitch_cir.gallery.store import Store, put_records, read_records
from stitch_cir.views import ViewRecipe
from tests.command import invoke
from tests.conftest import noise

pytestmark = pytest.mark.cluster
lance = pytest.importorskip("lance")

ENCODER = HashEncoder()


def make_folder(folder: Path, name: str, count: int, seed: int) -> Path:
    """Index ``count`` images, called by a name of the folder."""
    folder.mkdir()
    for number in range(count):
        noise(seed + number, 40, 30).save(folder / f"{name}-{number}.png")
    index_folder(folder, encoder=ENCODER)
    return folder


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> Path:
    """A gallery with everything: copies, captions, attributes, files left out, vanished, removed."""
    (folder / "twin.png").write_bytes((folder / "red.png").read_bytes())
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    (folder / "captions.jsonl").write_text(
        json.dumps({"id": "red.png", "captions": ["a red square", "kırmızı"]}) + "\n"
    )
    noise(1, 30, 30).save(folder / "gone.png")
    noise(2, 30, 30).save(folder / "taken-out.png")
    index_folder(folder, encoder=ENCODER, captions=folder / "captions.jsonl")
    (folder / "gone.png").unlink()
    index_folder(folder, encoder=ENCODER)
    with Gallery.open(folder, encoder=ENCODER) as gallery:
        gallery.remove("taken-out.png")
        gallery.set_attributes(
            {
                "red.png": {"price": 12.5, "tags": ["a", "b"], "sold": True, "on": "2024-05-06"},
                "blue.png": {"price": 3, "brand": "Ünï"},
            }
        )
    return folder


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "shared" / "photos.lance")


def tables(gallery: Path) -> dict[str, Any]:
    """Every row of a gallery's database, but for its own numbers of commits and attributes."""
    store = Store(Gallery.open(gallery).directory)
    names = [
        name
        for (name,) in store.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith("sqlite_")
    ]
    # perceptual hashes of images that are long gone stay behind; the others are in the records
    numbered = {"meta", "perceptual_hashes", "attributes", "attribute_changes", "attribute_items"}
    rows: dict[str, Any] = {
        name: sorted(store.rows(f"SELECT * FROM {name}"), key=repr)
        for name in sorted({*names} - numbered - {"attribute_values"})
    }
    rows["records"] = list(read_records(store))
    rows["attributes"] = store.rows("SELECT name, folded, kind FROM attributes ORDER BY number")
    facts = store.meta()
    for name in ("generation", "commit", "meta_digest", "root"):
        facts.pop(name, None)
    return {**rows, "facts": facts}


def test_a_gallery_comes_back_bit_for_bit(source: Path, uri: str, tmp_path: Path) -> None:
    exported = export_gallery(source, uri)
    assert exported.version == 1
    back = tmp_path / "back"
    imported = import_gallery(uri, back)
    before, after = (Gallery.open(each, encoder=ENCODER) for each in (source, back))
    assert imported.images == len(before) == 9
    assert tables(source) == tables(back)
    first, second = before.matrix(), after.matrix()
    assert first.ids == second.ids
    for name in ("vectors", "offsets", "kinds", "means", "lengths"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert after.captions("red.png") == ["a red square", "kırmızı"]
    assert after.attributes_of("red.png") == before.attributes_of("red.png")
    assert after.skipped() == before.skipped() != []
    assert after.root is not None
    assert after.root.samefile(source)
    assert not after.verify().problems
    settings = st.SearchSettings(k=9)
    results = [st.search(each, text="a red square", settings=settings) for each in (before, after)]
    assert [(h.id, h.score) for h in results[0]] == [(h.id, h.score) for h in results[1]]
    # indexing goes on where it stood: nothing is encoded again, what was taken out stays out
    report = index_folder(source, back, encoder=ENCODER)
    assert (report.added, report.removed) == (0, 0)
    assert "taken-out.png" not in Gallery.open(back).ids


def test_galleries_of_captions_and_of_every_table_come_back(uri: str, tmp_path: Path) -> None:
    captions = tmp_path / "captions.jsonl"
    captions.write_text(json.dumps({"id": "x", "captions": ["a dog", "a cat"]}) + "\n")
    index_captions(captions, tmp_path / "texts", encoder=ENCODER)
    store = Store(tmp_path / "texts", write=True)
    with store.transaction():
        store.rows("INSERT INTO metadata_captions VALUES ('x')")
        store.rows("INSERT INTO products VALUES ('shoe', 'digest')")
        for position, hash in enumerate("ab"):
            store.rows(
                "INSERT INTO product_images VALUES ('shoe', ?, 'http://s/1', ?, 1, 2, 3, ?)",
                (position, b"\xff.png", hash),
            )
            store.rows("INSERT INTO perceptual_hashes VALUES (?, ?, 7)", (hash, b"\0\xff"))
        store.rows("INSERT INTO outdated VALUES ('b')")
        store.rows("INSERT INTO written_captions VALUES ('x', 'c', 'm', 'p', 'a', 2, 1)")
    store.close()
    export_gallery(tmp_path / "texts", uri)
    import_gallery(uri, tmp_path / "back")
    assert tables(tmp_path / "texts") == tables(tmp_path / "back")
    assert Gallery.open(tmp_path / "back").root is None


def test_a_dataset_in_another_of_lances_formats_is_read_and_added_to(
    source: Path, uri: str, tmp_path: Path
) -> None:
    export_gallery(source, uri)
    earlier = str(tmp_path / "earlier.lance")
    lance.write_dataset(lance.dataset(uri).to_table(), earlier, data_storage_version="2.1")
    assert (export_gallery(source, earlier).added, SharedDataset.open(earlier).version) == (0, 1)
    import_gallery(earlier, tmp_path / "back")
    assert tables(source) == tables(tmp_path / "back")
    assert export_gallery(make_folder(tmp_path / "more", "more", 2, 70), earlier).added == 2
    assert lance.dataset(earlier).data_storage_version == "2.1"
    assert not SharedDataset.open(earlier).verify().problems


def test_only_what_changed_is_written_and_the_old_version_stays(
    source: Path, uri: str, tmp_path: Path
) -> None:
    first = export_gallery(source, uri)
    assert export_gallery(source, uri) == GalleryExportReport(1, 0, 0, first.added)
    reader = SharedDataset.open(uri)
    with Gallery.open(source, encoder=ENCODER) as gallery:
        gallery.set_attributes({"blue.png": {"colour": "blue"}})
    noise(9, 30, 30).save(source / "new.png")
    index_folder(source, encoder=ENCODER)
    second = export_gallery(source, uri)
    assert (second.added, second.updated, second.unchanged) == (1, 1, first.added - 1)
    assert len(reader) == first.added
    assert "new.png" not in {row["id"] for row in reader.rows(["id"])}
    import_gallery(uri, tmp_path / "old", version=1)
    assert "colour" not in Gallery.open(tmp_path / "old").attributes_of("blue.png")
    import_gallery(uri, tmp_path / "new")
    assert tables(source) == tables(tmp_path / "new")


def test_six_writers_at_once_all_land(tmp_path: Path, uri: str) -> None:
    folders = [make_folder(tmp_path / f"part-{n}", f"p{n}", 3, 10 * n) for n in range(6)]
    for number, folder in enumerate(folders):
        with Gallery.open(folder, encoder=ENCODER) as gallery:
            gallery.set_attributes({f"p{number}-0.png": {f"name {number}": "value"}})
    reports = at_once([partial(export_gallery, folder, uri) for folder in folders])
    dataset = SharedDataset.open(uri)
    assert sum(report.added for report in reports) == len(dataset) == 18
    assert len({report.version for report in reports}) == 6
    assert {row["id"] for row in dataset.rows(["id"])} == {
        f"p{n}-{number}.png" for n in range(6) for number in range(3)
    }
    assert {f"name {number}" for number in range(6)} <= dict(dataset.kinds).keys()
    assert not dataset.verify().problems


@pytest.mark.parametrize("moment", ["check_place", "schema", "create_dataset"])
def test_a_dataset_that_another_writer_makes_meanwhile_is_added_to(
    moment: str, tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (make_folder(tmp_path / name, name, 2, 0) for name in ("first", "second"))
    work, waiting = getattr(storage, moment), [first]

    def after_the_other(*arguments: Any) -> Any:
        if waiting:
            export_gallery(waiting.pop(), uri)
        return work(*arguments)

    monkeypatch.setattr(f"stitch_cir.cluster.storage._transfer.{moment}", after_the_other)
    assert export_gallery(second, uri).added == 2
    dataset = SharedDataset.open(uri)
    assert (dataset.version, len(dataset)) == (2, 4)
    assert not dataset.verify().problems


def test_writers_of_the_same_images_write_none_twice(tmp_path: Path, uri: str) -> None:
    part, whole = (tmp_path / name for name in ("part", "whole"))
    make_folder(part, "first", 1, 0)
    make_folder(whole, "image", 4, 20)
    export_gallery(part, uri)
    at_once([lambda: export_gallery(whole, uri)] * 3)
    dataset = SharedDataset.open(uri)
    assert len(dataset) == 5
    assert not dataset.verify().problems


def at_once(calls: list[Callable[[], GalleryExportReport]]) -> list[GalleryExportReport]:
    """Run all calls in threads that start together; return what each returns."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], GalleryExportReport]) -> GalleryExportReport:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


DYING = """
import os, sys
from stitch_cir.cluster.storage import _rows, _transfer

_rows.BATCH = 1

def dying(store, read=_transfer.read_records):
    for number, record in enumerate(read(store)):
        if number == 2:
            os._exit(9)
        yield record

_transfer.read_records = dying
_transfer.export_gallery(*sys.argv[1:])
"""


def test_a_writer_that_dies_before_its_commit_changes_nothing(tmp_path: Path, uri: str) -> None:
    folder = make_folder(tmp_path / "a", "a", 4, 0)
    command = [sys.executable, "-c", DYING, str(folder), uri]
    assert subprocess.run(command, capture_output=True).returncode == 9
    with pytest.raises(GalleryMissingError):
        SharedDataset.open(uri)
    assert export_gallery(folder, uri).added == 4
    other = make_folder(tmp_path / "b", "b", 4, 100)
    assert subprocess.run([*command[:3], str(other), uri], capture_output=True).returncode == 9
    dataset = SharedDataset.open(uri)
    assert (dataset.version, len(dataset)) == (1, 4)
    dataset.compact(keep_days=0, remove_unfinished=True)
    assert not dataset.verify().problems
    assert export_gallery(other, uri).added == 4


def test_a_tagged_version_survives_cleaning_up(source: Path, uri: str) -> None:
    export_gallery(source, uri)
    dataset = SharedDataset.open(uri)
    assert dataset.tag("serving") == 1
    for id in ("red.png", "blue.png", "green.png"):
        dataset.delete([id])
    report = dataset.compact(keep_days=0)
    assert report.versions_deleted >= 2
    kept = dataset.versions()
    assert [each.tags for each in kept] == [("serving",), ()]
    tagged = SharedDataset.open(uri, "serving")
    assert "red.png" in {row["id"] for row in tagged.rows(["id"])}
    assert not tagged.verify().problems
    with pytest.raises(NotFoundError, match="no version '2'; it may have been cleaned up"):
        SharedDataset.open(uri, 2)
    assert dataset.check_out("serving") > kept[-1].number
    assert len(dataset) == len(tagged)
    dataset.untag("serving")
    dataset.compact(keep_days=0)
    with pytest.raises(NotFoundError, match="no tag 'serving'"):
        SharedDataset.open(uri, "serving")


def test_a_tag_moves_and_cannot_be_a_number(source: Path, uri: str) -> None:
    export_gallery(source, uri)
    dataset = SharedDataset.open(uri)
    dataset.tag("serving")
    dataset.delete(["red.png"])
    assert dataset.tag("serving") == dataset.version == 2
    assert dataset.tag("serving", 1) == 1
    with pytest.raises(SettingError, match="cannot be called '7'"):
        dataset.tag("7")


def test_what_is_deleted_is_there_or_nothing_is(source: Path, uri: str) -> None:
    export_gallery(source, uri)
    dataset = SharedDataset.open(uri)
    with pytest.raises(NotFoundError, match='hara.png" in version 1'):
        dataset.delete(["red.png", "o'hara.png"])
    assert "red.png" in {row["id"] for row in SharedDataset.open(uri).rows(["id"])}


def test_to_delete_nothing_makes_no_version(source: Path, uri: str) -> None:
    export_gallery(source, uri)
    assert SharedDataset.open(uri).delete([]) == SharedDataset.open(uri).version == 1


def test_a_row_that_was_altered_is_named(source: Path, uri: str, tmp_path: Path) -> None:
    export_gallery(source, uri)
    lance.dataset(uri).update({"boxes": "'[]'"}, where="id = 'red.png'")
    lance.dataset(uri).update({"shard": "300"}, where="id = 'blue.png'")
    dataset = SharedDataset.open(uri)
    problems = dataset.verify().problems
    assert len(problems) == 2
    assert "red.png: is not what was written" in problems
    assert any(re.match(r"blue\.png: is in shard 300, but belongs into \d+", p) for p in problems)
    with pytest.raises(GalleryDamagedError, match=r"'red.png' in version 3"):
        import_gallery(uri, tmp_path / "back")
    assert list((tmp_path / "back").glob("*.sqlite*")) == []  # no part of a gallery is left
    assert import_gallery(uri, tmp_path / "back", version=1).images == 9


def test_another_recipe_or_kind_of_attribute_is_refused(
    source: Path, uri: str, tmp_path: Path
) -> None:
    export_gallery(source, uri)
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (9, 9)).save(other / "black.png")
    index_folder(other, encoder=ENCODER, recipe=ViewRecipe("grid", 5))
    with pytest.raises(GalleryMismatchError, match="made by other views"):
        export_gallery(other, uri)
    same = make_folder(tmp_path / "same", "s", 1, 3)
    with Gallery.open(same, encoder=ENCODER) as gallery:
        gallery.set_attributes({"s-0.png": {"price": "twelve"}})
    with pytest.raises(GalleryMismatchError, match="'price' is a number in .* and a text"):
        export_gallery(same, uri)
    assert SharedDataset.open(uri).version == 1


def test_addresses_that_cannot_be_used_are_one_error(
    source: Path, uri: str, tmp_path: Path
) -> None:
    with pytest.raises(GalleryMissingError, match="no dataset at"):
        SharedDataset.open(uri)
    with pytest.raises(GalleryError, match=r"red.png/x.lance cannot be used"):
        export_gallery(source, str(source / "red.png" / "x.lance"))
    with pytest.raises(GalleryError, match="s3x"):
        export_gallery(source, "s3x://bucket/x.lance")

    import pyarrow as pa

    lance.write_dataset(pa.table({"x": [1]}), tmp_path / "others.lance")
    with pytest.raises(GalleryError, match="of another program"):
        export_gallery(source, str(tmp_path / "others.lance"))


def test_an_import_never_replaces_a_gallery(source: Path, uri: str) -> None:
    export_gallery(source, uri)
    before = tables(source)
    with pytest.raises(GalleryError, match="There is a gallery already"):
        import_gallery(uri, source / ".stitch")
    assert tables(source) == before


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "LanceError(IO): Generic S3 error: Error performing GET http://x/b?list-type=2 in 7ms - "
            "Server returned non-2xx status code: 404 Not Found: <?xml version='1.0'?>\n<Error>"
            "<Code>NoSuchBucket</Code>\n<Message>The specified bucket does not exist</Message></Error>",
            GalleryMissingError,
            "the storage answers NoSuchBucket: The specified bucket does not exist.",
        ),
        (
            "LanceError(IO): Generic S3 error: … 403 Forbidden: <Error><Code>InvalidAccessKeyId</Code>"
            "<Message>The AWS Access Key Id does not exist in our records.</Message></Error>",
            GalleryError,
            "the storage answers InvalidAccessKeyId: The AWS Access Key Id does not exist in our records. Check "
            "the rights",
        ),
        (
            "LanceError(IO): Generic S3 error: Error performing GET http://10.0.0.9:9000/b?prefix=a in "
            "454ms, after 3 retries, max_retries: 3 - HTTP error: error sending request, /x.rs",
            GalleryError,
            "http://10.0.0.9:9000 cannot be reached. Check the address and the storage",
        ),
        (
            "LanceError(IO): No space left on device (os error 28), /x.rs",
            GalleryError,
            "No space left on device. Make room there",
        ),
        (
            "LanceError(IO): Failed to get AWS credentials: ProviderError(ProviderError { source: x",
            GalleryError,
            "no credentials were found. Check the rights",
        ),
    ],
)
def test_what_object_storage_answers_is_said_in_short(
    text: str, kind: type[GalleryError], message: str
) -> None:
    with pytest.raises(kind) as refused, lance_errors("s3://b/a.lance"):
        raise OSError(text)
    assert f"s3://b/a.lance cannot be used: {message}" in str(refused.value)


def test_an_import_that_was_interrupted_begins_anew(source: Path, uri: str, tmp_path: Path) -> None:
    export_gallery(source, uri)
    (tmp_path / "back").mkdir()
    store = Store(tmp_path / "back", write=True)
    with store.transaction():
        put_records(store, list(read_records(Store(source / ".stitch")))[:3])
        store.rows("UPDATE items SET hash = NULL")
    store.close()
    with pytest.raises(GalleryMissingError, match="never finished"):
        Gallery.open(tmp_path / "back")
    import_gallery(uri, tmp_path / "back")
    assert tables(source) == tables(tmp_path / "back")


def test_every_command_of_the_guide_runs(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    guide = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sh\n(stitch cluster export.*?)```", guide, re.DOTALL)
    commands = [shlex.split(line, comments=True) for line in block.splitlines() if line]
    assert {words[2] for words in commands} == {
        "export", "log", "tag", "import", "delete", "checkout", "verify", "compact",
    }  # fmt: skip
    for words in commands:
        done = invoke(words[1:])
        assert done.exit_code == 0, (words, done.output)
    assert len(Gallery.open(tmp_path / "restored")) == 9


def test_a_backup_is_made_and_restored_as_the_guide_says(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    guide = Path(__file__).parents[2] / "docs" / "cluster-operations.md"
    section = guide.read_text("utf-8").partition("## Back up and restore")[2].partition("\n## ")[0]
    blocks = re.findall(r"test_cluster.py -->\s*```sh\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 3
    assert invoke(["cluster", "export", source, "shared/photos.lance"]).exit_code == 0
    for line in "".join(blocks).splitlines():
        program, *words = shlex.split(line, comments=True)
        if program == "cp":
            assert words[0] == "-a"
            shutil.copytree(words[1], words[2])
        elif program == "mv":
            shutil.move(words[0], words[1])
        else:
            done = invoke(words)
            assert done.exit_code == 0, (line, done.output)
    lost, restored = (
        sorted((row["id"], row["digest"]) for row in SharedDataset.open(each).rows())
        for each in ("damaged.lance", "shared/photos.lance")
    )
    assert restored == lost


def test_commands_answer_in_json(source: Path, uri: str) -> None:
    def ask(*words: object) -> Any:
        done = invoke(["cluster", *words, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    rows = ask("export", source, uri)["added"]
    assert ask("tag", uri, "a")["version"] == 1
    assert ask("delete", uri, "red.png") == {"version": 2, "deleted": 1}
    assert [(each["version"], each["rows"], each["tags"]) for each in ask("log", uri)] == [
        (2, rows - 1, []),
        (1, rows, ["a"]),
    ]
    assert ask("checkout", uri, "a") == {"version": 3, "rows": rows}
    assert ask("verify", uri)["problems"] == []
    assert ask("tag", uri, "a", "--delete") == {"tag": "a", "version": None}
    assert ask("compact", uri, "--keep-days", 0)["versions_deleted"] >= 2


def test_commands_refuse_what_they_cannot_understand(source: Path, uri: str) -> None:
    for words, code, message in (
        (["export", source, uri, "--storage-option", "region"], 2, "no value"),
        (["tag", uri, "a", "--delete", "--version", "1"], 2, "whatever its version"),
        (["log", uri], 3, "no dataset at"),
    ):
        done = invoke(["cluster", *words])
        assert (done.exit_code, message in done.stderr) == (code, True), done.output
    export_gallery(source, uri)
    lance.dataset(uri).update({"boxes": "'[]'"}, where="id = 'red.png'")
    assert invoke(["cluster", "verify", uri]).exit_code == 5


SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCY"
ADDRESSES = [
    f"s3://AKIAIOSFODNN7EXAMPLE:{SECRET}@bucket/photos.lance",
    f"s3://bucket/photos.lance?X-Amz-Signature={SECRET}&X-Amz-Expires=60",
    f"https://bucket.example/photos.lance?x-amz-security-token={SECRET}",
    f"az://container/photos.lance?sv=2024&sig={SECRET}",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_with_credentials_is_refused_and_shown_nowhere(
    address: str, source: Path, tmp_path: Path
) -> None:
    for words in (
        ["export", source, address],
        ["import", address, tmp_path / "there"],
        ["log", address],
        ["tag", address, "monday"],
        ["verify", address],
        ["compact", address],
        ["delete", address, "red.png"],
        ["index", source, address, "--encoder", "test"],
        ["status", address, "--address", "127.0.0.1:1"],
        ["scale", address, "--replicas", "2", "--address", "127.0.0.1:1"],
    ):
        done = invoke(["cluster", *words])
        assert done.exit_code == 2, (words, done.output)
        assert "holds credentials" in done.stderr
        assert SECRET not in done.output + done.stderr
        assert "AKIA" not in done.output + done.stderr
    served = invoke(["serve", address, "--cluster", "127.0.0.1:1"])
    assert served.exit_code == 2
    assert SECRET not in served.output + served.stderr


def test_what_is_no_credential_may_stand_in_an_address(source: Path) -> None:
    for address in ("abfss://images@account.example/x", "s3+ddb://b/x?ddbTableName=commits"):
        done = invoke(["cluster", "log", address])
        assert "holds credentials" not in done.stderr


class Refusing(BaseHTTPRequestHandler):
    """An object store that repeats what it was sent, and refuses it."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._refuse

    def _refuse(self) -> None:
        key = re.search(r"Credential=([^/]+)", self.headers.get("authorization", ""))
        body = (
            "<Error><Code>InvalidAccessKeyId</Code>"
            f"<AWSAccessKeyId>{key[1] if key else ''}</AWSAccessKeyId></Error>"
        ).encode()
        self.send_response(403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output free of requests."""


def test_credentials_that_are_refused_are_shown_nowhere(source: Path) -> None:
    store = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    options = {
        "endpoint": f"http://127.0.0.1:{store.server_port}",
        "allow_http": "true",
        "region": "us-east-1",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": SECRET,
    }
    words = [word for each in options.items() for word in ("--storage-option", "=".join(each))]
    try:
        for command in (["log", "s3://bucket/x.lance"], ["export", source, "s3://bucket/x.lance"]):
            done = invoke(["cluster", *command, *words])
            assert done.exit_code == 5
            assert "Check the rights of the folder or bucket" in done.stderr
            shown = done.output + done.stderr
            assert SECRET not in shown
            assert "AKIA" not in shown
    finally:
        store.shutdown()
        store.server_close()


def test_options_of_a_storage_are_in_no_representation() -> None:
    pytest.importorskip("ray")
    from stitch_cir.cluster import ClusterOptions

    assert SECRET not in repr(ClusterOptions(storage_options={"secret_access_key": SECRET}))
    done = invoke(["cluster", "log", "s3://bucket/x", "--storage-option", SECRET])
    assert done.exit_code == 2
    assert SECRET not in done.output + done.stderr
