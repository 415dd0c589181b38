"""The reference of a query: found by id, by path, or in the bytes of an upload."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import TypeAlias

from PIL import Image

from stitch_cir._hints import escape_surrogates, similar_path
from stitch_cir.composers import Reference
from stitch_cir.concepts import Concept
from stitch_cir.encoders import ConceptReader, DualEncoder
from stitch_cir.errors import ImageError, NotFoundError, QueryError
from stitch_cir.gallery import GalleryReader
from stitch_cir.images import MAX_PIXELS, open_image, open_regular, to_srgb

__all__ = [
    "ReferenceLike",
    "References",
    "ResolvedReference",
    "WeightedReference",
    "gallery_id_of",
    "resolve_id",
    "resolve_reference",
    "resolve_references",
    "resolve_upload",
    "suggest_ids",
]


@dataclass(frozen=True, slots=True)
class ResolvedReference:
    """A reference that was looked up: its name, its image, its entry in the gallery.

    ``image`` is None where there is none, or where it cannot be opened. ``gallery_id`` is set when
    the gallery holds the image (by id, by path, or by equal content); ``excluded_ids`` are all
    gallery ids with that content, which are left out of the ranking; ``content`` is the SHA-256 of
    its file; ``weight`` is how much it counts beside other references.
    """

    name: str
    image: Image.Image | None = None
    gallery_id: str | None = None
    excluded_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    content: str | None = None
    weight: float = 1.0

    @classmethod
    def of_file(
        cls, name: str, content: bytes, *, side: int, max_pixels: int = MAX_PIXELS
    ) -> ResolvedReference:
        """Open the bytes of an image file that need not be in any gallery.

        Its shorter side is decoded with at least ``side`` pixels. Raises ``ImageError``.
        """
        image = open_image(content, max_pixels=max_pixels, decode_side=side)
        digest = hashlib.sha256(content).hexdigest()
        return cls(name, image, notes=_image_notes(image), content=digest)

    def describe(self, gallery: GalleryReader) -> Reference:
        """Return what a composer receives: image, captions, and what the encoder reads in it."""
        captions = () if self.gallery_id is None else tuple(gallery.captions(self.gallery_id))
        return self.described_by(gallery.encoder, captions)

    def described_by(self, encoder: DualEncoder, captions: Sequence[str] = ()) -> Reference:
        """Return what a composer receives where these captions are those of the reference."""
        concepts: tuple[Concept, ...] = ()
        if self.image is not None and isinstance(encoder, ConceptReader):
            concepts = encoder.read_concepts([self.image])[0]
        captions = tuple(captions)
        return Reference(self.name, self.image, captions, concepts, self.content, self.weight)


ReferenceLike: TypeAlias = str | Path | Image.Image | ResolvedReference | None
"""A gallery id, a path, an open image, a resolved reference, or nothing."""


@dataclass(frozen=True, slots=True)
class WeightedReference:
    """One of several references: an image and how much it counts beside the others.

    Only the ratios of the weights count. Raises ``QueryError`` for a weight that is not a finite
    number above 0.
    """

    image: ReferenceLike
    weight: float = 1.0

    def __post_init__(self) -> None:
        """Check the weight."""
        if not (math.isfinite(self.weight) and self.weight > 0):
            raise QueryError(
                f"The weight of the reference {_name(self.image)} is {self.weight!r}.",
                hint="A weight is a finite number above 0; leave out a reference that is not to "
                "count.",
            )


References: TypeAlias = (
    ReferenceLike | WeightedReference | Sequence[ReferenceLike | WeightedReference]
)
"""One reference, or several of them, each with a weight if it has one."""


def _name(image: ReferenceLike) -> str:
    if isinstance(image, ResolvedReference):
        return repr(image.name)
    return repr(str(image)) if isinstance(image, (str, Path)) else "(image)"


def resolve_references(
    gallery: GalleryReader, references: Sequence[WeightedReference], *, side: int = 0
) -> tuple[ResolvedReference, ...]:
    """Look up every reference of a query, in their order; see :func:`resolve_reference`."""
    resolved = []
    for each in references:
        reference = resolve_reference(gallery, each.image, side=side)
        if reference is not None:
            resolved.append(replace(reference, weight=float(each.weight)))
    return tuple(resolved)


def resolve_reference(
    gallery: GalleryReader, reference: ReferenceLike, *, side: int = 0
) -> ResolvedReference | None:
    """Look a reference up and open its image; gallery ids win over paths of the same name.

    Its shorter side is decoded with at least ``side`` pixels, and as many as the encoder needs.
    Raises ``NotFoundError`` when it is neither, ``ImageError`` when the file cannot be opened.
    """
    if reference is None or isinstance(reference, ResolvedReference):
        return reference
    if isinstance(reference, Image.Image):
        return ResolvedReference("(image)", to_srgb(reference))
    side = max(side, gallery.encoder.decode_side)
    gallery_id = gallery.resolve(reference)
    if gallery_id is not None:
        return _from_gallery(gallery, gallery_id, side)
    path = Path(reference)
    if not path.exists():
        gallery.check_reachable(str(reference))
        raise NotFoundError(
            f"The reference {str(reference)!r} is neither an image of the gallery nor a file.",
            hint=_suggest(gallery, str(reference))
            or "Give a path to an image, or an id as printed by a search.",
        )
    with open_regular(path) as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    image = open_image(path, max_pixels=gallery.max_pixels, decode_side=side)
    opened = ResolvedReference(str(reference), image, notes=_image_notes(image), content=content)
    return _with_twins(gallery, opened)


def resolve_id(gallery: GalleryReader, id: str, *, side: int = 0) -> ResolvedReference:
    """Look up an image of the gallery; other than a reference, ``id`` is never taken for a path.

    Raises ``NotFoundError`` when the gallery has no such id.
    """
    gallery_id = gallery.match(id)
    if gallery_id is None:
        raise _no_image(gallery, id)
    return _from_gallery(gallery, gallery_id, max(side, gallery.encoder.decode_side))


def resolve_upload(
    gallery: GalleryReader,
    name: str,
    content: bytes,
    *,
    side: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> ResolvedReference:
    """Open the bytes of an image file, as :func:`resolve_reference` does with a file outside.

    Raises ``ImageError`` when they are no image that can be opened, or one of more than
    ``max_pixels``.
    """
    side = max(side, gallery.encoder.decode_side)
    opened = ResolvedReference.of_file(name, content, side=side, max_pixels=max_pixels)
    return _with_twins(gallery, opened)


def gallery_id_of(gallery: GalleryReader, name: str) -> str:
    """Return the gallery id of an id or a path. Raises ``NotFoundError``."""
    id = gallery.resolve(name)
    if id is None:
        raise _no_image(gallery, name)
    return id


def _no_image(gallery: GalleryReader, name: str) -> NotFoundError:
    gallery.check_reachable(name)
    return NotFoundError(
        f"The gallery {gallery.address} has no image {name!r}.",
        hint=suggest_ids(gallery, name) or "Give an id as printed by a search.",
    )


def _with_twins(gallery: GalleryReader, opened: ResolvedReference) -> ResolvedReference:
    """Return an image from outside with the images of the gallery that have its content."""
    twins = () if opened.content is None else tuple(gallery.ids_with_content(opened.content))
    gallery_id = twins[0] if twins else None
    return replace(opened, gallery_id=gallery_id, excluded_ids=twins)


def _from_gallery(gallery: GalleryReader, id: str, side: int) -> ResolvedReference:
    excluded = (id, *gallery.duplicates(id))
    path = gallery.path(id)
    if path is None:
        return ResolvedReference(id, None, id, excluded)
    try:
        image = open_image(path, max_pixels=gallery.max_pixels, decode_side=side)
    except ImageError as error:
        # the vectors are still here, so only the words about the image are missing
        note = f"The reference's file could not be opened: {error}"
        return ResolvedReference(id, None, id, excluded, (note,))
    return ResolvedReference(id, image, id, excluded, _image_notes(image), gallery.content_hash(id))


def _image_notes(image: Image.Image) -> tuple[str, ...]:
    return (image.info["note"],) if "note" in image.info else ()


def _suggest(gallery: GalleryReader, name: str) -> str:
    """Return which image or file was probably meant, or ""."""
    if name.partition("://")[0] in ("http", "https"):
        return "Addresses are not opened: save the image, and give its file."
    ids = suggest_ids(gallery, name)
    near = None if ids else similar_path(name)
    return ids if near is None else f"Did you mean '{near}'?"


_COMPARED = 20_000
"""Ids compared letter by letter: a second of work at most."""


def suggest_ids(gallery: GalleryReader, name: str) -> str:
    """Return "Did you mean 'dress/dress-01.jpg'?" or "" where no id is like ``name``.

    First the ids that end in the same file name, whatever their folder and case; else those that
    are spelled nearly alike.
    """
    name = escape_surrogates(name)  # as ids are spelled
    last = PurePath(name.replace("\\", "/")).name.casefold()
    if not last:
        return ""
    _, holding = gallery.find(last, limit=200)
    same = [id for id in holding if PurePath(id).name.casefold() == last]
    if same:
        more = f" (and {len(same) - 3} more)" if len(same) > 3 else ""
        return f"Did you mean {_either(same[:3])}{more}?"
    _, ids = gallery.find("", limit=_COMPARED)
    folded = {id.casefold(): id for id in ids}
    names = {PurePath(id).name.casefold(): id for id in ids}
    close = [folded[each] for each in get_close_matches(name.casefold(), folded, n=2, cutoff=0.8)]
    close += [names[each] for each in get_close_matches(last, names, n=2, cutoff=0.8)]
    close = list(dict.fromkeys(close))[:3]
    return f"Did you mean {_either(close)}?" if close else ""


def _either(ids: list[str]) -> str:
    # not repr(): spaces of another width must stay what they are, to be copied
    return " or ".join(f"'{id}'" for id in ids)
