"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stitch_cir.candidates import CandidateSource
    from stitch_cir.gallery import Gallery
    from stitch_cir.searcher import Query, WeightedReference

__all__ = [
    "AnswerOptions",
    "AvoidOption",
    "CandidateOptions",
    "CaptionOption",
    "ComposedOption",
    "EncoderOption",
    "EncodingOptions",
    "GalleryArgument",
    "JsonOption",
    "ModificationOptions",
    "ObjectOption",
    "QueryOptions",
    "QuietOption",
    "ReferenceOption",
    "ReferenceWeightOption",
    "RerankerOptions",
    "TextArgument",
    "TurnOption",
]

GalleryArgument = Annotated[
    Path, typer.Argument(metavar="GALLERY", help="An indexed folder, or a gallery directory.")
]
TextArgument = Annotated[
    str | None,
    typer.Argument(metavar="TEXT", help="What should be different, e.g. “in red instead”."),
]
ReferenceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        "-r",
        metavar="PATH|ID",
        help="The image you point at; repeatable, and TEXT may say “the first”, “the second”.",
    ),
]
ReferenceWeightOption = Annotated[
    list[float] | None,
    typer.Option(
        "--reference-weight",
        metavar="NUMBER",
        help="How much a reference counts beside the others: one for each -r, in their order.",
    ),
]
TurnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--turn",
        metavar="TEXT",
        help="A text of an earlier turn that still holds, oldest first; repeatable.",
    ),
]
ObjectOption = Annotated[
    str | None,
    typer.Option(
        "--object",
        metavar="NAME",
        help="What the reference shows, where it is misread: --object dress.",
    ),
]
AvoidOption = Annotated[
    list[str] | None,
    typer.Option(
        "--avoid",
        metavar="TEXT",
        help="What the hits should not show, e.g. stripes; repeatable (--forbidden-weight).",
    ),
]
CaptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--caption", "-c", help="Use this target caption instead of composing; repeatable."
    ),
]
ComposedOption = Annotated[
    str | None,
    typer.Option(
        "--composed",
        metavar="NAME",
        help="What encodes reference and text together, with --composed-weight: sum, model (the "
        "gallery's), sentence-transformers:… or http://HOST/v1#MODEL. [model where it can, or sum]",
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="mini, a name of `stitch models`, a folder of model files, onnx:…, transformers:…, "
        "open_clip:MODEL/PRETRAINED, sentence-transformers:… or http://HOST/v1#MODEL. [the "
        "gallery's own, or mini]",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


@dataclass(frozen=True)
class ModificationOptions:
    """What captions are composed of."""

    text: TextArgument = None
    reference: ReferenceOption = None
    reference_weight: ReferenceWeightOption = None
    turn: TurnOption = None
    object: ObjectOption = None

    def weighted_references(self) -> list[WeightedReference]:
        """Pair references with weights. Raises ``SettingError`` unless all or none have one."""
        from stitch_cir.errors import SettingError
        from stitch_cir.searcher import WeightedReference

        names, numbers = self.reference or [], self.reference_weight or []
        if numbers and len(numbers) != len(names):
            raise SettingError(
                f"There are {len(names)} references (-r) and {len(numbers)} weights.",
                hint="Give one --reference-weight for each -r, in their order, or none.",
            )
        return [
            WeightedReference(name, weight)
            for name, weight in zip(names, numbers or [1.0] * len(names), strict=True)
        ]

    def open(self, gallery: Path, encoder: str | None, *, texts: bool) -> Gallery:
        """Open the gallery; with ``texts`` its text model opens meanwhile, if there is a text."""
        from stitch_cir.cli._open import open_gallery

        return open_gallery(
            gallery,
            encoder,
            texts=texts and bool(self.text or self.turn),
            text=self.text,
            reference=next(iter(self.reference or ()), None),
        )


@dataclass(frozen=True)
class QueryOptions(ModificationOptions):
    """What is searched for."""

    caption: CaptionOption = None
    avoid: AvoidOption = None
    negative: Annotated[
        list[str] | None,
        typer.Option("--negative", metavar="ID", help="Search away from this image; repeatable."),
    ] = None

    def query(self) -> Query:
        """Return the query."""
        from stitch_cir.searcher import Query

        return Query(
            self.weighted_references(),
            self.text or "",
            self.caption or (),
            self.negative or (),
            object=self.object or "",
            turns=self.turn or (),
            avoid=self.avoid or (),
        )


@dataclass(frozen=True)
class CandidateOptions:
    """Which other system names the images of a shortlist."""

    candidates: Annotated[
        str | None,
        typer.Option(
            "--candidates",
            metavar="NAME",
            help="A vector database that names the shortlist: qdrant, or one of another package. "
            "Results are not exact then. [none]",
        ),
    ] = None
    candidate_option: Annotated[
        list[str] | None,
        typer.Option(
            "--candidate-option",
            metavar="NAME=VALUE",
            help="Of that database, e.g. url=http://localhost:6333 or collection=photos; "
            "repeatable.",
        ),
    ] = None

    def make(self) -> CandidateSource | None:
        """Make the source, where one is named. Raises ``SettingError`` for options without one."""
        from stitch_cir.cli._setting_options import named_values
        from stitch_cir.errors import SettingError
        from stitch_cir.plugins import CANDIDATE_SOURCES

        options = named_values("--candidate-option", self.candidate_option or [])
        if self.candidates is None:
            if options:
                raise SettingError(
                    "--candidate-option belongs to a database, and none is named.",
                    hint="Name it: --candidates qdrant.",
                )
            return None
        source: CandidateSource = CANDIDATE_SOURCES.make(self.candidates, **options)
        return source


@dataclass(frozen=True)
class RerankerOptions:
    """Who judges the best hits."""

    reranker: Annotated[
        str,
        typer.Option("--reranker", metavar="NAME", help="chat, or one of another package."),
    ] = "chat"
    rerank_model: Annotated[
        str | None,
        typer.Option("--rerank-model", metavar="NAME", help="The reranker's model. [--model]"),
    ] = None
    rerank_samples: Annotated[
        int, typer.Option("--rerank-samples", help="Answers a hit; more give a share of yes.")
    ] = 1


@dataclass(frozen=True)
class EncodingOptions:
    """What encodes images and texts, apart and together."""

    encoder: EncoderOption = None
    composed: ComposedOption = None


@dataclass(frozen=True)
class AnswerOptions:
    """How a command that works for a while reports."""

    quiet: QuietOption = False
    as_json: JsonOption = False
