"""The two-stage composer: captions of the reference first, then a text model rewrites them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from stitch_cir.composers._text import clean, cut_characters, unique
from stitch_cir.composers._verbatim import VerbatimComposer
from stitch_cir.composers.llm._chat import caption_notes, check_count, describe, verbatim_alone
from stitch_cir.composers.llm._replies import read_caption
from stitch_cir.composers.llm._sampling import Collected, collect, fill, first_round
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
    ) -> None:
        check_count(sources)
        self.chat = chat
        self.captioner = captioner
        self.required_image_side = 0 if captioner is None else 768
        self._prompt = FittingPrompt(load_prompt(prompt, "rewrite"))
        self._sampling = sampling or Sampling()
        self._retries = retries
        self._sources = sources
        self._verbatim = VerbatimComposer()

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
        }

    def compose(self, reference: Reference | None, modification: str, count: int) -> Composition:
        """Compose K captions.

        Raises ``QueryError`` when there is no caption of the reference to start from,
        ``EndpointError`` when a model cannot be used.
        """
        check_count(count)
        if reference is None:
            return verbatim_alone(self._verbatim, modification, count, self.settings())
        text = clean(modification)
        described = self._describe(reference, count)
        plain = described.captions
        read = partial(
            read_caption,
            labels=self._prompt.full.labels,
            max_words=self._prompt.full.max_words,
            modification=text,
        )
        budget = count if self._retries is None else self._retries

        def send(prompt: Prompt) -> Collected:
            questions = _questions(prompt, plain, text)
            return collect(self.chat, questions, count, self._sampling, read, budget)

        collected, prompt, shortened = self._prompt.run(send, self._is_cached(plain, text, count))
        notes = [
            f"rewritten from {described.source}",
            *described.notes,
            *shortened,
            *collected.notes(count),
            *self.chat.notes(),
        ]
        substitutes: Sequence[Caption] = ()
        if len(collected.captions) < count:
            described_reference = Reference(reference.id, None, plain, reference.concepts)
            substitutes = self._verbatim.compose(described_reference, modification, count).captions
        captions, filled = fill(
            collected.captions, f"{self.name}:{self.chat.model}", count, substitutes
        )
        if filled:
            notes.append(f"{filled} of {count} captions were written by the verbatim composer")
        settings = {
            **self.settings(),
            **prompt.to_dict(),
            "answers": [*described.keys, *collected.keys],
        }
        return Composition(captions, text, self.name, plain, settings, tuple(notes))

    def estimate(self, reference: Reference | None, modification: str, count: int) -> Estimate:
        """Return what :meth:`compose` would request.

        Captions that are yet to be sampled are assumed to be 20 words long.
        """
        check_count(count)
        total = Estimate(queries=1)
        if reference is None:
            return total
        num_captions = min(count, self._sources)
        if not reference.captions and self.captioner is not None and reference.image is not None:
            messages = load_prompt("caption-1", "caption").messages(
                image=ImagePart.of(reference.image, reference.content)
            )
            total += estimate(self.captioner, messages, num_captions, self._sampling)
            if self.captioner.peek(messages, num_captions, self._sampling) is None:
                plain = tuple("word " * _WORDS_A_CAPTION + str(i) for i in range(num_captions))
                return total + self._estimate(plain, modification, count)
        plain = self._describe(reference, count).captions
        return total + self._estimate(plain, modification, count)

    def _estimate(self, plain: tuple[str, ...], modification: str, count: int) -> Estimate:
        total = Estimate()
        text = clean(modification)
        prompt = self._prompt.choose(self._is_cached(plain, text, count))
        for messages, number, first in first_round(_questions(prompt, plain, text), count):
            total += estimate(self.chat, messages, number, self._sampling, first)
        return total

    def usage(self) -> Usage:
        """Return the answers and tokens that both models used so far."""
        usage = self.chat.usage()
        return usage if self.captioner is None else usage + self.captioner.usage()

    def close(self) -> None:
        """Cancel both models' requests under way."""
        self.chat.close()
        if self.captioner is not None:
            self.captioner.close()

    def _is_cached(self, plain: Sequence[str], text: str, count: int) -> Callable[[Prompt], bool]:
        """Return a predicate: are the answers to a prompt in the cache?"""

        def is_cached(prompt: Prompt) -> bool:
            questions = first_round(_questions(prompt, plain, text), count)
            return all(
                self.chat.peek(messages, number, self._sampling, first) is not None
                for messages, number, first in questions
            )

        return is_cached

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
            return _Described(texts, "what the encoder saw", keys, notes)
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
    """Plain captions of a reference, their source, the keys of answers behind them, and notes."""

    captions: tuple[str, ...]
    source: str
    keys: Sequence[str] = ()
    notes: Sequence[str] = ()


def _questions(prompt: Prompt, plain: Sequence[str], text: str) -> list[tuple[Message, ...]]:
    return [prompt.messages(caption=caption, modification=text) for caption in plain]
