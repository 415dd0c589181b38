"""The composer ``local``: the two-stage route with a small text model in this process."""

from __future__ import annotations

from typing import Unpack

from stitch_cir.chat import ChatOptions, LlamaChat, Sampling, make_chat, shipped_model
from stitch_cir.composers.llm._two_stage import TwoStageComposer

__all__ = ["LocalComposer", "make_local_composer"]


class LocalComposer(TwoStageComposer):
    """Rewrites the reference's captions with a text model that llama.cpp runs in this process.

    Sampling is greedy unless another temperature is set, so that a caption of the reference becomes
    one target caption, the same each time, and no unusable reply is drawn again.
    """

    @property
    def name(self) -> str:
        """Return ``"local"``."""
        return "local"


def make_local_composer(
    *,
    model: str | None = None,
    prompt: str | None = None,
    sampling: Sampling | None = None,
    retries: int | None = None,
    sources: int = 5,
    **options: Unpack[ChatOptions],
) -> LocalComposer:
    """Make the composer; ``model`` is a GGUF file, SmolLM2-135M-Instruct if None.

    Of ``options`` (those of :func:`~stitch_cir.chat.make_chat`) ``cache`` and ``offline`` count.
    Raises ``ModelError`` when the file is missing, or the package that brings the default one.
    """
    sampling = sampling or Sampling(temperature=0.0)
    chat = make_chat(LlamaChat(model or shipped_model()), **options)
    return LocalComposer(
        chat,
        prompt=prompt or "rewrite-1",
        sampling=sampling,
        retries=0 if retries is None and sampling.temperature == 0 else retries,
        sources=sources,
    )
