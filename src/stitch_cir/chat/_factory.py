"""Make a model of plain options, such as those of a command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stitch_cir.chat._chat import Chat
from stitch_cir.chat._local import QwenChat
from stitch_cir.chat.answers._cache import AnswerCache, default_cache
from stitch_cir.chat.endpoint._openai import OpenAIChat
from stitch_cir.errors import SettingError

__all__ = ["make_chat"]


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
