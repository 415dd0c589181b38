"""Make the composers that use models from plain options, such as those of a command line."""

from __future__ import annotations

from typing import Unpack, cast

from stitch_cir.chat import ChatOptions, Sampling, make_chat
from stitch_cir.composers.llm._chat import ChatComposer
from stitch_cir.composers.llm._two_stage import TwoStageComposer

__all__ = ["TwoStageOptions", "make_chat_composer", "make_two_stage_composer"]


class TwoStageOptions(ChatOptions, total=False):
    """What the two-stage composer takes beside the options of its models."""

    sources: int
    roles: bool


def make_chat_composer(
    *,
    model: str | None = None,
    prompt: str | None = None,
    sampling: Sampling | None = None,
    num_reference_captions: int = 0,
    retries: int | None = None,
    roles: bool = False,
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
        roles=roles,
    )


def make_two_stage_composer(
    *,
    model: str | None = None,
    captioner: str | None = None,
    prompt: str | None = None,
    sampling: Sampling | None = None,
    retries: int | None = None,
    **options: Unpack[TwoStageOptions],
) -> TwoStageComposer:
    """Make the two-stage composer; ``captioner`` is a model's name as ``model`` is."""
    sources, roles = options.pop("sources", 5), options.pop("roles", False)
    chat_options = cast("ChatOptions", options)
    chat = make_chat(model, **chat_options)
    captioner_chat = None
    if captioner:
        shared: ChatOptions = {**chat_options, "cache": chat.cache or False}
        captioner_chat = make_chat(captioner, **shared)
    return TwoStageComposer(
        chat,
        captioner=captioner_chat,
        prompt=prompt or "rewrite-1",
        sampling=sampling,
        retries=retries,
        sources=sources,
        roles=roles,
    )
