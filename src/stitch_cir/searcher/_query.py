"""From a reference and a text to the set of vectors that is searched with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir._hints import similar_path
from stitch_cir.composers import Composition, Reference
from stitch_cir.concepts import Concept
from stitch_cir.encoders import ConceptReader, DualEncoder, TextLimits, encode_set, encoder_notes
from stitch_cir.errors import ImageError, NotFoundError, QueryError, VectorError
from stitch_cir.gallery import GalleryReader
from stitch_cir.images import MAX_PIXELS, open_image, open_regular, to_srgb
from stitch_cir.searcher._results import Query, View
from stitch_cir.searcher._suggest import suggest_ids
from stitch_cir.transition import Transition
from stitch_cir.views import content_key

__all__ = [
    "Encoded",
    "ReferenceLike",
    "Seen",
    "build_query",
    "look_at",
    "look_at_upload",
    "look_up",
    "query_texts",
]


@dataclass(frozen=True, slots=True)
class Seen:
    """A reference that was found: what it is called, its picture, its place in the gallery.

    ``gallery_id`` is set when the gallery holds it (by id, by path, or by equal content);
    ``own_ids`` are all gallery ids with that content, to be left out of the ranking; ``content`` is
    the SHA-256 of its file.
    """

    name: str
    image: Image.Image | None
    gallery_id: str | None
    own_ids: tuple[str, ...]
    notes: tuple[str, ...] = ()
    content: str | None = None

    def describe(self, gallery: GalleryReader) -> Reference:
        """Tell a composer all that is known: the picture, its captions, what the encoder sees."""
        captions = () if self.gallery_id is None else tuple(gallery.captions(self.gallery_id))
        concepts: tuple[Concept, ...] = ()
        if self.image is not None and isinstance(gallery.encoder, ConceptReader):
            concepts = gallery.encoder.read_concepts([self.image])[0]
        return Reference(self.name, self.image, captions, concepts, self.content)


ReferenceLike: TypeAlias = str | Path | Image.Image | Seen | None
"""A gallery id, a path, an open picture, one already looked at, or nothing."""


def look_at(gallery: GalleryReader, reference: ReferenceLike, *, side: int = 0) -> Seen | None:
    """Find and open a reference; gallery ids win over paths of the same name.

    Its shorter side is decoded with at least ``side`` pixels, and as many as the encoder needs.
    Raises ``NotFoundError`` when it is neither, ``ImageError`` when the file cannot be opened.
    """
    if reference is None or isinstance(reference, Seen):
        return reference
    if isinstance(reference, Image.Image):
        return Seen("(picture)", to_srgb(reference), None, ())
    side = max(side, gallery.encoder.decode_side)
    gallery_id = gallery.resolve(reference)
    if gallery_id is not None:
        return _from_gallery(gallery, gallery_id, side)
    path = Path(reference)
    if not path.exists():
        raise NotFoundError(
            f"The reference {str(reference)!r} is neither an image of the gallery nor a file.",
            hint=_meant(gallery, str(reference))
            or "Give a path to a picture, or an id as printed by a search.",
        )
    with open_regular(path) as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    image = open_image(path, max_pixels=gallery.max_pixels, decode_side=side)
    return _outside(gallery, str(reference), image, content)


def _meant(gallery: GalleryReader, name: str) -> str:
    """Return which image or file was probably meant, or ""."""
    if name.partition("://")[0] in ("http", "https"):
        return "Addresses are not opened: save the picture, and give its file."
    ids = suggest_ids(gallery, name)
    near = None if ids else similar_path(name)
    return ids if near is None else f"Did you mean '{near}'?"


def look_up(gallery: GalleryReader, id: str, *, side: int = 0) -> Seen:
    """Look at an image of the gallery; unlike in :func:`look_at`, ``id`` is never taken for a path.

    Raises ``NotFoundError`` when the gallery has no such id.
    """
    known = gallery.match(id)
    if known is None:
        raise NotFoundError(
            f"The gallery {gallery.directory} has no image {id!r}.",
            hint=suggest_ids(gallery, id) or "Give an id as printed by a search.",
        )
    return _from_gallery(gallery, known, max(side, gallery.encoder.decode_side))


def look_at_upload(
    gallery: GalleryReader,
    name: str,
    content: bytes,
    *,
    side: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> Seen:
    """Look at the bytes of a picture's file, as :func:`look_at` does with a file outside.

    Raises ``ImageError`` when they are no picture that can be opened, or of more than
    ``max_pixels``.
    """
    side = max(side, gallery.encoder.decode_side)
    image = open_image(content, max_pixels=max_pixels, decode_side=side)
    return _outside(gallery, name, image, hashlib.sha256(content).hexdigest())


def _outside(gallery: GalleryReader, name: str, image: Image.Image, content: str) -> Seen:
    twins = tuple(gallery.ids_with_content(content))
    return Seen(name, image, twins[0] if twins else None, twins, _notes_of(image), content)


def _from_gallery(gallery: GalleryReader, id: str, side: int) -> Seen:
    own = (id, *gallery.duplicates(id))
    path = gallery.path(id)
    if path is None:
        return Seen(id, None, id, own)
    try:
        image = open_image(path, max_pixels=gallery.max_pixels, decode_side=side)
    except ImageError as error:
        # the vectors are still here, so only the words about the picture are missing
        return Seen(id, None, id, own, (f"The reference's file could not be opened: {error}",))
    return Seen(id, image, id, own, _notes_of(image), gallery.content_hash(id))


def _notes_of(image: Image.Image) -> tuple[str, ...]:
    return (image.info["note"],) if "note" in image.info else ()


@dataclass(frozen=True, slots=True)
class Encoded:
    """A composed query as vectors, before any transition.

    ``captions``: (K, d) float32 unit rows f(t_k); ``modification``: (d,) f(m), or None without a
    text; ``before``: (R, d), captions of the unchanged reference, or None; ``image``: (d,), the
    reference's original view where it was asked for.
    """

    composition: Composition
    reference: str | None
    text: str
    captions: NDArray[np.float32]
    modification: NDArray[np.float32] | None
    before: NDArray[np.float32] | None
    image: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        composition: Composition,
        reference: str | None,
        text: str,
        vectors: NDArray[np.float32],
        image: NDArray[np.float32] | None = None,
    ) -> Encoded:
        """Sort the vectors of :func:`query_texts` into their parts."""
        count = len(composition.captions)
        before = vectors[count + bool(text) :]
        return cls(
            composition,
            reference,
            text,
            vectors[:count],
            vectors[count] if text else None,
            before if len(before) else None,
            image,
        )

    def refine(self, transition: Transition) -> Query:
        """Apply a transition. Raises ``QueryError`` for weights that cannot be marginals."""
        refined = transition.refine(
            self.captions,
            self.modification,
            reference_captions=self.before,
            reference_image=self.image,
        )
        refined = np.ascontiguousarray(refined, dtype=np.float32)
        if transition.keeps_captions:
            if len(refined) != len(self.captions):
                raise VectorError(
                    f"The transition {transition.name} made {len(refined)} vectors of "
                    f"{len(self.captions)} captions.",
                    hint="One that does not keep the captions says so: keeps_captions = False.",
                )
            labels = self.composition.texts
            weights = np.asarray([one.weight for one in self.composition.captions], np.float32)
        else:
            labels = tuple(self.text for _ in range(len(refined)))
            weights = np.ones(len(refined), np.float32)
        total = float(weights.sum())
        if not np.isfinite(total) or total <= 0 or bool((weights < 0).any()):
            raise QueryError(
                f"The captions' weights {weights.tolist()} are not usable.",
                hint="Every weight must be a finite number of at least 0, one of them above 0.",
            )
        return Query(
            refined,
            weights / np.float32(total),
            labels,
            self.composition,
            self.reference,
            self.text or None,
            self.before if transition.combines_scores else None,
        )


def query_texts(composition: Composition, text: str) -> list[str]:
    """Give what of a query is encoded: captions, the modification if any, the captions before."""
    said = [composition.intent or text] if text else []
    return [*composition.texts, *said, *composition.reference_captions]


def build_query(
    gallery: GalleryReader,
    seen: Seen | None,
    text: str | None,
    composition: Composition | None,
    transition: Transition,
) -> tuple[Query, tuple[str, ...]]:
    """Encode captions and modification, apply the transition; or take the reference's own views."""
    name = None if seen is None else seen.name
    notes = (*(() if seen is None else seen.notes), *encoder_notes(gallery.encoder))
    if composition is None:
        assert seen is not None
        vectors, labels = _reference_set(gallery, seen)
        even = np.full(len(vectors), 1.0 / len(vectors), dtype=np.float32)
        return Query(vectors, even, labels, None, name, None), notes

    encoder = gallery.encoder
    wording = (text or "").strip()
    texts = query_texts(composition, wording)
    notes = (*notes, *_cut_texts(encoder, texts, len(composition.captions), bool(wording)))
    image = _original_view(gallery, seen) if seen and transition.needs_reference_image else None
    encoded = Encoded.of(composition, name, wording, encoder.encode_texts(texts), image)
    return encoded.refine(transition), notes


