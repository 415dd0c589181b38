"""The small parts of the server, each alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PIL import Image

import stitch_cir as st
from stitch_cir.encoders import (
    ConceptReader,
    DenseEncoder,
    DualEncoder,
    HashEncoder,
    MiniEncoder,
    TextLimits,
)
from stitch_cir.server import ServerSettings
from stitch_cir.server._errors import ClientLeftError, DeadlineError, QueueFullError, status_of
from stitch_cir.server.limits import (
    Batcher,
    BatchingEncoder,
    ByteBoundedCache,
    RateLimiter,
    RequestExecutor,
    batching,
)
from stitch_cir.views import ViewBox, ViewRecipe
from tests.conftest import CountingEncoder, noise
from tests.server.running import deadlines_pass_after


def test_a_byte_cache_is_bounded_by_bytes() -> None:
    cache: ByteBoundedCache[str] = ByteBoundedCache(10)
    assert cache.put("a", "A", 4)
    assert cache.put("b", "B", 4)
    assert cache.get("a") == "A"  # now b is the oldest
    assert cache.put("c", "C", 4)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("A", None, "C")
    assert not cache.put("d", "D", 11)
    assert (len(cache), cache.bytes) == (2, 8)
    assert cache.put("a", "again", 1)
    assert (cache.get("a"), cache.bytes) == ("again", 5)


def test_a_byte_cache_expires() -> None:
    now = [0.0]
    cache: ByteBoundedCache[str] = ByteBoundedCache(10, seconds=5, clock=lambda: now[0])
    cache.put("a", "A", 4)
    now[0] = 4.0
    cache.put("b", "B", 4)
    assert (cache.get("a"), cache.age("a")) == ("A", 4.0)
    now[0] = 5.0
    assert (cache.get("a"), cache.get("b"), cache.bytes) == (None, "B", 4)


def test_the_rate_limiter_counts_each_client_alone_and_forgets_the_oldest() -> None:
    now = [0.0]
    limiter = RateLimiter(2.0, 3.0, clock=lambda: now[0])
    assert [limiter.allows("a") for _ in range(4)] == [True, True, True, False]
    assert limiter.allows("b")
    now[0] = 0.5
    assert [limiter.allows("a") for _ in range(2)] == [True, False]
    for number in range(10_000):
        limiter.allows(str(number))
    assert len(limiter) == 4096


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": -1.0},
        {"threads": 0},
        {"deadline": float("nan")},
        {"token": "short"},
        {"burst": 0.0},
    ],
)
def test_settings_are_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(st.SettingError):
        ServerSettings(**wrong)  # type: ignore[arg-type]
    assert "secret" not in repr(ServerSettings(token="secret-secret-secret"))


def test_every_error_has_a_status() -> None:
    for name in st.errors.__all__:
        status = status_of(getattr(st.errors, name)("x"))
        assert 400 <= status <= 504
    assert status_of(st.GalleryDamagedError("x")) == 500
    assert status_of(st.EndpointError("x")) == 502
    assert status_of(st.BrokenImageError("x")) == 422


# -- batching --------------------------------------------------------------------------------------


def at_once(work: Callable[[int], object], count: int) -> list[object]:
    """Call ``work`` with 0 … count − 1 in threads that begin together."""
    barrier = threading.Barrier(count)
    results: list[object] = [None] * count

    def run(number: int) -> None:
        barrier.wait()
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Slow:
    """Doubles numbers; counts calls; the first one lasts until all inputs are there."""

    def __init__(self, inputs: int = 0) -> None:
        self.calls: list[list[int]] = []
        self.running = 0
        self.waiting: Callable[[], int] = lambda: 0
        self.inputs = inputs

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.running += 1
        assert self.running == 1, "two calls at a time"
        while not self.calls and len(numbers) + self.waiting() < self.inputs:
            time.sleep(0.001)
        self.calls.append(list(numbers))
        self.running -= 1
        if 13 in numbers:
            raise ValueError("thirteen")
        return [2 * number for number in numbers]


def batcher(function: Slow, **options: object) -> Batcher[int, int]:
    run = Batcher(function, **{"max_inputs": 8, "seconds": 0.05, "busy": lambda: 6, **options})  # type: ignore[arg-type]
    function.waiting = lambda: sum(len(job.inputs) for job in run._waiting)
    return run


def test_simultaneous_requests_are_one_call() -> None:
    slow = Slow(inputs=12)
    run = batcher(slow)
    assert at_once(lambda n: run([n, n + 100]), 6) == [[2 * n, 2 * n + 200] for n in range(6)]
    assert len(slow.calls) < 6
    assert max(map(len, slow.calls)) <= 8
    assert sorted(n for call in slow.calls for n in call) == sorted([*range(6), *range(100, 106)])


def test_a_bad_input_fails_alone() -> None:
    slow = Slow(inputs=6)
    run = batcher(slow)
    results = at_once(lambda n: run([n + 10]), 6)
    assert [type(result) for result in results].count(ValueError) == 1
    assert isinstance(results[3], ValueError)
    assert results[5] == [30]


def test_a_lone_request_does_not_wait_and_large_ones_are_not_split() -> None:
    slow = Slow()
    run = batcher(slow, seconds=60.0, busy=lambda: 1)
    assert run(list(range(20, 40))) == [2 * n for n in range(20, 40)]
    assert slow.calls == [list(range(20, 40))]


def wrap(encoder: DualEncoder) -> BatchingEncoder:
    return batching(
        encoder, seconds=0.02, texts=16, images=4, busy=lambda: 8, observe=lambda kind, count: None
    )


@pytest.mark.parametrize("make", [HashEncoder, MiniEncoder])
def test_batched_vectors_are_those_of_the_encoder(make: Callable[[], DualEncoder]) -> None:
    inner = make()
    encoder = wrap(inner)
    texts = [
        [f"a {w} dress", f"{w} on a beach at night", "red"] for w in ("red", "blue", "old", "wet")
    ]
    for vectors, text_list in zip(
        at_once(lambda n: encoder.encode_texts(texts[n]), 4), texts, strict=True
    ):
        np.testing.assert_array_equal(vectors, inner.encode_texts(text_list))
    images = [noise(n, 64 + n, 48) for n in range(4)]
    boxes = [ViewRecipe(count=1 + n % 2).boxes(*image.size, b"") for n, image in enumerate(images)]
    views = at_once(lambda n: encoder.encode_views([images[n]], [boxes[n]]), 4)
    for vectors, image, each in zip(views, images, boxes, strict=True):
        np.testing.assert_array_equal(vectors, inner.encode_views([image], [each]))
    assert isinstance(inner, ConceptReader)
    read = at_once(lambda n: encoder.read_concepts([images[n]]), 4)  # type: ignore[attr-defined]
    assert read == [inner.read_concepts([image]) for image in images]
    assert encoder.encode_texts([]).shape == (0, inner.dim)
    assert encoder.encode_views([], []).shape[0] == 0


def test_texts_and_concepts_are_remembered_within_bounds() -> None:
    inner = CountingEncoder()
    encoder = wrap(inner)
    for _ in range(3):
        encoder.encode_texts(["red", "blue", "red"])
    assert inner.texts == ["red", "blue"]
    for number in range(30_000):
        encoder.text_vectors.put(str(number), np.zeros(64, np.float32), 600)
    assert encoder.text_vectors.bytes <= encoder.text_vectors.room


def test_a_batching_encoder_can_what_its_encoder_can() -> None:
    class Bare:
        name, weights_tag, dim, decode_side, fingerprint = "bare", "none", 2, 32, "f"

        def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
            return np.ones((len(texts), 2), np.float32)

        def encode_views(self, images: object, boxes: object) -> np.ndarray:
            return np.ones((1, 1, 2), np.float32)

    for encoder in (Bare(), HashEncoder(), MiniEncoder()):
        wrapped = wrap(encoder)
        for protocol in (DualEncoder, ConceptReader, TextLimits, DenseEncoder):
            assert isinstance(wrapped, protocol) is isinstance(encoder, protocol)
    mini = wrap(MiniEncoder())
    assert mini.context_length == 128  # type: ignore[attr-defined]
    assert mini.count_tokens(["a red dress"]) == [5]  # type: ignore[attr-defined]
    mini.warm_up()
    image = Image.new("RGB", (64, 64), "red")
    assert mini.encode_dense_views([image], [[ViewBox()]]).shape == (1, 1, 384)  # type: ignore[attr-defined]


# -- the executor --------------------------------------------------------------------------------------


class Asker:
    """A request whose client leaves when told to."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, str]:
        await self.gone.wait()
        return {"type": "http.disconnect"}


