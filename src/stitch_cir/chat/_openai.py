"""Any OpenAI-compatible end point, through the ``openai`` client."""

from __future__ import annotations

import base64
import io
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from stitch_cir.chat._messages import Message, Part, Picture, Reply, Sampling
from stitch_cir.errors import EndpointError, ModelError, SettingError

__all__ = ["IMAGE_SIDE", "KEY_VARIABLES", "OpenAIChat", "reduce_picture"]

IMAGE_SIDE = 768
"""Pictures are sent with a longer side of at most this many pixels, as JPEG of quality 90."""
KEY_VARIABLES = ("STITCH_API_KEY", "OPENAI_API_KEY")
"""Environment variables a key is read from, the first that is set."""
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class OpenAIChat:
    """Chat completions of one model at one end point.

    K samples are asked for in one request (``n``); an end point that gives fewer is asked for the
    rest concurrently. Parameters an end point refuses by name (``top_k``, ``n``, ``seed``,
    ``max_tokens``) are left out from then on, and :meth:`notes` says so. Time-outs, 408, 409, 429
    and 5xx are tried again with exponential delay, heeding ``Retry-After``.

    Parameters
    ----------
    model:
        The model's name at the end point.
    base_url:
        E.g. ``"http://localhost:8080/v1"``; ``None`` is OpenAI's own.
    timeout:
        Seconds one request may take.
    retries:
        How often a request is tried again.
    concurrency:
        Requests under way at a time, over all threads.

    The key is read from the environment at the first request, so that recorded answers can be used
    without one; it is never stored, logged or shown.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        timeout: float = 120.0,
        retries: int = 4,
        concurrency: int = 4,
    ) -> None:
        if not model.strip():
            raise SettingError("No model was named.", hint="Name one: --model NAME")
        for name, value, least in (("concurrency", concurrency, 1), ("retries", retries, 0)):
            if value < least:
                raise SettingError(f"{name} is {value}.", hint=f"It must be at least {least}.")
        if not timeout > 0:
            raise SettingError(f"The time-out is {timeout}.", hint="Give seconds above 0.")
        self._model = model
        self._base_url = base_url or os.environ.get("OPENAI_BASE_URL") or None
        self._key = ""
        self._timeout = timeout
        self._retries = retries
        self._concurrency = concurrency
        self._slots = threading.BoundedSemaphore(concurrency)
        self._lock = threading.Lock()
        self._client: Any = None
        self._refused: set[str] = set()
        if _is_openai(self._base_url):
            self._refused.add("top_k")

    @property
    def model(self) -> str:
        """The model's name at the end point."""
        return self._model

    @property
    def concurrency(self) -> int:
        """Requests under way at a time."""
        return self._concurrency

    def settings(self) -> Mapping[str, Any]:
        """Name the end point (without user, password and query) and how pictures are sent."""
        return {
            "backend": "openai-compatible",
            "host": _host(self._base_url),
            "image_side": IMAGE_SIDE,
        }

    def notes(self) -> tuple[str, ...]:
        """Say which sampling parameters the end point does not take."""
        return tuple(
            f"the end point does not take {name}"
            for name in sorted(self._refused)
            if name not in ("n", "max_tokens")
        )

    def ask(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
    ) -> list[Reply]:
        """Draw ``count`` samples: one request where the end point allows, else concurrently."""
        wire = [_message(message) for message in messages]
        replies: list[Reply] = []
        if count > 1 and "n" not in self._refused:
            replies = self._request(wire, count, sampling, first)[:count]
            if len(replies) < count:
                with self._lock:
                    self._refused.add("n")
        missing = range(first + len(replies), first + count)
        if len(missing) == 1:
            return replies + self._request(wire, 1, sampling, missing[0])[:1]
        if missing:
            with ThreadPoolExecutor(min(len(missing), self._concurrency)) as pool:
                parts = pool.map(lambda i: self._request(wire, 1, sampling, i)[:1], missing)
                replies += [reply for part in parts for reply in part]
        return replies

    def _request(
        self, wire: list[dict[str, Any]], count: int, sampling: Sampling, first: int
    ) -> list[Reply]:
        """Send one request, again without what the end point refuses by name."""
        import openai

        client = self._open()
        for _ in range(6):
            asked = self._arguments(count, sampling, first)
            try:
                with self._slots:
                    answer = client.chat.completions.create(
                        model=self._model, messages=wire, **asked
                    )
                return _replies(answer)
            except openai.BadRequestError as error:
                if not self._learn(self._clean(error), asked):
                    raise self._explain(error) from None
            except (openai.OpenAIError, ValueError, TypeError, RecursionError) as error:
                raise self._explain(error) from None
        raise EndpointError(f"{self._where()} refuses every form of the request.")

    def _arguments(self, count: int, sampling: Sampling, first: int) -> dict[str, Any]:
        tokens = "max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"
        asked: dict[str, Any] = {
            "n": count,
            "seed": sampling.seed + first,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            tokens: sampling.max_tokens,
            "extra_body": {"top_k": sampling.top_k} if sampling.top_k else {},
        }
        if count == 1:
            del asked["n"]
        for name in self._refused:
            asked.pop(name, None)
            asked["extra_body"].pop(name, None)
        return asked

    def _learn(self, complaint: str, asked: Mapping[str, Any]) -> bool:
        """Remember the parameter a complaint names; say whether it is worth another try."""
        sent = [name for name in (*asked, *asked["extra_body"]) if name != "extra_body"]
        named = [
            name
            for name in sent
            if name in ("top_k", "n", "seed", "max_tokens", "top_p", "temperature")
            and any(f"{q}{name}{q}" in complaint for q in ("'", '"', "`", " "))
        ]
        with self._lock:
            self._refused.update(named)
        return bool(named)

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                import openai

                self._key = _key(self._base_url)
                try:
                    self._client = openai.OpenAI(
                        api_key=self._key,
                        base_url=self._base_url,
                        timeout=self._timeout,
                        max_retries=self._retries,
                    )
                except (openai.OpenAIError, ValueError, TypeError) as error:
                    raise self._explain(error) from None
                # connections are kept open between requests: close them with this object
                weakref.finalize(self, self._client.close)
            return self._client

    def _explain(self, error: Exception) -> ModelError:
        """Say in one line what went wrong and what to do."""
        import openai

        said = self._clean(error)
        where = self._where()
        if isinstance(error, openai.APITimeoutError):
            return EndpointError(
                f"{where} gave no answer within {self._timeout:g} seconds "
                f"({self._retries + 1} tries).",
                hint="Ask fewer at a time (--concurrency), or allow more time. Answers so far are "
                "kept: run the same command again.",
            )
        if isinstance(error, openai.APIConnectionError):
            return EndpointError(
                f"{where} cannot be reached: {said}",
                hint="Is the server running, and is --base-url right (it usually ends in /v1)? "
                "Answers so far are kept: run the same command again.",
            )
        if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            return EndpointError(
                f"{where} refuses the key: {said}",
                hint=f"Set the right key in {' or '.join(KEY_VARIABLES)}.",
            )
        if isinstance(error, openai.NotFoundError):
            return EndpointError(
                f"{where} has no model {self._model!r}: {said}",
                hint="Check --model, and that --base-url ends as the server wants it (often /v1).",
            )
        if isinstance(error, openai.RateLimitError):
            return EndpointError(
                f"{where} is still refusing requests after {self._retries + 1} tries: {said}",
                hint="Wait, lower --concurrency, or check the account's quota. Answers so far are "
                "kept: run the same command again.",
            )
        return EndpointError(
            f"{where} gave an answer that cannot be used: {said}",
            hint="Check the server's own log; the model may not take pictures, or the prompt may "
            "be too long for it.",
        )

    def _where(self) -> str:
        return f"The end point {_host(self._base_url)}"

    def _clean(self, error: Exception) -> str:
        """Keep a message short, on one line, and free of the key."""
        text = " ".join(str(error).split())
        cause = error.__cause__
        if cause is not None and str(cause) and str(cause) not in text:
            text = f"{text} ({' '.join(str(cause).split())})"
        if self._key and len(self._key) > 3:
            text = text.replace(self._key, "***")
        return text if len(text) <= 300 else text[:299] + "…"


