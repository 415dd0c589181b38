"""Where datasets may lie, how an address may be written, and what becomes of a mix-up with galleries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.cluster import (
    SharedDataset,
    export_gallery,
    import_gallery,
    index_on_cluster,
    renewal_uri,
    storage,
)
from stitch_cir.cluster.storage import absolute_address, lance_errors
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import (
    ClusterError,
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryMissingError,
    NotFoundError,
    SettingError,
)
from stitch_cir.gallery import index_folder
from tests.command import invoke
from tests.conftest import noise

pytestmark = pytest.mark.cluster
lance = pytest.importorskip("lance")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("addresses") / "photos"
    folder.mkdir()
    for number in range(3):
        noise(number, 30, 30).save(folder / f"{number}.png")
    index_folder(folder, encoder=HashEncoder())
    return folder


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_path_names_a_dataset_wherever_a_text_does(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.lance"
    assert export_gallery(images, path).added == 3
    assert import_gallery(path, tmp_path / "again").images == 3
    monkeypatch.chdir(tmp_path)
    assert SharedDataset.open(Path("x.lance")).uri == "x.lance"
    assert renewal_uri(path, "rebuild") == f"{path}.rebuild"
    for refused in (SharedDataset.open, absolute_address):
        with pytest.raises(SettingError, match="keeps one of two slashes"):
            refused(Path("s3://bucket/x.lance"))


@pytest.mark.parametrize(
    "spelling", ["{}/x.lance/", "{}/./y/../x.lance", "file://{}/x.lance", "file://localhost{}/x.lance"]
)  # fmt: skip
def test_every_spelling_of_an_address_is_one_dataset(
    spelling: str, images: Path, tmp_path: Path
) -> None:
    uri = str(tmp_path / "x.lance")
    export_gallery(images, uri)
    other = spelling.format(tmp_path)
    assert absolute_address(other) == uri
    assert renewal_uri(other, "rebuild") == f"{uri}.rebuild"
    assert export_gallery(images, other).unchanged == 3
    assert SharedDataset.open(other).version == 1


@pytest.mark.parametrize("name", ["sp ace", "ünï", "a%20b#c?d", "photos:2024"])
def test_a_folder_may_be_called_anything(
    name: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export_gallery(images, name).added == 3
    assert len(SharedDataset.open(str(tmp_path / name))) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3:/bucket/x.lance", "lacks two slashes"),
        ("file:x.lance", "lacks two slashes"),
        ("file://x.lance", "names no file here"),
        ("memory://x", "kept nowhere"),
    ],
)
def test_what_is_neither_a_folder_nor_an_address_is_refused(
    address: str, message: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for work in (
        lambda: export_gallery(images, address),
        lambda: SharedDataset.open(address),
        lambda: index_on_cluster(images, address, encoder="test"),
    ):
        with pytest.raises(SettingError, match=message) as refused:
            work()
        assert "s3://bucket/photos.lance" in refused.value.hint
    assert everything(tmp_path) == []


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        (".", "it holds other files"),
        (".stitch", "it lies in the gallery"),
        (".stitch/x.lance", "it lies in the gallery"),
        ("x.lance/data", "it lies in the dataset"),
        ("x.lance/y.lance", "it lies in the dataset"),
    ],
)
@pytest.mark.parametrize("work", ["export", "index"])
def test_a_dataset_is_not_made_among_other_files(
    work: str, inside: str, message: str, images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for file in images.glob("*.png"):
        (folder / file.name).write_bytes(file.read_bytes())
    index_folder(folder, encoder=HashEncoder())
    export_gallery(folder, str(folder / "x.lance"))
    before = everything(folder)
    uri = str(folder / inside)
    make: dict[str, Callable[[str], object]] = {
        "export": lambda uri: export_gallery(folder, uri),
        "index": lambda uri: index_on_cluster(images, uri, encoder="test"),
    }
    with pytest.raises(GalleryError, match=message) as refused:
        make[work](uri)
    assert "photos.lance" in refused.value.hint
    assert everything(folder) == before


@pytest.mark.parametrize("moment", ["check_place", "create_dataset"])
def test_a_dataset_that_another_writer_makes_meanwhile_is_not_replaced(
    moment: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, work = str(tmp_path / "x.lance"), getattr(storage, moment)

    def after_the_other(*arguments: Any) -> Any:
        export_gallery(images, uri)
        return work(*arguments)

    monkeypatch.setattr(f"stitch_cir.cluster.indexing._run.{moment}", after_the_other)
    with pytest.raises(GalleryBusyError, match=r"has just created .*x\.lance") as refused:
        index_on_cluster(images, uri, encoder="test")
    assert "the same command again" in refused.value.hint
    assert (SharedDataset.open(uri).version, len(SharedDataset.open(uri))) == (1, 3)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (None, "Ray on this machine did not start: The current node timed out"),
        ("auto", "The cluster at auto cannot be reached: The current node timed out"),
    ],
)
def test_a_ray_that_takes_too_long_is_one_error(
    address: str | None,
    message: str,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(*arguments: Any, **options: Any) -> None:
        # Ray's error on a busy machine has no class
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr("ray.init", init)
    with pytest.raises(ClusterError, match=message):
        index_on_cluster(images, str(tmp_path / "x.lance"), encoder="test", address=address)


def test_what_an_interrupted_writer_left_is_no_hindrance(images: Path, tmp_path: Path) -> None:
    (tmp_path / "x.lance" / "data").mkdir(parents=True)
    (tmp_path / "x.lance" / "data" / "1.lance").write_bytes(b"")
    (tmp_path / "x.lance" / "data" / "2.lance#1").write_bytes(b"")
    (tmp_path / "x.lance" / ".snapshot").touch()
    assert export_gallery(images, str(tmp_path / "x.lance")).version == 1


def test_a_gallery_in_place_of_a_dataset_is_said_to_be_one(images: Path) -> None:
    for words in (["log"], ["verify"], ["checkout", "1"], ["delete", "0.png"]):
        done = invoke(["cluster", words[0], images, *words[1:]])
        assert done.exit_code == 3
        assert f"{images} is a gallery, and no dataset." in done.stderr
        assert f"stitch cluster export {images} URI" in done.stderr


def test_an_import_leaves_galleries_and_datasets_alone(images: Path, tmp_path: Path) -> None:
    uri = tmp_path / "x.lance"
    export_gallery(images, str(uri))
    before = everything(tmp_path), everything(images)
    with pytest.raises(GalleryError, match=r"a gallery already of the images in .*\.stitch"):
        import_gallery(str(uri), images)
    for inside in (uri, uri / "data" / "g"):
        with pytest.raises(GalleryError, match="lies in the dataset"):
            import_gallery(str(uri), inside)
    with pytest.raises(NotFoundError, match="no folder of images at"):
        import_gallery(str(uri), tmp_path / "g", root=tmp_path / "nowhere")
    assert (everything(tmp_path), everything(images)) == before


@pytest.mark.parametrize("name", ["ü", "mo/nd", "two words", "-x", "a..b", "x.lock", "x.", "7", ""])
def test_a_tag_that_lance_could_not_list_is_not_made(
    name: str, images: Path, tmp_path: Path
) -> None:
    uri = str(tmp_path / "x.lance")
    export_gallery(images, uri)
    dataset = SharedDataset.open(uri)
    with pytest.raises(SettingError, match="A tag cannot be called"):
        dataset.tag(name)
    with pytest.raises(NotFoundError, match="has no tag"):
        dataset.untag(name or "1")
    dataset.tag("v1.0-a_b")
    assert [each.tags for each in dataset.versions()] == [("v1.0-a_b",)]


@pytest.mark.parametrize("days", ["inf", "1e300", "40000"])
def test_days_that_no_calendar_has_are_refused(days: str, images: Path, tmp_path: Path) -> None:
    uri = str(tmp_path / "x.lance")
    export_gallery(images, uri)
    done = invoke(["cluster", "compact", uri, "--keep-days", days])
    assert (done.exit_code, "between 0 and 36,500" in done.stderr) == (2, True), done.output


def test_a_file_that_is_cut_short_or_missing_is_said_to_be(images: Path, tmp_path: Path) -> None:
    uri = tmp_path / "x.lance"
    export_gallery(images, str(uri))
    (file,) = (uri / "data").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(GalleryDamagedError, match="A file of .* is damaged") as refused:
        SharedDataset.open(str(uri)).verify()
    assert "Restore a backup" in refused.value.hint
    file.unlink()
    with pytest.raises(GalleryDamagedError, match=f"A part of .* is missing: .*{file.name}"):
        SharedDataset.open(str(uri)).verify()
    with pytest.raises(GalleryDamagedError, match="is missing"):
        import_gallery(str(uri), tmp_path / "g")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "LanceError(IO): Generic LocalFileSystem error: Unable to walk dir: IO error for "
            "operation on /x/_versions: Permission denied (os error 13), rust/lance",
            "a.lance cannot be used: Permission denied: /x/_versions.",
            "Check the rights",
        ),
        (
            'LanceError(IO): Read-only file system (os error 30) at path "/x/data/.tmp1"',
            "a.lance cannot be used: Read-only file system: /x/data/.tmp1.",
            "Check the rights",
        ),
        (
            "External error: LanceError(IO): No space left on device (os error 28).",
            "a.lance cannot be used: No space left on device.",
            "Make room",
        ),
        (
            "LanceError(IO): Generic S3 error: Error performing GET http://s/b - HTTP error: "
            "builder error, /root/.cargo",
            "a.lance cannot be used: Error performing GET http://s/b - HTTP error: builder error.",
            "allow_http=true",
        ),
        (
            "Invalid user input: No object store provider found for scheme: 'foo', /root/x",
            "a.lance cannot be used: No object store provider found for scheme: 'foo'.",
            "Give a folder, or an address",
        ),
    ],
)
def test_what_the_system_says_is_said_in_short(text: str, message: str, hint: str) -> None:
    with pytest.raises(GalleryError) as refused, lance_errors("a.lance"):
        raise OSError(text)
    assert refused.value.message == message
    assert hint in refused.value.hint


def test_a_panic_below_lance_is_an_error_like_others() -> None:
    """What pyo3 raises for one is no ``Exception``, and cannot be imported."""
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(GalleryError, match="request valid: InvalidUri"), lance_errors("s3://b/x"):
        raise panic("request valid: InvalidUri")
    with pytest.raises(KeyboardInterrupt), lance_errors("s3://b/x"):
        raise KeyboardInterrupt


def test_the_address_of_no_dataset_is_said_shortly(tmp_path: Path) -> None:
    with pytest.raises(GalleryMissingError) as missing:
        SharedDataset.open(str(tmp_path / "x.lance"))
    assert missing.value.message == f"There is no dataset at {tmp_path / 'x.lance'}."
