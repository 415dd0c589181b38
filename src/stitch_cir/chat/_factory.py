"""Make a model with its cache from plain options, such as those of a command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, Unpack

from stitch_cir.chat._backend import ChatBackend
from stitch_cir.chat._chat import Chat
from stitch_cir.chat._llama import LlamaChat
from stitch_cir.chat._local import QwenChat
from stitch_cir.chat.answers._cache import AnswerCache, default_cache
from stitch_cir.chat.endpoint._openai import OpenAIChat
from stitch_cir.errors import SettingError

__all__ = ["ChatOptions", "make_chat"]


class ChatOptions(TypedDict, total=False):
    """Options of :func:`make_chat`; what is left out has the default named there."""

    base_url: str | None
    cache: AnswerCache | Path | str | bool | None
    offline: bool
    concurrency: int
    timeout: float
    request_retries: int
    total_timeout: float | None
    report: Callable[[str], None] | None


def make_chat(
    model: str | ChatBackend | None, *, role: str = "composer", **options: Unpack[ChatOptions]
) -> Chat:
    """Make a model with its cache.

    Parameters
    ----------
    model:
        A name at an OpenAI-compatible end point, ``transformers:PATH`` for a model of the Qwen2-VL
        family on this machine, ``PATH.gguf`` for a text model on this machine, or a back end.
    role:
        What needs the model, for the error without one: ``"composer"``, ``"reranker"`` or
        ``"captioner"``.
    cache:
        A file, an open cache, ``None`` for the default file, ``False`` for none.
    offline:
        Whether only cached answers are used; false by default.
    base_url, concurrency, timeout, request_retries, total_timeout, report:
        Those of :class:`~stitch_cir.chat.OpenAIChat`, where ``request_retries`` is ``retries``.

    Raises
    ------
    SettingError
        No model is named.
    TypeError
        An option does not exist.
    """
    unknown = sorted(set(options) - set(ChatOptions.__annotations__))
    if unknown:
        raise TypeError(f"there is no option {', '.join(unknown)}")
    if not model:
        option = "--rerank-model NAME or --model NAME" if role == "reranker" else "--model NAME"
        raise SettingError(
            f"The {role} needs a model.",
            hint=f"Name one: {option} (with --base-url URL for a server of your own), or "
            "--model transformers:PATH, or FILE.gguf.",
        )
    cache = _open_cache(options.get("cache"))
    offline = options.get("offline", False)
    if not isinstance(model, str):
        return Chat(model, cache, offline=offline)
    if model.endswith(".gguf"):
        return Chat(LlamaChat(model), cache, offline=offline)
    if model.startswith("transformers:"):
        return Chat(QwenChat(model.removeprefix("transformers:")), cache, offline=offline)
    backend = OpenAIChat(
        model,
        base_url=options.get("base_url"),
        timeout=options.get("timeout", 120.0),
        retries=options.get("request_retries", 4),
        concurrency=options.get("concurrency", 4),
        total_timeout=options.get("total_timeout"),
        report=options.get("report"),
    )
    return Chat(backend, cache, offline=offline)


def _open_cache(cache: AnswerCache | Path | str | bool | None) -> AnswerCache | None:
    if isinstance(cache, AnswerCache):
        return cache
    if cache is False:
        return None
    return AnswerCache(default_cache() if cache in (None, True) else Path(str(cache)))
