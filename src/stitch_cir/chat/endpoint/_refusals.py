"""Refusals of an end point: the reason, its kind, and when to try again."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["PARAMETERS", "Kind", "Refusal", "read_refusal"]

Kind = Literal[
    "key",
    "quota",
    "model",
    "no-images",
    "images",
    "length",
    "filter",
    "system",
    "stream",
    "busy",
    "other",
]
"""Why a request failed; ``other`` may be a parameter, ``busy`` passes."""
PARAMETERS = ("max_tokens", "max_completion_tokens", "top_k", "top_p", "temperature", "seed", "n")

_NAMED: dict[str, re.Pattern[str]] = {
    "top_k": re.compile(r"\btop[_-]?k\b|\btopK\b"),
    "top_p": re.compile(r"\btop[_-]?p\b|\btopP\b"),
    "temperature": re.compile(r"\btemperature\b"),
    "seed": re.compile(r"\bseed\b"),
    "max_completion_tokens": re.compile(r"\bmax_completion_tokens\b"),
    "max_tokens": re.compile(
        r"\bmax_(?:new_|output_)?tokens\b|\bmax(?:Output)?Tokens\b|\bmax_output_tokens\b"
    ),
    "n": re.compile(
        r"['\"`]n['\"`]|\bn ?(?:>|=|must|should|greater)|\bparameter n\b|\bcandidate_?[cC]ount\b|"
        r"(?i:multiple (?:candidates|choices|completions)|one (?:completion|choice|candidate)|"
        r"number of (?:choices|completions))|\bbest_of\b"
    ),
}
_IMAGES = re.compile(
    r"(?:at most|up to|maximum(?: of)?|limit(?:ed)?(?: to)?|only(?: supports?| accepts?| takes?)?|"
    r"supports?|exactly|more than) (?:a )?(?:\d+|one|single) (?:multi-?modal |vision |user )?"
    r"(?:image|picture)|too many images|multiple images|number of images|images?,? exceed|"
    r"image=\d+.{0,80}but passed",
    re.IGNORECASE,
)
_MOST = re.compile(
    r"(?:at most|up to|max(?:imum)?(?: allowed)?(?: of| is)?|only|limit(?:ed to)?(?: of)?|"
    r"supports?|exactly|"
    r"set image=) ?(?:a )?(\d+|one|single)",
    re.IGNORECASE,
)
_NO_IMAGES = re.compile(
    r"(?:not|n't|no endpoints found that) (?:\w+ ){0,2}?support(?:s|ed)? (?:\w+ ){0,2}?"
    r"(?:image|vision|multi-?modal)|image input is not supported|images? (?:is|are) not supported|"
    r"not a (?:multi-?modal|vision)|image_url is only supported|unsupported content part|"
    r"unknown variant `?image_url|content must be a string|vision add-on is not loaded|"
    r"missing data required for image|no vision|vision model not found|mmproj|"
    r"does not (?:have|take|accept) (?:image|vision)|only text (?:input|content)|"
    r"allowed values: \['text'\]",
    re.IGNORECASE,
)
_LENGTH = re.compile(
    r"context (?:length|size|window)|exceed_context_size|maximum context|"
    r"too many (?:input )?tokens|"
    r"prompt is too long|input is too long|(?:prompt|input|request) .{0,40}(?:too long|too large)|"
    r"inputs? tokens? .{0,60}(?:must be|exceed)|reduce the length|context_length_exceeded|"
    r"longer than the (?:model|maximum)",
    re.IGNORECASE,
)
_FILTER = re.compile(
    r"content[_ -]?filter|content management policy|responsibleaipolicy|content_policy|"
    r"safety (?:system|filter)|requires moderation|flagged|blocked by|data_inspection|"
    r"inappropriate content",
    re.IGNORECASE,
)
_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|insufficient (?:credits|balance|funds)|"
    r"billing|purchase more|credit balance",
    re.IGNORECASE,
)
_SYSTEM = re.compile(
    r"system role not supported|conversation roles must alternate|developer instruction is not|"
    r"system (?:message|role|prompt)s? (?:is|are) not (?:supported|allowed|enabled)",
    re.IGNORECASE,
)
_STREAM = re.compile(
    r"only supports? (?:the )?stream|non-streaming|stream(?:ing)? (?:mode )?(?:is )?required|"
    r"must be (?:set to )?stream|stream must be (?:set to )?true",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"loading model|currently loading|overloaded|model is (?:starting|loading)", re.I
)
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_KEY = re.compile(r"api[_ ]key|unauthori[sz]ed|authentication|invalid token|access denied", re.I)
_RETRY = re.compile(r"retrydelay\W{1,6}(\d+(?:\.\d+)?)s", re.IGNORECASE)
_AGAIN = re.compile(r"try again in (?:(\d+)m)?(\d+(?:\.\d+)?)(ms|s)", re.IGNORECASE)
_LOADING = re.compile(r"estimated_time\W{1,4}(\d+(?:\.\d+)?)", re.IGNORECASE)
_LEAST = re.compile(r"(?:>=|at least|minimum (?:value )?(?:is|of)) ?(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failed request.

    ``reason`` is the end point's explanation on one line; ``parameters`` are the names of sampling
    parameters it complains about; ``most_images`` and ``least_tokens`` are limits it states;
    ``wait`` is the delay in seconds it asks for.
    """

    status: int
    reason: str
    kind: Kind
    parameters: tuple[str, ...] = ()
    most_images: int | None = None
    least_tokens: int | None = None
    wait: float | None = None

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.kind == "busy"


