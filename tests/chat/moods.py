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
    """Give as many numbered captions as ``n`` says."""
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


def forbids(known: Iterable[str], shape: str) -> Fault:
    """Refuse every parameter that is not known, as pydantic does, in one of Mistral's shapes."""
    allowed = frozenset(known)

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


LEARNED: dict[str, tuple[Answer, set[str], tuple[str, ...]]] = {
    # mood: (answer, parameters not sent in the end, words of the notes)
    "llama.cpp before 2025 refuses n with 500": (
        mood(
            refuses(
                "n",
                500,
                {
                    "error": {
                        "code": 500,
                        "message": "Only one completion choice is allowed",
                        "type": "server_error",
                    }
                },
            )
        ),
        {"n"},
        (),
    ),
    "llama.cpp refuses n with 400": (
        mood(
            refuses(
                "n",
                400,
                {
                    "error": {
                        "code": 400,
                        "message": "Only one completion choice is allowed",
                        "type": "invalid_request_error",
                    }
                },
            )
        ),
        {"n"},
        (),
    ),
    "an unexplained 500 with n": (mood(unexplained("n", 500)), {"n"}, ()),
    "OpenAI's reasoning models": (
        mood(
            refuses("max_tokens", 400, NO_MAX_TOKENS),
            only_one_temperature,
            refuses(
                "top_p",
                400,
                openai(
                    "Unsupported parameter: 'top_p' is not supported with this model.",
                    "top_p",
                    "unsupported_parameter",
                ),
            ),
        ),
        {"max_tokens", "temperature", "top_p"},
        ("temperature", "top_p"),
    ),
    "OpenAI knows no top_k": (
        mood(refuses("top_k", 400, openai("Unrecognized request argument supplied: top_k"))),
        {"top_k"},
        ("top_k",),
    ),
    "Azure with a call stack": (
        mood(
            refuses(
                "max_tokens",
                400,
                {
                    "error": {
                        **NO_MAX_TOKENS["error"],
                        "callstack": ' File "/usr/local/bin/gunicorn", line 8, temperature',
                    }
                },
            )
        ),
        {"max_tokens"},
        (),
    ),
    "LiteLLM's list of parameters": (
        mood(
            refuses(
                "n",
                400,
                openai(
                    "litellm.UnsupportedParamsError: bedrock does not support parameters: ['n'], for model=claude. To drop these, set `litellm.drop_params=True`"
                ),
            ),
            refuses(
                "seed",
                400,
                openai(
                    "litellm.UnsupportedParamsError: bedrock does not support parameters: ['seed'], for model=claude."
                ),
            ),
        ),
        {"n", "seed"},
        ("seed",),
    ),
    "LiteLLM before gpt-5": (
        mood(
            lambda body: (
                (
                    400,
                    openai(
                        "litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.7. Only temperature=1 is supported."
                    ),
                )
                if "temperature" in body
                else None
            )
        ),
        {"temperature"},
        ("temperature",),
    ),
    "Bedrock's Claude takes one of two": (
        mood(both_of_temperature_and_top_p),
        {"top_p"},
        ("top_p",),
    ),
    "Gemini names unknown fields": (
        mood(
            lambda body: (400, gemini("seed", "top_k")) if {"seed", "top_k"} & set(body) else None
        ),
        {"seed", "top_k"},
        ("seed", "top_k"),
    ),
    "Gemini 3 gives one candidate": (
        mood(
            refuses(
                "n",
                400,
                [
                    {
                        "error": {
                            "code": 400,
                            "message": "Multiple candidates is not enabled for this model",
                            "status": "INVALID_ARGUMENT",
                        }
                    }
                ],
            )
        ),
        {"n"},
        (),
    ),
    "Mistral, detail in an object": (
        mood(forbids(MISTRAL, "object")),
        {"seed", "top_k"},
        ("seed", "top_k"),
    ),
    "Mistral, detail in a string": (
        mood(forbids(MISTRAL, "string")),
        {"seed", "top_k"},
        ("seed", "top_k"),
    ),
    "FastAPI's own 422": (
        mood(forbids(MISTRAL - {"n"}, "fastapi")),
        {"seed", "top_k", "n"},
        ("seed", "top_k"),
    ),
    "Groq": (
        mood(
            refuses("n", 400, openai("'n' : number must be at most 1")),
            refuses("top_k", 400, openai("property 'top_k' is unsupported")),
        ),
        {"n", "top_k"},
        ("top_k",),
    ),
    "vLLM samples greedily once": (
        mood(refuses("n", 400, vllm("n must be 1 when using greedy sampling, got 3."))),
        {"n"},
        (),
    ),
    "SGLang in an error object": (
        mood(
            refuses(
                "top_k",
                400,
                {
                    "error": {
                        "object": "error",
                        "message": "top_k must be -1 (disable) or at least 1, got 50.",
                        "type": "BadRequestError",
                        "param": "top_k",
                        "code": 400,
                    }
                },
            )
        ),
        {"top_k"},
        ("top_k",),
    ),
    "TGI's validation": (
        mood(
            refuses(
                "top_p",
                422,
                {
                    "error": "Input validation error: `top_p` must be > 0.0 and < 1.0",
                    "error_type": "validation",
                },
            )
        ),
        {"top_p"},
        ("top_p",),
    ),
    "xAI in camel case": (
        mood(
            refuses(
                "top_k",
                400,
                {
                    "code": "Client specified an invalid argument",
                    "error": "Argument not supported on this model: topK",
                },
            )
        ),
        {"top_k"},
        ("top_k",),
    ),
    "OpenRouter passes on what is below its minimum": (
        mood(at_least_16_tokens),
        set(),
        ("no limit below 16",),
    ),
    "an unexplained 400 for top_k": (mood(unexplained("top_k")), {"top_k"}, ("top_k",)),
    "an unexplained 400 for seed": (mood(unexplained("seed")), {"seed"}, ("seed",)),
    "an unexplained 422 for n and top_k": (
        mood(unexplained("n", 422), unexplained("top_k", 422)),
        {"n", "top_k", "seed"},
        ("top_k",),
    ),
    "no limit on new tokens at all": (
        mood(
            refuses("max_tokens", 400, openai("Unsupported parameter: max_tokens")),
            refuses(
                "max_completion_tokens", 400, openai("Unsupported parameter: max_completion_tokens")
            ),
        ),
        {"max_tokens", "max_completion_tokens"},
        ("limit on new tokens",),
    ),
    "Gemma's template has no system role": (
        mood(no_system("System role not supported")),
        set(),
        ("system message",),
    ),
    "TGI renders templates that alternate": (
        mood(
            no_system(
                "Template error: syntax error: Conversation roles must alternate user/assistant/user/assistant/",
                422,
            )
        ),
        set(),
        ("system message",),
    ),
    "mistral.rs fails on a system role": (
        mood(no_system("System role not supported", 500)),
        set(),
        ("system message",),
    ),
}

