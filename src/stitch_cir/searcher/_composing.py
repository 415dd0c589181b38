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
        check_readable(gallery.encoder, composition.texts)
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
