"""Requests to one end point: one clock over everything, capped replies, no foreign redirects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stitch_cir._proxies import describe_fault, is_loopback, local_context
from stitch_cir.errors import EndpointError

__all__ = ["NoAnswerError", "Response", "Transport"]

MOST_BYTES = 8 << 20
"""A reply is cut off beyond this: K captions are a few kilobytes."""
OPENAI_URL = "https://api.openai.com/v1"
_CONNECT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: status, headers (lower case) and decoded body."""

    status: int
    headers: Mapping[str, str]
    text: str


class NoAnswerError(Exception):
    """A request without a response. ``kind`` is timeout, connection, redirect or size."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


class Transport:
    """Posts JSON to ``URL/chat/completions`` through the ``openai`` client, without its retries.

    ``timeout`` covers a whole request, from the connection to the last byte: a peer that sends one
    byte a second cannot extend it. Redirects are followed on the same host only; a reply of more
    than 8 MiB is given up. Use all methods in one event loop.
    """

    def __init__(self, base_url: str | None, key: str, *, timeout: float, concurrency: int) -> None:
        import httpx2
        import openai

        url = base_url or OPENAI_URL
        parts = urlsplit(url)
        self._timeout = timeout
        self._slots = asyncio.Semaphore(concurrency)
        self._stream = _capped_stream(httpx2)
        headers = {"Accept-Encoding": "identity"}
        if (parts.hostname or "").endswith((".azure.com", ".azure-api.net")):
            headers["api-key"] = key
        self._local = local = is_loopback(parts.hostname)
        try:
            http = httpx2.AsyncClient(
                follow_redirects=True,
                trust_env=not local,
                verify=local_context(url) if local else True,
                timeout=None,
                event_hooks={"response": [self._check]},
            )
            self._client = openai.AsyncOpenAI(
                api_key=key,
                base_url=parts._replace(query="", fragment="").geturl(),
                default_query=dict(parse_qsl(parts.query)),
                default_headers=headers,
                max_retries=0,
                http_client=http,
            )
        except Exception as error:  # ImportError, OSError, InvalidURL …: each setting has its class
            sentence, hint = describe_fault(error)
            raise EndpointError(
                f"The end point {parts.hostname} cannot be called: {sentence}.", hint=hint
            ) from None

    async def post(self, body: Mapping[str, Any]) -> Response:
        """Send a request, at most ``concurrency`` at a time, and return the response.

        Raises ``NoAnswerError`` when there is none. Waiting for a turn is not counted.
        """
        import httpx2
        import openai

        limits = httpx2.Timeout(self._timeout, connect=min(_CONNECT_SECONDS, self._timeout))
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout):
                    response = await self._client.post(
                        "/chat/completions",
                        cast_to=httpx2.Response,
                        body=dict(body),
                        options={"timeout": limits},
                    )
            except openai.APIStatusError as error:
                response = error.response
            except openai.APITimeoutError as error:
                if isinstance(error.__cause__, httpx2.ConnectTimeout):
                    detail = f"no connection within {limits.connect:g} seconds"
                    raise NoAnswerError("connection", detail) from None
                raise NoAnswerError("timeout") from None
            except TimeoutError:
                raise NoAnswerError("timeout") from None
            except openai.APIConnectionError as error:
                raise _no_answer(error) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Response(response.status_code, headers, response.text)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _check(self, response: Any) -> None:
        """Refuse redirects to elsewhere, and count what is read."""
        response.stream = self._stream(response.stream)
        if not response.has_redirect_location:
            return
        source, target = response.url, response.url.join(response.headers["location"])
        upgraded = (source.scheme, target.scheme) == ("http", "https") and not self._local
        same = source.host == target.host and (
            upgraded or (source.scheme, source.port) == (target.scheme, target.port)
        )
        if not same or response.status_code not in (307, 308):
            raise NoAnswerError("redirect", str(target.copy_with(userinfo=b"", query=None)))


def _no_answer(error: Exception) -> NoAnswerError:
    """Find out why a connection failed, from the errors behind it."""
    details: list[str] = []
    cause: BaseException | None = error.__cause__ or error.__context__
    while cause is not None and len(details) < 4:
        if isinstance(cause, NoAnswerError):
            return cause
        message = " ".join(str(cause).split())
        if message and message not in details:
            details.append(message)
        cause = cause.__cause__ or cause.__context__
    return NoAnswerError("connection", details[0] if details else type(error).__name__)


def _capped_stream(httpx: Any) -> Any:
    class Capped(httpx.AsyncByteStream):  # type: ignore[misc]
        """A response's bytes, given up beyond the limit."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            count = 0
            async for chunk in self._stream:
                count += len(chunk)
                if count > MOST_BYTES:
                    raise NoAnswerError("size")
                yield chunk

        async def aclose(self) -> None:
            await self._stream.aclose()

    return Capped
