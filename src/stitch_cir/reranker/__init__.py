"""Rerank the best hits: a model judges each with yes or no, or ranks them all (method §5)."""

from typing import TYPE_CHECKING

from stitch_cir import _exports
from stitch_cir.reranker._protocol import (
    Candidate,
    Checklist,
    JointReranker,
    Judgement,
    Reranker,
    Verdict,
)

if TYPE_CHECKING:
    from stitch_cir.reranker._chat import ChatReranker, make_chat_reranker

__all__ = [
    "Candidate",
    "ChatReranker",
    "Checklist",
    "JointReranker",
    "Judgement",
    "Reranker",
    "Verdict",
    "make_chat_reranker",
]

# what uses a model is imported only when it is needed
_exports.publish(__name__, __all__, lazy={"ChatReranker": "_chat", "make_chat_reranker": "_chat"})
