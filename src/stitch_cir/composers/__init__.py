"""Composers write the target captions of a query: from templates, a file, a model, or a person."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stitch_cir.composers._editing import edit_captions
from stitch_cir.composers._protocol import (
    Caption,
    Composer,
    Composition,
    CostEstimator,
    Reference,
    SeesPictures,
)
from stitch_cir.composers._recorded import RecordedComposer, write_compositions
from stitch_cir.composers._registry import composer_by_name
from stitch_cir.composers._template import TemplateComposer
from stitch_cir.composers._wanted_composer import WantedComposer

if TYPE_CHECKING:
    from stitch_cir.composers._chat import ChatComposer
    from stitch_cir.composers._factories import (
        make_chat,
        make_chat_composer,
        make_two_stage_composer,
    )
    from stitch_cir.composers._published import published_text
    from stitch_cir.composers._two_stage import TwoStageComposer

__all__ = [
    "Caption",
    "ChatComposer",
    "Composer",
    "Composition",
    "CostEstimator",
    "RecordedComposer",
    "Reference",
    "SeesPictures",
    "TemplateComposer",
    "TwoStageComposer",
    "WantedComposer",
    "composer_by_name",
    "edit_captions",
    "make_chat",
    "make_chat_composer",
    "make_two_stage_composer",
    "published_text",
    "write_compositions",
]


_LAZY = {
    "ChatComposer": "_chat",
    "TwoStageComposer": "_two_stage",
    "published_text": "_published",
    "make_chat": "_factories",
    "make_chat_composer": "_factories",
    "make_two_stage_composer": "_factories",
}


def __getattr__(name: str) -> Any:
    """Import the composers that talk to models only when they are asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