def executor(**options: object) -> RequestExecutor:
    return RequestExecutor("test", **{"threads": 1, "queue": 1, "deadline": 60.0, **options})  # type: ignore[arg-type]


def test_a_full_queue_is_refused_and_a_deadline_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        counter, begun, release = executor(deadline=0.05), threading.Event(), threading.Event()
        done: list[int] = []
        deadlines_pass_after(begun.wait, monkeypatch)

        def work(number: int) -> int:
            begun.set()
            assert release.wait(60)
            done.append(number)
            return number

        tasks = [
            asyncio.ensure_future(counter.run(Asker(), lambda n=n: work(n)))  # type: ignore[misc, arg-type]
            for n in range(3)
        ]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [
            DeadlineError,
            DeadlineError,
            QueueFullError,
        ]
        release.set()
        counter.close()
        assert done == [0]  # begun work was finished, waiting work dropped
        assert counter.held == 0

    asyncio.run(run())


def test_work_of_a_client_that_left_is_dropped_if_it_has_not_begun() -> None:
    async def run() -> None:
        counter, release = executor(), threading.Event()
        done: list[str] = []
        first, second = Asker(), Asker()
        task = asyncio.ensure_future(
            counter.run(first, lambda: (release.wait(60), done.append("a")))  # type: ignore[arg-type, func-returns-value]
        )
        two = asyncio.ensure_future(counter.run(second, lambda: done.append("b")))  # type: ignore[arg-type]
        second.gone.set()
        with pytest.raises(ClientLeftError):
            await two
        assert counter.held == 1
        release.set()
        await task
        assert await counter.run(Asker(), lambda: "c") == "c"  # type: ignore[arg-type]
        counter.close()
        assert (done, counter.held) == (["a"], 0)

    asyncio.run(run())


def test_an_error_of_the_work_comes_through() -> None:
    async def run() -> None:
        counter = executor()
        with pytest.raises(ZeroDivisionError):
            await counter.run(Asker(), lambda: 1 // 0)  # type: ignore[arg-type]
        counter.close()
        assert counter.held == 0

    asyncio.run(run())