def read_refusal(status: int, text: str, headers: Mapping[str, str], images: int = 0) -> Refusal:
    """Read a refusal out of status, body and headers of a request that held ``images`` images."""
    body = _json(text)
    reason = _reason(body) or _page(text) or f"HTTP status {status}"
    explanation = f"{reason} {' '.join(_codes(body))}"
    kind = _kind(status, explanation, images)
    return Refusal(
        status,
        reason,
        kind,
        _parameters(body, reason) if kind == "other" else (),
        _most_images(reason) if kind == "images" else None,
        int(least[1]) if (least := _LEAST.search(reason)) is not None else None,
        _wait(text, headers),
    )


def _kind(status: int, reason: str, images: int) -> Kind:
    if _FILTER.search(reason) and status in (400, 403, 422, 451, 500):
        return "filter"
    if status == 402 or (status in (400, 403, 429) and _QUOTA.search(reason)):
        return "quota"
    if status == 401 or (status == 403 and not _NO_IMAGES.search(reason)):
        return "key"
    if images > 1 and _IMAGES.search(reason):
        return "images"
    if images and _NO_IMAGES.search(reason):
        return "no-images"
    if status == 413 or _LENGTH.search(reason):
        return "length"
    if _SYSTEM.search(reason):
        return "system"
    if _STREAM.search(reason):
        return "stream"
    if status in (404, 405, 410):
        return "model"
    if status == 400 and _KEY.search(reason):
        return "key"
    if status in _PASSING or _BUSY.search(reason):
        return "busy"
    return "other"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _reason(body: Any) -> str:
    """Return the explanation in a body of any common shape, on one line."""
    return " ".join(_explanation(body, 6).split())


def _explanation(body: Any, depth: int) -> str:
    if isinstance(body, str):
        inner = _json(body) if body[:1] in "{[" else None
        return _explanation(inner, depth - 1) or body if depth and inner is not None else body
    if depth == 0:
        return ""
    if isinstance(body, list):
        return "; ".join(filter(None, (_explanation(item, depth - 1) for item in body[:8])))
    if not isinstance(body, dict):
        return ""
    if isinstance(body.get("msg"), str):  # one field of a validation error
        return f"{'.'.join(map(str, body.get('loc') or ()))}: {body['msg']}"
    raw = body["metadata"].get("raw") if isinstance(body.get("metadata"), dict) else None
    for value in (raw, body.get("error"), body.get("message"), body.get("detail")):
        text = _explanation(value, depth - 1) if value else ""
        if text:
            return text
    return ""


def _page(text: str) -> str:
    """Return the title of an HTML page, or the beginning of a plain text."""
    title = re.search(r"<title>([^<]*)</title>", text[:20_000], re.IGNORECASE)
    if title is not None:
        return f"a web page, “{' '.join(title[1].split())}”"
    plain = " ".join(re.sub(r"<[^<>]{0,200}>", " ", text[:2000]).split())
    return plain[:300]


def _fields(body: Any, depth: int = 6) -> Iterator[tuple[str, Any]]:
    """Yield every (name, value) of nested data, also of JSON inside strings."""
    if depth == 0:
        return
    if isinstance(body, str) and body[:1] in "{[":
        body = _json(body)
    if isinstance(body, list):
        for item in body[:64]:
            yield from _fields(item, depth - 1)
    if isinstance(body, dict):
        for name, value in body.items():
            yield name, value
            yield from _fields(value, depth - 1)


def _codes(body: Any) -> list[str]:
    return [v for k, v in _fields(body) if k in ("code", "type", "status") and isinstance(v, str)]


def _parameters(body: Any, reason: str) -> tuple[str, ...]:
    """Return the parameters that a body complains about: by its fields, else by its words."""
    names: set[str] = set()
    for name, value in _fields(body):
        if name == "param" and isinstance(value, str):
            names.add(value.rsplit(".", 1)[-1])
        if name == "loc" and isinstance(value, list):
            names.update(str(step) for step in value)
    listed = _matching(names, exact=True)
    return listed or _matching({reason}, exact=False)


def _matching(texts: set[str], *, exact: bool) -> tuple[str, ...]:
    if exact:
        aliases = {"max_output_tokens": "max_tokens", "max_new_tokens": "max_tokens"}
        names = {aliases.get(text, text) for text in texts}
        return tuple(name for name in PARAMETERS if name in names)
    text = " ".join(texts)
    return tuple(name for name in PARAMETERS if _NAMED[name].search(text))


def _most_images(reason: str) -> int:
    limit = _MOST.search(reason)
    number = limit[1].lower() if limit is not None else ""
    return int(number) if number.isdigit() else 1


def _wait(text: str, headers: Mapping[str, str]) -> float | None:
    """Return the seconds to wait by header, else by the body; ``None`` when neither says."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        try:
            seconds = float(value) * scale
        except ValueError:
            date = email.utils.parsedate_tz(value) if value else None
            if date is None:
                continue
            seconds = email.utils.mktime_tz(date) - time.time()
        if 0 <= seconds < float("inf"):
            return seconds
    for pattern in (_RETRY, _LOADING):
        delay = pattern.search(text[:20_000])
        if delay is not None:
            return float(delay[1])
    again = _AGAIN.search(text[:20_000])
    if again is not None:
        return 60 * int(again[1] or 0) + float(again[2]) * (0.001 if again[3] == "ms" else 1)
    return None
