"""A back end without a model: it says what a function or a list tells it, for tests and demos."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from stitch_cir.chat._messages import Message, Reply, Sampling

__all__ = ["ScriptedChat"]

Said: TypeAlias = str | Reply | None


class ScriptedChat:
    """Answers from a script, the same for the same question.

    Parameters
    ----------
    script:
        A function of (messages, sample number) giving a text or a ``Reply``; or texts, of which
        sample i is the i-th, over and over.
    model:
        The recorded name.
    """

    concurrency = 4

    def __init__(
        self,
        script: Callable[[Sequence[Message], int], str | Reply | None]
        | Sequence[str | Reply | None],
        *,
        model: str = "scripted",
    ) -> None:
        self._script = script
        self._model = model
        self._lock = threading.Lock()
        self.asked: list[tuple[tuple[Message, ...], int, int]] = []
        """What was asked: messages, first sample, how many."""

    @property
    def model(self) -> str:
        """The recorded name."""
        return self._model

    def settings(self) -> Mapping[str, Any]:
        """Name the back end."""
        return {"backend": "scripted"}

    def notes(self) -> tuple[str, ...]:
        """Nothing to say."""
        return ()

    def ask(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
    ) -> list[Reply]:
        """Read the next ``count`` answers off the script."""
        with self._lock:
            self.asked.append((tuple(messages), first, count))
        return [self._say(messages, number) for number in range(first, first + count)]

    def _say(self, messages: Sequence[Message], number: int) -> Reply:
        if callable(self._script):
            said = self._script(messages, number)
        else:
            said = self._script[number % len(self._script)]
        return said if isinstance(said, Reply) else Reply(said)
