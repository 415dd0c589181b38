"""The composer ``local``: the two-stage route with a small text model in this process."""

from __future__ import annotations

from pathlib import Path

from stitch_cir.chat import AnswerCache, LlamaChat, Sampling, make_chat, shipped_model
from stitch_cir.composers.llm._two_stage import TwoStageComposer

__all__ = ["LocalComposer", "make_local_composer"]

GREEDY = Sampling(temperature=0.0)


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
    sampling: Sampling | None = GREEDY,
    retries: int | None = None,
    sources: int = 5,
    cache: AnswerCache | Path | str | bool | None = None,
    offline: bool = False,
) -> LocalComposer:
    """Make the composer; ``model`` is a GGUF file, SmolLM2-135M-Instruct if None.

    ``cache`` and ``offline`` are those of :func:`~stitch_cir.chat.make_chat`.
    Raises ``ModelError`` when the file is missing, or the package that brings the default one.
    """
    sampling = sampling or GREEDY
    chat = make_chat(LlamaChat(model or shipped_model()), cache=cache, offline=offline)
    return LocalComposer(
        chat,
        prompt=prompt or "rewrite-1",
        sampling=sampling,
        retries=0 if retries is None and sampling.temperature == 0 else retries,
        sources=sources,
    )
