"""A prompt that gives up its worked examples where an end point takes fewer images or less text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from stitch_cir.chat._prompts import Prompt
from stitch_cir.errors import PromptTooLargeError

__all__ = ["FittingPrompt"]

T = TypeVar("T")


class FittingPrompt:
    """Chooses between a prompt and its form without examples, and remembers what was refused.

    Answers to either form that are in the cache are used before anything is asked, so that a run
    from the cache takes the form that the first run took.
    """

    def __init__(self, prompt: Prompt) -> None:
        self.full = prompt
        self._short = prompt.shortened()
        self._reason = ""

    def choose(self, is_known: Callable[[Prompt], bool]) -> Prompt:
        """Return the form to ask next; ``is_known`` tests whether the cache answers a form."""
        if self._short is None or is_known(self.full):
            return self.full
        return self._short if self._reason or is_known(self._short) else self.full

    def ask(
        self, ask: Callable[[Prompt], T], is_known: Callable[[Prompt], bool]
    ) -> tuple[T, Prompt, list[str]]:
        """Ask by the form that fits; return the result, that form, and notes about it.

        Raises ``PromptTooLargeError`` when the end point refuses the short form too.
        """
        prompt = self.choose(is_known)
        try:
            return ask(prompt), prompt, self._notes(prompt)
        except PromptTooLargeError as error:
            if self._short is None or prompt is self._short:
                raise
            self._reason = (
                "the end point finds it too long"
                if error.most_images is None
                else f"the end point takes at most {error.most_images} image(s) a request"
            )
        return ask(self._short), self._short, self._notes(self._short)

    @property
    def form(self) -> Prompt:
        """The form that is asked where the cache knows neither."""
        return self._short if self._reason and self._short is not None else self.full

    def notes(self) -> list[str]:
        """Say so when the end point refused the full form."""
        return self._notes(self.form)

    def _notes(self, prompt: Prompt) -> list[str]:
        if prompt is self.full:
            return []
        why = f": {self._reason}" if self._reason else ""
        return [f"asked without the examples of the prompt {prompt.name}{why}"]
