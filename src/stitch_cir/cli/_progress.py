"""How far long work is, on stderr: a bar with the rate and the time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stitch_cir.cli._exit import printable
from stitch_cir.cli._output import console

if TYPE_CHECKING:
    from stitch_cir.gallery import ProgressEvent

__all__ = ["counter", "progress_bar"]


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[ProgressEvent], None]]:
    """Draw progress on stderr: count, rate, time left, skipped files as they are met."""
    if quiet:
        yield lambda event: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    err = console(err=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("· left:"),
        TimeRemainingColumn(),
        console=err,
        transient=not err.is_terminal,
    )
    tasks: dict[str, Any] = {}

    def follow(event: ProgressEvent) -> None:
        if event.skipped:
            name = printable(str(event.path))
            err.print(f"skipped {name}: {printable(event.skipped)}", style="yellow")
        if event.stage not in tasks:
            bar.start()
            tasks[event.stage] = bar.add_task(event.stage, total=event.total, rate="")
        task = tasks[event.stage]
        speed = bar.tasks[task].speed
        bar.update(
            task,
            description=", ".join(filter(None, (event.stage, event.detail))),
            completed=event.done,
            total=event.total,
            rate="" if speed is None else _rate(speed),
        )

    try:
        yield follow
    finally:
        if tasks:
            bar.stop()


def _rate(speed: float) -> str:
    return f"{speed:.0f}/s" if speed >= 2 else f"{60 * speed:.0f}/min"


@contextmanager
def counter(stage: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Draw the same progress for work that only counts: ``tell(done, total)``."""
    from stitch_cir.gallery import ProgressEvent

    with progress_bar(quiet=quiet) as follow:
        yield lambda done, total: follow(ProgressEvent(stage=stage, done=done, total=total))
