"""Rerank the best hits: a model judges each of them with yes or no (method §5)."""

from typing import TYPE_CHECKING, Any

from stitch_cir.reranker._protocol import Candidate, Reranker, Verdict

if TYPE_CHECKING:
    from stitch_cir.reranker._chat import ChatReranker, make_chat_reranker

__all__ = ["Candidate", "ChatReranker", "Reranker", "Verdict", "make_chat_reranker"]


def __getattr__(name: str) -> Any:
    """Import what uses a model only when it is needed."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stitch_cir.reranker import _chat

    return getattr(_chat, name)
