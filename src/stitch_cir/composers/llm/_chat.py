"""The one-stage composer: a multimodal model sees the reference and describes the target image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from stitch_cir.chat import (
    Chat,
    Estimate,
    FittingPrompt,
    ImagePart,
    Message,
    Sampling,
    Usage,
    estimate,
    load_prompt,
    numbered,
)
from stitch_cir.composers._conversation import Conversation, compose_conversation
from stitch_cir.composers._protocol import Composition, Reference
from stitch_cir.composers._roles import Roles
from stitch_cir.composers._rules_of_many import plain_intent
from stitch_cir.composers._text import clean
from stitch_cir.composers._verbatim import VerbatimComposer
from stitch_cir.composers.llm._replies import read_caption
from stitch_cir.composers.llm._role_answers import RoleReader
from stitch_cir.composers.llm._sampler import Sampler
from stitch_cir.composers.llm._sampling import Collected, collect
from stitch_cir.errors import QueryError, SettingError

__all__ = [
    "ChatComposer",
    "caption_notes",
    "check_count",
    "describe",
    "instruction_lines",
    "verbatim_alone",
]


class ChatComposer:
    """Samples K captions of the target image from a multimodal chat model (method §1).

    Replies that are empty, refused, overlong or repeated are drawn again, ``retries`` samples at
    most (default: as many as captions); the verbatim composer writes what is then still missing,
    and both captions and notes record it. An end point that accepts fewer images, or less text,
    than the prompt's examples need gets the prompt without them; the composition's settings and
    notes record it. A query without reference has no image to show: the verbatim composer composes
    it alone, and the composition carries that composer's name, settings and a note.

    Parameters
    ----------
    chat:
        The model and its cache.
    prompt:
        Name of a shipped prompt of kind ``edit``, or the path of another.
    sampling:
        How replies are drawn; the preset ``paper`` by default.
    num_reference_captions:
        How many plain captions of the reference are sampled too (the transitions PDV and semantic
        increment need them); they cost that many answers more.
    retries:
        Most samples drawn again; ``None``: K.
    roles:
        Whether the model also writes the roles of the query, as one more answer in JSON; one that
        cannot be read is requested again, and in the end the captions alone count, with a note.
    """

    required_image_side = 768
    """Shorter side of the reference image in pixels, about."""

    def __init__(
        self,
        chat: Chat,
        *,
        prompt: str = "edit-1",
        sampling: Sampling | None = None,
        num_reference_captions: int = 0,
        retries: int | None = None,
        roles: bool = False,
    ) -> None:
        if num_reference_captions < 0 or (retries is not None and retries < 0):
            raise SettingError(
                f"num_reference_captions is {num_reference_captions} and retries is {retries}.",
                hint="Neither may be negative.",
            )
        self.chat = chat
        self._prompt = FittingPrompt(load_prompt(prompt, "edit"))
        self._conversation = FittingPrompt(load_prompt("conversation-1", "conversation"))
        self._sampling = sampling or Sampling()
        self._num_reference_captions = num_reference_captions
        self._retries = retries
        self._verbatim = VerbatimComposer()
        self._sampler = Sampler(chat, self._sampling, retries, self._verbatim)
        self._roles = RoleReader(chat, "roles-1", "roles", self._sampling) if roles else None

    @property
    def name(self) -> str:
        """Return ``"chat"``."""
        return "chat"

    def settings(self) -> Mapping[str, Any]:
        """Return model, prompt, sampling and budget."""
        return {
            "composer": self.name,
            **self.chat.settings(),
            **self._prompt.full.to_dict(),
            "sampling": self._sampling.to_dict(),
            "retries": self._retries,
            **({} if self._roles is None else {"roles": self._roles.settings()}),
        }

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Compose K captions; the class describes what happens to unusable replies.

        Raises ``QueryError`` when the reference has no image, ``EndpointError`` when the model
        cannot be used.
        """
        check_count(count)
        if reference is None:
            alone = Conversation((), (modification,))
            return verbatim_alone(self._verbatim, alone, count, self.settings())
        image = _reference_image(reference)
        fields = {"image": image, "modification": clean(modification)}
        conversation = Conversation((reference,), (modification,))
        return self._sample(self._prompt, fields, conversation, (image,), count)

    def compose_conversation(self, conversation: Conversation, count: int) -> Composition:
        """Compose K captions of several references and turns: the model gets all of them.

        Its prompt is ``conversation-1``. Raises what :meth:`compose` raises.
        """
        check_count(count)
        if not conversation.references:
            return verbatim_alone(self._verbatim, conversation, count, self.settings())
        images = tuple(map(_reference_image, conversation.references))
        fields = _conversation_fields(conversation, images)
        composition = self._sample(self._conversation, fields, conversation, images, count)
        return replace(
            composition,
            intent=plain_intent(conversation),
            notes=(*conversation.notes(), *composition.notes),
        )

    def _sample(
        self,
        fitting: FittingPrompt,
        fields: Mapping[str, Any],
        conversation: Conversation,
        images: Sequence[ImagePart],
        count: int,
    ) -> Composition:
        """Sample K captions with a prompt that ``fields`` fill in."""
        sampled = self._sampler.sample(fitting, [fields], conversation, count, self.name)
        notes = list(sampled.notes)
        reference_captions: tuple[str, ...] = ()
        keys = list(sampled.keys)
        for image in images if self._num_reference_captions else ():
            described = describe(self.chat, image, self._num_reference_captions, self._sampling)
            reference_captions += tuple(described.captions)
            keys += described.keys
            notes += caption_notes(described, "plain captions of the reference")
        settings: dict[str, Any] = {**self.settings(), **sampled.prompt.to_dict()}
        roles = Roles()
        if self._roles is not None:
            read = self._roles.sample(_conversation_fields(conversation, images), self.name)
            roles = read.roles
            settings["roles"] = read.settings
            keys += read.keys
            notes += read.notes
        return Composition(
            sampled.captions,
            clean(conversation.modification),
            self.name,
            reference_captions,
            {**settings, "answers": keys},
            tuple(notes),
            roles=roles,
        )

    def estimate(self, reference: Reference | None, modification: str, count: int) -> Estimate:
        """Return what :meth:`compose` would request, unless replies must be drawn again."""
        check_count(count)
        if reference is None:
            return Estimate(queries=1)
        image = _reference_image(reference)
        fields = {"image": image, "modification": clean(modification)}
        conversation = Conversation((reference,), (modification,))
        return self._estimate(self._prompt, fields, conversation, (image,), count)

    def estimate_conversation(self, conversation: Conversation, count: int) -> Estimate:
        """Return what :meth:`compose_conversation` would request."""
        check_count(count)
        if not conversation.references:
            return Estimate(queries=1)
        images = tuple(map(_reference_image, conversation.references))
        fields = _conversation_fields(conversation, images)
        return self._estimate(self._conversation, fields, conversation, images, count)

    def _estimate(
        self,
        fitting: FittingPrompt,
        fields: Mapping[str, Any],
        conversation: Conversation,
        images: Sequence[ImagePart],
        count: int,
    ) -> Estimate:
        total = Estimate(queries=1) + self._sampler.estimate(fitting, [fields], count)
        for image in images if self._num_reference_captions else ():
            plain = _caption_prompt(image)
            total += estimate(self.chat, plain, self._num_reference_captions, self._sampling)
        if self._roles is not None:
            total += self._roles.estimate(_conversation_fields(conversation, images))
        return total

    def waits_for_model(self, *, with_reference: bool) -> bool:
        """Return whether there is an image to show: without one, no model is asked."""
        return with_reference

    def usage(self) -> Usage:
        """Return the answers and tokens that were used so far."""
        return self.chat.usage()

    def close(self) -> None:
        """Cancel the model's requests under way."""
        self.chat.close()


