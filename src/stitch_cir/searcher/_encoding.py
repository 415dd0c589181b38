"""From composed queries to the sets of vectors that a gallery is ranked by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stitch_cir.composers import Composition, Phrase
from stitch_cir.encoders import DualEncoder, TextLimits, encode_set
from stitch_cir.errors import NotFoundError, QueryError
from stitch_cir.gallery import GalleryReader
from stitch_cir.searcher._composed import Composing, encode_composed_sets
from stitch_cir.searcher._features import ComposedQuery, ComposedSet, QueryFeatures
from stitch_cir.searcher._hit import View
from stitch_cir.searcher._reference import ResolvedReference
from stitch_cir.searcher._roles import RoleVectors, role_vectors
from stitch_cir.views import content_key

__all__ = [
    "cut_notes",
    "distinct_texts",
    "encode_queries",
    "reference_vector",
]

_TEXTS = 256
"""Texts encoded between two steps of progress."""


def distinct_texts(queries: Iterable[ComposedQuery]) -> list[str]:
    """Return every text that the queries have encoded, once, in the order of its first use."""
    return list(dict.fromkeys(text for query in queries for text in query.texts()))


def encode_queries(
    gallery: GalleryReader,
    queries: Sequence[ComposedQuery],
    *,
    reference_images: bool = False,
    reference_views: bool = False,
    composing: Composing | None = None,
    text_encoder: DualEncoder | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[QueryFeatures]:
    """Encode queries with the gallery's encoder, every text once, in their order.

    ``reference_images``: whether a transition will need the vector of the reference image;
    ``reference_views``: whether a scorer will need its view set where something is to be preserved.
    ``composing``: the composed-query encoders whose vectors will be members of the queries.
    ``text_encoder``: encodes the texts instead, to the same vectors, such as one that keeps them.
    ``progress`` is called with (texts encoded, of how many).
    Raises ``NotFoundError`` where the views of a reference without text are gone.
    """
    texts = distinct_texts(queries)
    encoder = text_encoder or gallery.encoder
    vectors = np.empty((len(texts), encoder.dim), np.float32)
    order = list(range(len(texts)))
    if len(texts) > _TEXTS:
        # texts of about one length together: less padding, or fewer batches of one length
        order.sort(key=lambda row: len(texts[row]))
    for start in range(0, len(texts), _TEXTS):
        part = order[start : start + _TEXTS]
        vectors[part] = encoder.encode_texts([texts[row] for row in part])
        if progress is not None:
            progress(start + len(part), len(texts))
    row_of = {text: row for row, text in enumerate(texts)}
    described = [query for query in queries if query.composition is not None]
    composed: list[dict[str, ComposedSet]] = [{} for _ in described]
    if composing is not None and composing.encoders:
        of_parts = [
            (_any_vector(gallery, query), _text_vector(query, row_of, vectors))
            for query in described
        ]
        composed = encode_composed_sets(gallery, described, composing, of_parts)
    sets = iter(composed)
    features = []
    for query in queries:
        rows = vectors[[row_of[text] for text in query.texts()]]
        roles = role_vectors(query.roles, rows[len(rows) - len(query.roles.texts) :])
        if query.composition is None:
            made = _reference_features(gallery, query)
        else:
            image = reference_vector(gallery, query.references) if reference_images else None
            made = _caption_features(query, query.composition, rows, image, next(sets))
            if reference_views and query.roles.preserve and query.references:
                labels, views, weights = _view_set(gallery, query)
                shares = [1.0] * len(labels) if weights is None else weights.tolist()
                kept = tuple(map(Phrase, labels, shares))
                roles += (RoleVectors("reference", kept, views),)
        features.append(replace(made, roles=roles))
    return features


def _text_vector(
    query: ComposedQuery, row_of: Mapping[str, int], vectors: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """Return the vector of the text as it was written, where that is what was encoded."""
    row = row_of.get(query.text)
    return None if row is None else vectors[row]


def _any_vector(gallery: GalleryReader, query: ComposedQuery) -> NDArray[np.float32] | None:
    """Return the vector of the references: of their images, or else of their captions."""
    image = reference_vector(gallery, query.references)
    if image is not None or len(query.references) != 1:
        return image
    id = query.references[0].gallery_id
    views = [] if id is None else gallery.views(id)
    if not views:
        return None
    mean = np.mean([view.vector for view in views], axis=0, dtype=np.float64)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)


def _caption_features(
    query: ComposedQuery,
    composition: Composition,
    vectors: NDArray[np.float32],
    reference_image: NDArray[np.float32] | None,
    composed: Mapping[str, ComposedSet],
) -> QueryFeatures:
    """Sort the vectors of a query's texts into their parts."""
    count = len(composition.captions)
    first = count + bool(query.text)
    described = vectors[first : first + len(composition.reference_captions)]
    images = [] if reference_image is None else [reference_image]
    together = [each.vectors for each in composed.values()]
    return QueryFeatures(
        composition,
        query.references[0].name if query.references else None,
        query.text,
        composition.texts,
        vectors[:count],
        vectors[count] if query.text else None,
        described if len(described) else None,
        reference_image,
        references=_named_shares(query),
        requests=query.requests,
        span=np.vstack([vectors, *images, *together]) if images or together else vectors,
        composed=composed,
    )


