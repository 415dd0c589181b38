"""The three tools: search, compose, explain."""

from __future__ import annotations

import base64
import inspect
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from itertools import chain
from typing import Annotated, Any, TypeVar

import PIL.Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, ImageContent, TextContent

from stitch_cir._hints import one_line
from stitch_cir._schema import Setting
from stitch_cir.composers import Composer
from stitch_cir.errors import ClusterError, ImageError, StitchError
from stitch_cir.explain import draw_hit, fit
from stitch_cir.gallery import Gallery
from stitch_cir.images import open_image
from stitch_cir.mcp._arguments import (
    COMPOSING,
    EXPLAINING,
    MAX_HITS,
    MAX_THUMBNAILS,
    SEARCHING,
    CursorText,
    DrawingKind,
    Facets,
    Id,
    NumThumbnails,
    ObjectName,
    Offset,
    Reference,
    References,
    Text,
    ToolQuery,
    Turns,
    query_arguments,
    setting_argument,
)
from stitch_cir.mcp._current import CurrentGallery
from stitch_cir.searcher import Hit, Results, Searcher, SearchSettings, View
from stitch_cir.wire import (
    CompositionInfo,
    CutoffInfo,
    ExplanationSummary,
    FacetInfo,
    MatchInfo,
    QueryInfo,
    RankedImage,
    RankedImages,
    ReferenceShare,
    RoleShareInfo,
    ViewInfo,
    WireModel,
)

__all__ = ["Tools"]

F = TypeVar("F", bound=Callable[..., Any])

_THUMBNAIL_SIDE = 256
_THUMBNAILS = 4
_IMAGE_CHARACTERS = 96 << 10
"""Characters of all images of an answer together: a model reads it whole."""


def _as_tool(settings: Sequence[Setting]) -> Callable[[F], F]:
    """Add to a tool an argument for each of its settings, and turn the library's errors into its.

    These have message and hint, without the library's paths.
    """

    def decorate(method: F) -> F:
        signature = inspect.signature(method, eval_str=True)
        in_query = {each.name for each in query_arguments()}
        takes_query = "query" in signature.parameters

        @wraps(method)
        def run(self: Tools, **values: Any) -> Any:
            if takes_query:
                query = {name: values.pop(name) for name in in_query & values.keys()}
                values["query"] = ToolQuery(**query)
            try:
                return method(self, **values)
            except StitchError as error:
                message = self.hide_paths(str(error))
                raise ToolError(f"{type(error).__name__}: {message}") from error

        first, *others = [*signature.parameters.values()][:-1]
        parameters = [first]
        for each in others:
            by_name = each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters += query_arguments() if each.name == "query" else [by_name]
        parameters += map(setting_argument, settings)
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {
            **{each.name: each.annotation for each in parameters[1:]},
            "return": signature.return_annotation,
        }
        del run.__wrapped__
        return run  # type: ignore[return-value]

    return decorate


