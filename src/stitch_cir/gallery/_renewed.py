"""An open gallery whose vectors another encoder has made meanwhile."""

from __future__ import annotations

from stitch_cir.errors import GalleryMismatchError
from stitch_cir.gallery._gallery import Gallery

__all__ = ["renewed"]


def renewed(gallery: Gallery) -> Gallery:
    """Return the gallery itself, or opened anew where another encoder has made its vectors.

    Then it has that encoder; views alone may be others, and the encoder is kept. The former one is
    not closed: searches under way still read it.

    Raises
    ------
    StitchError
        It cannot be opened, or its encoder cannot be loaded here.
    """
    try:
        with gallery.snapshot():
            return gallery
    except GalleryMismatchError:
        opened = gallery.reopened()
    encoder = gallery.encoder
    if encoder.fingerprint != opened.provenance()["fingerprint"]:
        encoder = opened.encoder
    opened.use_encoder(encoder)
    return opened
