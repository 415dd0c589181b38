"""The protocol of language models: sampled replies to a list of messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from stitch_cir.chat._messages import Message, Reply, Sampling

__all__ = ["ChatBackend"]


@runtime_checkable
class ChatBackend(Protocol):
    """A language model, text-only or multimodal, that samples replies."""

    @property
    def model(self) -> str:
        """Name of the model as it is recorded, e.g. ``"Qwen/Qwen2-VL-7B-Instruct"``.

        Equal names mean interchangeable answers: the name is part of an answer's key.
        """
        ...

    @property
    def concurrency(self) -> int:
        """How many requests may be under way at a time."""
        ...

    def settings(self) -> Mapping[str, Any]:
        """Everything else worth recording, as JSON-ready data (end point, precision; no keys)."""
        ...

    def notes(self) -> tuple[str, ...]:
        """What a user should know, e.g. a sampling parameter that the model does not take."""
        ...

    def sample(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int
    ) -> list[Reply]:
        """Draw the samples ``first`` … ``first + count − 1`` of the reply, in this order.

        Thread-safe. Raises ``EndpointError`` or ``ModelError`` when there is no reply.
        """
        ...

    def close(self) -> None:
        """Cancel the requests under way, where the back end can."""
        ...
