"""``stitch caption``: captions and attributes for every image, written by a multimodal model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli import _endpoint_options as e
from stitch_cir.cli import _options as o
from stitch_cir.cli._exit import EXIT_SKIPPED, guard, printable
from stitch_cir.cli._files import (
    check_output,
    make_folder_of,
    notify,
    refuse_inputs,
    save_text,
)
from stitch_cir.cli._output import console, emit_json
from stitch_cir.cli._progress import progress_bar
from stitch_cir.cli._setting_options import with_options

if TYPE_CHECKING:
    from stitch_cir.captioning import CaptionReport, GalleryCaptioner

__all__ = ["caption"]


@dataclass(frozen=True)
class WritingOptions:
    """What becomes of the captions."""

    weight: Annotated[
        int,
        typer.Option(
            "--weight",
            metavar="N",
            help="As how many views a caption counts, 0 to 10; with 0 only attributes are written.",
        ),
    ] = 1
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write all captions to this JSONL file, as `stitch index --captions` reads it.",
        ),
    ] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate calls and tokens; send no request.")
    ] = False


@dataclass(frozen=True)
class CaptionerOptions:
    """Who writes the captions."""

    model: e.ModelOption = None
    base_url: e.BaseUrlOption = None
    prompt: e.PromptOption = None
    temperature: e.TemperatureOption = None
    top_p: e.TopPOption = None
    top_k: e.TopKOption = None
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", help="New tokens an image. [400]")
    ] = None
    seed: e.SeedOption = None
    retries: Annotated[
        int,
        typer.Option(
            "--retries", metavar="N", help="How often a malformed answer is requested again."
        ),
    ] = 2
    concurrency: e.ConcurrencyOption = 4
    model_timeout: e.ModelTimeoutOption = 120.0
    model_retries: e.ModelRetriesOption = 4
    cache: e.CacheOption = None
    offline: e.OfflineOption = False

    def make(self) -> GalleryCaptioner:
        """Make the captioner. Raises ``SettingError`` without a model."""
        from stitch_cir.captioning import GalleryCaptioner
        from stitch_cir.chat import Sampling, make_chat

        chat = make_chat(self.model, role="captioner", **e.set_options(**e.endpoint_options(self)))
        names = ("temperature", "top_p", "top_k", "seed")
        sampling = Sampling.from_preset(
            "paper",
            max_tokens=400 if self.max_tokens is None else self.max_tokens,
            **{name: getattr(self, name) for name in names},
        )
        return GalleryCaptioner(
            chat, sampling=sampling, retries=self.retries, **e.set_options(prompt=self.prompt)
        )


@with_options
def caption(
    gallery: o.GalleryArgument,
    writing: WritingOptions,
    encoder: o.EncoderOption = None,
    *,
    models: CaptionerOptions,
    answer: o.AnswerOptions,
) -> None:
    """Have a multimodal model write captions and attributes for every image.

    Captions become caption views of their images, attributes become attributes to filter by. Every
    answer is remembered: interrupt it whenever you like, the next run goes on. --dry-run says what
    it costs.

        stitch caption photos --model NAME --base-url http://localhost:8080/v1
    """
    with guard(as_json=answer.as_json):
        from stitch_cir.cli._open import open_gallery

        captioner = models.make()
        if writing.out is not None:
            check_output(writing.out)
        opened = open_gallery(gallery, encoder, texts=not writing.dry_run)
        if writing.out is not None:
            refuse_inputs(writing.out, opened, None)
        if writing.dry_run:
            estimate = captioner.estimate(opened)
            if answer.as_json:
                emit_json({"estimate": estimate.to_dict()})
            else:
                console().print(str(estimate).replace("queries", "images", 1), soft_wrap=True)
            return
        with progress_bar(quiet=answer.quiet or answer.as_json) as follow:
            report = captioner.caption(opened, weight=writing.weight, progress=follow)
        if writing.out is not None:
            make_folder_of(writing.out)
            save_text(writing.out, _lines(report))
        _show(report, answer)
        if writing.out is not None:
            notify(f"wrote {writing.out}, captions of {len(report.written):,} images")
        if report.failed:
            raise typer.Exit(EXIT_SKIPPED)


def _lines(report: CaptionReport) -> str:
    """Return one JSON object a line: id, captions, attributes, model and prompt."""
    return "".join(
        json.dumps(
            {
                "id": each.id,
                "captions": list(each.captions),
                "attributes": {name: list(texts) for name, texts in each.attributes.items()},
                "model": each.model,
                "prompt": each.prompt,
            },
            ensure_ascii=False,
        )
        + "\n"
        for each in report.written
    )


def _show(report: CaptionReport, answer: o.AnswerOptions) -> None:
    if answer.as_json:
        emit_json(report.to_dict())
        return
    out = console()
    for id, reason in report.failed if answer.quiet else ():  # else shown as they were met
        out.print(f"without captions: {printable(id)}: {printable(reason)}", soft_wrap=True)
    for note in report.notes:
        out.print(f"note: {printable(note)}", soft_wrap=True)
    out.print(printable(report.summary()), soft_wrap=True)