def _named_shares(query: ComposedQuery) -> tuple[tuple[str, float], ...]:
    """Return the name of each reference with its share."""
    return tuple(zip((each.name for each in query.references), query.shares, strict=True))


def _reference_features(gallery: GalleryReader, query: ComposedQuery) -> QueryFeatures:
    """Return the views of references without text, as the gallery has them or encoded anew.

    The views of several references share the weight of theirs evenly.
    """
    if not query.references:
        raise QueryError("There is neither a composition nor a reference to search with.")
    name, named = query.references[0].name, _named_shares(query)
    labels, vectors, weights = _view_set(gallery, query)
    return QueryFeatures(None, name, "", labels, vectors, weights=weights, references=named)


def _view_set(
    gallery: GalleryReader, query: ComposedQuery
) -> tuple[tuple[str, ...], NDArray[np.float32], NDArray[np.float32] | None]:
    """Return labels, vectors (R, d) and weights of the views of all references.

    The weights are ``None`` for a single reference.
    """
    first, *others = [_views_of(gallery, each) for each in query.references]
    if not others:
        return *first, None
    parts = [first, *others]
    labels = tuple(
        f"{number}: {label}" for number, (labels, _) in enumerate(parts, 1) for label in labels
    )
    weights = [
        np.full(len(vectors), share / len(vectors), dtype=np.float32)
        for share, (_, vectors) in zip(query.shares, parts, strict=True)
    ]
    vectors = np.concatenate([vectors for _, vectors in parts])
    return labels, vectors, np.concatenate(weights)


def _views_of(
    gallery: GalleryReader, reference: ResolvedReference
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Return the labels and the vectors, (M, d), of the views of a reference."""
    views = [] if reference.gallery_id is None else gallery.views(reference.gallery_id)
    if views:
        labels = tuple(View(i, view.box, view.caption).label for i, view in enumerate(views))
        vectors = np.stack([view.vector for view in views]).astype(np.float32)
    elif reference.image is None:
        raise NotFoundError(f"The reference {reference.name!r} is no longer in the gallery.")
    else:
        image = reference.image
        boxes = gallery.recipe.boxes(*image.size, content_key(image))
        vectors = encode_set(gallery.encoder, gallery.recipe, [image], [boxes])[0]
        labels = tuple(View(i, box).label for i, box in enumerate(boxes))
    return labels, vectors


def reference_vector(
    gallery: GalleryReader, references: Sequence[ResolvedReference]
) -> NDArray[np.float32] | None:
    """Return the vector of the reference image, (d,) of unit length, or None without an image.

    Of several images it is the mean of their unit vectors by their weights, renormalised.
    Raises ``QueryError`` where opposite vectors leave nothing of it.
    """
    vectors = [(each.weight, _whole_view(gallery, each)) for each in references]
    present = [(weight, vector) for weight, vector in vectors if vector is not None]
    if len(present) < 2:
        return present[0][1] if present else None
    mean = np.sum([weight * vector.astype(np.float64) for weight, vector in present], axis=0)
    length = float(np.linalg.norm(mean)) / sum(weight for weight, _ in present)
    if length < 1e-6:
        raise QueryError(
            "The vectors of the references cancel each other out: nothing is left of their mean.",
            hint="Give them other weights, or leave one out.",
        )
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def _whole_view(gallery: GalleryReader, reference: ResolvedReference) -> NDArray[np.float32] | None:
    """Return the vector of the whole reference image, (d,), where there is an image."""
    views = [] if reference.gallery_id is None else gallery.views(reference.gallery_id)
    if views:
        first = views[0]
        return None if first.box is None else np.asarray(first.vector, dtype=np.float32)
    if reference.image is None:
        return None
    box = gallery.recipe.boxes(*reference.image.size, b"")[:1]
    encoded = gallery.encoder.encode_views([reference.image], [box])
    return np.asarray(encoded[0, 0], dtype=np.float32)


def cut_notes(encoder: DualEncoder, query: ComposedQuery) -> list[str]:
    """Return a note for each text of the query that is longer than the encoder reads."""
    if not isinstance(encoder, TextLimits):
        return []
    num_captions = 0 if query.composition is None else len(query.composition.captions)
    first_of_roles = len(query.texts()) - len(query.roles.texts)
    notes = []
    for number, count in enumerate(encoder.count_tokens(query.texts())):
        if count <= encoder.context_length:
            continue
        if number < num_captions:
            what = f"Caption {number + 1}"
        elif number >= first_of_roles:
            what = "A phrase of a role"
        elif query.text and number == num_captions:
            what = "The modification"
        else:
            what = "A caption of the reference"
        notes.append(
            f"{what} was cut: {count} tokens, {encoder.name} reads {encoder.context_length}."
        )
    return notes
