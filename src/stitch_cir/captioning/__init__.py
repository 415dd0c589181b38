"""Captions and attributes for the images of a gallery, written by a multimodal model."""

from stitch_cir import _exports
from stitch_cir.captioning._captioner import GalleryCaptioner, caption_gallery
from stitch_cir.captioning._report import CaptionReport

__all__ = ["CaptionReport", "GalleryCaptioner", "caption_gallery"]

_exports.publish(__name__, __all__)
