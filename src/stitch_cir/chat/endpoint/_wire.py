"""Messages and completions in the format of the chat-completions protocol."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from stitch_cir.chat._messages import ImagePart, Message, Part, Reply
from stitch_cir.errors import EndpointError

__all__ = [
    "IMAGE_SIDE",
    "count_images",
    "decode",
    "encode_messages",
    "merge_system",
    "read_replies",
    "reduce_image",
]

IMAGE_SIDE = 768
"""Images are sent with a longer side of at most this many pixels, as JPEG of quality 90."""
_LENGTH = frozenset({"length", "max_tokens", "model_length", "max_output_tokens"})
_FILTERED = frozenset(
    {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "image_safety"}
)


def encode_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Encode messages as JSON-ready data, images as data URLs.

    Raises ``EndpointError`` when an image is known by its content only.
    """
    return [_message(message) for message in messages]


def _message(message: Message) -> dict[str, Any]:
    if all(isinstance(part, str) for part in message.parts):
        return {"role": message.role, "content": _whole("".join(map(str, message.parts)))}
    return {"role": message.role, "content": [_part(part) for part in message.parts]}


def _part(part: Part) -> dict[str, Any]:
    if not isinstance(part, ImagePart):
        return {"type": "text", "text": _whole(part)}
    if part.image is None:
        raise EndpointError(
            f"The image {part.content[:12]} is not at hand, and its answers are not in the cache."
        )
    stream = io.BytesIO()
    reduce_image(part.image, IMAGE_SIDE).save(stream, "JPEG", quality=90)
    data = base64.b64encode(stream.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}


def _whole(text: str) -> str:
    """Replace half of a surrogate pair, which JSON cannot carry."""
    return text.encode("utf-8", "replace").decode()


def reduce_image(image: Image.Image, side: int) -> Image.Image:
    """Scale an RGB image down until its longer side has at most ``side`` pixels."""
    image = image.convert("RGB")
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC)


def count_images(wire: Sequence[Mapping[str, Any]]) -> int:
    """Count the images in encoded messages."""
    return sum(
        part["type"] == "image_url"
        for message in wire
        if isinstance(message["content"], list)
        for part in message["content"]
    )


def merge_system(wire: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put a system message at the head of the first user message, for templates without one."""
    if not wire or wire[0]["role"] != "system":
        return list(wire)
    head, first, *rest = wire
    content = first["content"]
    if isinstance(content, str):
        merged: Any = f"{head['content']}\n\n{content}"
    else:
        merged = [{"type": "text", "text": f"{head['content']}\n\n"}, *content]
    return [{**first, "content": merged}, *rest]


def decode(text: str) -> Any:
    """Decode the body of a completion, also where it came as a stream of events.

    Raises ``ValueError`` or ``RecursionError`` when it is neither.
    """
    if not text.lstrip().startswith("data:"):
        return json.loads(text)
    joined: dict[int, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for line in text.splitlines():
        content = line.removeprefix("data:").strip()
        if not line.startswith("data:") or content in ("", "[DONE]"):
            continue
        chunk = json.loads(content)
        if not isinstance(chunk, dict):
            raise ValueError(f"an event that is not an object: {content[:80]}")
        whole.update({k: v for k, v in chunk.items() if k in ("usage", "error") and v})
        for choice in chunk.get("choices") or ():
            _join(joined, choice)
    return {**whole, "choices": [joined[index] for index in sorted(joined)]}


def _join(joined: dict[int, dict[str, Any]], choice: Any) -> None:
    """Add one event of a stream to the choice that it is a part of."""
    index = choice.get("index") or 0
    start: dict[str, Any] = {"index": index, "finish_reason": None, "message": {"content": ""}}
    partial = joined.setdefault(index, start)
    partial["finish_reason"] = choice.get("finish_reason") or partial["finish_reason"]
    delta = choice.get("delta") or {}
    for name in ("content", "reasoning_content", "reasoning", "refusal"):
        if isinstance(delta.get(name), str):
            partial["message"][name] = (partial["message"].get(name) or "") + delta[name]


def read_replies(data: Any) -> list[Reply]:
    """Read a completion; a choice without readable text becomes a reply without text.

    Raises ``ValueError`` when the data is no completion.
    """
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list) or not choices:
        raise ValueError(f"no completion but {type(data).__name__}: {str(data)[:120]!r}")
    usage = data.get("usage")
    prompt = _count(usage, "prompt_tokens")
    completion = _count(usage, "completion_tokens")
    replies = []
    for number, choice in enumerate(_in_order(choices)):
        text, finish = _choice(choice)
        share = completion // len(choices) + (1 if number < completion % len(choices) else 0)
        replies.append(Reply(text, finish, prompt if number == 0 else 0, share))
    return replies


def _in_order(choices: list[Any]) -> list[Any]:
    """Sort choices by their index where each has a different one."""
    numbers = [choice.get("index") if isinstance(choice, dict) else None for choice in choices]
    if all(type(number) is int for number in numbers) and len(set(numbers)) == len(numbers):
        return [choice for _, choice in sorted(zip(numbers, choices, strict=True), key=_first)]
    return choices


def _first(pair: tuple[Any, Any]) -> int:
    return int(pair[0])


def _count(usage: Any, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and count > 0 else 0


def _choice(choice: Any) -> tuple[str | None, str]:
    """Return text and finish reason of one choice.

    A choice that only thought has the finish reason ``"length"`` or ``"thought"``, one that
    declined has ``"refusal"`` or ``"content_filter"``.
    """
    if not isinstance(choice, dict):
        return None, "stop"
    finish = str(choice.get("finish_reason") or "stop").lower()
    finish = "length" if finish in _LENGTH else finish
    finish = "content_filter" if finish in _FILTERED else finish
    message = choice.get("message")
    if not isinstance(message, dict):
        return _text(choice.get("text")), finish
    text = _text(message.get("content"))
    if text is None or not text.strip():
        if isinstance(message.get("refusal"), str) and message["refusal"]:
            return None, "refusal"
        thought = message.get("reasoning_content") or message.get("reasoning")
        if thought and finish == "stop":
            return None, "thought"
    return text, finish


def _text(content: Any) -> str | None:
    """Return a content's text: a string, or the text parts of a list without its thoughts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    texts = []
    for part in content:
        if isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"):
            text = part.get("text")
            if isinstance(text, dict):
                text = text.get("value")
            if isinstance(text, str):
                texts.append(text)
    return "".join(texts) if texts else None
