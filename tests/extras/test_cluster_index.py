"""Indexing on a cluster: the rows of one machine, whatever is changed, killed or wrong meanwhile."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from stitch_cir.cluster import (
    ClusterIndexReport,
    ClusterOptions,
    SharedDataset,
    end_shards,
    export_gallery,
    index_on_cluster,
    open_cluster,
    renewal_uri,
    scale,
)
from stitch_cir.cluster.actors import placing_alone
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import (
    ClusterError,
    GalleryBusyError,
    GalleryError,
    GalleryMismatchError,
    ModelError,
    NotFoundError,
    SettingError,
)
from stitch_cir.gallery import Gallery, ImageCaptions, index_folder, write_captions
from stitch_cir.views import ViewRecipe
from tests.command import invoke
from tests.conftest import noise
from tests.extras.cluster_faults import FOLDER

pytestmark = pytest.mark.cluster
lance = pytest.importorskip("lance")
ray = pytest.importorskip("ray")

ROOT = Path(__file__).parents[2]
ENCODER = HashEncoder()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the encoders make their temporary folders."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def faults(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One Ray for all tests here, and the folder in which they switch its faults on."""
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "src"), str(ROOT)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="lance is not fork-safe")
            ray.init(
                "local",
                num_cpus=4,
                num_gpus=1,  # that Ray shares out; no test here uses one
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                namespace="stitch",
                object_store_memory=80_000_000,
                runtime_env={
                    "worker_process_setup_hook": "tests.extras.cluster_faults.install",
                    "env_vars": {"TMPDIR": str(scratch)},
                },
            )
        yield folder
        ray.shutdown()


@pytest.fixture
def fault(faults: Path) -> Iterator[Path]:
    """The folder of faults, empty again afterwards."""
    yield faults
    for file in faults.iterdir():
        file.unlink()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(8):
        noise(number, 40, 30).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "photos.lance")


def run(images: Path, uri: str, **options: Any) -> ClusterIndexReport:
    return index_on_cluster(images, uri, **{"encoder": "test", "unit": 2, "workers": 1, **options})


def rows_of(uri: str) -> dict[str, dict[str, Any]]:
    """All columns by id, but for the second at which something was met to be gone."""
    rows = {}
    for row in SharedDataset.open(uri).rows():
        assert row["id"] not in rows, "an id has two rows"
        if row["state"] == "vanished":
            row.pop("since")
            row.pop("digest")
        rows[row["id"]] = row
    return rows


def assert_as_on_one_machine(images: Path, uri: str, gallery: Path, **options: Any) -> None:
    """Index the folder here, too, and compare every row and fact."""
    here = f"{uri}-{len(list(gallery.parent.iterdir()))}"
    report = index_folder(images, gallery, encoder=ENCODER, **options)
    export_gallery(gallery, here)
    assert rows_of(uri) == rows_of(here)
    there, local = SharedDataset.open(uri), SharedDataset.open(here)
    assert there.kinds == local.kinds
    assert {**there.facts, "created": None} == {**local.facts, "created": None}
    assert len(there) == len(local)
    assert report.images == sum(row["state"] == "items" for row in rows_of(uri).values())
    assert not there.verify().problems


