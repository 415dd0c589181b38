"""Stages that overlap: order, back-pressure, errors anywhere, and a clean end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stitch_cir.encoders import PreparingEncoder, encode_set, load_encoder
from stitch_cir.errors import SettingError, VectorError
from stitch_cir.gallery import Gallery, ProgressEvent, index_folder
from stitch_cir.gallery.index import EncodingPipeline
from stitch_cir.gallery.store import Store
from stitch_cir.views import ViewBox, ViewRecipe
from tests.encoders.tiny_towers import write_towers
from tests.gallery.fakes import FakeEncoder, noise_image
from tests.gallery.faults import decoding

Paint = Callable[..., Path]
WHOLE = ViewRecipe(count=1)


class PreparingFake(FakeEncoder):
    """The fake encoder in two halves, two images a part; keeps account of its parts."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.prepared = 0
        self.encoded = 0
        self.most_waiting = 0
        self.before_preparing: Callable[[int], None] = lambda number: None
        self.before_encoding: Callable[[int], None] = lambda number: None

    def prepare_views(
        self,
        images: Sequence[Image.Image],
        boxes: Sequence[Sequence[ViewBox]],
        *,
        dense: bool = False,
    ) -> list[Callable[[], Any]]:
        def job(start: int) -> tuple[Any, Any]:
            with self.lock:
                number = self.prepared
                self.prepared += 1
                self.most_waiting = max(self.most_waiting, self.prepared - self.encoded)
            self.before_preparing(number)
            return images[start : start + 2], boxes[start : start + 2]

        return [lambda start=start: job(start) for start in range(0, len(images), 2)]  # type: ignore[misc]

    def encode_prepared(self, part: Any) -> np.ndarray:
        self.before_encoding(self.encoded)
        rows = self.encode_views(*part).reshape(-1, self.dim)
        with self.lock:
            self.encoded += 1
        return rows


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    names = ("decode", "prepare", "encode")
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(names)]


@pytest.fixture
def many(tmp_path: Path, paint: Paint) -> Path:
    for number in range(24):
        paint(tmp_path / "many" / f"{number:02}.png", number)
    return tmp_path / "many"


def noise_images(count: int) -> tuple[list[Image.Image], list[tuple[ViewBox, ...]]]:
    return [noise_image(seed) for seed in range(count)], [(ViewBox(),)] * count


def test_parts_keep_their_order_when_a_later_one_is_ready_first() -> None:
    encoder = PreparingFake()
    second = threading.Event()

    def first_waits_for_second(number: int) -> None:
        if number == 1:
            second.set()
        elif number == 0:
            assert second.wait(300)

    encoder.before_preparing = first_waits_for_second
    images, boxes = noise_images(5)
    with EncodingPipeline(encoder, WHOLE, ahead=2) as line:
        made = [line.submit(images, boxes), line.submit(images[::-1], boxes)]
        there, back = (future.result() for future in made)
    expected = FakeEncoder().encode_views(images, boxes)
    assert np.array_equal(there, expected)
    assert np.array_equal(back, expected[::-1])
    assert line.worked > 0
    assert line.waited > 0


def test_few_parts_are_prepared_ahead_of_a_slow_model() -> None:
    encoder = PreparingFake()
    full = threading.Event()
    encoder.before_preparing = lambda number: full.set() if number == 2 else None
    encoder.before_encoding = lambda number: None if full.wait(300) else pytest.fail("not ahead")
    images, boxes = noise_images(10)
    with EncodingPipeline(encoder, WHOLE, ahead=2) as line:
        for future in [line.submit(images, boxes) for _ in range(4)]:
            future.result()
    assert encoder.encoded == 20
    # one with the model, two prepared or being prepared
    assert encoder.most_waiting == 3


def test_an_error_stops_what_was_queued_behind_it() -> None:
    encoder = PreparingFake()

    def refuse(number: int) -> None:
        if number == 1:
            raise ValueError("the second part")

    encoder.before_encoding = refuse
    images, boxes = noise_images(8)
    with EncodingPipeline(encoder, WHOLE, ahead=2) as line:
        first, second = line.submit(images, boxes), line.submit(images, boxes)
        with pytest.raises(ValueError, match="the second part"):
            first.result()
        with pytest.raises(CancelledError):
            second.result()
    assert encoder.encoded == 1


@pytest.mark.parametrize("kind", ["grid", "random", "dense"])
def test_built_in_encoders_give_the_same_vectors_in_parts(tmp_path: Path, kind: Any) -> None:
    images = [noise_image(seed, size) for seed, size in enumerate(((40, 30), (90, 20), (1, 7)))]
    recipe = ViewRecipe(kind=kind, count=6)
    boxes = [recipe.boxes(*image.size, bytes([number])) for number, image in enumerate(images)]
    for spec in ("mini", str(write_towers(tmp_path / "towers", patches=True))):
        encoder = load_encoder(spec)
        assert isinstance(encoder, PreparingEncoder)
        with EncodingPipeline(encoder, recipe, ahead=2) as line:
            made = line.submit(images, boxes).result()
        assert np.array_equal(made, encode_set(encoder, recipe, images, boxes))


