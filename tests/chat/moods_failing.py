"""End points that cannot be used, or only with fewer images, and what must be said of them."""

from __future__ import annotations

from typing import Any

from tests.chat.moods import openai, vllm

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
