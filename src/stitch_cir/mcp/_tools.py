"""The three tools: search, compose, explain."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from itertools import chain
from typing import Annotated, Any, TypeVar

import PIL.Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ImageContent, TextContent
from pydantic import BaseModel

from stitch_cir.composers import Composer
from stitch_cir.errors import ImageError, StitchError
from stitch_cir.explain import caption_shares, draw_hit, fit, matches, summary
from stitch_cir.gallery import Gallery, PathMask
from stitch_cir.hints import one_line
from stitch_cir.images import open_image
from stitch_cir.mcp._answers import CaptionOut, Composed, Explained, Found, HitOut, Meeting
from stitch_cir.mcp._arguments import (
    MOST_HITS,
    MOST_SHOWN,
    Alpha,
    Captions,
    Count,
    Drawing,
    Id,
    K,
    LessLike,
    Reference,
    Shown,
    Text,
)
from stitch_cir.search import (
    Hit,
    Results,
    SearchSettings,
    Seen,
    compose,
    locate,
    look_up,
    required_image_side,
    search,
)

__all__ = ["Tools"]

F = TypeVar("F", bound=Callable[..., Any])

THUMBNAIL = 256
PICTURE_BYTES = 96 << 10
"""Characters that all pictures of one answer take together: it is read whole by a model."""


def _plainly(tool: F) -> F:
    """Turn the library's errors into tool errors with message and hint, without its paths."""

    @wraps(tool)
    def run(self: Tools, *args: Any, **kwargs: Any) -> Any:
        try:
            return tool(self, *args, **kwargs)
        except StitchError as error:
            said = self.hide(str(error))
            raise ToolError(f"{type(error).__name__}: {said}") from error

    return run  # type: ignore[return-value]


class Tools:
    """The tools of one gallery; may be called from several threads."""

    def __init__(self, gallery: Gallery, composer: Composer | None = None) -> None:
        """Ask ``gallery``; ``composer`` writes the captions (``None``: the template composer)."""
        self._gallery = gallery
        self._composer = composer
        self.hide = PathMask(gallery).hide

    @_plainly
    def search(
        self,
        text: Text = None,
        reference: Reference = None,
        k: K = None,
        captions: Captions = None,
        less_like: LessLike = None,
        alpha: Alpha = None,
        pictures: Shown = None,
    ) -> Annotated[CallToolResult, Found]:
        """Search the gallery for a picture like the reference, but changed as the text says.

        Without a reference it finds what the text describes; without a text, pictures like the
        reference. Gives ranked gallery ids with scores, and the best as thumbnails.
        """
        changed = {} if alpha is None else {"alpha": alpha}
        notes = []
        if k is not None and k > MOST_HITS:
            notes.append(f"k is {k}, but at most {MOST_HITS} hits are given.")
            k = MOST_HITS
        results = search(
            self._gallery,
            reference=self._look(reference),
            text=text or "",
            captions=captions or (),
            less_like=tuple(less_like or ()),
            composer=self._composer,
            settings=SearchSettings.from_preset("paper", k=k, **changed),
        )
        notes = self._notes(notes, results.notes)
        shown = results.hits[: min(4 if pictures is None else pictures, MOST_SHOWN)]
        return _answer(
            _table(results, notes),
            Found(
                hits=[self._hit(hit) for hit in results],
                captions=list(results.query.labels),
                ranked=results.ranked,
                notes=notes,
            ),
            [(f"#{hit.rank} {one_line(hit.id)}", _thumbnail(hit)) for hit in shown],
        )

    @_plainly
    def compose(
        self,
        text: Text = None,
        reference: Reference = None,
        captions: Count = None,
    ) -> Annotated[CallToolResult, Composed]:
        """Write the target captions of a search without searching.

        They can be edited and given back to search or explain.
        """
        made = compose(
            self._gallery,
            reference=self._look(reference),
            text=text or "",
            composer=self._composer,
            settings=SearchSettings(captions=5 if captions is None else captions),
        )
        notes = self._notes(made.notes)
        lines = [f"{number}. {text}" for number, text in enumerate(made.texts, 1)]
        return _answer(
            "\n".join([*lines, *notes]),
            Composed(
                captions=[CaptionOut(text=one.text, weight=one.weight) for one in made.captions],
                composer=made.composer,
                notes=notes,
            ),
        )

    @_plainly
    def explain(
        self,
        id: Id,
        text: Text = None,
        reference: Reference = None,
        captions: Captions = None,
        picture: Drawing = None,
    ) -> Annotated[CallToolResult, Explained]:
        """Explain why one image ranks where it does: which captions met which parts of it.

        Give the same text, reference and captions as in the search. The picture shows the matched
        parts as boxes, the match as a heat map, and what each caption gave to the score.
        """
        results = locate(
            self._gallery,
            id,
            reference=self._look(reference),
            text=text or "",
            captions=captions or (),
            composer=self._composer,
        )
        query, hit = results.query, results[0]
        told = summary(query, hit)
        gives = dict(zip(query.labels, caption_shares(hit).tolist(), strict=True))
        kind = picture or "matches"
        drawn = [] if kind == "none" else [("", draw_hit(query, hit, kind=kind))]
        notes = self._notes(results.notes)
        return _answer(
            "\n".join([told, *notes]),
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
                notes=notes,
            ),
            drawn,
        )

    def _notes(self, *notes: Iterable[str]) -> list[str]:
        """Return the notes of an answer and of the gallery, each once, without its paths."""
        return [self.hide(note) for note in dict.fromkeys(chain(*notes, self._gallery.notes))]

    def _look(self, reference: str | None) -> Seen | None:
        # by id only: an assistant must not read files of its choice
        if reference is None:
            return None
        return look_up(self._gallery, reference, side=required_image_side(self._composer))

    def _hit(self, hit: Hit) -> HitOut:
        return HitOut(
            rank=hit.rank,
            id=hit.id,
            score=round(hit.score, 6),
            best_view=hit.best_view.label,
            captions=list(hit.captions),
        )


def _table(results: Results, notes: Sequence[str]) -> str:
    lines = [f"{len(results)} hits of {results.ranked} images."]
    lines += [f"#{hit.rank}  {hit.score:.3f}  {one_line(hit.id)}" for hit in results]
    if results.query.composition is not None:
        lines += ["Searched with:", *(f"- {label}" for label in results.query.labels)]
    return "\n".join([*lines, *notes])


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
    room = PICTURE_BYTES // max(1, len(pictures))
    for name, picture in pictures:
        if name:
            shown = name if picture is not None else f"{name}: there is no picture to show"
            content.append(TextContent(text=shown))
        if picture is not None:
            content.append(_image(picture, room))
    return CallToolResult(content=content, structured_content=structured.model_dump())


def _image(picture: PIL.Image.Image, room: int) -> ImageContent:
    """Write a picture as JPEG in at most ``room`` characters, coarser or smaller where it must."""
    while True:
        for quality in (85, 70, 50):
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=quality, optimize=True)
            data = base64.b64encode(buffer.getvalue()).decode("ascii")
            if len(data) <= room or max(picture.size) <= 64:
                return ImageContent(data=data, mime_type="image/jpeg")
        picture = fit(picture, max(picture.size) * 3 // 4)
