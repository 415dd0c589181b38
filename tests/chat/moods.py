"""How real end points refuse: bodies as their sources and trackers show them, as answers to serve.

Each mood answers well as soon as a request holds nothing that it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.chat.fake_server import Answer, Handler, completion

Body = dict[str, Any]
Fault = Callable[[Body], tuple[int, Any] | None]


def images(body: Body) -> int:
    parts = [p for m in body["messages"] if isinstance(m["content"], list) for p in m["content"]]
    return sum(part["type"] == "image_url" for part in parts)


def answers(body: Body) -> Body:
    """Return as many numbered captions as ``n`` says."""
    start = body.get("seed", 0)
    return completion(*(f"A red dress, take {start + i}." for i in range(body.get("n", 1))))


def mood(*faults: Fault) -> Answer:
    """Refuse by the first fault that applies."""

    def answer(handler: Handler, body: Body) -> None:
        for fault in faults:
            refusal = fault(body)
            if refusal is not None:
                handler.send(*refusal, retry_after_ms="1")
                return
        handler.send(200, answers(body))

    return answer


def refuses(name: str, status: int, data: Any) -> Fault:
    """Refuse a parameter; ``n`` counts as sent above 1."""

    def fault(body: Body) -> tuple[int, Any] | None:
        return (status, data) if name in body else None

    return fault


def openai(message: str, param: str | None = None, code: str | None = None) -> Body:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return {"error": error}


def vllm(message: str) -> Body:
    return {
        "object": "error",
        "message": message,
        "type": "BadRequestError",
        "param": None,
        "code": 400,
    }


def gemini(*names: str) -> list[Body]:
    said = [
        f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
        for name in names
    ]
    violations = [{"description": line} for line in said]
    details = [
        {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}
    ]
    error = {
        "code": 400,
        "message": "\n".join(said),
        "status": "INVALID_ARGUMENT",
        "details": details,
    }
    return [{"error": error}]


def forbids(parameters: Iterable[str], shape: str) -> Fault:
    """Refuse every parameter that is not known, as pydantic does, in one of Mistral's shapes."""
    allowed = frozenset(parameters)

    def fault(body: Body) -> tuple[int, Any] | None:
        detail = [
            {
                "type": "extra_forbidden",
                "loc": ["body", name],
                "msg": "Extra inputs are not permitted",
                "input": body[name],
            }
            for name in sorted(set(body) - allowed)
        ]
        if not detail:
            return None
        message: Any = {"detail": detail}
        if shape == "string":
            message = json.dumps(message)
        if shape == "fastapi":
            return 422, message
        return 422, {
            "object": "error",
            "message": message,
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }

    return fault


MISTRAL = {"model", "messages", "temperature", "top_p", "max_tokens", "stop", "n", "random_seed"}
NO_MAX_TOKENS = openai(
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "max_tokens",
    "unsupported_parameter",
)


def only_one_temperature(body: Body) -> tuple[int, Any] | None:
    if body.get("temperature", 1) == 1:
        return None
    message = (
        f"Unsupported value: 'temperature' does not support {body['temperature']} with this model. "
        "Only the default (1) value is supported."
    )
    return 400, openai(message, "temperature", "unsupported_value")


def at_least_16_tokens(body: Body) -> tuple[int, Any] | None:
    tokens = body.get("max_tokens", 16)
    if tokens >= 16:
        return None
    raw = openai(
        f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got {tokens} instead.",
        "max_output_tokens",
        "integer_below_min_value",
    )
    error = {
        "message": "Provider returned error",
        "code": 400,
        "metadata": {"raw": json.dumps(raw), "provider_name": "Azure"},
    }
    return 400, {"error": error}


def both_of_temperature_and_top_p(body: Body) -> tuple[int, Any] | None:
    if not {"temperature", "top_p"} <= set(body):
        return None
    inner = (
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    )
    return 400, {
        "error": {
            "message": f'litellm.BadRequestError: BedrockException - {{"message":"{inner}"}}',
            "code": "400",
        }
    }


def no_system(message: str, status: int = 400) -> Fault:
    def fault(body: Body) -> tuple[int, Any] | None:
        return (status, vllm(message)) if body["messages"][0]["role"] == "system" else None

    return fault


def unexplained(name: str, status: int = 400) -> Fault:
    """Refuse a parameter without naming it."""
    return refuses(name, status, {"error": {"message": "Bad Request"}})


def only_streams(message: str) -> Fault:
    def fault(body: Body) -> tuple[int, Any] | None:
        return (
            None if body.get("stream") else (400, openai(message, None, "invalid_parameter_error"))
        )

    return fault


def events(body: Body) -> bytes:
    """The answers as server-sent events, word by word, choices interleaved."""
    choices = answers(body)["choices"]
    lines = []
    for index in range(6):
        for choice in choices:
            words = choice["message"]["content"].split(" ")
            word = " ".join(words[index : index + 1] if index < 5 else words[5:])
            delta = {"content": word + (" " if index < len(words) - 1 else "")} if word else {}
            lines.append(
                {"choices": [{"index": choice["index"], "delta": delta, "finish_reason": None}]}
            )
    lines += [
        {"choices": [{"index": c["index"], "delta": {}, "finish_reason": "stop"}]} for c in choices
    ]
    lines.append({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}})  # type: ignore[dict-item]
    return (
        b"".join(b"data: " + json.dumps(line).encode() + b"\n\n" for line in lines)
        + b"data: [DONE]\n\n"
    )


def streaming(*faults: Fault) -> Answer:
    """As :func:`mood`, but answer by events."""

    def answer(handler: Handler, body: Body) -> None:
        for fault in faults:
            refusal = fault(body)
            if refusal is not None:
                handler.send(*refusal)
                return
        handler.send(200, events(body), content_type="text/event-stream")

    return answer
