"""Images under way share a budget of memory, whatever the number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest
from PIL import Image

from stitch_cir.errors import MemoryLimitError, SettingError
from stitch_cir.gallery import ProgressEvent, index_folder
from stitch_cir.gallery.index import MEGABYTE, MemoryBudget, default_memory
from tests.gallery.fakes import FakeEncoder
from tests.gallery.faults import folder_run

TOTAL = 100 * MEGABYTE


class Counted(MemoryBudget):
    """Remembers the most that was in use, and how many were decoded at once."""

    made: ClassVar[list[Counted]] = []

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self.most = self.at_once = 0
        self.needs: list[int] = []
        self.made.append(self)

    @contextmanager
    def decoding(self, number: int, need: int) -> Iterator[None]:
        with super().decoding(number, need):
            self.needs.append(need)
            self.most = max(self.most, self.in_use)
            self.at_once = max(self.at_once, self._decoding)
            yield


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    monkeypatch.setattr(folder_run, "MemoryBudget", Counted)
    monkeypatch.setattr(Counted, "made", [])
    return Counted.made


@pytest.mark.parametrize("workers", [1, 8])
def test_threads_share_a_budget(
    folder: Path, encoder: FakeEncoder, counted: list[Counted], workers: int
) -> None:
    for number in range(8):
        Image.new("RGBA", (1000, 1000), (number, 0, 0, 200)).save(folder / f"{number}.png")
    report = index_folder(folder, encoder=encoder, workers=workers, memory=TOTAL)
    (budget,) = counted
    assert (report.added, report.skipped) == (13, ())
    large = max(budget.needs)
    assert 20 * MEGABYTE < large < TOTAL / 2
    assert budget.most <= TOTAL
    assert budget.at_once <= workers
    assert budget.in_use == 0


def test_what_is_too_large_alone_is_left_out_by_name(
    folder: Path, encoder: FakeEncoder, counted: list[Counted]
) -> None:
    Image.new("RGBA", (3000, 3000)).save(folder / "large.png")
    report = index_folder(folder, encoder=encoder, memory=64 * MEGABYTE)
    ((id, reason),) = report.skipped
    assert id == "large.png"
    assert reason.startswith("the file is too large: decoding it takes about ")
    assert "allowed are 64 MB. Scale it down, or allow more with --memory" in reason
    # another run, or another machine, may have more
    assert index_folder(folder, encoder=encoder, memory=500 * MEGABYTE).added == 1


def test_large_results_are_handed_over_early_and_end(
    folder: Path, encoder: FakeEncoder, counted: list[Counted]
) -> None:
    encoder.decode_side = 1000  # nothing gets smaller: the results fill the budget
    for number in range(8):
        Image.new("RGB", (1500, 1000), (number, 0, 0)).save(folder / f"{number}.png")
    report = index_folder(folder, encoder=encoder, workers=8, memory=64 * MEGABYTE)
    (budget,) = counted
    assert (report.added, report.skipped) == (13, ())
    assert budget.in_use == 0
    assert max(encoder.batches) < 16
    # all that is held, and the one that everything waits for
    assert budget.most <= 64 * MEGABYTE + 2 * max(budget.needs)


def test_waiting_for_room() -> None:
    budget = MemoryBudget(TOTAL)
    entered, leave = threading.Event(), threading.Event()
    order: list[str] = []

    def first() -> None:
        with budget.decoding(0, 60 * MEGABYTE):
            entered.set()
            leave.wait()
            order.append("first")

    def second() -> None:
        with budget.decoding(1, 60 * MEGABYTE):
            order.append("second")

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(first)]
        entered.wait()
        running.append(pool.submit(second))
        leave.set()
        for future in running:
            future.result()
    assert order == ["first", "second"]
    assert budget.in_use == 0


def test_the_next_image_is_not_locked_out_by_those_that_wait_for_it() -> None:
    budget = MemoryBudget(TOTAL)
    holds = [budget.hold(50 * MEGABYTE) for _ in range(2)]
    budget.advance(7)
    with budget.decoding(7, 90 * MEGABYTE):
        assert budget.in_use == 190 * MEGABYTE
    for hold in holds:
        hold.release()
        hold.release()
    assert budget.in_use == 0


def test_nobody_waits_for_a_closed_budget() -> None:
    budget = MemoryBudget(TOTAL)
    budget.hold(TOTAL)
    budget.close()
    with pytest.raises(CancelledError), budget.decoding(1, MEGABYTE):
        pass
    with pytest.raises(MemoryLimitError), budget.decoding(1, TOTAL + 1):
        pass


@pytest.mark.parametrize(
    ("limit", "budget"),
    [("2147483648", 1 << 30), ("1000000", 64 * MEGABYTE), ("max", None), ("", None)],
)
def test_a_container_has_less(limit: str, budget: int | None, tmp_path: Path) -> None:
    file = tmp_path / "memory.max"
    without = default_memory([])
    file.write_text(limit)
    assert default_memory([file]) == min(without, budget or without)


def test_too_small_a_budget_is_refused(folder: Path, encoder: FakeEncoder) -> None:
    with pytest.raises(SettingError, match="memory for images is 1 MB. It must be at least 64"):
        index_folder(folder, encoder=encoder, memory=MEGABYTE)
    assert not (folder / ".stitch").exists()
    assert 64 * MEGABYTE <= default_memory() <= 4000 * MEGABYTE


def test_an_interruption_ends_those_that_wait_for_room(
    folder: Path, encoder: FakeEncoder, counted: list[Counted]
) -> None:
    encoder.decode_side = 1000
    for number in range(8):
        Image.new("RGB", (1500, 1000), (number, 0, 0)).save(folder / f"{number}.png")

    def interrupt(event: ProgressEvent) -> None:
        if event.stage == "indexing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(folder, encoder=encoder, workers=8, memory=64 * MEGABYTE, progress=interrupt)
    assert counted[0]._decoding == 0
    report = index_folder(folder, encoder=encoder, workers=8, memory=64 * MEGABYTE)
    assert report.images == 13
