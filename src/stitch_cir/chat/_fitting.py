"""A prompt that drops its worked examples where an end point accepts fewer images or less text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stitch_cir.chat._prompts import Prompt
from stitch_cir.errors import PromptTooLargeError

__all__ = ["FittingPrompt"]

T = TypeVar("T")


class FittingPrompt:
    """Chooses between a prompt and its form without examples, and remembers what was refused.

    Cached answers to either form are used before a request is sent, so that a run from the cache
    uses the form that the first run used.
    """

    def __init__(self, prompt: Prompt) -> None:
        self.full = prompt
        self._short = prompt.shortened()
        self._reason = ""

    def choose(self, is_cached: Callable[[Prompt], bool]) -> Prompt:
        """Return the form to send next; ``is_cached`` tests whether the cache has its answers."""
        if self._short is None or is_cached(self.full):
            return self.full
        return self._short if self._reason or is_cached(self._short) else self.full

    def run(
        self, send: Callable[[Prompt], T], is_cached: Callable[[Prompt], bool]
    ) -> tuple[T, Prompt, list[str]]:
        """Send the form that fits; return the result, that form, and notes about it.

        Raises ``PromptTooLargeError`` when the end point refuses the short form too.
        """
        prompt = self.choose(is_cached)
        try:
            return send(prompt), prompt, self._notes(prompt)
        except PromptTooLargeError as error:
            if self._short is None or prompt is self._short:
                raise
            self._reason = (
                "the end point finds it too long"
                if error.most_images is None
                else f"the end point takes at most {error.most_images} image(s) a request"
            )
        return send(self._short), self._short, self._notes(self._short)

    @property
    def forms(self) -> tuple[Prompt, ...]:
        """Both forms, or the one that there is."""
        return (self.full,) if self._short is None else (self.full, self._short)

    @property
    def form(self) -> Prompt:
        """The form that is sent where the cache has neither."""
        return self._short if self._reason and self._short is not None else self.full

    def notes(self) -> list[str]:
        """Return a note when the end point refused the full form."""
        return self._notes(self.form)

    def _notes(self, prompt: Prompt) -> list[str]:
        if prompt is self.full:
            return []
        why = f": {self._reason}" if self._reason else ""
        return [f"sent without the examples of the prompt {prompt.name}{why}"]
