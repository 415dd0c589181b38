"""What a user searches for, as one value."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from stitch_cir.composers import (
    Caption,
    Composition,
    Conversation,
    Phrase,
    Roles,
    edit_captions,
    find_mentions,
    phrases,
)
from stitch_cir.errors import QueryError
from stitch_cir.gallery import FacetRequest
from stitch_cir.searcher._reference import References, WeightedReference

__all__ = [
    "MAX_AVOIDED",
    "MAX_REFERENCES",
    "MAX_TURNS",
    "Query",
    "QueryParts",
    "empty_query_error",
    "weighted",
]

MAX_AVOIDED = 16
"""Phrases of what a query avoids."""
MAX_OFFSET = 10**9
"""Hits that can be left out at the beginning, at most."""
MAX_OBJECT = 60
"""Characters of the name of an object."""
MAX_REFERENCES = 16
"""References of one query."""
MAX_TURNS = 16
"""Earlier turns of one query."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to search for: an image like the reference, changed as the text says.

    Parameters
    ----------
    references:
        The image to start from: a gallery id, a path, an open Pillow image, a
        :class:`ResolvedReference`, or ``None``; or a sequence of up to 16 of them, each alone or as
        a :class:`WeightedReference`. Those that are images of the gallery are left out of the
        ranking with their byte-identical duplicates, unless the settings keep them.
    text:
        The modification. Without it the references' own view sets are searched with; without a
        reference the text alone describes the image. White space at both ends is removed. It may
        name several references: "the dress of the first in the colour of the second".
    captions:
        Target captions to search with instead of composed ones: texts, or captions with weights.
    negatives:
        Gallery ids of rejected images: the query moves away from their mean, and they and their
        byte-identical duplicates are left out of the ranking.
    object:
        What the (first) reference shows, e.g. ``"dress"``: composers use it instead of its captions
        and of what the encoder recognises. At most 60 characters.
    facets:
        Attributes to count over the images that take part, or where the settings have a minimal
        score over those that reach it: ``brand``, ``price:0,50,100``, ``taken:year``.
    offset:
        How many of the best hits to leave out: those of the pages before.
    cursor:
        ``next_cursor`` of the page before, instead of an offset: it also says when the gallery is
        no longer the same.
    turns:
        Modifications of earlier turns that still hold, oldest first, at most 16; ``text`` is the
        newest. To take one back, leave it out.
    avoid:
        What the hits should not show, e.g. ``"stripes"``: texts, or phrases with weights, at most
        16. Every scorer takes it off the score, ``settings.forbidden_weight`` times.
    roles:
        Phrases by role for the scorer ``roles``, instead of the composer's: those of an earlier
        composition, to be sent back beside its captions, or others.

    Raises ``QueryError`` without reference, text, turns and captions, for captions without visible
    characters or with a weight that is negative or not finite, for an object without reference, for
    a text that names a reference of which there are fewer, for an offset below 0 or beside a
    cursor, and for what :class:`stitch_cir.composers.Roles` refuses.
    """

    references: References = field(default=())
    text: str = ""
    captions: Sequence[str | Caption] = ()
    negatives: Sequence[str] = ()
    object: str = ""
    facets: Sequence[str | FacetRequest] = ()
    offset: int = 0
    cursor: str = ""
    turns: Sequence[str] = ()
    avoid: Sequence[str | Phrase] = ()
    roles: Roles | None = None

    def __post_init__(self) -> None:
        """Normalise every part, and check that there is something to search for."""
        builtins.object.__setattr__(self, "references", weighted(self.references))
        builtins.object.__setattr__(self, "text", (self.text or "").strip())
        turns = (self.turns,) if isinstance(self.turns, str) else self.turns
        stripped = (turn.strip() for turn in turns)
        builtins.object.__setattr__(self, "turns", tuple(turn for turn in stripped if turn))
        negatives = (self.negatives,) if isinstance(self.negatives, str) else self.negatives
        builtins.object.__setattr__(self, "negatives", tuple(negatives))
        facets = (self.facets,) if isinstance(self.facets, (str, FacetRequest)) else self.facets
        builtins.object.__setattr__(self, "facets", tuple(facets))
        builtins.object.__setattr__(self, "avoid", phrases(self.avoid, "avoid"))
        if self.roles is not None and not isinstance(self.roles, Roles):
            raise QueryError(
                f"roles is {type(self.roles).__name__}, which holds no roles.",
                hint="Make them with Roles(desired=…), or Roles.from_dict(…) of JSON.",
            )
        written = self.user_composition()
        builtins.object.__setattr__(self, "captions", () if written is None else written.captions)
        if not (self.weighted_references or self.modification or self.captions):
            raise empty_query_error()
        if len(self.weighted_references) > MAX_REFERENCES or len(self.turns) > MAX_TURNS:
            raise QueryError(
                f"There are {len(self.weighted_references)} references and {len(self.turns)} "
                "earlier turns.",
                hint=f"A query has at most {MAX_REFERENCES} references and {MAX_TURNS} turns.",
            )
        if len(self.avoid) > MAX_AVOIDED:
            raise QueryError(
                f"{len(self.avoid)} phrases are to be avoided.",
                hint=f"A query has at most {MAX_AVOIDED}.",
            )
        self._check_mentions()
        self._check_object()
        self._check_page()

    @property
    def weighted_references(self) -> tuple[WeightedReference, ...]:
        """Every reference with its weight, in the order in which the text may number them."""
        references = self.references
        assert isinstance(references, tuple)
        return references

    @property
    def conversation(self) -> Conversation:
        """All that the user says, oldest first, without the references."""
        return Conversation(requests=tuple(filter(None, (*self.turns, self.text))))

    @property
    def modification(self) -> str:
        """The text, behind the earlier turns that it leaves standing; "" where there is none."""
        return self.conversation.modification

    def _check_mentions(self) -> None:
        count = len(self.weighted_references)
        for request in self.conversation.requests if count > 1 else ():
            for mention in find_mentions(request, count):
                if mention.number > count:
                    raise QueryError(
                        f"The text names {mention.words!r}, but there are only {count} references.",
                        hint="Give one reference more, or name one of those.",
                    )

    def _check_object(self) -> None:
        name = " ".join((self.object or "").split())
        builtins.object.__setattr__(self, "object", name)
        if name and not self.weighted_references:
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

    @property
    def avoided(self) -> tuple[Phrase, ...]:
        """What the hits should not show, as phrases."""
        avoided = self.avoid
        assert isinstance(avoided, tuple)
        return avoided

    def user_composition(self) -> Composition | None:
        """Return the user's captions as a composition, or ``None`` where there are none."""
        if not self.captions:
            return None
        empty = Composition(captions=(), modification=self.modification, composer="user")
        return edit_captions(empty, self.captions)


class QueryParts(TypedDict, total=False):
    """The parts of a :class:`Query` besides its references, by which :func:`search` makes one."""

    text: str
    captions: Sequence[str | Caption]
    negatives: Sequence[str]
    object: str
    facets: Sequence[str | FacetRequest]
    offset: int
    cursor: str
    turns: Sequence[str]
    avoid: Sequence[str | Phrase]
    roles: Roles | None


def weighted(references: References) -> tuple[WeightedReference, ...]:
    """Return one reference or several as a tuple; each gets a weight, ``None`` is left out."""
    several = references if isinstance(references, (list, tuple)) else (references,)
    return tuple(
        each if isinstance(each, WeightedReference) else WeightedReference(each)
        for each in several
        if each is not None
    )


def empty_query_error() -> QueryError:
    """Return the error for a query without reference and text."""
    return QueryError(
        "There is nothing to search for: no reference image and no text.",
        hint="Give a reference, a text that says what should change, or both.",
    )
