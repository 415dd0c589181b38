"""The two-stage composer: captions of the reference first, then a text model rewrites them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stitch_cir.chat import (
    Chat,
    Estimate,
    FittingPrompt,
    ImagePart,
    Sampling,
    Usage,
    estimate,
    load_prompt,
    numbered,
)
from stitch_cir.composers._concepts import likeliest_first, misread_note, second_guesses
from stitch_cir.composers._conversation import Conversation
from stitch_cir.composers._protocol import Composition, Reference
from stitch_cir.composers._roles import Roles
from stitch_cir.composers._rules_of_many import plain_intent
from stitch_cir.composers._text import clean, cut_characters, unique
from stitch_cir.composers._verbatim import VerbatimComposer
from stitch_cir.composers.llm._chat import (
    caption_notes,
    check_count,
    describe,
    instruction_lines,
    verbatim_alone,
)
from stitch_cir.composers.llm._role_answers import RoleReader
from stitch_cir.composers.llm._sampler import Sampler
from stitch_cir.errors import QueryError

__all__ = ["TwoStageComposer"]

_CAPTION_CHARACTERS = 400
_WORDS_A_CAPTION = 20


class TwoStageComposer:
    """Rewrites captions of the reference with a text model (CIReVL, Karthik et al., ICLR 2024).

    The captions come from the first of these sources that has any: the gallery; ``captioner``, a
    multimodal model; the concepts that the encoder recognised. Sample i rewrites caption i mod C, so
    that different captions of one image become different target captions (as in LDRE). Unusable
    replies are treated as by :class:`ChatComposer`.

    Parameters
    ----------
    chat:
        The text model and its cache.
    captioner:
        A multimodal model, for images without captions.
    prompt:
        Name of a shipped prompt of kind ``rewrite``, or the path of another.
    sampling, retries:
        As for :class:`ChatComposer`.
    sources:
        Most captions of the reference that are rewritten, C ≥ 1.
    roles:
        Whether the model also writes the roles of the query (:class:`ChatComposer`), from the first
        caption of each reference.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        captioner: Chat | None = None,
        prompt: str = "rewrite-1",
        sampling: Sampling | None = None,
        retries: int | None = None,
        sources: int = 5,
        roles: bool = False,
    ) -> None:
        check_count(sources)
        self.chat = chat
        self.captioner = captioner
        self.required_image_side = 0 if captioner is None else 768
        self._prompt = FittingPrompt(load_prompt(prompt, "rewrite"))
        self._conversation = FittingPrompt(load_prompt("conversation-text-1", "conversation-text"))
        self._sampling = sampling or Sampling()
        self._retries = retries
        self._sources = sources
        self._verbatim = VerbatimComposer()
        self._sampler = Sampler(chat, self._sampling, retries, self._verbatim)
        self._roles = (
            RoleReader(chat, "roles-text-1", "roles-text", self._sampling) if roles else None
        )

    @property
    def name(self) -> str:
        """Return ``"two-stage"``."""
        return "two-stage"

    def settings(self) -> Mapping[str, Any]:
        """Return both models, prompt, sampling and budget."""
        return {
            "composer": self.name,
            **self.chat.settings(),
            **self._prompt.full.to_dict(),
            "captioner": None if self.captioner is None else self.captioner.settings(),
            "sampling": self._sampling.to_dict(),
            "retries": self._retries,
            "sources": self._sources,
            **({} if self._roles is None else {"roles": self._roles.settings()}),
        }

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Compose K captions.

        Raises ``QueryError`` when there is no caption of the reference to start from,
        ``EndpointError`` when a model cannot be used.
        """
        check_count(count)
        if reference is None:
            alone = Conversation((), (modification,))
            return verbatim_alone(self._verbatim, alone, count, self.settings())
        text = clean(modification)
        described = self._describe(reference, count)
        fields = [{"caption": each, "modification": text} for each in described.captions]
        conversation = Conversation((reference,), (modification,))
        return self._rewrite(self._prompt, fields, conversation, (described,), count)

    def compose_conversation(self, conversation: Conversation, count: int) -> Composition:
        """Compose K captions of several references and turns, from captions of all references.

        The prompt is ``conversation-text-1``; sample i has caption i mod C of each reference.
        Raises what :meth:`compose` raises.
        """
        check_count(count)
        if not conversation.references:
            return verbatim_alone(self._verbatim, conversation, count, self.settings())
        described = tuple(self._describe(each, count) for each in conversation.references)
        fields = _conversation_fields(conversation, [each.captions for each in described])
        composition = self._rewrite(self._conversation, fields, conversation, described, count)
        return replace(
            composition,
            intent=plain_intent(conversation),
            notes=(*conversation.notes(), *composition.notes),
        )

    def _rewrite(
        self,
        fitting: FittingPrompt,
        fields: Sequence[Mapping[str, str]],
        conversation: Conversation,
        described: Sequence[_Described],
        count: int,
    ) -> Composition:
        """Sample K captions, sample i with a prompt that fields i mod C fill in."""
        references = tuple(
            replace(reference, image=None, captions=each.captions)
            for reference, each in zip(conversation.references, described, strict=True)
        )
        worded = replace(conversation, references=references)
        sampled = self._sampler.sample(fitting, fields, worded, count, self.name)
        sources = dict.fromkeys(each.source for each in described)
        notes = [
            f"rewritten from {' and '.join(sources)}",
            *dict.fromkeys(note for each in described for note in each.notes),
            *filter(None, [described[0].doubt]),
            *sampled.notes,
        ]
        keys = [*(key for each in described for key in each.keys), *sampled.keys]
        settings: dict[str, Any] = {**self.settings(), **sampled.prompt.to_dict()}
        roles = Roles()
        if self._roles is not None:
            worded_as = _conversation_fields(conversation, [each.captions for each in described])
            read = self._roles.sample(worded_as[0], self.name)
            roles = read.roles
            settings["roles"] = read.settings
            keys += read.keys
            notes += read.notes
        return Composition(
            sampled.captions,
            clean(conversation.modification),
            self.name,
            tuple(text for each in described for text in each.captions),
            {**settings, "answers": keys},
            tuple(notes),
            roles=roles,
            alternatives=tuple(described[0].alternatives),
        )

    def estimate(self, reference: Reference | None, modification: str, count: int) -> Estimate:
        """Return what :meth:`compose` would request.

        Captions that are yet to be sampled are assumed to be 20 words long.
        """
        check_count(count)
        total = Estimate(queries=1)
        if reference is None:
            return total
        plain, requested = self._foresee(reference, count)
        text = clean(modification)
        fields = [{"caption": each, "modification": text} for each in plain]
        total += requested + self._sampler.estimate(self._prompt, fields, count)
        if self._roles is not None:
            conversation = Conversation((reference,), (modification,))
            total += self._roles.estimate(_conversation_fields(conversation, [plain])[0])
        return total

    def estimate_conversation(self, conversation: Conversation, count: int) -> Estimate:
        """Return what :meth:`compose_conversation` would request, by the same assumption."""
        check_count(count)
        total = Estimate(queries=1)
        if not conversation.references:
            return total
        foreseen = [self._foresee(each, count) for each in conversation.references]
        for _, requested in foreseen:
            total += requested
        fields = _conversation_fields(conversation, [plain for plain, _ in foreseen])
        if self._roles is not None:
            total += self._roles.estimate(fields[0])
        return total + self._sampler.estimate(self._conversation, fields, count)

    def _foresee(self, reference: Reference, count: int) -> tuple[tuple[str, ...], Estimate]:
        """Return captions of a reference, or as many words, and what they would request."""
        num_captions = min(count, self._sources)
        requests = Estimate()
        if not reference.captions and self.captioner is not None and reference.image is not None:
            messages = load_prompt("caption-1", "caption").messages(
                image=ImagePart.of(reference.image, reference.content)
            )
            requests = estimate(self.captioner, messages, num_captions, self._sampling)
            if self.captioner.peek(messages, num_captions, self._sampling) is None:
                words = tuple("word " * _WORDS_A_CAPTION + str(i) for i in range(num_captions))
                return words, requests
        return self._describe(reference, count).captions, requests

    def waits_for_model(self, *, with_reference: bool) -> bool:
        """Return whether there is a reference to describe: without one, no model is asked."""
        return with_reference

    def usage(self) -> Usage:
        """Return the answers and tokens that both models used so far."""
        usage = self.chat.usage()
        return usage if self.captioner is None else usage + self.captioner.usage()

    def close(self) -> None:
        """Cancel both models' requests under way."""
        self.chat.close()
        if self.captioner is not None:
            self.captioner.close()

    def _describe(self, reference: Reference, count: int) -> _Described:
        """Return captions of the reference from the first source that has any."""
        most = min(count, self._sources)
        captions = unique(clean(text) for text in reference.captions)
        if captions:
            cut = tuple(cut_characters(text, _CAPTION_CHARACTERS) for text in captions[:most])
            return _Described(cut, "the gallery's captions")
        keys: list[str] = []
        notes: list[str] = []
        if self.captioner is not None and reference.image is not None:
            image = ImagePart.of(reference.image, reference.content)
            described = describe(self.captioner, image, most, self._sampling)
            keys = described.keys
            notes = [*caption_notes(described, "captioner"), *self.captioner.notes()]
            if described.captions:
                source = f"captions by {self.captioner.model}"
                return _Described(tuple(described.captions), source, keys, notes)
        if reference.concepts:
            texts = self._verbatim.compose(reference, "", most).texts
            objects = likeliest_first(reference.concepts, "object")[:3]
            return _Described(
                texts,
                "what the encoder saw",
                keys,
                notes,
                doubt=misread_note(objects),
                alternatives=second_guesses(objects),
            )
        if notes:
            raise QueryError(
                f"The captioner says nothing usable of the reference {reference.id!r} "
                f"({'; '.join(notes)}).",
                hint="Name another model (--captioner), or index captions (--captions FILE).",
            )
        raise QueryError(
            f"Nothing can be said of the reference {reference.id!r}: the gallery has no captions "
            "of it, and there is no model that sees it.",
            hint="Index captions (--captions FILE), or name a model that sees (--captioner MODEL).",
        )


@dataclass(frozen=True, slots=True)
class _Described:
    """Plain captions of a reference, their source, the keys of answers behind them, and notes.

    ``doubt`` says what else the reference may show, and ``alternatives`` are the objects to choose.
    """

    captions: tuple[str, ...]
    source: str
    keys: Sequence[str] = ()
    notes: Sequence[str] = ()
    doubt: str = ""
    alternatives: Sequence[str] = ()


def _conversation_fields(
    conversation: Conversation, plain: Sequence[Sequence[str]]
) -> list[dict[str, str]]:
    """Return fields with caption i of each reference, for as many i as one of them has captions."""
    return [
        {
            "captions": "".join(map(str, numbered([each[i % len(each)] for each in plain]))),
            "instructions": instruction_lines(conversation.requests),
        }
        for i in range(max(map(len, plain)))
    ]