def test_rows_are_those_of_one_machine_at_first_and_after_changes(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    (images / "twin.png").write_bytes((images / "3.png").read_bytes())
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    (images / "empty.jpg").write_bytes(b"")
    (images / "notes.txt").write_text("no image")
    noise(40, 200, 100).save(images / "huge.png")
    described = noise(41, 30, 30)
    exif = described.getexif()
    exif[0x010E] = "a lake at dawn"
    described.save(images / "described.jpg", exif=exif)
    captions, attributes = tmp_path / "captions.jsonl", tmp_path / "shop.csv"
    captions.write_text(
        '{"id": "1.png", "captions": ["a red dog", "ein Hund"]}\n'
        '{"id": "BROKEN.png", "captions": ["x"]}\n{"id": "nowhere.png", "captions": ["x"]}\n'
    )
    attributes.write_text("id,price,brand\n2.png,3.50,Acme\ntwin.png,7,\nnowhere.png,1,\n")
    options: dict[str, Any] = {
        "captions": captions,
        "attributes": attributes,
        "captions_from_metadata": True,
        "max_pixels": 10_000,
    }
    gallery = tmp_path / "gallery"
    first = run(images, uri, workers=2, **options)
    assert_as_on_one_machine(images, uri, gallery, **options)
    counted = first.index
    assert (counted.images, counted.added, counted.duplicates, counted.other_files) == (
        10,
        10,
        1,
        1,
    )
    assert {id for id, _ in counted.skipped} == {"broken.png", "empty.jpg", "huge.png"}
    assert sum(first.skipped_by_reason.values()) == 3
    assert set(counted.unknown_captions) == {"BROKEN.png", "nowhere.png"}
    assert counted.unknown_attributes == ("nowhere.png",)
    # nothing is left to do, and nothing is written
    version = SharedDataset.open(uri).version
    again = run(images, uri)
    assert (again.version, again.units, again.index.unchanged) == (version, 0, 10)
    assert len(again.index.skipped) == 3
    # changed, gone, new, moved with its captions, an image no more, other captions and attributes
    index_folder(images, gallery, encoder=ENCODER)
    noise(50, 40, 30).save(images / "0.png")
    (images / "4.png").unlink()
    noise(51, 40, 30).save(images / "new.png")
    (images / "1.png").rename(images / "moved.png")
    (images / "5.png").write_bytes(b"no image any more")
    noise(52, 30, 30).save(images / "broken.png")
    (images / "notes.txt").write_text("another text")
    attributes.write_text("id,price,colour\n2.png,4,red\nnew.png,1,\n")
    changed = run(images, uri, attributes=attributes)
    assert_as_on_one_machine(images, uri, gallery, attributes=attributes)
    counted = changed.index
    assert (counted.added, counted.changed, counted.moved, counted.removed) == (2, 1, 1, 1)
    assert counted.vanished == 2
    moved = rows_of(uri)["moved.png"]
    assert moved["captions"] == ["a red dog", "ein Hund"]
    # what had gone comes back without being encoded, and what is forgotten leaves
    noise(4, 40, 30).save(images / "back.png")
    captions.write_text('{"id": "new.png", "captions": ["new"]}\n')
    run(images, uri, captions=captions, forget=True)
    assert_as_on_one_machine(images, uri, gallery, captions=captions, forget=True)
    assert "vanished" not in {row["state"] for row in rows_of(uri).values()}


def test_an_encoder_that_is_killed_costs_its_unit_alone(
    fault: Path, images: Path, uri: str, tmp_path: Path, scratch: Path
) -> None:
    (fault / "die-once").touch()
    report = run(images, uri, workers=2)
    assert not (fault / "die-once").exists()
    assert not list(scratch.glob("stitch-*"))
    assert report.index.encoded == report.index.images == 8
    assert_as_on_one_machine(images, uri, tmp_path / "gallery")
    (fault / "die-always").touch()
    noise(70, 40, 30).save(images / "poison.png")
    with pytest.raises(ClusterError, match=r"3 encoders died, .*with the files from 'poison.png'"):
        run(images, uri, workers=2)
    assert len(rows_of(uri)) == 8
    assert not list(scratch.glob("stitch-*"))


def test_an_acknowledgement_that_is_lost_makes_no_second_row(
    faults: Path, images: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, calls = lance.LanceDataset.commit, [0]

    def lose(*args: Any, **options: Any) -> Any:
        done = commit(*args, **options)
        calls[0] += 1
        if calls[0] == 2:  # the first one makes the dataset
            raise OSError("the connection was reset")
        return done

    monkeypatch.setattr(lance.LanceDataset, "commit", lose)
    run(images, uri)
    assert calls[0] >= 2
    assert_as_on_one_machine(images, uri, tmp_path / "gallery")


DYING = """
import os, signal, sys
import lance
from stitch_cir.cluster import index_on_cluster

images, uri, address, when = sys.argv[1:]
commit, calls = lance.LanceDataset.commit, []

def dying(*args, **options):
    calls.append(1)
    if when == "before" and len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    done = commit(*args, **options)
    if when == "after" and len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

lance.LanceDataset.commit = dying
index_on_cluster(images, uri, encoder="test", unit=1, workers=2, address=address)
"""


@pytest.mark.parametrize("when", ["after", "before"])
def test_a_driver_that_is_killed_loses_nothing_that_is_committed(
    when: str, faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    for number in range(8, 17):
        noise(number, 40, 30).save(images / f"{number}.png")
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-c", DYING, str(images), uri, address, when]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    kept = len(rows_of(uri))
    assert 0 < kept < 17
    assert SharedDataset.open(uri).waiting_files == 17
    report = run(images, uri)
    assert (report.index.unchanged, report.index.encoded) == (kept, 17 - kept)
    assert_as_on_one_machine(images, uri, tmp_path / "gallery")


def test_an_interruption_keeps_what_is_done_and_says_how_to_go_on(
    faults: Path, images: Path, uri: str, tmp_path: Path, scratch: Path
) -> None:
    def interrupt(event: Any) -> None:
        if event.stage == "indexing":
            raise KeyboardInterrupt

    for number in range(8, 20):
        noise(number, 40, 30).save(images / f"{number}.png")
    shop = attributes_file(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(images, uri, unit=1, workers=2, attributes=shop, progress=interrupt)
    assert not list(scratch.glob("stitch-*"))
    dataset = SharedDataset.open(uri)
    assert 0 < len(dataset) < 20  # the event comes with the first unit that is done
    assert dataset.waiting_files is not None
    assert dataset.waiting_files > 0
    run(images, uri, attributes=shop)
    assert_as_on_one_machine(images, uri, tmp_path / "gallery", attributes=shop)


def at_first_unit(others: Callable[[], object]) -> Callable[[Any], None]:
    """Have others do something when the first unit is encoded, and none is committed."""
    waiting = [others]

    def hear(event: Any) -> None:
        if event.stage == "indexing" and waiting:
            waiting.pop()()

    return hear


def test_rows_that_others_write_to_a_dataset_that_was_just_made_are_taken_in(
    faults: Path, images: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing but the newest version is left of it."""
    index_folder(images, tmp_path / "gallery", encoder=ENCODER)
    commit = lance.LanceDataset.commit

    def others(*args: Any, **options: Any) -> Any:
        made = commit(*args, **options)
        monkeypatch.setattr(lance.LanceDataset, "commit", commit)
        export_gallery(tmp_path / "gallery", uri)
        assert SharedDataset.open(uri).compact(keep_days=0).versions_deleted
        return made

    monkeypatch.setattr(lance.LanceDataset, "commit", others)
    run(images, uri, unit=4)
    assert_as_on_one_machine(images, uri, tmp_path / "gallery")


def test_units_keep_to_their_rows_although_others_have_moved_them(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    for number in range(8, 16):
        noise(number, 40, 30).save(images / f"{number}.png")
    run(images, uri, unit=4)
    for number in range(2, 16):
        noise(100 + number, 40, 30).save(images / f"{number}.png")
    before = rows_of(uri).keys()
    # units are read one after the other, and the later ones after the first commit
    delete = at_first_unit(lambda: SharedDataset.open(uri).delete(["0.png"]))
    run(images, uri, unit=1, workers=1, progress=delete)
    assert rows_of(uri).keys() == before - {"0.png"}
    run(images, uri)
    assert_as_on_one_machine(images, uri, tmp_path / "gallery")


def test_nothing_is_added_to_what_others_make_anew_by_another_encoder(
    faults: Path, images: Path, uri: str
) -> None:
    from stitch_cir.cluster.storage import metadata_of, schema

    def make_anew() -> None:
        facts = {**SharedDataset.open(uri).facts, "fingerprint": "f" * 64}
        operation = lance.LanceOperation.Overwrite(schema(metadata_of(facts, ())), [])
        lance.LanceDataset.commit(uri, operation, read_version=SharedDataset.open(uri).version)

    with pytest.raises(GalleryMismatchError, match=r"were made anew meanwhile, by another encoder"):
        run(images, uri, progress=at_first_unit(make_anew))
    assert len(rows_of(uri)) == 0
    assert SharedDataset.open(uri).facts["fingerprint"] == "f" * 64


def test_a_version_that_is_cleaned_up_before_its_rows_are_read_ends_the_run_with_the_cause(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    run(images, uri)
    for number in range(8):
        noise(100 + number, 40, 30).save(images / f"{number}.png")

    def clean_up() -> None:
        SharedDataset.open(uri).delete(["0.png"])
        SharedDataset.open(uri).compact(keep_days=0)

    with pytest.raises(ClusterError, match=r"On the node .* cleaned up") as caught:
        run(images, uri, unit=1, workers=1, progress=at_first_unit(clean_up))
    assert "Restore a backup" not in str(caught.value)
    run(images, uri)
    assert_as_on_one_machine(images, uri, tmp_path / "gallery")


@pytest.mark.parametrize("what", ["the new dataset", "the transactions"])
def test_a_rebuild_whose_ground_is_taken_away_says_that_others_did_it(
    what: str, faults: Path, images: Path, uri: str
) -> None:
    run(images, uri)

    def others() -> None:
        if what == "the new dataset":
            lance.LanceDataset.drop(renewal_uri(uri, "rebuild"))
            return
        SharedDataset.open(uri).delete(["7.png"])
        SharedDataset.open(uri).compact(keep_days=0)

    message = {
        "the new dataset": r"Another run that encoded .* anew has ended, and deleted",
        "the transactions": r"Others have written to .*photos.lance while it was encoded anew",
    }
    with pytest.raises(GalleryBusyError, match=message[what]):
        run(images, uri, rebuild=True, progress=at_first_unit(others))
    assert run(images, uri, rebuild=True).index.images == 8


def test_an_answer_that_is_lost_with_its_node_is_computed_again(
    faults: Path, images: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray keeps a large one on the node that made it."""
    get, lost = ray.get, list[Any]()

    def lose(call: Any, **options: Any) -> Any:
        answer = get(call, **options)
        if hasattr(answer, "fragments") and not lost:
            lost.append(answer)
            raise ray.exceptions.ObjectLostError(call.hex(), None, "")
        return answer

    monkeypatch.setattr(ray, "get", lose)
    run(images, uri)
    assert lost
    assert_as_on_one_machine(images, uri, tmp_path / "gallery")


@pytest.mark.parametrize("work", ["search", "scale"])
def test_shards_are_placed_by_one_program_at_a_time(
    work: str, faults: Path, images: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a server that cannot start would end the shards that another one has just made."""
    run(images, uri)
    address = ray.get_runtime_context().gcs_address
    options = ClusterOptions(shards=1, folder=tmp_path / "shards")
    waited = []
    with ExitStack() as others:
        others.enter_context(placing_alone(ray, uri))

        def wait(seconds: float) -> None:
            waited.append(seconds)
            assert not [each for each in ray.util.list_named_actors() if "/1:" in each]
            others.close()

        monkeypatch.setattr("stitch_cir.cluster.actors._exclusive.time.sleep", wait)
        if work == "search":
            with closing(open_cluster(address, uri, encoder=ENCODER, options=options)) as gallery:
                assert len(gallery) == 8
        else:
            assert scale(address, uri, shards=1).started == 1
    assert waited
    assert end_shards(address, uri) == 1


def test_two_runs_at_once_write_no_image_twice(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    run(images, uri)
    for number in range(8, 14):
        noise(number, 40, 30).save(images / f"{number}.png")
    problems: list[BaseException] = []

    def once() -> None:
        try:
            run(images, uri, unit=1)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=once) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    run(images, uri)
    assert_as_on_one_machine(images, uri, tmp_path / "gallery")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("other-version", ClusterError, r"node \S+ \(\S+\) has stitch-cir 0.0.1; this machine has"),
        ("clock", ClusterError, r"clock of the node \S+ \(\S+\) is 60 minutes ahead of"),
        ("disk-full", GalleryError, r"On the node \S+ \(\S+\): .*No space left on device"),
        ("no-database", GalleryError, r"On the node \S+ \(\S+\): .*gallery.sqlite cannot be used.* TMPDIR"),
        ("no-images", GalleryError, r"On the node \S+ \(\S+\): the images cannot be seen there: .*photos"),
        ("other-weights", GalleryMismatchError, r"On the node \S+ \(\S+\): its encoder test is another"),
    ],
)  # fmt: skip
def test_a_node_that_does_not_fit_is_named_with_the_cause(
    name: str, error: type[GalleryError], message: str, fault: Path, images: Path, uri: str
) -> None:
    (fault / name).touch()
    with pytest.raises(error, match=message) as caught:
        run(images, uri)
    assert caught.value.hint
    assert len(SharedDataset.open(uri)) == 0
    if name == "disk-full":  # amid the work; the others are found before it begins
        (fault / name).unlink()
        assert run(images, uri).index.images == 8


def test_a_cluster_without_room_or_gpus_is_said(faults: Path, images: Path, uri: str) -> None:
    with pytest.raises(ClusterError, match=r"is to have 2 GPUs; the cluster has 1"):
        run(images, uri, num_gpus=2)
    with pytest.raises(SettingError, match="unit is 0"):
        run(images, uri, unit=0)
    for gpus in (-1, 1.5, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="num_gpus is"):
            run(images, uri, num_gpus=gpus)


def test_encoders_that_find_no_room_are_not_waited_for(
    faults: Path, images: Path, uri: str
) -> None:
    assert run(images, uri, workers=9).index.images == 8


def test_there_is_an_encoder_for_each_gpu_or_part_of_one(
    faults: Path, images: Path, uri: str
) -> None:
    assert run(images, uri, workers=None, num_gpus=1).workers == 1
    assert run(images, uri, workers=None, num_gpus=0.5, rebuild=True).workers == 2
    # this process, which encodes nothing, needs no GPU for it
    with pytest.raises(ClusterError, match=r"On the node \S+ \(\S+\): .* runs on the CPU only"):
        run(images, f"{uri}-cuda", device="cuda")


def test_a_dataset_of_another_kind_is_refused(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    run(images, uri)
    before = rows_of(uri)
    with pytest.raises(
        GalleryMismatchError, match=rf"dataset {re.escape(uri)} was made with the views"
    ):
        run(images, uri, recipe=ViewRecipe(count=4))
    with pytest.raises(
        GalleryMismatchError, match=rf"vectors of the dataset {re.escape(uri)} were made by"
    ):
        run(images, uri, encoder="mini")
    (tmp_path / "others").mkdir()
    noise(1, 30, 30).save(tmp_path / "others" / "x.png")
    with pytest.raises(
        GalleryMismatchError, match=rf"dataset {re.escape(uri)} was made from the folder"
    ):
        run(tmp_path / "others", uri)
    shutil.rmtree(images)
    images.mkdir()
    noise(1, 30, 30).save(images / "1.png")
    with pytest.raises(
        GalleryError, match=rf"7 of the 8 images of the dataset {re.escape(uri)} are no longer"
    ):
        run(images, uri)
    assert rows_of(uri) == before
    assert run(images, uri, allow_missing=True).index.images == 1


FOUR_VIEWS = ViewRecipe(count=4)


def attributes_file(folder: Path) -> Path:
    file = folder / "shop.csv"
    file.write_text("id,price,brand\n2.png,3.50,Acme\n5.png,7,\n")
    return file


def captions_file(folder: Path) -> Path:
    file = folder / "captions.jsonl"
    file.write_text('{"id": "1.png", "captions": ["a red dog", "ein Hund"]}\n')
    return file


def test_everything_is_encoded_anew_beside_what_is_searched_until_all_of_it_is_there(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    shop, texts = attributes_file(tmp_path), captions_file(tmp_path)
    run(images, uri, attributes=shop, captions=texts)
    (images / "0.png").unlink()
    run(images, uri)
    before, version = rows_of(uri), SharedDataset.open(uri).version
    during = list[int]()

    def look(event: Any) -> None:
        during.append(SharedDataset.open(uri).version)

    noise(90, 40, 30).save(images / "new.png")
    report = run(images, uri, rebuild=True, recipe=FOUR_VIEWS, progress=look)
    assert set(during) == {version}
    assert report.version == SharedDataset.open(uri).version == version + 1
    assert (report.index.encoded, report.index.images, report.index.added) == (8, 8, 8)
    dataset = SharedDataset.open(uri)
    assert dataset.facts["recipe"] == FOUR_VIEWS.to_dict()
    assert not dataset.verify().problems
    assert not Path(f"{uri}.rebuild").exists()
    # the old version stays as it was
    rows = {row["id"]: row["digest"] for row in SharedDataset.open(uri, version).rows()}
    assert rows.keys() == before.keys()
    # and the new one is what a rebuild on one machine makes
    gallery = tmp_path / "gallery"
    index_folder(
        images, gallery, encoder=ENCODER, attributes=shop, captions=texts, recipe=FOUR_VIEWS
    )
    export_gallery(gallery, here := str(tmp_path / "here.lance"))
    there, local = rows_of(uri), rows_of(here)
    assert there.pop("0.png")["state"] == "vanished"
    assert there == local
    assert dataset.kinds == SharedDataset.open(here).kinds


def write(gallery: Path, *names: str) -> None:
    """Keep of images what a model wrote, each caption as two views."""
    with Gallery.open(gallery, encoder=ENCODER) as opened, opened.snapshot() as snapshot:
        written = [
            ImageCaptions(
                name,
                str(snapshot.content_hash(name)),
                (f"{name}, as a model sees it", "noise"),
                {"subject": ("noise", name), "colours": ("grey",)},
                "a model",
                "a prompt",
                f"the answer about {name}",
            )
            for name in names
        ]
        assert write_captions(opened, written, weight=2) == list(names)


def test_what_a_model_wrote_is_encoded_anew_as_on_one_machine(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    gallery = tmp_path / "gallery"
    index_folder(images, gallery, encoder=ENCODER, captions=captions_file(tmp_path))
    write(gallery, "1.png", "2.png", "3.png", "5.png")
    (images / "5.png").unlink()
    index_folder(images, gallery, encoder=ENCODER)
    export_gallery(gallery, uri)

    def interrupt(event: Any) -> None:
        if event.stage == "indexing" and event.done >= 4:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"rebuild": True, "recipe": FOUR_VIEWS}
    with pytest.raises(KeyboardInterrupt):
        run(images, uri, unit=1, progress=interrupt, **options)
    # written and changed meanwhile; what was written of another image is dropped
    write(gallery, "1.png", "4.png")
    export_gallery(gallery, uri)
    noise(60, 40, 30).save(images / "2.png")
    report = run(images, uri, **options)
    assert report.index.images == 7
    index_folder(images, gallery, encoder=ENCODER, **options)
    export_gallery(gallery, here := str(tmp_path / "here.lance"))
    rows = rows_of(uri)
    assert rows == rows_of(here)
    assert not SharedDataset.open(uri).verify().problems
    assert rows["1.png"]["captions"][:3] == ["a red dog", "ein Hund", "1.png, as a model sees it"]
    written = sorted(name for name, row in rows.items() if "noise" in row["captions"])
    assert written == ["1.png", "3.png", "4.png", "5.png"]
    assert run(images, uri).units == 0


def test_a_rebuild_that_is_killed_goes_on_and_loses_nothing(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    for number in range(8, 17):
        noise(number, 40, 30).save(images / f"{number}.png")
    run(images, uri, attributes=attributes_file(tmp_path))
    before, version = rows_of(uri), SharedDataset.open(uri).version
    address = ray.get_runtime_context().gcs_address
    dying = DYING.replace("unit=1, workers=2", "unit=1, workers=1, rebuild=True")
    command = [sys.executable, "-c", dying, str(images), uri, address, "after"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert (rows_of(uri), SharedDataset.open(uri).version) == (before, version)
    kept = sum(row["state"] == "items" for row in rows_of(f"{uri}.rebuild").values())
    assert 0 < kept < 17
    # what is written meanwhile is not lost either
    attributes = tmp_path / "later.csv"
    attributes.write_text("id,price,colour\n3.png,9,red\n")
    run(images, uri, attributes=attributes)
    between = rows_of(uri)
    report = run(images, uri, rebuild=True)
    assert (report.index.encoded, report.index.images) == (17 - kept, 17)
    assert rows_of(uri) == between
    assert not SharedDataset.open(uri).verify().problems


def test_a_switch_changes_the_views_at_the_end_and_is_an_ordinary_run_afterwards(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    run(images, uri)
    options: dict[str, Any] = {"switch_when_done": True, "recipe": FOUR_VIEWS}
    with pytest.raises(GalleryMismatchError, match="was made with the views"):
        run(images, uri, recipe=FOUR_VIEWS)

    def interrupt(event: Any) -> None:
        if event.stage == "indexing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(images, uri, unit=1, progress=interrupt, **options)
    noise(30, 40, 30).save(images / "8.png")
    assert run(images, uri).index.images == 9  # as it is searched until then
    report = run(images, uri, **options)
    assert report.index.images == 9
    assert report.index.encoded < 9
    assert report.index.notes[-1].startswith("The gallery now has the vectors of test")
    assert SharedDataset.open(uri).facts["recipe"] == FOUR_VIEWS.to_dict()
    again = run(images, uri, **options)
    assert (again.version, again.index.encoded) == (report.version, 0)
    gallery = tmp_path / "gallery"
    assert_as_on_one_machine(images, uri, gallery, recipe=FOUR_VIEWS)


def test_what_others_write_while_all_is_encoded_anew_is_not_overwritten(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    run(images, uri)

    def write(event: Any) -> None:
        if event.stage == "indexing" and "7.png" in rows_of(uri):
            SharedDataset.open(uri).delete(["7.png"])

    with pytest.raises(GalleryBusyError, match="Others have written to .*photos.lance"):
        run(images, uri, rebuild=True, progress=write)
    assert len(rows_of(uri)) == 7
    report = run(images, uri, rebuild=True)
    assert (report.index.encoded, report.index.images) == (0, 8)


def test_a_rebuild_refuses_what_it_would_lose(
    faults: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    run(images, uri)
    before = rows_of(uri)
    for number in range(6):
        (images / f"{number}.png").unlink()
    with pytest.raises(
        GalleryError, match=rf"6 of the 8 images of the dataset {re.escape(uri)} are no longer"
    ):
        run(images, uri, rebuild=True)
    (tmp_path / "others").mkdir()
    noise(1, 30, 30).save(tmp_path / "others" / "x.png")
    with pytest.raises(GalleryMismatchError, match="a switch changes the encoder alone"):
        run(tmp_path / "others", uri, switch_when_done=True, recipe=FOUR_VIEWS)
    with pytest.raises(SettingError, match="two ways to encode everything again"):
        run(images, uri, rebuild=True, switch_when_done=True)
    assert rows_of(uri) == before


def test_what_no_cluster_is_needed_for_is_refused_before_one_is(
    images: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        run(tmp_path / "nowhere", uri)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no image in the folder"):
        run(tmp_path / "empty", uri)
    (tmp_path / "file").write_text("")
    with pytest.raises(GalleryError, match=r"cannot be used"):
        run(images, str(tmp_path / "file" / "x.lance"))
    with pytest.raises(GalleryError, match="s3x"):
        run(images, "s3x://bucket/x.lance")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModelError, match="Ray, which is not installed"):
        run(images, uri)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other-version", r"node \S+ \(\S+\) has stitch-cir 0.0.1; this machine has"),
        ("clock", r"clock of the node \S+ \(\S+\) is 60 minutes ahead of"),
    ],
)
def test_a_node_that_does_not_fit_is_refused_by_a_search_too(
    name: str, message: str, fault: Path, images: Path, uri: str, tmp_path: Path
) -> None:
    index_folder(images, encoder=ENCODER)
    export_gallery(images, uri)
    (fault / name).touch()
    options = ClusterOptions(shards=1, folder=tmp_path / "shards")
    with pytest.raises(ClusterError, match=message) as caught:
        open_cluster("auto", uri, encoder=ENCODER, options=options)
    assert caught.value.hint
    assert not [each for each in ray.util.list_named_actors() if "/1:" in each]


HASTY = {"RAY_gcs_server_port_wait_time_s": "2"}
"""How often Ray tries with a token that is refused, once a second; else twenty times."""


def test_a_node_without_the_token_is_refused_when_it_starts(faults: Path, tmp_path: Path) -> None:
    """By Ray itself: the message stands in the log of the node's service, and in the guide."""
    address = ray.get_runtime_context().gcs_address
    words = ["start", f"--address={address}", "--num-cpus=1", "--block", "--disable-usage-stats"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    done = subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", *words],
        capture_output=True,
        text=True,
        env={**environment, **HASTY, "RAY_AUTH_MODE": "disabled", "HOME": str(tmp_path)},
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "InvalidAuthToken" in done.stdout + done.stderr
    assert len([each for each in ray.nodes() if each["Alive"]]) == 1


CONNECTING = """
import sys
from stitch_cir.cluster import index_on_cluster, open_cluster
from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import StitchError

try:
    if sys.argv[4] == "index":
        index_on_cluster(sys.argv[1], sys.argv[2], encoder="test", address=sys.argv[3])
    else:
        open_cluster(sys.argv[3], sys.argv[2], encoder=HashEncoder())
except StitchError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("address", "token", "message"),
    [
        ("the cluster", "0" * 64, "ClusterError .*its token is missing or is another one.*RAY_AUTH"),
        ("127.0.0.1:1", "", "ClusterError The cluster at 127.0.0.1:1 cannot be reached: Connection refused"),
        ("10.0.0.1", "", "SettingError The address of a cluster cannot be '10.0.0.1'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("work", ["index", "search"])
def test_a_cluster_that_cannot_be_joined_is_an_error_with_the_cause(
    work: str, address: str, token: str, message: str, faults: Path, images: Path, uri: str
) -> None:
    if work == "search":
        index_folder(images, encoder=ENCODER)
        export_gallery(images, uri)
    if address == "the cluster":
        address = ray.get_runtime_context().gcs_address
    environment = {**os.environ, **HASTY, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    command = [sys.executable, "-c", CONNECTING, str(images), uri, address, work]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert re.match(message, done.stdout), done.stderr


def test_every_command_of_the_guide_runs(
    faults: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
    (tmp_path / "titles.jsonl").write_text('{"id": "1.png", "title": "a dog"}\n')
    guide = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(stitch cluster index.*?)```", guide, re.DOTALL)
    for line in filter(None, "".join(blocks).splitlines()):
        words = shlex.split(line, comments=True)[1:]
        if "--address" in words:
            words[words.index("--address") + 1] = ray.get_runtime_context().gcs_address
        done = invoke([*words, *([] if "--encoder" in words else ["--encoder", "test"]), "--json"])
        assert done.exit_code == 7, (words, done.output)
    answer = json.loads(done.stdout)
    assert "--switch-when-done" in words
    assert (answer["encoded"], answer["images"]) == (8, 8)
    assert list(answer["skipped_by_reason"].values()) == [1]
