"""A verifier that asks a chat model yes or no."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stitch_cir.chat import Chat, Estimate, Message, Picture, Reply, Sampling, estimate, load_prompt
from stitch_cir.errors import QueryError, SettingError
from stitch_cir.verifier._protocol import Candidate, Verdict

__all__ = ["ChatVerifier", "read_verdict"]

_WORD = re.compile(r"[^\W\d_]+")


class ChatVerifier:
    """Asks "is this the reference, changed as asked?" once for every candidate.

    Where both have pixels the model is shown both pictures, else it reads their captions. With
    several ``samples`` the share of "yes" is the verdict, drawn at ``temperature``; one sample is
    greedy.

    Parameters
    ----------
    chat:
        The model and its cache.
    prompt, text_prompt:
        Prompts of the kinds ``verify`` and ``verify-text``.
    samples:
        Answers a candidate, 1 … 50.
    temperature, seed:
        Of sampling, when there are several samples.
    """

    image_side = 768

    def __init__(
        self,
        chat: Chat,
        *,
        prompt: str = "verify-1",
        text_prompt: str = "verify-text-1",
        samples: int = 1,
        temperature: float = 0.7,
        seed: int = 0,
    ) -> None:
        if not 1 <= samples <= 50:
            raise SettingError(
                f"The verifier's samples are {samples}.", hint="It must be between 1 and 50."
            )
        self.chat = chat
        self._seeing = load_prompt(prompt, "verify")
        self._reading = load_prompt(text_prompt, "verify-text")
        self._samples = samples
        warmth = temperature if samples > 1 else 0.0
        self._sampling = Sampling(temperature=warmth, top_p=1.0, top_k=0, max_tokens=8, seed=seed)

    def settings(self) -> Mapping[str, Any]:
        """Name model, prompts and sampling."""
        return {
            **self.chat.settings(),
            "prompts": [self._seeing.to_dict(), self._reading.to_dict()],
            "samples": self._samples,
            "sampling": self._sampling.to_dict(),
        }

    def judge(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> list[Verdict]:
        """Judge every candidate, several at a time.

        Raises ``QueryError`` when a pair has neither pixels nor captions in common,
        ``EndpointError`` when the model cannot be asked.
        """

        def ask(candidate: Candidate) -> Verdict:
            messages = self._messages(reference, modification, candidate)
            replies = self.chat.samples(messages, self._samples, self._sampling)
            shares = [read_verdict(reply) for reply in replies]
            said = tuple((reply.text or "")[:80] for reply in replies)
            return Verdict(candidate.id, sum(shares) / len(shares), said)

        if not candidates:
            return []
        with ThreadPoolExecutor(min(len(candidates), self.chat.backend.concurrency)) as pool:
            return list(pool.map(ask, candidates))

    def estimate(
        self, reference: Candidate, modification: str, candidates: Sequence[Candidate]
    ) -> Estimate:
        """Say what :meth:`judge` would ask for."""
        total = Estimate(queries=1)
        for candidate in candidates:
            messages = self._messages(reference, modification, candidate)
            total += estimate(self.chat, messages, self._samples, self._sampling)
        return total

    def _messages(
        self, reference: Candidate, modification: str, candidate: Candidate
    ) -> tuple[Message, ...]:
        if reference.image is not None and candidate.image is not None:
            return self._seeing.messages(
                image=Picture.of(reference.image, reference.content),
                modification=modification,
                candidate=Picture.of(candidate.image, candidate.content),
            )
        if reference.captions and candidate.captions:
            return self._reading.messages(
                caption=" ".join(reference.captions[:3]),
                modification=modification,
                candidate=" ".join(candidate.captions[:3]),
            )
        raise QueryError(
            f"The verifier cannot compare {candidate.id!r} with the reference {reference.id!r}: "
            "they have neither pictures nor captions in common.",
            hint="Search without --verify, or index captions for both.",
        )


def read_verdict(reply: Reply) -> float:
    """Read a reply: 1 for yes, 0 for no (the first of both words counts), ½ for anything else."""
    for word in _WORD.findall((reply.text or "")[:2000].lower()):
        if word in ("yes", "no"):
            return 1.0 if word == "yes" else 0.0
    return 0.5
