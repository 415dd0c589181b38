"""A back end without a model: replies from a function or a list, for tests and demos."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from stitch_cir.chat._messages import Message, Reply, Sampling

__all__ = ["ScriptedChat"]

ScriptedReply: TypeAlias = str | Reply | None


class ScriptedChat:
    """Returns replies from a script, the same for the same messages.

    Parameters
    ----------
    script:
        A function of (messages, sample number) returning a text or a ``Reply``; or texts, of
        which sample i is the i-th, repeated cyclically.
    model:
        The recorded name.
    """

    concurrency = 4

    def __init__(
        self,
        script: Callable[[Sequence[Message], int], ScriptedReply] | Sequence[ScriptedReply],
        *,
        model: str = "scripted",
    ) -> None:
        self._script = script
        self._model = model
        self._lock = threading.Lock()
        self.requests: list[tuple[tuple[Message, ...], int, int]] = []
        """The requests so far: messages, first sample, how many."""

    @property
    def model(self) -> str:
        """The recorded name."""
        return self._model

    def settings(self) -> Mapping[str, Any]:
        """Return the name of the back end."""
        return {"backend": "scripted"}

    def notes(self) -> tuple[str, ...]:
        """Return no notes."""
        return ()

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def sample(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
    ) -> list[Reply]:
        """Return samples ``first`` … ``first + count − 1`` of the script."""
        with self._lock:
            self.requests.append((tuple(messages), first, count))
        return [self._reply(messages, number) for number in range(first, first + count)]

    def _reply(self, messages: Sequence[Message], number: int) -> Reply:
        if callable(self._script):
            entry = self._script(messages, number)
        else:
            entry = self._script[number % len(self._script)]
        return entry if isinstance(entry, Reply) else Reply(entry)
