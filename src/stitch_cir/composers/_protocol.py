"""The protocol of composers: a reference and a modification in, target captions out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from PIL import Image

from stitch_cir._notebook import caption_tag, escaped
from stitch_cir.composers._roles import Roles
from stitch_cir.concepts import Concept
from stitch_cir.errors import RecordError

if TYPE_CHECKING:
    from stitch_cir.chat import Estimate, Usage

__all__ = [
    "Caption",
    "Composer",
    "Composition",
    "CostEstimator",
    "Reference",
    "UsesModel",
    "UsesReferenceImage",
    "model_usage",
    "required_image_side",
    "waits_for_model",
]


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference image and what is known of it; any part may be missing.

    ``id`` is the gallery id or the file name, ``image`` an upright RGB image, ``captions`` come from
    people or product data, ``concepts`` from zero-shot classification by the encoder, ``content``
    is the SHA-256 of the image's file (answers of a model are cached under it), ``weight`` is how
    much it counts beside other references.
    """

    id: str | None = None
    image: Image.Image | None = field(default=None, compare=False, repr=False)
    captions: tuple[str, ...] = ()
    concepts: tuple[Concept, ...] = ()
    content: str | None = None
    weight: float = 1.0

    def with_object(self, name: str) -> Reference:
        """Return the reference as the user names its object, whatever was recognised in it."""
        others = tuple(concept for concept in self.concepts if concept.kind != "object")
        return replace(self, captions=(), concepts=(Concept(name, "object", 1.0), *others))


@dataclass(frozen=True, slots=True)
class Caption:
    """One target description. ``weight`` > 0 is its marginal before normalisation.

    ``origin`` names its source: ``"verbatim:rule"``, ``"recorded"``, ``"user"``, …
    """

    text: str
    weight: float = 1.0
    origin: str = "user"


@dataclass(frozen=True, slots=True)
class Composition:
    """The captions a composer made of a reference and a modification.

    ``reference_captions`` are plain captions of the *unchanged* reference (the transitions of SEIZE
    and PDV need them); ``intent`` the text that the transition encodes, where it is not the modification
    itself; ``roles`` what is desired, to be preserved and forbidden, as phrases that the scorer ``roles``
    scores beside the captions; ``alternatives`` other objects that the reference may show, by the names
    that a query can choose; ``settings`` everything that shaped the captions; ``notes`` what a user
    should know (``"read as: a red dress"``, a fall-back that was taken, …).
    """

    captions: tuple[Caption, ...]
    modification: str
    composer: str
    reference_captions: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    intent: str = ""
    roles: Roles = field(default_factory=Roles)
    alternatives: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The captions' texts in order."""
        return tuple(caption.text for caption in self.captions)

    def _repr_html_(self) -> str:
        """Return captions, their weights and the notes as a notebook shows them."""
        lines = [
            f"{caption_tag(number)} {escaped(caption.text)} "
            f"<small>weight {caption.weight:.3g}, {escaped(caption.origin)}</small>"
            for number, caption in enumerate(self.captions)
        ]
        lines += [f"<small>{escaped(note)}</small>" for note in self.notes]
        head = f"<b>{escaped(self.modification)}</b> · composed by {escaped(self.composer)}"
        return "<br>".join([head, *lines])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data, from which :meth:`from_dict` makes an equal composition."""
        return {
            "composer": self.composer,
            "modification": self.modification,
            "captions": [
                {"text": caption.text, "weight": caption.weight, "origin": caption.origin}
                for caption in self.captions
            ],
            "reference_captions": list(self.reference_captions),
            "settings": dict(self.settings),
            "notes": list(self.notes),
            **({"intent": self.intent} if self.intent else {}),
            **({"roles": self.roles.to_dict()} if self.roles else {}),
            **({"alternatives": list(self.alternatives)} if self.alternatives else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Composition:
        """Make a composition from the data of :meth:`to_dict`.

        Raises ``RecordError`` when a part is missing or of the wrong type.
        """
        try:
            # earlier files call them "before"
            key = "before" if "before" in data else "reference_captions"
            reference_captions = data[key]
            return cls(
                captions=tuple(
                    Caption(str(part["text"]), float(part["weight"]), str(part["origin"]))
                    for part in data["captions"]
                ),
                modification=str(data["modification"]),
                composer=str(data["composer"]),
                reference_captions=tuple(map(str, reference_captions)),
                settings=dict(data["settings"]),
                notes=tuple(map(str, data["notes"])),
                intent=str(data.get("intent", "")),
                roles=_read_roles(data),
                alternatives=tuple(map(str, data.get("alternatives", ()))),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise RecordError(
                f"This is no composition: {type(error).__name__} at {error}.",
                hint="Expected are composer, modification, captions (each text, weight, origin), "
                "reference_captions, settings and notes.",
            ) from error


def _read_roles(data: Mapping[str, Any]) -> Roles:
    # earlier files have what is to vanish alone
    removed = data.get("negative_phrases", ())
    return Roles.from_dict(data.get("roles", {"forbidden": [*removed]} if removed else {}))


@runtime_checkable
class Composer(Protocol):
    """Writes K captions of the target image."""

    @property
    def name(self) -> str:
        """Short name, e.g. ``"verbatim"``."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Return everything that shapes the captions, as JSON-ready data (recorded with results)."""
        ...

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Compose up to ``count`` *different* captions.

        Raises ``QueryError`` when there is neither a reference to describe nor a modification, or
        when this composer has no captions for the query.
        """
        ...


@runtime_checkable
class UsesReferenceImage(Protocol):
    """A composer that shows the reference to a model, with more pixels than an encoder needs."""

    @property
    def required_image_side(self) -> int:
        """Shorter side in pixels that decoding must keep; 0 when no image is shown."""
        ...


@runtime_checkable
class UsesModel(Protocol):
    """A composer that queries a language model; others answer at once."""

    def waits_for_model(self, *, with_reference: bool) -> bool:
        """Return whether composing a query, with or without reference, may wait for the model."""
        ...

    def usage(self) -> Usage:
        """Return the answers and tokens that were used so far."""
        ...

    def close(self) -> None:
        """Cancel the requests under way; their callers get ``EndpointError``."""
        ...


@runtime_checkable
class CostEstimator(Protocol):
    """A composer whose captions cost something that can be estimated beforehand."""

    def estimate(self, reference: Reference | None, modification: str, count: int) -> Estimate:
        """Return what composing this query would request from a model, without a request."""
        ...


def required_image_side(composer: Composer) -> int:
    """Return the shorter side in pixels at which a composer needs the reference image; 0: any."""
    return composer.required_image_side if isinstance(composer, UsesReferenceImage) else 0


def waits_for_model(composer: Composer | None, *, with_reference: bool) -> bool:
    """Return whether composing may wait for a model: never without a composer that uses one."""
    return isinstance(composer, UsesModel) and composer.waits_for_model(
        with_reference=with_reference
    )


def model_usage(composer: Composer | None) -> Usage | None:
    """Return what a composer used of its model so far; ``None`` where it has no model."""
    return composer.usage() if isinstance(composer, UsesModel) else None
