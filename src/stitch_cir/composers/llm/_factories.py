"""Make composers from plain options, such as those of a command line."""

from __future__ import annotations

from typing import Any

from stitch_cir.chat import Sampling, make_chat
from stitch_cir.composers.llm._chat import ChatComposer
from stitch_cir.composers.llm._two_stage import TwoStageComposer

__all__ = ["make_chat_composer", "make_two_stage_composer"]


def make_chat_composer(
    *,
    model: str | None = None,
    prompt: str | None = None,
    sampling: Sampling | None = None,
    num_reference_captions: int = 0,
    retries: int | None = None,
    **endpoint: Any,
) -> ChatComposer:
    """Make the one-stage composer; ``endpoint`` are the options of :func:`stitch_cir.chat.make_chat`.

    ``retries`` limits samples drawn again, ``request_retries`` requests sent again.
    """
    chat = make_chat(model, **endpoint)
    return ChatComposer(
        chat,
        prompt=prompt or "edit-1",
        sampling=sampling,
        num_reference_captions=num_reference_captions,
        retries=retries,
    )


def make_two_stage_composer(
    *,
    model: str | None = None,
    captioner: str | None = None,
    prompt: str | None = None,
    sampling: Sampling | None = None,
    retries: int | None = None,
    sources: int = 5,
    **endpoint: Any,
) -> TwoStageComposer:
    """Make the two-stage composer; ``captioner`` is a model's name as ``model`` is."""
    chat = make_chat(model, **endpoint)
    captioner_chat = None
    if captioner:
        captioner_chat = make_chat(captioner, **{**endpoint, "cache": chat.cache or False})
    return TwoStageComposer(
        chat,
        captioner=captioner_chat,
        prompt=prompt or "rewrite-1",
        sampling=sampling,
        retries=retries,
        sources=sources,
    )
