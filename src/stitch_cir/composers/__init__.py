"""Composers write the target captions of a query: by rules, from a file, a model, or a person."""

from typing import TYPE_CHECKING, Any

from stitch_cir import _exports
from stitch_cir.composers._conversation import (
    Conversation,
    ConversationalComposer,
    ConversationCostEstimator,
    compose_conversation,
    estimate_conversation,
    join_names,
)
from stitch_cir.composers._editing import edit_captions
from stitch_cir.composers._mentions import Mention, find_mentions
from stitch_cir.composers._protocol import (
    Caption,
    Composer,
    Composition,
    CostEstimator,
    Reference,
    UsesModel,
    UsesReferenceImage,
    model_usage,
    required_image_side,
    waits_for_model,
)
from stitch_cir.composers._requests import Change, read_request
from stitch_cir.composers._roles import Phrase, Role, Roles, phrases
from stitch_cir.composers._verbatim import VerbatimComposer
from stitch_cir.composers.recorded._recorded import RecordedComposer, write_compositions
from stitch_cir.plugins import COMPOSERS

if TYPE_CHECKING:
    from stitch_cir.composers.llm._chat import ChatComposer
    from stitch_cir.composers.llm._factories import (
        TwoStageOptions,
        make_chat_composer,
        make_two_stage_composer,
    )
    from stitch_cir.composers.llm._local import LocalComposer, make_local_composer
    from stitch_cir.composers.llm._two_stage import TwoStageComposer
    from stitch_cir.composers.recorded._published import published_text

__all__ = [
    "Caption",
    "Change",
    "ChatComposer",
    "Composer",
    "Composition",
    "Conversation",
    "ConversationCostEstimator",
    "ConversationalComposer",
    "CostEstimator",
    "LocalComposer",
    "Mention",
    "Phrase",
    "RecordedComposer",
    "Reference",
    "Role",
    "Roles",
    "TwoStageComposer",
    "TwoStageOptions",
    "UsesModel",
    "UsesReferenceImage",
    "VerbatimComposer",
    "compose_conversation",
    "composer_by_name",
    "edit_captions",
    "estimate_conversation",
    "find_mentions",
    "join_names",
    "make_chat_composer",
    "make_local_composer",
    "make_two_stage_composer",
    "model_usage",
    "phrases",
    "published_text",
    "read_request",
    "required_image_side",
    "waits_for_model",
    "write_compositions",
]


def composer_by_name(name: str, **options: Any) -> Composer:
    """Make the composer of that name (``stitch_cir.plugins``); ``options`` go to its constructor.

    Raises ``SettingError`` for an unknown name, for a plug-in that cannot be imported, and for
    options the composer does not take.
    """
    composer: Composer = COMPOSERS.make(name, **options)
    return composer


# composers that use models are imported only when they are needed
_exports.publish(
    __name__,
    __all__,
    lazy={
        "ChatComposer": "llm._chat",
        "LocalComposer": "llm._local",
        "TwoStageComposer": "llm._two_stage",
        "TwoStageOptions": "llm._factories",
        "make_chat_composer": "llm._factories",
        "make_local_composer": "llm._local",
        "make_two_stage_composer": "llm._factories",
        "published_text": "recorded._published",
    },
)
