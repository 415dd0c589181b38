"""Composers write the target captions of a query: from templates, from a file, or by a person."""

from stitch_cir.composers._editing import edit_captions
from stitch_cir.composers._protocol import Caption, Composer, Composition, Reference
from stitch_cir.composers._recorded import RecordedComposer, write_compositions
from stitch_cir.composers._registry import composer_by_name
from stitch_cir.composers._template import TemplateComposer

__all__ = [
    "Caption",
    "Composer",
    "Composition",
    "RecordedComposer",
    "Reference",
    "TemplateComposer",
    "composer_by_name",
    "edit_captions",
    "write_compositions",
]
