"""Any OpenAI-compatible end point, through the ``openai`` client."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stitch_cir._endpoints import check_address, host_of, is_openai, read_key
from stitch_cir.chat._messages import Message, Reply, Sampling
from stitch_cir.chat.endpoint._capabilities import Capabilities
from stitch_cir.chat.endpoint._errors import no_answer_error, refusal_error
from stitch_cir.chat.endpoint._loop import BackgroundLoop, LoopClosedError
from stitch_cir.chat.endpoint._refusals import Refusal, read_refusal
from stitch_cir.chat.endpoint._transport import OPENAI_URL, NoAnswerError, Response, Transport
from stitch_cir.chat.endpoint._wire import (
    IMAGE_SIDE,
    count_images,
    decode,
    encode_messages,
    read_replies,
)
from stitch_cir.errors import EndpointError, SettingError

__all__ = ["OpenAIChat"]

_log = logging.getLogger("stitch_cir.chat")
_TRIALS = (("n",), ("top_k",), ("seed",), ("n", "top_k", "seed"))
"""Parameters that are left out on trial, in this order, when a refusal names none."""
_LONGEST_PAUSE = 8.0
_REPORTED_PAUSE = 3.0


class OpenAIChat:
    """Chat completions of one model at one end point.

    K samples are requested at once (``n``); where an end point returns fewer, or refuses, the rest
    is requested concurrently. What an end point accepts is learned from its refusals, whatever
    their status and body: parameters that it names, or without which it answers, are left out from
    then on, and :meth:`notes` lists them. Time-outs, 408, 409, 425, 429 and 5xx are retried with
    exponential delay, respecting ``Retry-After`` up to ``timeout``.

    Parameters
    ----------
    model:
        The model's name at the end point.
    base_url:
        E.g. ``"http://localhost:8080/v1"``; ``None`` is OpenAI's own.
    timeout:
        Seconds one request may take, from connecting to the last byte; also the longest delay that
        is heeded.
    retries:
        How often a request is tried again.
    concurrency:
        Requests under way at a time, over all threads.
    total_timeout:
        Seconds one call of :meth:`sample` may take with all its requests, tries and delays;
        ``None``: no limit.
    report:
        Gets a line whenever a delay of more than three seconds begins; by default the logger
        ``stitch_cir.chat``.

    The key is read from the environment at the first request, so that recorded answers can be used
    without one; it is never stored, logged or shown. :meth:`close` ends requests under way.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        timeout: float = 120.0,
        retries: int = 4,
        concurrency: int = 4,
        total_timeout: float | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        if not model.strip():
            raise SettingError("No model was named.", hint="Name one: --model NAME")
        for name, value, least in (("concurrency", concurrency, 1), ("retries", retries, 0)):
            if value < least:
                raise SettingError(f"{name} is {value}.", hint=f"It must be at least {least}.")
        for limit in (timeout, 1.0 if total_timeout is None else total_timeout):
            if not limit > 0:
                raise SettingError(f"The time-out is {limit}.", hint="Give seconds above 0.")
        self._model = model
        self._base_url = check_address(base_url or os.environ.get("OPENAI_BASE_URL"))
        self._key = ""
        self._timeout = timeout
        self._retries = retries
        self._concurrency = concurrency
        self._total_timeout = total_timeout
        self._report = report or _log.info
        # OpenAI's own refuses what is not in its documentation
        self._capabilities = Capabilities(left_out={"top_k"} if is_openai(self._base_url) else ())
        self._lock = threading.Lock()
        self._transport: Transport | None = None
        self._loop = BackgroundLoop()
        weakref.finalize(self, self._loop.close, wait=False)

    @property
    def model(self) -> str:
        """The model's name at the end point."""
        return self._model

    @property
    def concurrency(self) -> int:
        """Requests under way at a time."""
        return self._concurrency

    def settings(self) -> Mapping[str, Any]:
        """Return the end point (without user, password and query) and the size of images.

        ``left_out`` lists the parameters that this end point turned out not to take.
        """
        left_out = sorted(self._capabilities.left_out)
        return {
            "backend": "openai-compatible",
            "host": host_of(self._base_url),
            "image_side": IMAGE_SIDE,
            **({"left_out": left_out} if left_out else {}),
        }

    def notes(self) -> tuple[str, ...]:
        """Return which sampling parameters the end point does not accept."""
        return self._capabilities.notes()

    def close(self) -> None:
        """Cancel requests under way and refuse later ones; callers get ``EndpointError``."""
        self._loop.close()

    def sample(
        self, messages: Sequence[Message], count: int, sampling: Sampling, first: int = 0
    ) -> list[Reply]:
        """Draw ``count`` samples: one request where the end point allows, else concurrently.

        Raises ``PromptTooLargeError`` when the end point takes fewer images or less text,
        ``EndpointError`` when there is no reply.
        """
        wire = encode_messages(messages)
        with self._lock:
            if self._transport is None:
                self._transport = self._open()
        try:
            return self._loop.run(self._sample_within(wire, count, sampling, first))
        except LoopClosedError:
            raise EndpointError(
                f"The request to {host_of(self._base_url)} was stopped.",
                hint="The program is ending, or the model was closed.",
            ) from None

    async def _sample_within(
        self, wire: list[dict[str, Any]], count: int, sampling: Sampling, first: int
    ) -> list[Reply]:
        import openai

        try:
            async with asyncio.timeout(self._total_timeout) as clock:
                return await self._sample(wire, count, sampling, first)
        except TimeoutError:
            if not clock.expired():
                raise
            raise EndpointError(
                f"{self._where()} gave no answer within {self._total_timeout:g} seconds, all tries "
                "counted.",
                hint="Allow more time, or use a faster model.",
            ) from None
        except NoAnswerError as failure:
            raise no_answer_error(
                self._where(), self._url(), failure, tries=1, timeout=self._timeout
            ) from None
        except (openai.OpenAIError, ValueError, TypeError, RecursionError) as error:
            raise EndpointError(
                f"{self._where()} gave an answer that cannot be used: {self._clean(str(error))}",
                hint="Check that --base-url is right (it usually ends in /v1), and the server's "
                "own log.",
            ) from None

    async def _sample(
        self, wire: list[dict[str, Any]], count: int, sampling: Sampling, first: int
    ) -> list[Reply]:
        replies: list[Reply] = []
        if count > 1 and "n" not in self._capabilities.left_out:
            replies = (await self._request(wire, count, sampling, first))[:count]
            if len(replies) < count:
                self._capabilities.remember(["n"])
        tasks = [
            asyncio.ensure_future(self._request(wire, 1, sampling, number))
            for number in range(first + len(replies), first + count)
        ]
        try:
            for single in await asyncio.gather(*tasks):
                replies += single[:1]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return replies

    async def _request(
        self, wire: list[dict[str, Any]], count: int, sampling: Sampling, first: int
    ) -> list[Reply]:
        """Send one request, again without what the end point turns out not to take."""
        trial: frozenset[str] = frozenset()
        trials = [frozenset(names) for names in _TRIALS]
        unexplained: EndpointError | None = None
        while True:
            body = self._capabilities.body(self._model, wire, count, sampling, first, without=trial)
            response, refusal, tries = await self._send(body, count_images(wire))
            if refusal is None:
                self._capabilities.remember(trial)
                return read_replies(decode(response.text))
            if refusal.kind == "filter":
                return [Reply(None, "content_filter")] * count
            if refusal.kind in ("other", "system", "stream") and self._capabilities.learn(
                refusal, body
            ):
                continue
            if unexplained is None or refusal.parameters:
                unexplained = self._error(refusal, tries, count_images(wire))
            trial = self._next_trial(refusal, trials, body, trial)
            if not trial:
                raise unexplained

    def _next_trial(
        self,
        refusal: Refusal,
        trials: list[frozenset[str]],
        body: Mapping[str, Any],
        previous: frozenset[str],
    ) -> frozenset[str]:
        """Choose what to leave out next; empty when nothing is left to try."""
        unclear = refusal.kind == "other" or (
            refusal.status in (500, 501) and refusal.kind == "busy"
        )
        present = set(body) | previous
        while unclear and trials:
            names = trials.pop(0) & present - self._capabilities.left_out
            # a server's fault may be its answer to n; nothing else of ours causes one
            if names and names != previous and (refusal.status < 500 or names == {"n"}):
                return names
        return frozenset()

    async def _send(
        self, body: Mapping[str, Any], images: int
    ) -> tuple[Response, Refusal | None, int]:
        """Send a request until it is answered or refused for good; also count the requests."""
        assert self._transport is not None
        pause = 0.5
        for tries in range(1, self._retries + 2):
            last = tries == self._retries + 1
            try:
                response = await self._transport.post(body)
            except NoAnswerError as failure:
                if last or failure.kind in ("redirect", "size"):
                    raise no_answer_error(
                        self._where(), self._url(), failure, tries=tries, timeout=self._timeout
                    ) from None
                wait = None
            else:
                refusal = _refusal_in(response, images)
                if refusal is None or not refusal.passing or last:
                    return response, refusal, tries
                if refusal.status in (500, 501) and "n" in body:
                    return response, refusal, tries  # llama.cpp refuses n so: ask without it first
                if refusal.wait is not None and refusal.wait > self._timeout:
                    return response, refusal, tries
                wait = refusal.wait
            await self._pause(pause if wait is None else wait, requested=wait is not None)
            pause = min(2 * pause, _LONGEST_PAUSE)
        raise AssertionError("the last try returns or raises")

    async def _pause(self, seconds: float, *, requested: bool) -> None:
        if seconds > _REPORTED_PAUSE:
            why = "as it requested" if requested else "before the next try"
            self._report(f"waiting {seconds:.0f} s for {host_of(self._base_url)}, {why}")
        await asyncio.sleep(seconds)

    def _open(self) -> Transport:
        self._key = read_key(self._base_url)
        transport = Transport(
            self._base_url, self._key, timeout=self._timeout, concurrency=self._concurrency
        )
        self._loop.at_close(transport.close)
        return transport

    def _error(self, refusal: Refusal, tries: int, images: int) -> EndpointError:
        return refusal_error(
            self._where(),
            self._model,
            replace(refusal, reason=self._clean(refusal.reason)),
            tries=tries,
            longest_wait=self._timeout,
            images=images,
        )

    def _where(self) -> str:
        return f"The end point {host_of(self._base_url)}"

    def _url(self) -> str:
        return self._base_url or OPENAI_URL

    def _clean(self, text: str) -> str:
        """Keep a message short, on one line, and free of the key."""
        text = " ".join(text.split())
        if len(self._key) > 3:
            text = text.replace(self._key, "***")
        return text if len(text) <= 400 else text[:399] + "…"


def _refusal_in(response: Response, images: int) -> Refusal | None:
    """Read a response's refusal; some end points send it with status 200."""
    if response.status < 300:
        try:
            data = decode(response.text)
        except (ValueError, RecursionError):
            return None if response.text.lstrip()[:1] in ("{", "[") else _no_completion(response)
        fault = data.get("error") if isinstance(data, dict) else None
        if not fault:
            return None
        code = fault.get("code") if isinstance(fault, dict) else None
        status = code if type(code) is int and 400 <= code < 600 else 400
        return read_refusal(status, response.text, response.headers, images)
    return read_refusal(response.status, response.text, response.headers, images)


def _no_completion(response: Response) -> Refusal:
    refusal = read_refusal(404, response.text, response.headers)
    return replace(refusal, status=response.status, reason=f"no completion but {refusal.reason}")
