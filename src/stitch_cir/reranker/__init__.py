"""Rerank the best hits: a model judges each of them with yes or no (method §5)."""

from typing import TYPE_CHECKING, Any

from stitch_cir.reranker._protocol import Candidate, Reranker, Verdict

if TYPE_CHECKING:
    from stitch_cir.reranker._chat import ChatReranker

__all__ = ["Candidate", "ChatReranker", "Reranker", "Verdict"]


def __getattr__(name: str) -> Any:
    """Import what queries a model only when it is needed."""
    if name != "ChatReranker":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stitch_cir.reranker._chat import ChatReranker

    return ChatReranker
