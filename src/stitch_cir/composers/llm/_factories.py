"""Make the composers that use models from plain options, such as those of a command line."""

from __future__ import annotations

from typing import Unpack

from stitch_cir.chat import ChatOptions, Sampling, make_chat
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
    **options: Unpack[ChatOptions],
) -> ChatComposer:
    """Make the one-stage composer; ``options`` are those of :func:`~stitch_cir.chat.make_chat`.

    ``retries`` limits samples drawn again, ``request_retries`` requests sent again.
    """
    chat = make_chat(model, **options)
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
    **options: Unpack[ChatOptions],
) -> TwoStageComposer:
    """Make the two-stage composer; ``captioner`` is a model's name as ``model`` is."""
    chat = make_chat(model, **options)
    captioner_chat = None
    if captioner:
        shared: ChatOptions = {**options, "cache": chat.cache or False}
        captioner_chat = make_chat(captioner, **shared)
    return TwoStageComposer(
        chat,
        captioner=captioner_chat,
        prompt=prompt or "rewrite-1",
        sampling=sampling,
        retries=retries,
        sources=sources,
    )
