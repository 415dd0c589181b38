"""Make models and composers from plain options, such as those of a command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from stitch_cir.chat import AnswerCache, Chat, OpenAIChat, QwenChat, Sampling, default_cache
from stitch_cir.composers.llm._chat import ChatComposer
from stitch_cir.composers.llm._two_stage import TwoStageComposer
from stitch_cir.errors import SettingError

__all__ = ["make_chat", "make_chat_composer", "make_two_stage_composer"]


def make_chat(
    model: str | None,
    *,
    base_url: str | None = None,
    cache: AnswerCache | Path | str | bool | None = None,
    offline: bool = False,
    concurrency: int = 4,
    timeout: float = 120.0,
    request_retries: int = 4,
    total_timeout: float | None = None,
    report: Callable[[str], None] | None = None,
    role: str = "composer",
) -> Chat:
    """Make a model with its cache.

    ``model`` is a name at an OpenAI-compatible end point, or ``transformers:PATH`` for one that
    runs here. ``cache`` is a file, an open cache, ``None`` for the default file, ``False`` for
    none. ``timeout``, ``request_retries``, ``total_timeout`` and ``report`` are those of
    :class:`~stitch_cir.chat.OpenAIChat`; ``role`` names who needs the model. Raises
    ``SettingError`` without a model.
    """
    if not model:
        option = "--verify-model NAME or --model NAME" if role == "verifier" else "--model NAME"
        raise SettingError(
            f"The {role} needs a model.",
            hint=f"Name one: {option} (with --base-url URL for a server of your own), or "
            "--model transformers:PATH.",
        )
    if isinstance(cache, AnswerCache):
        answers: AnswerCache | None = cache
    elif cache is False:
        answers = None
    else:
        answers = AnswerCache(default_cache() if cache in (None, True) else Path(str(cache)))
    if model.startswith("transformers:"):
        return Chat(QwenChat(model.removeprefix("transformers:")), answers, offline=offline)
    backend = OpenAIChat(
        model,
        base_url=base_url,
        timeout=timeout,
        retries=request_retries,
        concurrency=concurrency,
        total_timeout=total_timeout,
        report=report,
    )
    return Chat(backend, answers, offline=offline)


def make_chat_composer(
    *,
    model: str | None = None,
    prompt: str | None = None,
    sampling: Sampling | None = None,
    num_reference_captions: int = 0,
    retries: int | None = None,
    **endpoint: Any,
) -> ChatComposer:
    """Make the one-stage composer; ``endpoint`` are the options of :func:`make_chat`.

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