def _key(base_url: str | None) -> str:
    for variable in KEY_VARIABLES:
        if os.environ.get(variable, "").strip():
            return os.environ[variable].strip()
    if base_url is not None and urlsplit(base_url).hostname in LOCAL_HOSTS:
        return "none"  # the client insists on one; local servers do not look
    raise EndpointError(
        f"There is no key for {_host(base_url)}.",
        hint=f"Set {' or '.join(KEY_VARIABLES)} in the environment, or give the --base-url of a "
        "server on this machine.",
    )


def _is_openai(base_url: str | None) -> bool:
    return base_url is None or (urlsplit(base_url).hostname or "").endswith("openai.com")


def _host(base_url: str | None) -> str:
    if base_url is None:
        return "api.openai.com"
    try:
        parts = urlsplit(base_url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "(malformed address)"
    return f"{parts.hostname or base_url}{port}"


def _message(message: Message) -> dict[str, Any]:
    if all(isinstance(part, str) for part in message.parts):
        return {"role": message.role, "content": "".join(map(str, message.parts))}
    return {"role": message.role, "content": [_part(part) for part in message.parts]}


def _part(part: Part) -> dict[str, Any]:
    if not isinstance(part, Picture):
        return {"type": "text", "text": part}
    if part.image is None:
        raise EndpointError(
            f"The picture {part.content[:12]} is not at hand, and its answers are not in the cache."
        )
    stream = io.BytesIO()
    reduce_picture(part.image, IMAGE_SIDE).save(stream, "JPEG", quality=90)
    data = base64.b64encode(stream.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}


def reduce_picture(image: Image.Image, side: int) -> Image.Image:
    """Scale an RGB picture down until its longer side has at most ``side`` pixels."""
    image = image.convert("RGB")
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _replies(answer: Any) -> list[Reply]:
    """Read a completion; whatever is no text becomes a reply without text."""
    choices = getattr(answer, "choices", None)
    if not isinstance(choices, list) or not choices:
        raise ValueError(f"no completion but {type(answer).__name__}: {str(answer)[:120]!r}")
    usage = getattr(answer, "usage", None)
    prompt, completion = (
        count if isinstance(count, int) else 0
        for count in (
            getattr(usage, "prompt_tokens", 0),
            getattr(usage, "completion_tokens", 0),
        )
    )
    replies = []
    for number, choice in enumerate(choices):
        text = getattr(getattr(choice, "message", None), "content", None)
        share = completion // len(choices) + (1 if number < completion % len(choices) else 0)
        replies.append(
            Reply(
                text if isinstance(text, str) else None,
                str(getattr(choice, "finish_reason", None) or "stop"),
                prompt if number == 0 else 0,
                share,
            )
        )
    return replies
