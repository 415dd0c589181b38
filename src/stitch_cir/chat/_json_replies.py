"""Replies that must be one JSON object: read strictly, or rejected with a reason."""

from __future__ import annotations

import json
import re
from typing import Any

from stitch_cir.chat._messages import Reply
from stitch_cir.chat._thoughts import visible

__all__ = ["MalformedReplyError", "read_json"]

_LONGEST = 100_000
_FENCED = re.compile(r"\A```[\w-]*[ \t]*\n(.*?)\n?```\Z", re.DOTALL)
_REASONS = {
    "content_filter": "blocked by a content filter",
    "refusal": "refused",
    "thought": "thought, no answer",
}


class MalformedReplyError(ValueError):
    """A reply that is not what was requested, with the reason."""


def read_json(reply: Reply) -> dict[str, Any]:
    """Return the JSON object that a reply is, without thoughts and code fences around it.

    Raises ``MalformedReplyError`` for a reply with anything else before, behind or instead of it.
    """
    if reply.finish in _REASONS:
        raise MalformedReplyError(_REASONS[reply.finish])
    answer = visible(reply.text or "")
    text = answer.text[:_LONGEST].strip()
    is_cut = reply.finish == "length"
    if not text:
        raise MalformedReplyError("cut off" if is_cut or answer.unfinished else "empty")
    fenced = _FENCED.match(text)
    try:
        data = json.loads(text if fenced is None else fenced[1])
    except (ValueError, RecursionError):
        raise MalformedReplyError("cut off" if is_cut else "not one JSON object") from None
    if not isinstance(data, dict):
        raise MalformedReplyError("not one JSON object")
    return data