def test_an_encoder_without_preparing_gives_the_same_gallery(many: Path, tmp_path: Path) -> None:
    plain, split = FakeEncoder(), PreparingFake()
    assert not isinstance(plain, PreparingEncoder)
    index_folder(many, tmp_path / "one", encoder=plain, batch_size=5)
    report = index_folder(many, tmp_path / "two", encoder=split, batch_size=5)
    assert (report.encoded, split.encoded) == (24, 14)  # parts of 3, 3, 3, 3 and 2
    assert plain.batches == [5, 5, 5, 5, 4]
    first, second = (Gallery.open(tmp_path / name).matrix() for name in ("one", "two"))
    assert np.array_equal(first.vectors, second.vectors)


@pytest.mark.parametrize("encoder", [FakeEncoder(), PreparingFake()])
def test_few_images_are_decoded_ahead_of_a_slow_encoder(
    many: Path, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[int] = []
    decoded = 0
    lock = threading.Lock()
    decode = decoding.decode  # type: ignore[attr-defined]

    def count(*args: Any, **options: Any) -> Image.Image:
        nonlocal decoded
        with lock:
            decoded += 1
            waiting.append(decoded - encoder.encoded_images)
        return decode(*args, **options)

    monkeypatch.setattr(decoding, "decode", count)
    encoder.pause = 0.01
    index_folder(many, encoder=encoder, batch_size=2, workers=1)
    assert decoded == 24
    # two batches with the encoder, one being collected, and one being decoded
    assert max(waiting) <= 2 * 2 + 2 + 2


def test_a_slow_decoder_loses_nothing(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, calls = decoding.decode, itertools.count()  # type: ignore[attr-defined]

    def dawdle(*args: Any, **options: Any) -> Image.Image:
        time.sleep(0 if next(calls) % 8 else 0.02)
        return decode(*args, **options)

    monkeypatch.setattr(decoding, "decode", dawdle)
    events: list[ProgressEvent] = []
    report = index_folder(
        many, encoder=PreparingFake(), batch_size=3, workers=3, progress=events.append
    )
    assert (report.added, report.skipped) == (24, ())
    indexed = [event.path for event in events if event.stage == "indexing"]
    assert indexed == [f"{number:02}.png" for number in range(24)]
    assert report.waiting_seconds > 0
    assert set(report.to_dict()) >= {"seconds", "encoding_seconds", "waiting_seconds"}
    again = index_folder(many, encoder=PreparingFake())
    assert (again.encoding_seconds, again.waiting_seconds) == (0, 0)


def goes_on(many: Path) -> None:
    """What was committed is sound, and the next run adds exactly the rest."""
    with Gallery.open(many) as gallery:
        kept = len(gallery)
        assert not gallery.verify().problems
    assert kept < 24
    report = index_folder(many, encoder=PreparingFake())
    assert (report.unchanged, report.added) == (kept, 24 - kept)


@pytest.mark.parametrize("stage", ["preparing", "encoding"])
@pytest.mark.parametrize("kind", [RuntimeError, KeyboardInterrupt])
def test_an_error_beside_the_caller_reaches_it(
    many: Path, stage: str, kind: type[BaseException]
) -> None:
    encoder = PreparingFake()

    def fail(number: int) -> None:
        if number == 5:
            raise kind("stopped here")

    setattr(encoder, f"before_{stage}", fail)
    with pytest.raises(kind, match="stopped here"):
        index_folder(many, encoder=encoder, batch_size=4, workers=1)
    with Gallery.open(many) as gallery:
        # parts 4 and 5 are those of the third batch: two batches are whole, none is half
        assert len(gallery) == 8
    goes_on(many)


def test_an_error_while_decoding_reaches_the_caller(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, calls = decoding.decode, itertools.count()  # type: ignore[attr-defined]

    def fail(*args: Any, **options: Any) -> Image.Image:
        if next(calls) == 20:
            raise RuntimeError("no picture's fault")
        return decode(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "decode", fail)
        with pytest.raises(RuntimeError, match="no picture's fault"):
            index_folder(many, encoder=PreparingFake(), batch_size=2)
    goes_on(many)


def test_an_error_while_writing_reaches_the_caller(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, calls = Store.put_content, []

    def fail(self: Store, *args: Any) -> None:
        calls.append(1)
        if len(calls) == 7:
            raise OSError("disk on fire")
        put(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "put_content", fail)
        with pytest.raises(OSError, match="disk on fire"):
            index_folder(many, encoder=PreparingFake(), batch_size=4)
    with Gallery.open(many) as gallery:
        assert len(gallery) == 4
    goes_on(many)


def test_an_interruption_leaves_no_call_behind(many: Path) -> None:
    encoder = PreparingFake()

    def interrupt(event: ProgressEvent) -> None:
        if event.done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(many, encoder=encoder, batch_size=2, progress=interrupt)
    encoded = encoder.encoded_images
    with Gallery.open(many) as gallery:
        assert len(gallery) == 6
    assert encoder.encoded_images == encoded
    goes_on(many)


def test_a_wrong_number_of_rows_is_refused(folder: Path) -> None:
    encoder = PreparingFake()
    encoder.spoil = lambda vectors: vectors[:, :3]
    with pytest.raises(VectorError, match=r"shape \(15, 13\).*expected \(5, 10, 13\)"):
        index_folder(folder, encoder=encoder)


def test_dense_views_need_an_encoder_that_has_them() -> None:
    with pytest.raises(SettingError, match="patch vectors"):
        EncodingPipeline(FakeEncoder(), ViewRecipe(kind="dense"), ahead=1)