def check_count(count: int) -> None:
    """Raise ``SettingError`` unless at least one caption is requested."""
    if count < 1:
        raise SettingError(f"The number of captions is {count}.", hint="Ask for at least 1.")


def instruction_lines(requests: Sequence[str]) -> str:
    """Return the requests of all turns as a numbered list, for a prompt."""
    return "\n".join(f"{number}. {clean(each)}" for number, each in enumerate(requests, 1))


def verbatim_alone(
    verbatim: VerbatimComposer,
    conversation: Conversation,
    count: int,
    instead_of: Mapping[str, Any],
) -> Composition:
    """Compose a query without reference by the verbatim composer, under its name and settings.

    ``instead_of`` are the settings of the composer that was chosen.
    """
    composition = compose_conversation(verbatim, conversation, count)
    note = (
        f"no reference image: the verbatim composer wrote the captions, {instead_of['composer']} "
        f"({instead_of['model']}) was not used"
    )
    settings = {**composition.settings, "instead_of": instead_of["composer"]}
    return replace(
        composition, reference_captions=(), settings=settings, notes=(note, *composition.notes)
    )


def describe(
    chat: Chat, image: ImagePart, count: int, sampling: Sampling, prompt: str = "caption-1"
) -> Collected:
    """Sample up to ``count`` plain captions of an image."""
    loaded = load_prompt(prompt, "caption")
    read = partial(read_caption, labels=loaded.labels, max_words=loaded.max_words)
    return collect(chat, [loaded.messages(image=image)], count, sampling, read, count)


def caption_notes(described: Collected, what: str) -> list[str]:
    """Return what was wrong with plain captions; repeated ones are no fault."""
    if not set(described.rejected) - {"repeated"}:
        return []
    return [f"{what}: {note}" for note in described.notes(len(described.captions))]


def _conversation_fields(conversation: Conversation, images: Sequence[ImagePart]) -> dict[str, Any]:
    return {
        "images": numbered(images),
        "instructions": instruction_lines(conversation.requests),
    }


def _caption_prompt(image: ImagePart) -> tuple[Message, ...]:
    return load_prompt("caption-1", "caption").messages(image=image)


def _reference_image(reference: Reference) -> ImagePart:
    if reference.image is not None:
        return ImagePart.of(reference.image, reference.content)
    if reference.content is not None:
        # the file is gone, but answers about its content may be cached
        return ImagePart(reference.content)
    raise QueryError(
        f"The reference {reference.id!r} has no image that a model could be shown.",
        hint="Use the composer two-stage, which works from captions, or verbatim.",
    )