FAILS: dict[str, tuple[int, Any, str, str]] = {
    # mood: (status, body, pattern of the message, words of the hint)
    "OpenAI, wrong key": (
        401,
        openai(
            "Incorrect API key provided: sk-1. You can find your API key at …",
            None,
            "invalid_api_key",
        ),
        "refuses the key",
        "STITCH_API_KEY",
    ),
    "Gemini, wrong key": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
        "refuses the key",
        "STITCH_API_KEY",
    ),
    "OpenAI, no quota": (
        429,
        openai(
            "You exceeded your current quota, please check your plan and billing details.",
            None,
            "insufficient_quota",
        ),
        "lack of quota",
        "billing",
    ),
    "OpenRouter, no credit": (
        402,
        {
            "error": {
                "message": "Insufficient credits. Purchase more at https://openrouter.ai/settings/credits",
                "code": 402,
            }
        },
        "lack of quota",
        "billing",
    ),
    "Azure, no deployment": (
        404,
        {
            "error": {
                "code": "DeploymentNotFound",
                "message": "The API deployment for this resource does not exist.",
            }
        },
        "has no model 'm'.*deployment",
        "deployment",
    ),
    "Azure, wrong path or api-version": (
        404,
        {"error": {"code": "404", "message": "Resource not found"}},
        "nothing at this address: Resource not found",
        "api-version",
    ),
    "Ollama, no such model": (
        404,
        {
            "error": {
                "message": 'model "llava" not found, try pulling it first',
                "type": "api_error",
                "param": None,
                "code": None,
            }
        },
        "try pulling it",
        "--model",
    ),
    "a 404 of nginx": (
        404,
        b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>",
        "web page, .404 Not Found",
        "/v1",
    ),
    "llama.cpp without mmproj": (
        500,
        {
            "error": {
                "code": 500,
                "message": "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj",
                "type": "server_error",
            }
        },
        "takes no images",
        "two-stage",
    ),
    "llama.cpp's template without images": (
        500,
        {
            "error": {
                "code": 500,
                "message": 'Failed to parse messages: Unsupported content part type: "image_url"',
                "type": "server_error",
            }
        },
        "takes no images",
        "two-stage",
    ),
    "vLLM, a text model": (
        400,
        vllm("Qwen/Qwen2.5-7B is not a multimodal model"),
        "takes no images",
        "two-stage",
    ),
    "Groq, a text model": (
        400,
        openai("messages[0].content must be a string"),
        "takes no images",
        "two-stage",
    ),
    "OpenRouter, a text model": (
        404,
        {"error": {"message": "No endpoints found that support image input", "code": 404}},
        "takes no images",
        "two-stage",
    ),
    "LM Studio, a text model": (
        400,
        {"error": "Model does not support images. Please use a model that does."},
        "takes no images",
        "two-stage",
    ),
    "LM Studio, with status 200": (
        200,
        {
            "error": {
                "message": "Error in iterating prediction stream: ValueError: Vision add-on is not loaded, but images were provided for processing"
            }
        },
        "takes no images",
        "two-stage",
    ),
    "Ollama, a text model": (
        500,
        {
            "error": {
                "message": "this model is missing data required for image input",
                "type": "api_error",
            }
        },
        "takes no images",
        "two-stage",
    ),
    "GLM's gateway": (
        400,
        openai("messages.content.type is invalid, allowed values: ['text']"),
        "takes no images",
        "two-stage",
    ),
    "vLLM, context": (
        400,
        vllm(
            "This model's maximum context length is 2048 tokens. However, you requested 2200 tokens (2130 in the messages, 70 in the completion). Please reduce the length of the messages or completion."
        ),
        "too long",
        "--max-model-len",
    ),
    "vLLM, max_tokens and context": (
        400,
        vllm(
            "'max_tokens' or 'max_completion_tokens' is too large: 70. This model's maximum context length is 64 tokens and your request has 60 input tokens"
        ),
        "too long",
        "--max-tokens",
    ),
    "llama.cpp, context": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size. try increasing the context size",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 1407,
                "n_ctx": 256,
            }
        },
        "too long",
        "llama.cpp: -c",
    ),
    "a proxy's body limit": (
        413,
        b"<html><title>413 Request Entity Too Large</title></html>",
        "too long",
        "shorter prompt",
    ),
}

