"""A second opinion: a model is asked yes or no about the best hits (method §5)."""

from typing import TYPE_CHECKING, Any

from stitch_cir.verifier._protocol import Candidate, Remarking, Verdict, Verifier

if TYPE_CHECKING:
    from stitch_cir.verifier._chat import ChatVerifier

__all__ = ["Candidate", "ChatVerifier", "Remarking", "Verdict", "Verifier"]


def __getattr__(name: str) -> Any:
    """Import what talks to a model only when it is asked for."""
    if name != "ChatVerifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stitch_cir.verifier._chat import ChatVerifier

    return ChatVerifier