class Tools:
    """The tools of one gallery; may be called from several threads."""

    def __init__(self, current: CurrentGallery, composer: Composer | None = None) -> None:
        """Search a gallery; ``composer`` writes captions (``None``: the verbatim composer)."""
        self._current = current
        self._composer = composer
        self.hide_paths = current.hide_paths

    @_as_tool(SEARCHING)
    def search(
        self,
        query: ToolQuery,
        facets: Facets = None,
        offset: Offset = None,
        cursor: CursorText = None,
        images: NumThumbnails = None,
        **settings: Any,
    ) -> Annotated[CallToolResult, RankedImages]:
        """Search the gallery for an image like the reference, but changed as the text says.

        Without a reference it finds what the text describes; without a text, images like the
        reference. Returns ranked gallery ids with scores, and the best as thumbnails.
        """
        notes = []
        k = settings.get("k") or 0
        if k > MAX_HITS:
            notes.append(f"k is {k}, but at most {MAX_HITS} hits are given.")
            settings["k"] = MAX_HITS
        searcher = self._searcher(SearchSettings.from_preset(**settings))
        page = replace(
            query.query(searcher), facets=facets or (), offset=offset or 0, cursor=cursor or ""
        )
        results = searcher.search(page)
        notes = self._notes(searcher.gallery, notes, results.notes)
        missing: dict[str, Any] = {}
        if not results.complete:
            missing = {"complete": False, "missing": tuple(map(self.hide_paths, results.missing))}
        shown = results.hits[: min(_THUMBNAILS if images is None else images, MAX_THUMBNAILS)]
        return _answer(
            _table(results, notes),
            RankedImages(
                hits=tuple(_hit(hit) for hit in results),
                query=QueryInfo.model_validate(results.query.to_dict()),
                ranked=results.ranked,
                offset=results.offset,
                total=results.total,
                next_cursor=results.next_cursor,
                cutoff=(
                    None
                    if results.cutoff is None
                    else CutoffInfo.model_validate(results.cutoff.to_dict())
                ),
                facets=tuple(FacetInfo.model_validate(each.to_dict()) for each in results.facets),
                notes=tuple(notes),
                **missing,
            ),
            [(f"#{hit.rank} {one_line(hit.id)}", _thumbnail(hit)) for hit in shown],
        )

    @_as_tool(COMPOSING)
    def compose(
        self,
        text: Text = None,
        reference: Reference = None,
        references: References = None,
        turns: Turns = None,
        object: ObjectName = None,
        **settings: Any,
    ) -> Annotated[CallToolResult, CompositionInfo]:
        """Write the target captions of a search without searching.

        They can be edited and sent back to search or explain.
        """
        searcher = self._searcher(SearchSettings.from_preset(**settings))
        query = ToolQuery(text, reference, references, turns, object=object).query(searcher)
        composition = searcher.compose(query)
        notes = self._notes(searcher.gallery, composition.notes)
        lines = [f"{number}. {text}" for number, text in enumerate(composition.texts, 1)]
        return _answer(
            "\n".join([*lines, *notes]),
            CompositionInfo.model_validate({**composition.to_dict(), "notes": notes}),
        )

    @_as_tool(EXPLAINING)
    def explain(
        self,
        id: Id,
        query: ToolQuery,
        image: DrawingKind = None,
        **settings: Any,
    ) -> Annotated[CallToolResult, ExplanationSummary]:
        """Explain why one image ranks where it does: which captions matched which parts of it.

        Give the same text, references, turns, captions, negatives, object, avoid and settings as
        in the search. The drawing shows the matched parts as boxes, the match as a heat map, and
        each caption's share of the score.
        """
        searcher = self._searcher(SearchSettings.from_preset(**settings))
        results = searcher.explain(query.query(searcher), id)
        hit = results[0]
        kind = image or "matches"
        drawings = [] if kind == "none" else [("", draw_hit(hit, kind=kind))]
        explanation = ExplanationSummary(
            hit=_hit(hit),
            captions=hit.query.labels,
            weights=_rounded(hit.query.weights),
            matches=tuple(
                MatchInfo.model_validate({**match.to_dict(), "view": _view(match.view)})
                for match in hit.matches()
            ),
            shares=_rounded(hit.caption_shares()),
            references=tuple(
                ReferenceShare(name=name, share=round(share, 6))
                for name, share in hit.query.references
            ),
            roles=tuple(RoleShareInfo.model_validate(each.to_dict()) for each in hit.roles),
            summary=hit.summary(),
            notes=tuple(self._notes(searcher.gallery, results.notes)),
        )
        return _answer("\n".join([explanation.summary, *explanation.notes]), explanation, drawings)

    def _notes(self, gallery: Gallery, *notes: Iterable[str]) -> list[str]:
        """Return the notes of an answer and of the gallery, each once, without its paths."""
        try:
            of_gallery: Sequence[str] = gallery.notes
        except ClusterError as error:
            # the answer itself may need no shard, or was complete when one ended
            of_gallery = [f"The gallery's own notes are missing: {error.message}"]
        unique = dict.fromkeys(chain(*notes, of_gallery))
        return [self.hide_paths(note) for note in unique]

    def _searcher(self, settings: SearchSettings) -> Searcher:
        gallery = self._current.gallery()
        return Searcher(
            gallery,
            composer=self._composer,
            settings=settings,
            composed=self._current.composed(gallery),
        )


def _hit(hit: Hit) -> RankedImage:
    return RankedImage(
        rank=hit.rank,
        id=hit.id,
        score=round(hit.score, 6),
        best_view=_view(hit.best_view),
        captions=hit.captions,
        attributes=hit.attributes,
        group_images=hit.group_images,
        near_duplicates=hit.near_duplicates,
    )


def _view(view: View) -> ViewInfo:
    return ViewInfo.model_validate({**view.to_dict(), "label": view.label})


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)


def _table(results: Results, notes: Sequence[str]) -> str:
    first = f", from the {results.offset + 1:,}th on" if results.offset else ""
    lines = [f"{len(results)} hits of {results.total:,}{first}; {results.ranked:,} images ranked."]
    lines += [f"#{hit.rank}  {hit.score:.3f}  {one_line(hit.id)}" for hit in results]
    if results.query.composition is not None:
        lines += ["Searched with:", *(f"- {label}" for label in results.query.labels)]
    if results.cutoff is not None:
        lines += [results.cutoff.summary(), *results.cutoff.advice]
    if results.next_cursor is not None:
        lines.append(f"More with the same arguments and the cursor {results.next_cursor}")
    return "\n".join([*lines, *notes])


def _thumbnail(hit: Hit) -> PIL.Image.Image | None:
    if hit.path is None:
        return None
    side = _THUMBNAIL_SIDE
    try:
        return fit(open_image(hit.path, max_pixels=hit.max_pixels, decode_side=side), side)
    except ImageError:
        return None


def _answer(
    text: str,
    structured: WireModel,
    images: Sequence[tuple[str, PIL.Image.Image | None]] = (),
) -> CallToolResult:
    """Return text, then images with their names, and the same as data."""
    content: list[TextContent | ImageContent] = [TextContent(text=text)]
    limit = _IMAGE_CHARACTERS // max(1, len(images))
    for name, image in images:
        if name:
            line = name if image is not None else f"{name}: there is no image to show"
            content.append(TextContent(text=line))
        if image is not None:
            content.append(_image_content(image, limit))
    data = structured.model_dump(mode="json", exclude_unset=True)
    return CallToolResult(content=content, structured_content=data)


def _image_content(image: PIL.Image.Image, limit: int) -> ImageContent:
    """Return an image as JPEG in at most ``limit`` characters, coarser or smaller as needed."""
    while True:
        for quality in (85, 70, 50):
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality, optimize=True)
            data = base64.b64encode(buffer.getvalue()).decode("ascii")
            if len(data) <= limit or max(image.size) <= 64:
                return ImageContent(data=data, mime_type="image/jpeg")
        image = fit(image, max(image.size) * 3 // 4)
