"""The three tools: search, compose, explain."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, Literal, TypeVar

import PIL.Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ImageContent, TextContent
from pydantic import BaseModel, Field

from stitch_cir.composers import Composer
from stitch_cir.errors import ImageError, StitchError
from stitch_cir.explain import caption_shares, draw_hit, fit, matches, summary
from stitch_cir.gallery import Gallery
from stitch_cir.images import open_image
from stitch_cir.mcp._answers import CaptionOut, Composed, Explained, Found, HitOut, Meeting
from stitch_cir.search import (
    Hit,
    Results,
    SearchSettings,
    Seen,
    compose,
    locate,
    look_up,
    pixels_for,
    search,
)

__all__ = ["Tools"]

F = TypeVar("F", bound=Callable[..., Any])

Text = Annotated[
    str,
    Field(
        max_length=2000,
        description="What should change in the reference, e.g. 'in red instead'; without a "
        "reference, what the picture should show.",
    ),
]
Reference = Annotated[
    str | None, Field(description="Gallery id of the picture pointed at, as given by a search.")
]
Captions = Annotated[
    list[Annotated[str, Field(max_length=2000)]] | None,
    Field(max_length=64, description="Target captions to use instead of composed ones."),
]
Id = Annotated[str, Field(min_length=1, description="Gallery id of the image to explain.")]
K = Annotated[
    int | None, Field(ge=1, le=100, description="How many hits. [10, or the whole gallery]")
]
Shown = Annotated[int, Field(ge=0, le=20, description="How many hits to show as pictures.")]
LessLike = Annotated[
    list[str] | None, Field(max_length=100, description="Gallery ids of rejected pictures.")
]
Alpha = Annotated[
    float | None, Field(ge=0, le=1, description="Weight of the text over the captions. [0.45]")
]
Drawing = Annotated[
    Literal["all", "matches", "heatmap", "contributions", "none"],
    Field(description="The picture to draw."),
]

THUMBNAIL = 256


def _told(tool: F) -> F:
    """Turn the library's errors into tool errors with message and hint."""

    @wraps(tool)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return tool(*args, **kwargs)
        except StitchError as error:
            raise ToolError(f"{type(error).__name__}: {error}") from error

    return run  # type: ignore[return-value]


class Tools:
    """The tools of one gallery; may be called from several threads."""

    def __init__(self, gallery: Gallery, composer: Composer | None = None) -> None:
        """Ask ``gallery``; ``composer`` writes the captions (``None``: the template composer)."""
        self._gallery = gallery
        self._composer = composer

    @_told
    def search(
        self,
        text: Text = "",
        reference: Reference = None,
        k: K = None,
        captions: Captions = None,
        less_like: LessLike = None,
        alpha: Alpha = None,
        pictures: Shown = 4,
    ) -> Annotated[CallToolResult, Found]:
        """Search the gallery for a picture like the reference, but changed as the text says.

        Without a reference it finds what the text describes; without a text, pictures like the
        reference. Gives ranked gallery ids with scores, and the best as thumbnails.
        """
        changed = {} if alpha is None else {"alpha": alpha}
        results = search(
            self._gallery,
            reference=self._look(reference),
            text=text,
            captions=captions or (),
            less_like=tuple(less_like or ()),
            composer=self._composer,
            settings=SearchSettings.from_preset("paper", k=k, **changed),
        )
        shown = results.hits[:pictures]
        return _answer(
            _table(results),
            Found(
                hits=[self._hit(hit) for hit in results],
                captions=list(results.query.labels),
                ranked=results.ranked,
                notes=list(results.notes),
            ),
            [(f"#{hit.rank} {hit.id}", _thumbnail(hit)) for hit in shown],
        )

    @_told
    def compose(
        self,
        text: Text = "",
        reference: Reference = None,
        captions: Annotated[int, Field(ge=1, le=64, description="How many.")] = 5,
    ) -> Annotated[CallToolResult, Composed]:
        """Write the target captions of a search without searching.

        They can be edited and given back to search or explain.
        """
        made = compose(
            self._gallery,
            reference=self._look(reference),
            text=text,
            composer=self._composer,
            settings=SearchSettings(captions=captions),
        )
        return _answer(
            "\n".join(f"{number}. {text}" for number, text in enumerate(made.texts, 1)),
            Composed(
                captions=[CaptionOut(text=one.text, weight=one.weight) for one in made.captions],
                composer=made.composer,
                notes=list(made.notes),
            ),
        )

    @_told
    def explain(
        self,
        id: Id,
        text: Text = "",
        reference: Reference = None,
        captions: Captions = None,
        picture: Drawing = "all",
    ) -> Annotated[CallToolResult, Explained]:
        """Explain why one image ranks where it does: which captions met which parts of it.

        Give the same text, reference and captions as in the search. The picture shows the matched
        parts as boxes, the match as a heat map, and what each caption gave to the score.
        """
        results = locate(
            self._gallery,
            id,
            reference=self._look(reference),
            text=text,
            captions=captions or (),
            composer=self._composer,
        )
        query, hit = results.query, results[0]
        told = summary(query, hit)
        gives = dict(zip(query.labels, caption_shares(hit).tolist(), strict=True))
        drawn = [] if picture == "none" else [("", draw_hit(query, hit, kind=picture))]
        return _answer(
            told,
            Explained(
                rank=hit.rank,
                id=hit.id,
                score=hit.score,
                summary=told,
                gives={label: round(given, 6) for label, given in gives.items()},
                matches=[
                    Meeting(
                        caption=match.label,
                        view=match.view.label,
                        cosine=round(match.similarity, 6),
                        mass=round(match.mass, 6),
                    )
                    for match in matches(query, hit)
                ],
            ),
            drawn,
        )

    def _look(self, reference: str | None) -> Seen | None:
        # by id only: an assistant must not read files of its choice
        if reference is None:
            return None
        return look_up(self._gallery, reference, side=pixels_for(self._composer))

    def _hit(self, hit: Hit) -> HitOut:
        return HitOut(
            rank=hit.rank,
            id=hit.id,
            score=round(hit.score, 6),
            best_view=hit.best_view.label,
            captions=self._gallery.captions(hit.id),
        )


def _table(results: Results) -> str:
    lines = [f"{len(results)} hits of {results.ranked} images."]
    lines += [f"#{hit.rank}  {hit.score:.3f}  {hit.id}" for hit in results]
    if results.query.composition is not None:
        lines += ["Searched with:", *(f"- {label}" for label in results.query.labels)]
    return "\n".join([*lines, *results.notes])


def _thumbnail(hit: Hit) -> PIL.Image.Image | None:
    if hit.path is None:
        return None
    try:
        return fit(
            open_image(hit.path, max_pixels=hit.max_pixels, decode_side=THUMBNAIL), THUMBNAIL
        )
    except ImageError:
        return None


def _answer(
    text: str,
    structured: BaseModel,
    pictures: Sequence[tuple[str, PIL.Image.Image | None]] = (),
) -> CallToolResult:
    """Give text, then pictures with their names, and the same as data."""
    content: list[TextContent | ImageContent] = [TextContent(text=text)]
    for name, picture in pictures:
        if name:
            shown = name if picture is not None else f"{name}: there is no picture to show"
            content.append(TextContent(text=shown))
        if picture is not None:
            content.append(_image(picture))
    return CallToolResult(content=content, structured_content=structured.model_dump())


def _image(picture: PIL.Image.Image) -> ImageContent:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return ImageContent(data=data, mime_type="image/jpeg")