def _cut_texts(
    encoder: DualEncoder, texts: Sequence[str], captions: int, modified: bool
) -> list[str]:
    """Say which texts are longer than the encoder reads."""
    if not isinstance(encoder, TextLimits):
        return []
    notes = []
    for number, count in enumerate(encoder.count_tokens(texts)):
        if count <= encoder.context_length:
            continue
        if number < captions:
            what = f"Caption {number + 1}"
        elif modified and number == captions:
            what = "The modification"
        else:
            what = "A caption of the reference"
        notes.append(
            f"{what} was cut: {count} tokens, {encoder.name} reads {encoder.context_length}."
        )
    return notes


def _reference_set(
    gallery: GalleryReader, seen: Seen
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    views = [] if seen.gallery_id is None else gallery.views(seen.gallery_id)
    if views:
        labels = tuple(View(i, view.box, view.caption).label for i, view in enumerate(views))
        return np.stack([view.vector for view in views]).astype(np.float32), labels
    if seen.image is None:
        raise NotFoundError(f"The reference {seen.name!r} is no longer in the gallery.")
    boxes = gallery.recipe.boxes(*seen.image.size, content_key(seen.image))
    vectors = encode_set(gallery.encoder, gallery.recipe, [seen.image], [boxes])[0]
    return vectors, tuple(View(i, box).label for i, box in enumerate(boxes))


def _original_view(gallery: GalleryReader, seen: Seen) -> NDArray[np.float32] | None:
    """Give the vector of the whole reference picture, (d,), where there is a picture."""
    views = [] if seen.gallery_id is None else gallery.views(seen.gallery_id)
    if views:
        first = views[0]
        return None if first.box is None else np.asarray(first.vector, dtype=np.float32)
    if seen.image is None:
        return None
    box = gallery.recipe.boxes(*seen.image.size, b"")[:1]
    return np.asarray(gallery.encoder.encode_views([seen.image], [box])[0, 0], dtype=np.float32)
