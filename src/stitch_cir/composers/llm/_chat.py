"""The one-stage composer: a multimodal model sees the reference and describes the wanted picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from stitch_cir.chat import (
    Chat,
    Estimate,
    FittingPrompt,
    ImagePart,
    Message,
    Prompt,
    Sampling,
    Usage,
    estimate,
    load_prompt,
)
from stitch_cir.composers._protocol import Caption, Composition, Reference
from stitch_cir.composers._text import clean
from stitch_cir.composers.llm._replies import read_caption
from stitch_cir.composers.llm._sampling import Collected, collect, fill
from stitch_cir.composers.rules._template import TemplateComposer
from stitch_cir.errors import QueryError, SettingError

__all__ = ["ChatComposer", "check_count", "describe", "remarks", "template_alone"]


class ChatComposer:
    """Samples K captions of the changed picture from a multimodal chat model (method §1).

    Replies that are empty, refused, overlong or repeated are asked for again, ``retries`` samples
    at most (default: as many as captions); the template composer writes what is then still
    missing, and both captions and notes say so. An end point that takes fewer images, or less text,
    than the prompt's examples need is asked without them; the composition's settings and notes
    record it. A query without reference has nothing to show the model: the template composer
    answers it alone, and the composition carries that composer's name, settings and a note.

    Parameters
    ----------
    chat:
        The model and its cache.
    prompt:
        Name of a shipped prompt of kind ``edit``, or the path of one's own.
    sampling:
        How replies are drawn; the preset ``paper`` by default.
    num_reference_captions:
        How many plain captions of the reference are sampled too (the transitions PDV and semantic
        increment need them); they cost that many answers more.
    retries:
        Most samples drawn again; ``None``: K.
    """

    required_image_side = 768
    """Pictures are wanted with a shorter side of about this many pixels."""

    def __init__(
        self,
        chat: Chat,
        *,
        prompt: str = "edit-1",
        sampling: Sampling | None = None,
        num_reference_captions: int = 0,
        retries: int | None = None,
    ) -> None:
        if num_reference_captions < 0 or (retries is not None and retries < 0):
            raise SettingError(
                f"num_reference_captions is {num_reference_captions} and retries is {retries}.",
                hint="Neither may be negative.",
            )
        self.chat = chat
        self._prompt = FittingPrompt(load_prompt(prompt, "edit"))
        self._sampling = sampling or Sampling()
        self._num_reference_captions = num_reference_captions
        self._retries = retries
        self._template = TemplateComposer()

    @property
    def name(self) -> str:
        """Give ``"chat"``."""
        return "chat"

    def settings(self) -> Mapping[str, Any]:
        """Name model, prompt, sampling and budget."""
        return {
            "composer": self.name,
            **self.chat.settings(),
            **self._prompt.full.to_dict(),
            "sampling": self._sampling.to_dict(),
            "retries": self._retries,
        }

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Write K captions; see the class for what happens to unusable replies.

        Raises ``QueryError`` when the reference has no picture, ``EndpointError`` when the model
        cannot be asked.
        """
        check_count(count)
        if reference is None:
            return template_alone(self._template, modification, count, self.settings())
        text = clean(modification)
        picture = _picture(reference)
        read = partial(
            read_caption,
            labels=self._prompt.full.labels,
            max_words=self._prompt.full.max_words,
            modification=text,
        )
        budget = count if self._retries is None else self._retries

        def ask(prompt: Prompt) -> Collected:
            questions = [prompt.messages(image=picture, modification=text)]
            return collect(self.chat, questions, count, self._sampling, read, budget)

        found, prompt, shortened = self._prompt.ask(ask, self._is_known(picture, text, count))
        notes = [*shortened, *found.notes(count), *self.chat.notes()]
        written: Sequence[Caption] = ()
        if len(found.captions) < count:
            written = self._template.compose(reference, modification, count).captions
        captions, filled = fill(found.captions, f"chat:{self.chat.model}", count, written)
        if filled:
            notes.append(f"{filled} of {count} captions were written by the template composer")
        reference_captions: tuple[str, ...] = ()
        keys = list(found.keys)
        if self._num_reference_captions:
            described = describe(self.chat, picture, self._num_reference_captions, self._sampling)
            reference_captions = tuple(described.captions)
            keys += described.keys
            notes += remarks(described, "plain captions of the reference")
        settings = {**self.settings(), **prompt.to_dict(), "answers": keys}
        return Composition(captions, text, self.name, reference_captions, settings, tuple(notes))

    def estimate(self, reference: Reference | None, modification: str, count: int) -> Estimate:
        """Say what :meth:`compose` would ask the model for, unless replies must be asked again."""
        check_count(count)
        total = Estimate(queries=1)
        if reference is None:
            return total
        picture = _picture(reference)
        text = clean(modification)
        prompt = self._prompt.choose(self._is_known(picture, text, count))
        messages = prompt.messages(image=picture, modification=text)
        total += estimate(self.chat, messages, count, self._sampling)
        if self._num_reference_captions:
            plain = _plain(picture)
            total += estimate(self.chat, plain, self._num_reference_captions, self._sampling)
        return total

    def usage(self) -> Usage:
        """Return the answers and tokens that were used so far."""
        return self.chat.usage

    def close(self) -> None:
        """End the model's requests under way."""
        self.chat.close()

    def _is_known(self, picture: ImagePart, text: str, count: int) -> Callable[[Prompt], bool]:
        """Return a test whether the answers to a prompt are in the cache."""

        def is_known(prompt: Prompt) -> bool:
            messages = prompt.messages(image=picture, modification=text)
            return self.chat.peek(messages, count, self._sampling) is not None

        return is_known


def check_count(count: int) -> None:
    """Raise ``SettingError`` unless at least one caption is wanted."""
    if count < 1:
        raise SettingError(f"The number of captions is {count}.", hint="Ask for at least 1.")


def template_alone(
    template: TemplateComposer, modification: str, count: int, instead_of: Mapping[str, Any]
) -> Composition:
    """Answer a query without reference by the template composer, under its name and settings.

    ``instead_of`` are the settings of the composer that was chosen.
    """
    made = template.compose(None, modification, count)
    note = (
        f"no reference image: the template composer wrote the captions, {instead_of['composer']} "
        f"({instead_of['model']}) was not used"
    )
    settings = {**made.settings, "instead_of": instead_of["composer"]}
    return replace(made, reference_captions=(), settings=settings, notes=(note, *made.notes))


def describe(
    chat: Chat, picture: ImagePart, count: int, sampling: Sampling, prompt: str = "caption-1"
) -> Collected:
    """Ask for up to ``count`` plain captions of an image."""
    loaded = load_prompt(prompt, "caption")
    read = partial(read_caption, labels=loaded.labels, max_words=loaded.max_words)
    return collect(chat, [loaded.messages(image=picture)], count, sampling, read, count)


def remarks(described: Collected, what: str) -> list[str]:
    """Say what was wrong with plain captions; that some were alike is no fault."""
    if not set(described.rejected) - {"repeated"}:
        return []
    return [f"{what}: {note}" for note in described.notes(len(described.captions))]


def _plain(picture: ImagePart) -> tuple[Message, ...]:
    return load_prompt("caption-1", "caption").messages(image=picture)


def _picture(reference: Reference) -> ImagePart:
    if reference.image is not None:
        return ImagePart.of(reference.image, reference.content)
    if reference.content is not None:
        # the file is gone, but answers about its content may be remembered
        return ImagePart(reference.content)
    raise QueryError(
        f"The reference {reference.id!r} has no picture that a model could be shown.",
        hint="Use the composer two-stage, which works from captions, or template.",
    )
