"""Composed-query encoders by name: the gallery's model, a sum, another model, or a plug-in."""

from __future__ import annotations

from collections.abc import Callable

from stitch_cir._hints import did_you_mean
from stitch_cir.encoders._protocol import DualEncoder
from stitch_cir.encoders.composed._protocol import ComposedEncoder
from stitch_cir.encoders.composed._sum import SumEncoder
from stitch_cir.errors import SettingError
from stitch_cir.plugins import COMPOSED_ENCODERS

__all__ = ["default_composed", "load_composed", "load_gallery_model"]


def default_composed(encoder: DualEncoder) -> ComposedEncoder:
    """Return the gallery's encoder where it reads image and text together, else their sum."""
    return encoder if isinstance(encoder, ComposedEncoder) else SumEncoder(encoder)


def load_gallery_model(encoder: DualEncoder) -> ComposedEncoder:
    """Return the gallery's encoder as composed-query encoder.

    Raises ``SettingError`` where it encodes images and texts apart.
    """
    if isinstance(encoder, ComposedEncoder):
        return encoder
    raise SettingError(
        f"The encoder {encoder.name} encodes images and texts apart, and nothing together.",
        hint="Use --composed sum, or index with a model that reads both: "
        "--encoder sentence-transformers:FOLDER or http://HOST/v1#MODEL.",
    )


def load_composed(
    name: str, encoder: DualEncoder, load: Callable[[str], DualEncoder]
) -> ComposedEncoder:
    """Return the composed-query encoder ``name`` for a gallery of ``encoder``.

    Parameters
    ----------
    name:
        ``sum``; ``model``, the gallery's own; the name of a plug-in; or that of an encoder which
        reads image and text together, such as ``http://localhost:8000/v1#MODEL``.
    encoder:
        The gallery's.
    load:
        Loads an encoder by name (:func:`stitch_cir.encoders.load_encoder`).

    Raises ``SettingError`` for a name of none of these, and ``ModelError`` as loading does. Whether
    the vectors have the gallery's dimension is checked when there are some.
    """
    if ":" not in name:
        if name not in COMPOSED_ENCODERS.names():
            names = COMPOSED_ENCODERS.names()
            raise SettingError(
                f"There is no composed-query encoder {name!r}.",
                hint=f"{did_you_mean(name, names)}Those are: {', '.join(names)}, "
                "sentence-transformers:FOLDER and http://HOST/v1#MODEL.",
            )
        made: ComposedEncoder = COMPOSED_ENCODERS.make(name, encoder=encoder)
        return made
    other = load(name)
    if other.fingerprint == encoder.fingerprint and isinstance(encoder, ComposedEncoder):
        return encoder
    return load_gallery_model(other)
