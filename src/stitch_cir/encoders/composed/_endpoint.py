"""An end point of embeddings over HTTP: its request forms, its refusals, and what it returns."""

from __future__ import annotations

import base64
import io
import json
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stitch_cir._endpoints import host_of, read_key
from stitch_cir._proxies import describe_fault, is_loopback, local_context
from stitch_cir.errors import EndpointError

__all__ = ["FORMS", "EmbeddingEndpoint", "Part"]

FORMS = ("messages", "content", "fields")
"""Request forms for images, in the order in which they are tried; docs/one-embedding-model.md."""
MOST_BYTES = 32 << 20
"""A reply is given up beyond this: a vector of 4,096 numbers takes 90 kilobytes."""
_SIDE = 768
_PASSING = (408, 409, 425, 429, 500, 502, 503, 504)
_CONNECT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Part:
    """One input: a text, an image, or both together; an ``instruction`` goes before them."""

    text: str = ""
    image: Image.Image | None = None
    instruction: str = ""


class EmbeddingEndpoint:
    """Posts to ``URL/embeddings``; which form of request the server takes is found out once.

    Parameters
    ----------
    url, model:
        The base address, such as ``http://localhost:8000/v1``, and the model's name there.
    timeout:
        Seconds that one request may take.
    retries, pause:
        How often a request is repeated after a passing failure (408, 409, 425, 429, 5xx, a lost
        connection), and the seconds before the first time; each later pause is twice as long.

    The key is read from the environment (``STITCH_API_KEY``, ``OPENAI_API_KEY``) at the first
    request; it is never stored, logged or shown.
    """

    def __init__(
        self, url: str, model: str, *, timeout: float = 120.0, retries: int = 3, pause: float = 0.5
    ) -> None:
        """Keep the address; nothing is sent yet."""
        self.url, self.model = url.rstrip("/"), model
        self._timeout, self._retries, self._pause = timeout, retries, pause
        self._client: Any = None
        self._form: str | None = None

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed n texts in one request: (n, d) float32, as the server returns them."""
        status, reply = self._post({"input": list(texts)})
        if status >= 300:
            raise self._refused(status, reply, "texts")
        return self._vectors(reply, len(texts))

    def part(self, part: Part) -> NDArray[np.float32]:
        """Embed an image, with or without a text: (d,) float32, as the server returns it.

        Raises ``EndpointError`` where the server takes images in none of the forms that are known.
        """
        forms = FORMS if self._form is None else (self._form,)
        refusals = []
        for form in forms:
            status, reply = self._post(_BODIES[form](part))
            if status < 300:
                vector: NDArray[np.float32] = self._vectors(reply, 1)[0]
                self._form = form
                return vector
            if status in (401, 403, 404) or status in _PASSING:
                raise self._refused(status, reply, "an image")
            refusals.append(f"{form}: {status} {_said(reply)}")
        raise EndpointError(
            f"The end point {self._host} takes no images for the model {self.model!r}: "
            f"{'; '.join(refusals)}",
            hint="Serve a model that embeds images, for example vllm serve "
            "Qwen/Qwen3-VL-Embedding-2B --runner pooling.",
        )

    @property
    def _host(self) -> str:
        return host_of(self.url)

    def _post(self, body: Mapping[str, Any]) -> tuple[int, str]:
        """Send a request, again after passing failures; return status and body of the reply."""
        import httpx2

        if self._client is None:
            self._client = self._open()
            weakref.finalize(self, self._client.close)
        content = json.dumps({"model": self.model, "encoding_format": "float", **body})
        pause = self._pause
        for left in range(self._retries, -1, -1):
            try:
                status, reply = self._send(content)
            except httpx2.HTTPError as error:
                if not left:
                    said = " ".join(str(error).split()) or type(error).__name__
                    raise EndpointError(
                        f"The end point {self._host} gave no answer: {said[:200]}",
                        hint=f"Check that the server runs and that {self.url} is its address "
                        "(it usually ends in /v1).",
                    ) from None
            else:
                if status not in _PASSING or not left:
                    return status, reply
            time.sleep(pause)
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def _send(self, content: str) -> tuple[int, str]:
        with self._client.stream("POST", f"{self.url}/embeddings", content=content) as response:
            chunks, size = [], 0
            for chunk in response.iter_bytes():
                chunks.append(chunk)
                size += len(chunk)
                if size > MOST_BYTES:
                    raise EndpointError(
                        f"The end point {self._host} sends more than {MOST_BYTES >> 20} MB.",
                        hint="Check that the address is that of an embedding server.",
                    )
            return response.status_code, b"".join(chunks).decode("utf-8", "replace")

    def _open(self) -> Any:
        import httpx2

        key = read_key(self.url)
        local = is_loopback(urlsplit(self.url).hostname)
        try:
            return httpx2.Client(
                headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
                timeout=httpx2.Timeout(self._timeout, connect=min(_CONNECT_SECONDS, self._timeout)),
                trust_env=not local,
                verify=local_context(self.url) if local else True,
            )
        except Exception as error:  # ImportError, OSError, InvalidURL …: each setting has its class
            sentence, hint = describe_fault(error)
            raise EndpointError(
                f"The end point {self._host} cannot be called: {sentence}.", hint=hint
            ) from None

    def _vectors(self, reply: str, count: int) -> NDArray[np.float32]:
        """Read ``count`` vectors of one dimension. Raises ``EndpointError`` for anything else."""
        try:
            data = sorted(json.loads(reply)["data"], key=lambda each: each.get("index", 0))
            vectors = np.asarray([each["embedding"] for each in data], dtype=np.float32)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._unusable(f"{type(error).__name__}: {error}") from None
        if vectors.ndim != 2 or len(vectors) != count or not vectors.shape[1]:
            raise self._unusable(f"an array of shape {vectors.shape} for {count} inputs")
        if not np.isfinite(vectors).all() or not np.linalg.norm(vectors, axis=1).all():
            raise self._unusable("vectors that are not finite, or zero")
        return vectors

    def _unusable(self, why: str) -> EndpointError:
        return EndpointError(
            f"The end point {self._host} gave an answer that is no embedding: {why[:200]}",
            hint='Expected is {"data": [{"index": 0, "embedding": [numbers]}]}.',
        )

    def _refused(self, status: int, reply: str, what: str) -> EndpointError:
        hints = {
            401: "Set the right key in STITCH_API_KEY or OPENAI_API_KEY.",
            403: "Set the right key in STITCH_API_KEY or OPENAI_API_KEY.",
            404: f"Check the address ({self.url}, usually ending in /v1) and the model's name.",
        }
        passing = "It failed each time: look into the server's log."
        other = "Look into the server's log; the model may not embed this."
        return EndpointError(
            f"The end point {self._host} refuses to embed {what} with the model {self.model!r}: "
            f"{status} {_said(reply)}",
            hint=hints.get(status, passing if status in _PASSING else other),
        )


def _said(reply: str) -> str:
    """Return the reason in a refusal, on one short line."""
    try:
        data = json.loads(reply)
        fault = data.get("error", data.get("detail", data)) if isinstance(data, dict) else data
        said = fault.get("message", fault) if isinstance(fault, dict) else fault
    except (ValueError, RecursionError):
        said = reply
    line = " ".join(str(said).split())
    return line if len(line) <= 200 else f"{line[:199]}…"


def _image_url(image: Image.Image) -> str:
    """Return an image as a data URL of a JPEG whose longer side has at most 768 pixels."""
    copy = image.convert("RGB")
    copy.thumbnail((_SIDE, _SIDE))
    stream = io.BytesIO()
    copy.save(stream, "JPEG", quality=95, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _content(part: Part) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if part.image is not None:
        content.append({"type": "image_url", "image_url": {"url": _image_url(part.image)}})
    if part.text:
        content.append({"type": "text", "text": part.text})
    return content


def _messages_form(part: Part) -> dict[str, Any]:
    system = [{"role": "system", "content": [{"type": "text", "text": part.instruction}]}]
    user = {"role": "user", "content": _content(part)}
    return {"messages": [*(system if part.instruction else []), user]}


def _content_form(part: Part) -> dict[str, Any]:
    return {"input": [{"content": _content(_with_instruction(part))}]}


def _fields_form(part: Part) -> dict[str, Any]:
    both = _with_instruction(part)
    shown = {} if part.image is None else {"image": _image_url(part.image)}
    return {"input": [{**shown, **({"text": both.text} if both.text else {})}]}


def _with_instruction(part: Part) -> Part:
    """Return a part whose text begins with its instruction, for forms that have no place for it."""
    return Part("\n".join(filter(None, (part.instruction, part.text))), part.image)


_BODIES = {"messages": _messages_form, "content": _content_form, "fields": _fields_form}
