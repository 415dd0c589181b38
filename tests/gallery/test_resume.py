"""Killed, interrupted, run twice at once, rebuilt: what is there stays whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stitch_cir.encoders import HashEncoder
from stitch_cir.errors import GalleryBusyError, GalleryError, GalleryMismatchError
from stitch_cir.gallery import Gallery, ProgressEvent, index_folder, renewed
from stitch_cir.gallery.store import write_lock
from stitch_cir.views import ViewRecipe
from tests.gallery.fakes import FakeEncoder

Paint = Callable[..., Path]
HOLDING = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from stitch_cir.gallery import index_folder
    from tests.gallery.fakes import FakeEncoder

    def tell(event):
        if f"{event.stage} {event.done}" == sys.argv[2]:
            print(sys.argv[2], flush=True)
            sys.stdin.read()  # until it is killed, however long that takes

    index_folder(Path(sys.argv[1]), encoder=FakeEncoder(), batch_size=2, progress=tell)
    """
)


def start_and_hold(folder: Path, at: str) -> subprocess.Popen[str]:
    """Index in another process, and come back when it has come to ``at``, where it waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(folder), at],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == at, "the other process ended early"
    return process


@pytest.fixture
def many(tmp_path: Path, paint: Paint) -> Path:
    for number in range(24):
        paint(tmp_path / "many" / f"{number:02}.png", number)
    return tmp_path / "many"


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_is_resumed_by_the_next(
    many: Path, encoder: FakeEncoder, kind: signal.Signals
) -> None:
    process = start_and_hold(many, "indexing 8")
    process.send_signal(kind)
    process.wait()
    process.communicate()
    assert process.returncode != 0
    with Gallery.open(many) as gallery:
        kept = len(gallery)
        assert 8 <= kept < 24
        assert not gallery.verify().problems
    report = index_folder(many, encoder=encoder)
    assert (report.unchanged, report.added, encoder.encoded_images) == (kept, 24 - kept, 24 - kept)
    with Gallery.open(many) as gallery:
        assert len(gallery) == 24
        assert not gallery.verify().problems


def test_a_second_indexer_is_refused_and_readers_are_not(many: Path, encoder: FakeEncoder) -> None:
    counts: list[int] = []

    def meanwhile(event: ProgressEvent) -> None:
        if (event.stage, event.done) in (("indexing", 4), ("indexing", 8)):
            with pytest.raises(GalleryBusyError, match="Another process is indexing"):
                index_folder(many, encoder=FakeEncoder())
            with Gallery.open(many) as gallery, gallery.snapshot() as snapshot:
                counts.append(len(snapshot))
                assert len(snapshot.matrix().vectors) == 10 * counts[-1]

    index_folder(many, encoder=encoder, batch_size=2, progress=meanwhile)
    assert counts == [4, 8]
    assert index_folder(many, encoder=encoder).unchanged == 24


def test_the_lock_of_a_dead_process_is_free(many: Path, encoder: FakeEncoder) -> None:
    process = start_and_hold(many, "indexing 2")
    process.kill()
    process.wait()
    process.communicate()
    with write_lock(many / ".stitch"):
        pass


def test_interrupted_by_the_progress_callback(folder: Path, encoder: FakeEncoder) -> None:
    def interrupt(event: ProgressEvent) -> None:
        if event.done == 2 and event.stage == "indexing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(folder, encoder=encoder, batch_size=1, progress=interrupt)
    assert len(Gallery.open(folder)) == 2
    assert index_folder(folder, encoder=encoder).added == 3


def test_interrupted_while_the_encoder_works(folder: Path, encoder: FakeEncoder) -> None:
    def interrupt(vectors: np.ndarray) -> np.ndarray:
        if encoder.encoded_images > 2:
            raise KeyboardInterrupt
        return vectors

    encoder.spoil = interrupt
    with pytest.raises(KeyboardInterrupt):
        index_folder(folder, encoder=encoder, batch_size=1)
    gallery = Gallery.open(folder)
    assert len(gallery) == 2
    assert not gallery.verify().problems


def test_another_encoder_or_recipe_is_refused(
    folder: Path, encoder: FakeEncoder, other_encoder: FakeEncoder, tmp_path: Path
) -> None:
    index_folder(folder, encoder=encoder)
    for act in (
        lambda: index_folder(folder, encoder=other_encoder),
        lambda: Gallery.open(folder, encoder=other_encoder),
    ):
        with pytest.raises(GalleryMismatchError) as caught:
            act()
        message = str(caught.value)
        for part in (
            "fake (fake-tag, ffff",
            "other (other-tag, 0000",
            "stitch index",
            "--switch-when-done",
        ):
            assert part in message
    with pytest.raises(GalleryMismatchError, match=r"grid × 10, not grid × 4.*--rebuild"):
        index_folder(folder, encoder=encoder, recipe=ViewRecipe(count=4))
    with pytest.raises(GalleryMismatchError, match="not from the folder"):
        index_folder(tmp_path, folder / ".stitch", encoder=encoder)
    assert encoder.encoded_images == 5
    assert other_encoder.encoded_images == 0
    assert Gallery.open(folder, encoder=encoder).verify().problems == ()


def test_rebuilding_keeps_the_old_until_the_new_is_complete(
    folder: Path, encoder: FakeEncoder, other_encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder)
    during: list[tuple[str, int]] = []

    def check(event: ProgressEvent) -> None:
        with Gallery.open(folder) as gallery:
            during.append((gallery.info()["encoder"], len(gallery)))
        if event.done == 3 and len(during) < 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(folder, encoder=other_encoder, rebuild=True, batch_size=1, progress=check)
    assert 3 <= other_encoder.encoded_images <= 5  # batches in flight were not written
    other_encoder.encoded_images = 0
    report = index_folder(
        folder, encoder=other_encoder, rebuild=True, recipe=None, batch_size=1, progress=check
    )
    assert set(during) == {("fake", 5)}
    assert (report.unchanged, report.added, other_encoder.encoded_images) == (3, 2, 2)
    with Gallery.open(folder, encoder=other_encoder) as gallery:
        assert (gallery.info()["encoder"], len(gallery)) == ("other", 5)
        assert not gallery.verify().problems
    assert not list((folder / ".stitch").glob("rebuild*"))


def test_a_rebuild_of_another_kind_starts_afresh(
    folder: Path, encoder: FakeEncoder, other_encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder)
    other_encoder.spoil = lambda vectors: vectors * np.nan
    with pytest.raises(Exception, match="not finite"):
        index_folder(folder, encoder=other_encoder, rebuild=True)
    recipe = ViewRecipe(count=4)
    index_folder(folder, encoder=encoder, rebuild=True, recipe=recipe)
    assert Gallery.open(folder, encoder=encoder).matrix().vectors.shape == (20, encoder.dim)
    # and a plain run throws away what an abandoned rebuild left
    with pytest.raises(Exception, match="not finite"):
        index_folder(folder, encoder=other_encoder, rebuild=True)
    index_folder(folder, encoder=encoder)
    assert not list((folder / ".stitch").glob("rebuild*"))


def test_an_open_gallery_notices_a_rebuild(
    folder: Path, encoder: FakeEncoder, other_encoder: FakeEncoder
) -> None:
    index_folder(folder, encoder=encoder)
    gallery = Gallery.open(folder, encoder=encoder)
    assert len(gallery) == 5
    index_folder(folder, encoder=other_encoder, rebuild=True)
    with pytest.raises(GalleryMismatchError, match="while it was open"):
        gallery.matrix()


class FormerEncoder(HashEncoder):
    """Vectors that cannot be compared with those of the encoder that is loaded by this name."""

    fingerprint = "0" * 64


def test_an_open_gallery_is_opened_anew_with_the_encoder_that_makes_its_vectors_by_now(
    folder: Path,
) -> None:
    index_folder(folder, encoder=FormerEncoder())
    gallery = Gallery.open(folder, encoder=FormerEncoder())
    ids = gallery.ids
    assert renewed(gallery) is gallery
    index_folder(folder, encoder=HashEncoder(), rebuild=True)
    opened = renewed(gallery)
    assert opened is not gallery
    assert opened.encoder.fingerprint == HashEncoder.fingerprint
    assert tuple(opened.matrix().ids) == ids


def test_a_folder_that_cannot_be_written(
    folder: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GalleryError, match="No gallery can be written"):
        index_folder(folder, tmp_path / "file" / "gallery", encoder=encoder)
    with pytest.raises(GalleryError, match="No gallery can be written"):
        index_folder(folder, tmp_path / "file", encoder=encoder)


def test_memory_does_not_grow_with_the_gallery(tmp_path: Path, paint: Paint) -> None:
    code = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from stitch_cir.gallery import Gallery, index_folder
        from tests.gallery.fakes import FakeEncoder

        index_folder(Path(sys.argv[1]), encoder=FakeEncoder(), batch_size=8)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        """
    )
    peaks = []
    for count in (40, 200):
        for number in range(count):
            # uncompressed 400 × 400: 200 of them decoded would be 96 MB
            paint(tmp_path / str(count) / f"{number}.bmp", number, (400, 400))
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / str(count))],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 20_000  # kB
