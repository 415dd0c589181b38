"""What a composer receives of a query, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stitch_cir.composers import Composer, Composition, Conversation, Roles, compose_conversation
from stitch_cir.encoders import check_readable, language_notes
from stitch_cir.gallery import Gallery
from stitch_cir.searcher._features import ComposedQuery
from stitch_cir.searcher._query import Query
from stitch_cir.searcher._reference import ResolvedReference
from stitch_cir.searcher._settings import SearchSettings

__all__ = ["compose_query", "composed_query", "describe_query"]


def describe_query(
    gallery: Gallery, references: Sequence[ResolvedReference], query: Query
) -> Conversation:
    """Return what a composer receives: the references, described, and all turns."""
    described = [each.describe(gallery) for each in references]
    if query.object:
        described[0] = described[0].with_object(query.object)
    return replace(query.conversation, references=tuple(described))


def compose_query(
    gallery: Gallery,
    composer: Composer,
    references: Sequence[ResolvedReference],
    query: Query,
    num_captions: int,
) -> Composition:
    """Have a composer write the target captions; the user's own are ignored."""
    conversation = describe_query(gallery, references, query)
    composition = compose_conversation(composer, conversation, num_captions)
    notes = language_notes(gallery.encoder, query.modification)
    notes = (*notes, *(note for each in references for note in each.notes))
    chosen = {"object": query.object} if query.object else {}
    return replace(
        composition,
        notes=(*composition.notes, *notes),
        settings={**composition.settings, **chosen},
    )


def _readable_parts(composition: Composition) -> tuple[str, ...]:
    """Return the request and the captions that say more than it beside what the reference shows.

    Captions that repeat the request have words for the reference alone: where the encoder reads
    nothing of the request, what they find is not what the user wants.
    """
    request = composition.modification
    longest = max(request.split(), key=len, default="")[:20]
    if not longest:
        return composition.texts
    return (request, *(text for text in composition.texts if longest not in text))


def composed_query(
    gallery: Gallery,
    composer: Composer,
    references: tuple[ResolvedReference, ...],
    query: Query,
    settings: SearchSettings,
) -> ComposedQuery:
    """Return the query, ready to be encoded: with the user's captions, or composed ones.

    It has the roles that the settings' scorer uses, and what the user avoids. Raises what the
    composer raises, and ``QueryError`` for texts that the encoder cannot read, and for what is to
    be avoided though the query asks for it.
    """
    composition = query.user_composition()
    if composition is None and query.modification:
        composition = compose_query(gallery, composer, references, query, settings.num_captions)
    if composition is not None and query.roles is not None:
        composition = replace(composition, roles=query.roles)
    every = (Roles() if composition is None else composition.roles).avoiding(query.avoided)
    roles = every if settings.scores_roles else every.user_avoids()
    if composition is not None:
        check_readable(gallery.encoder, _readable_parts(composition))
    for avoided in query.avoided:
        check_readable(gallery.encoder, [avoided.text])
    requests = query.conversation.requests
    return ComposedQuery(
        references,
        query.text if composition is None or not query.turns else composition.modification,
        composition,
        requests if len(requests) > 1 else (),
        roles,
    )
