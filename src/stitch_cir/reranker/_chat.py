"""A reranker that judges by the yes or no of a chat model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeAlias, Unpack

from stitch_cir.chat import (
    Chat,
    ChatOptions,
    Estimate,
    FittingPrompt,
    ImagePart,
    Prompt,
    Reply,
    Sampling,
    Usage,
    estimate,
    load_prompt,
    make_chat,
    visible,
)
from stitch_cir.errors import PromptTooLargeError, QueryError, SettingError
from stitch_cir.reranker._joint import JointJudge
from stitch_cir.reranker._protocol import Candidate, Checklist, Judgement, Verdict

__all__ = ["ChatReranker", "make_chat_reranker", "read_verdict"]

Part: TypeAlias = str | ImagePart
_WORD = re.compile(r"[^\W\d_]+")


class ChatReranker:
    """Asks a model of every candidate whether it shows the reference after the modification.

    Where both have pixels the model gets both images, else their captions. An end point that
    accepts fewer images than the prompt's examples need gets the prompt without them; one that
    accepts a single image gets captions, where both have them. With several ``samples``, drawn at
    ``temperature``, the verdict is the share of "yes"; a single sample is greedy.

    Parameters
    ----------
    chat:
        The model and its cache.
    prompt, text_prompt:
        Prompts of the kinds ``rerank`` and ``rerank-text``.
    samples:
        Samples for each candidate, 1 … 50.
    temperature, seed:
        Of sampling, when there are several samples; the seed also shuffles hits that are ranked
        together.
    max_tokens:
        New tokens an answer; models that think need hundreds.
    """

    def __init__(
        self,
        chat: Chat,
        *,
        prompt: str = "rerank-1",
        text_prompt: str = "rerank-text-1",
        samples: int = 1,
        temperature: float = 0.7,
        seed: int = 0,
        max_tokens: int = 8,
    ) -> None:
        if not 1 <= samples <= 50:
            raise SettingError(
                f"The reranker's samples are {samples}.", hint="It must be between 1 and 50."
            )
        self.chat = chat
        self._image_prompt = FittingPrompt(load_prompt(prompt, "rerank"))
        self._text_prompt = FittingPrompt(load_prompt(text_prompt, "rerank-text"))
        self._samples = samples
        warmth = temperature if samples > 1 else 0.0
        self._sampling = Sampling(
            temperature=warmth, top_p=1.0, top_k=0, max_tokens=max_tokens, seed=seed
        )
        self._joint = JointJudge(chat, replace(self._sampling, temperature=0.0))
        self._notes: dict[str, None] = {}
        self._captions_only = ""

    def settings(self) -> Mapping[str, Any]:
        """Return model, prompts and sampling."""
        return {
            **self.chat.settings(),
            "prompts": [
                self._image_prompt.form.to_dict(),
                self._text_prompt.form.to_dict(),
                *(prompt.to_dict() for prompt in self._joint.prompts),
            ],
            "samples": self._samples,
            **({"reads": "captions"} if self._captions_only else {}),
            "sampling": self._sampling.to_dict(),
        }

    def judge(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> list[Verdict]:
        """Judge every candidate, several at a time.

        Raises ``QueryError`` when a pair has neither pixels nor captions in common,
        ``EndpointError`` when the model cannot be used.
        """

        def judge(candidate: Candidate) -> tuple[Verdict, list[Reply]]:
            replies = self._replies(reference, modification, candidate)
            shares = [read_verdict(reply) for reply in replies]
            texts = tuple((reply.text or "")[:80] for reply in replies)
            return Verdict(candidate.id, sum(shares) / len(shares), texts), replies

        if not candidates:
            return []
        with ThreadPoolExecutor(min(len(candidates), self.chat.backend.concurrency)) as pool:
            judged = list(pool.map(judge, candidates))
        self._note([reply for _, replies in judged for reply in replies])
        return [verdict for verdict, _ in judged]

    def judge_together(
        self,
        reference: Candidate,
        modification: str,
        candidates: Sequence[Candidate],
        checklist: Checklist,
        *,
        mode: str,
    ) -> Judgement:
        """Rank all candidates in one request, asked in a shuffled order and in its reverse.

        ``"list"`` shows each candidate, by its caption where images are missing or not accepted;
        ``"grid"`` shows one contact sheet. A ranking that cannot be read is requested again, and
        the judgement says what was done where that did not help. ``samples`` play no part.

        Raises ``QueryError`` where candidates cannot be shown in this mode, ``SettingError`` for
        too many of them, ``EndpointError`` when the model cannot be used.
        """
        judgement = self._joint.judge(reference, modification, candidates, checklist, mode)
        marked = (judgement.fallback,) if judgement.fallback else ()
        notes = (f"reranker: {note}" for note in (*self._joint.notes, *marked))
        self._notes = dict.fromkeys(notes)
        return judgement

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know of the last verdicts and of the end point."""
        return (*self._notes, *(f"reranker: {note}" for note in self.chat.notes()))

    def usage(self) -> Usage:
        """Return the answers and tokens that were used so far."""
        return self.chat.usage()

    def close(self) -> None:
        """Cancel the model's requests under way."""
        self.chat.close()

    def _note(self, replies: Sequence[Reply]) -> None:
        """Store notes about replies without a verdict."""
        self._notes = {}
        for prompt in (self._image_prompt, self._text_prompt):
            self._notes.update(dict.fromkeys(f"reranker: {note}" for note in prompt.notes()))
        if self._captions_only:
            self._notes[f"reranker: judged {self._captions_only}"] = None
        unclear = [reply for reply in replies if not is_verdict(reply)]
        if not unclear:
            return
        note = f"reranker: {len(unclear)} of {len(replies)} answers were neither yes nor no"
        if any(reply.finish == "length" for reply in unclear):
            note += (
                f"; it was cut off at {self._sampling.max_tokens} tokens, perhaps while thinking: "
                "allow more with --max-tokens"
            )
        self._notes[note] = None

    def _replies(
        self, reference: Candidate, modification: str, candidate: Candidate
    ) -> list[Reply]:
        """Sample replies about one candidate, from captions where two images are not accepted."""
        readable = bool(reference.captions and candidate.captions)
        if not (self._captions_only and readable):
            try:
                return self._sample(reference, modification, candidate)
            except PromptTooLargeError as error:
                if reference.image is None or candidate.image is None:
                    raise
                if not readable:
                    raise PromptTooLargeError(
                        f"The reranker shows two images a question. {error.message}",
                        hint="Raise the server's limit (vLLM: --limit-mm-per-prompt), name another "
                        "model (--rerank-model), or search without --rerank.",
                        most_images=error.most_images,
                    ) from None
                self._captions_only = f"from captions, not images: {error.message}"
        return self._sample(
            replace(reference, image=None), modification, replace(candidate, image=None)
        )

    def _sample(self, reference: Candidate, modification: str, candidate: Candidate) -> list[Reply]:
        fitting, fields = self._prompt(reference, modification, candidate)

        def send(prompt: Prompt) -> list[Reply]:
            messages = prompt.messages(**fields)
            return self.chat.samples(messages, self._samples, self._sampling, usable=is_verdict)

        replies, _, _ = fitting.run(send, self._is_cached(fields))
        return replies

    def _is_cached(self, fields: Mapping[str, Part]) -> Callable[[Prompt], bool]:
        """Return a predicate: are the answers to a prompt in the cache?"""

        def is_cached(prompt: Prompt) -> bool:
            messages = prompt.messages(**fields)
            return self.chat.peek(messages, self._samples, self._sampling) is not None

        return is_cached

    def estimate_together(
        self,
        reference: Candidate,
        modification: str,
        candidates: Sequence[Candidate],
        checklist: Checklist,
        *,
        mode: str,
    ) -> Estimate:
        """Return what :meth:`judge_together` would request."""
        return self._joint.estimate(reference, modification, candidates, checklist, mode)

    def estimate(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> Estimate:
        """Return what :meth:`judge` would request."""
        total = Estimate(queries=1)
        for candidate in candidates:
            fitting, fields = self._prompt(reference, modification, candidate)
            messages = fitting.choose(self._is_cached(fields)).messages(**fields)
            total += estimate(self.chat, messages, self._samples, self._sampling)
        return total

    def _prompt(
        self, reference: Candidate, modification: str, candidate: Candidate
    ) -> tuple[FittingPrompt, dict[str, Part]]:
        """Return the prompt for a pair and the fields to fill in."""
        if reference.image is not None and candidate.image is not None:
            return self._image_prompt, {
                "image": ImagePart.of(reference.image, reference.content),
                "modification": modification,
                "candidate": ImagePart.of(candidate.image, candidate.content),
            }
        if reference.captions and candidate.captions:
            return self._text_prompt, {
                "caption": " ".join(reference.captions[:3]),
                "modification": modification,
                "candidate": " ".join(candidate.captions[:3]),
            }
        raise QueryError(
            f"The reranker cannot compare {candidate.id!r} with the reference {reference.id!r}: "
            "they have neither images nor captions in common.",
            hint="Search without --rerank, or index captions for both.",
        )


def make_chat_reranker(
    *,
    model: str | None = None,
    samples: int = 1,
    max_tokens: int = 8,
    seed: int = 0,
    **options: Unpack[ChatOptions],
) -> ChatReranker:
    """Make a reranker; ``options`` are those of :func:`~stitch_cir.chat.make_chat`."""
    chat = make_chat(model, role="reranker", **options)
    return ChatReranker(chat, samples=samples, max_tokens=max_tokens, seed=seed)


def read_verdict(reply: Reply) -> float:
    """Return 1 for a reply of yes, 0 for no (the first of both words decides), ½ for anything else.

    Thoughts before the answer are ignored.
    """
    verdict = _verdict(reply)
    return 0.5 if verdict is None else float(verdict == "yes")


def is_verdict(reply: Reply) -> bool:
    """Return whether a reply is yes or no."""
    return _verdict(reply) is not None


def _verdict(reply: Reply) -> str | None:
    words = _WORD.findall(visible(reply.text or "").text[:2000].lower())
    return next((word for word in words if word in ("yes", "no")), None)
