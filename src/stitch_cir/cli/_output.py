"""What commands show: rich tables for people, JSON for programs, a progress bar for long work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stitch_cir.cli._exit import plain
from stitch_cir.errors import SettingError

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console

    from stitch_cir.composers import Composition
    from stitch_cir.explain import Match
    from stitch_cir.gallery import ProgressEvent
    from stitch_cir.search import Hit, Results

__all__ = [
    "console",
    "counter",
    "emit_json",
    "progress_bar",
    "save_picture",
    "save_text",
    "show_composition",
    "show_matches",
    "show_results",
]


def console(*, err: bool = False) -> Console:
    """Make a console that never interprets markup found in file names or captions."""
    from rich.console import Console

    return Console(stderr=err, markup=False, highlight=False, emoji=False)


def emit_json(data: Any) -> None:
    """Write one JSON document to stdout."""
    text = json.dumps(data, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")


def show_composition(composition: Composition, out: Console) -> None:
    """List the target captions and what was understood."""
    for number, caption in enumerate(composition.captions, 1):
        weight = "" if caption.weight == 1.0 else f"  (weight {caption.weight:.2f})"
        out.print(f"  {number}. {plain(caption.text)}{weight}", soft_wrap=True)
    for note in composition.notes:
        out.print(f"     {plain(note)}", style="dim", soft_wrap=True)


def show_results(results: Results, out: Console) -> None:
    """Show a search: captions, a table of hits, and the settings that made them."""
    from rich.table import Table

    composition = results.query.composition
    if composition is not None:
        out.print(f"Target captions ({composition.composer}):", style="bold")
        show_composition(composition, out)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right")
    table.add_column("score", justify="right")
    table.add_column("image", overflow="fold")
    judged = results.verifier is not None
    if judged:
        table.add_column("verdict", justify="right")
    table.add_column("strongest view", style="dim", overflow="ellipsis", no_wrap=True)
    for hit in results:
        cells = [str(hit.rank), f"{hit.score:.3f}", plain(hit.id)]
        if judged:
            cells.append("" if hit.verdict is None else f"yes {hit.verdict.yes:.0%}")
        table.add_row(*cells, plain(hit.best_view.label))
    out.print(table)
    if not results.hits:
        out.print("No hit reaches the minimal score.")
    settings = results.settings
    bounded = f", {results.bounded} bounded" if results.bounded else ""
    line = (
        f"{results.scored} of {results.ranked} view sets scored exactly{bounded} · preset "
        f"{settings.preset} · {settings.method()} · {results.gallery.get('encoder')} "
        f"({results.gallery.get('weights_tag')})"
    )
    if results.query.composition is not None:
        line += sampled(results.query.composition)
    if results.verifier is not None:
        line += (
            f" · verified {settings.verify} by {results.verifier.get('model')}, weight "
            f"{settings.verify_weight:g}"
        )
    if results.shortlist_recall is not None:
        line += f" · shortlist kept {results.shortlist_recall:.0%} of the exhaustive hits"
    out.print(plain(line), style="dim")
    for name, used in results.usage.items():
        out.print(
            f"{name}: {used['asked']} answers asked for, {used['cached']} from the cache, "
            f"{used['prompt_tokens']:,} + {used['completion_tokens']:,} tokens",
            style="dim",
        )


def sampled(composition: Composition) -> str:
    """Say which model, prompt and sampling wrote the captions, if any did."""
    facts = composition.settings
    drawn = facts.get("sampling")
    if not isinstance(drawn, dict):
        return ""
    return (
        f" · {facts.get('model')}, prompt {facts.get('prompt')}, temperature "
        f"{drawn['temperature']:g}, top-p {drawn['top_p']:g}, top-k {drawn['top_k']}, at most "
        f"{drawn['max_tokens']} tokens, seed {drawn['seed']}"
    )


def show_matches(found: tuple[Match, ...], hit: Hit, out: Console) -> None:
    """Show a plan as a table: who matched whom, and how much."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (
        ("mass", "right"),
        ("cosine", "right"),
        ("forward", "right"),
        ("backward", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("caption", overflow="fold")
    table.add_column("view", overflow="fold")
    for match in found:
        table.add_row(
            f"{match.mass:.1%}",
            f"{match.similarity:.3f}",
            f"{match.forward:.2f}",
            f"{match.backward:.2f}",
            f"{match.caption + 1}. {plain(match.label)}",
            f"{match.view.index}. {plain(match.view.label)}",
        )
    out.print(table)
    from stitch_cir.explain import caption_shares

    parts = " + ".join(f"{float(share):.3f}" for share in caption_shares(hit))
    out.print(f"score {hit.score:.3f} = {parts} (what each caption gives)", style="dim")


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
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        transient=not err.is_terminal,
    )
    tasks: dict[str, Any] = {}

    def follow(event: ProgressEvent) -> None:
        if event.skipped:
            name = plain(str(event.path))
            err.print(f"skipped {name}: {plain(event.skipped)}", style="yellow", soft_wrap=True)
        if event.stage not in tasks:
            bar.start()
            tasks[event.stage] = bar.add_task(event.stage, total=event.total, rate="")
        task = tasks[event.stage]
        speed = bar.tasks[task].speed
        bar.update(
            task,
            completed=event.done,
            total=event.total,
            rate="" if speed is None else f"{speed:.0f}/s",
        )

    try:
        yield follow
    finally:
        if tasks:
            bar.stop()


@contextmanager
def counter(stage: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Draw the same progress for work that only counts: ``tell(done, total)``."""
    from stitch_cir.gallery import ProgressEvent

    with progress_bar(quiet=quiet) as follow:
        yield lambda done, total: follow(ProgressEvent(stage=stage, done=done, total=total))


def save_text(path: Path, text: str) -> None:
    """Write a text file; ``SettingError`` when that is impossible."""
    _save(path, lambda: path.write_text(text, encoding="utf-8"))


def save_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture in the format of the file's ending; ``SettingError`` when impossible."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise SettingError(
            f"{path} has no ending of a picture that can be written.",
            hint="Name the file .png, .jpg or .webp.",
        )
    _save(path, lambda: picture.save(path))


def _save(path: Path, write: Callable[[], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
    except OSError as error:
        raise SettingError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Choose a file in a folder that can be written.",
        ) from error
