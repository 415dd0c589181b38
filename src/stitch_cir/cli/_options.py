"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from stitch_cir.errors import SettingError

__all__ = [
    "AlphaOption",
    "BetaOption",
    "CaptionOption",
    "EncoderOption",
    "EpsilonOption",
    "ExcludeOption",
    "FacetOption",
    "GainOption",
    "GalleryArgument",
    "GroupByOption",
    "GroupSizeOption",
    "HubnessNeighboursOption",
    "HubnessOption",
    "ImageWeightOption",
    "IncludeOption",
    "IncludeReferenceOption",
    "JsonOption",
    "LossOption",
    "NegativeOption",
    "NegativeWeightOption",
    "NumCaptionsOption",
    "PresetOption",
    "QuietOption",
    "ReferenceOption",
    "RerankModelOption",
    "RerankOption",
    "RerankSamplesOption",
    "RerankWeightOption",
    "RerankerOption",
    "ScaleOption",
    "ScorerOption",
    "ScorerOptionOption",
    "TauOption",
    "TextArgument",
    "TransitionOption",
    "TransitionOptionOption",
    "WhereOption",
    "drop_unset",
    "plug_in_options",
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
    typer.Option("--reference", "-r", metavar="PATH|ID", help="The image you point at."),
]
CaptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--caption", "-c", help="Use this target caption instead of composing; repeatable."
    ),
]
NumCaptionsOption = Annotated[
    int | None, typer.Option("--num-captions", "-K", help="How many target captions (K). [5]")
]
TransitionOption = Annotated[
    str | None,
    typer.Option(
        "--transition", help="linear, away, none, text-only, pdv or semantic-increment. [linear]"
    ),
]
AlphaOption = Annotated[
    float | None,
    typer.Option("--alpha", help="Weight of the text in the transition, 0 to 1. [0.45]"),
]
BetaOption = Annotated[
    float | None,
    typer.Option("--beta", help="How much of the reference `away` takes off, 0 to 1. [0.1]"),
]
ScaleOption = Annotated[
    float | None,
    typer.Option("--scale", help="How far `pdv` steps along the change; 1 is as composed. [1.4]"),
]
ImageWeightOption = Annotated[
    float | None,
    typer.Option(
        "--image-weight", help="Weight of the moved reference image in `pdv`, 0 to 1. [0.25]"
    ),
]
GainOption = Annotated[
    float | None,
    typer.Option("--gain", help="What a rising score counts in `semantic-increment`. [0.13]"),
]
LossOption = Annotated[
    float | None,
    typer.Option("--loss", help="What a falling score counts in `semantic-increment`. [2.1]"),
]
HubnessOption = Annotated[
    float | None,
    typer.Option(
        "--hubness-weight", help="Take this times its hubness off an image's score; 0 is off. [0]"
    ),
]
HubnessNeighboursOption = Annotated[
    int | None,
    typer.Option("--hubness-neighbours", help="Neighbours that hubness averages over. [200]"),
]
ObjectOption = Annotated[
    str | None,
    typer.Option(
        "--object",
        metavar="NAME",
        help="What the reference shows, where it is misread: --object dress.",
    ),
]
NegativeOption = Annotated[
    list[str] | None,
    typer.Option("--negative", metavar="ID", help="Search away from this image; repeatable."),
]
NegativeWeightOption = Annotated[
    float | None, typer.Option("--negative-weight", help="Weight of --negative, 0 to 1000. [0.3]")
]
ScorerOption = Annotated[
    str | None,
    typer.Option(
        "--scorer",
        help="conditional, sinkhorn, exact, chamfer, mean or point. [conditional]",
    ),
]
TransitionOptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--transition-option",
        metavar="NAME=VALUE",
        help="A setting of a transition of another package; repeatable.",
    ),
]
ScorerOptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--scorer-option",
        metavar="NAME=VALUE",
        help="A setting of a scorer of another package; repeatable.",
    ),
]
TauOption = Annotated[
    float | None, typer.Option("--tau", help="Temperature on raw cosine, above 0. [0.001]")
]
EpsilonOption = Annotated[
    float | None,
    typer.Option(
        "--epsilon", help="Entropy of `sinkhorn`, in units of cosine, at least 1e-6. [0.01]"
    ),
]
PresetOption = Annotated[str, typer.Option("--preset", help="paper, public-code or captions.")]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", help="Rank only ids that match this pattern; repeatable."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="Leave out ids that match this pattern; repeatable."),
]
WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Rank only images whose attributes meet it, such as: brand = 'Acme' and not sold",
    ),
]
GroupByOption = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="ATTRIBUTE",
        help="Only the best image of each group, such as the variants of a product.",
    ),
]
GroupSizeOption = Annotated[
    int | None,
    typer.Option("--group-size", help="With --group-by: how many images of each group. [1]"),
]
FacetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--facet",
        metavar="ATTRIBUTE",
        help="Count its values among the images: brand, price:0,50,100, taken:year; repeatable.",
    ),
]
IncludeReferenceOption = Annotated[
    bool,
    typer.Option(
        "--include-reference", help="Keep the reference and its duplicates in the ranking."
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="mini, a name of `stitch models`, a folder of model files, onnx:…, transformers:… or "
        "open_clip:MODEL/PRETRAINED. [the gallery's own, or mini]",
    ),
]
RerankOption = Annotated[
    int, typer.Option("--rerank", metavar="N", help="Ask a model about the best N hits. [0]")
]
RerankerOption = Annotated[
    str,
    typer.Option("--reranker", metavar="NAME", help="chat, or one of another package."),
]
RerankModelOption = Annotated[
    str | None,
    typer.Option("--rerank-model", metavar="NAME", help="The reranker's model. [--model]"),
]
RerankWeightOption = Annotated[
    float | None,
    typer.Option("--rerank-weight", help="Weight of its answer beside the score. [1]"),
]
RerankSamplesOption = Annotated[
    int, typer.Option("--rerank-samples", help="Answers a hit; more give a share of yes.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


def plug_in_options(option: str, pairs: list[str] | None) -> dict[str, Any] | None:
    """Read NAME=VALUE pairs, values as JSON where they are, else as text; ``None`` without any.

    Raises ``SettingError`` for a pair without a name or value.
    """
    if not pairs:
        return None
    options: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not name or not value:
            raise SettingError(
                f"{option} is {pair!r}.", hint=f"Write {option} NAME=VALUE, for example depth=3."
            )
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def drop_unset(**options: Any) -> dict[str, Any]:
    """Drop what the user did not give, so that presets decide it; lists become tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in options.items()
        if value is not None and value is not False and value != []
    }
