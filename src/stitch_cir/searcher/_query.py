"""What a user searches for, as one value."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from stitch_cir.composers import Caption, Composition, edit_captions
from stitch_cir.errors import QueryError
from stitch_cir.gallery import FacetRequest
from stitch_cir.searcher._reference import ReferenceLike

__all__ = ["Query", "QueryParts", "empty_query_error"]

MAX_OFFSET = 10**9
"""Hits that can be left out at the beginning, at most."""
MAX_OBJECT = 60
"""Characters of the name of an object."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for: an image like the reference, changed as the text says.

    Parameters
    ----------
    reference:
        A gallery id, a path, an open Pillow image, a :class:`ResolvedReference`, or ``None``.
        Where it is an image of the gallery, it and its byte-identical duplicates are left out of
        the ranking unless the settings keep them.
    text:
        The modification. Without it the reference's own view set is searched with; without a
        reference the text alone describes the image. White space at both ends is removed.
    captions:
        Target captions to search with instead of composed ones: texts, or captions with weights.
    negatives:
        Gallery ids of rejected images: the query moves away from their mean, and they and their
        byte-identical duplicates are left out of the ranking.
    object:
        What the reference shows, e.g. ``"dress"``: composers use it instead of its captions and of
        what the encoder recognises. At most 60 characters.
    facets:
        Attributes to count over the images that take part, or where the settings have a minimal
        score over those that reach it: ``brand``, ``price:0,50,100``, ``taken:year``.
    offset:
        How many of the best hits to leave out: those of the pages before.
    cursor:
        ``next_cursor`` of the page before, instead of an offset: it also says when the gallery is
        no longer the same.

    Raises ``QueryError`` without reference, text and captions, for captions without visible
    characters or with a weight that is negative or not finite, for an object without reference, and
    for an offset below 0 or beside a cursor.
    """

    reference: ReferenceLike = field(default=None)
    text: str = ""
    captions: Sequence[str | Caption] = ()
    negatives: Sequence[str] = ()
    object: str = ""
    facets: Sequence[str | FacetRequest] = ()
    offset: int = 0
    cursor: str = ""

    def __post_init__(self) -> None:
        """Normalise every part, and check that there is something to search for."""
        builtins.object.__setattr__(self, "text", (self.text or "").strip())
        negatives = (self.negatives,) if isinstance(self.negatives, str) else self.negatives
        builtins.object.__setattr__(self, "negatives", tuple(negatives))
        facets = (self.facets,) if isinstance(self.facets, (str, FacetRequest)) else self.facets
        builtins.object.__setattr__(self, "facets", tuple(facets))
        written = self.user_composition()
        builtins.object.__setattr__(self, "captions", () if written is None else written.captions)
        if self.reference is None and not self.text and not self.captions:
            raise empty_query_error()
        self._check_object()
        self._check_page()

    def _check_object(self) -> None:
        name = " ".join((self.object or "").split())
        builtins.object.__setattr__(self, "object", name)
        if name and self.reference is None:
            raise QueryError(
                f"The object {name!r} is named, but there is no reference that shows it.",
                hint="Give a reference, or say it in the text.",
            )
        if len(name) > MAX_OBJECT or not name.isprintable():
            raise QueryError(
                f"The object {name[:40]!r} is no short name ({len(name):,} characters).",
                hint=f'Name one thing in at most {MAX_OBJECT} characters, such as "dress".',
            )

    def _check_page(self) -> None:
        if not 0 <= self.offset <= MAX_OFFSET:
            raise QueryError(
                f"The offset is {self.offset}.", hint=f"It must be between 0 and {MAX_OFFSET:,}."
            )
        if self.offset and self.cursor:
            raise QueryError(
                "An offset is given beside a cursor, which has its own.", hint="Give one of them."
            )

    def user_composition(self) -> Composition | None:
        """Return the user's captions as a composition, or ``None`` where there are none."""
        if not self.captions:
            return None
        empty = Composition(captions=(), modification=self.text, composer="user")
        return edit_captions(empty, self.captions)


class QueryParts(TypedDict, total=False):
    """The parts of a :class:`Query`, by which :func:`search` makes one."""

    reference: ReferenceLike
    text: str
    captions: Sequence[str | Caption]
    negatives: Sequence[str]
    object: str
    facets: Sequence[str | FacetRequest]
    offset: int
    cursor: str


def empty_query_error() -> QueryError:
    """Return the error for a query without reference and text."""
    return QueryError(
        "There is nothing to search for: no reference image and no text.",
        hint="Give a reference, a text that says what should change, or both.",
    )
