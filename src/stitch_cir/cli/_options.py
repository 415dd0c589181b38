"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "AlphaOption",
    "CaptionOption",
    "ComposerOption",
    "CountOption",
    "EncoderOption",
    "ExcludeOption",
    "GalleryArgument",
    "IncludeOption",
    "IncludeReferenceOption",
    "JsonOption",
    "PresetOption",
    "QuietOption",
    "RecordedOption",
    "ReferenceOption",
    "ScorerOption",
    "TauOption",
    "TextArgument",
    "TransitionOption",
    "given",
]

GalleryArgument = Annotated[
    Path, typer.Argument(metavar="GALLERY", help="An indexed folder, or a gallery directory.")
]
TextArgument = Annotated[
    str | None,
    typer.Argument(metavar="TEXT", help="What should be different, e.g. “in red instead”."),
]
ReferenceOption = Annotated[
    str | None,
    typer.Option("--reference", "-r", metavar="PATH|ID", help="The picture you point at."),
]
CaptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--caption", "-c", help="Use this target caption instead of composing; repeatable."
    ),
]
ComposerOption = Annotated[
    str | None, typer.Option("--composer", help="Who writes the target captions. [template]")
]
RecordedOption = Annotated[
    Path | None,
    typer.Option("--recorded", metavar="FILE", help="Take compositions from this JSONL file."),
]
CountOption = Annotated[
    int | None, typer.Option("--captions", "-K", help="How many target captions (K). [5]")
]
TransitionOption = Annotated[
    str | None,
    typer.Option(
        "--transition", help="linear, none, text-only, pdv or semantic-increment. [linear]"
    ),
]
AlphaOption = Annotated[
    float | None,
    typer.Option("--alpha", help="Weight of the text in the transition, 0 to 1. [0.45]"),
]
ScorerOption = Annotated[
    str | None,
    typer.Option(
        "--scorer",
        help="conditional, sinkhorn, exact, chamfer, mean or point. [conditional]",
    ),
]
TauOption = Annotated[
    float | None, typer.Option("--tau", help="Temperature on raw cosine, above 0. [0.001]")
]
PresetOption = Annotated[str, typer.Option("--preset", help="paper or public-code.")]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", help="Rank only ids that match this pattern; repeatable."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="Leave out ids that match this pattern; repeatable."),
]
IncludeReferenceOption = Annotated[
    bool,
    typer.Option(
        "--include-reference", help="Keep the reference and its duplicates in the ranking."
    ),
]
EncoderOption = Annotated[
    str | None, typer.Option("--encoder", help="Name of the encoder. [the gallery's own, or mini]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


def given(**options: Any) -> dict[str, Any]:
    """Drop what the user did not give, so that presets decide it; lists become tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in options.items()
        if value is not None and value is not False and value != []
    }