IMAGE_LIMITS: dict[str, tuple[int, Any, int]] = {
    "vLLM": (400, vllm("At most 1 image(s) may be provided in one request."), 1),
    "vLLM, later": (400, vllm("At most 1 image(s) may be provided in one prompt."), 1),
    "vLLM, limit 2": (
        400,
        vllm(
            "You set image=2 (or defaulted to 1) in `--limit-mm-per-prompt`, but passed 3 image items in the same prompt."
        ),
        2,
    ),
    "Ollama's mllama": (
        500,
        {
            "error": {
                "message": "vision model only supports a single image per message",
                "type": "api_error",
            }
        },
        1,
    ),
    "Ollama's mllama, later": (
        500,
        {
            "error": {
                "message": "this model only supports one image while more than one image requested"
            }
        },
        1,
    ),
    "Groq": (400, openai("Too many images provided. This model supports up to 2 images"), 2),
    "Copilot's gateway": (
        400,
        openai(
            "The request contains too many images: 3 images were provided, but the model supports a maximum of 2 images."
        ),
        2,
    ),
    "one-api": (500, openai("too many images in the message, max allowed is 2"), 2),
    "Meta": (
        400,
        openai("Request contains 3 images, exceeding the maximum of 2 allowed per request"),
        2,
    ),
    "a moondream proxy": (400, openai("Exactly one user image_url is required"), 1),
    "a model without multi-image": (400, openai("This model does not support multiple images"), 1),
}
