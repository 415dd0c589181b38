"""End points that refuse a part of a request, and what is not sent to them in the end."""

from __future__ import annotations

from tests.chat.fake_server import Answer
from tests.chat.moods import (
    MISTRAL,
    NO_MAX_TOKENS,
    at_least_16_tokens,
    both_of_temperature_and_top_p,
    forbids,
    gemini,
    mood,
    no_system,
    only_one_temperature,
    only_streams,
    openai,
    refuses,
    streaming,
    unexplained,
    vllm,
)

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
    "DashScope's models that only stream": (
        streaming(
            only_streams(
                "This model only support stream mode, please enable the stream parameter to access the model."
            )
        ),
        set(),
        (),
    ),
    "DashScope's Qwen3": (
        streaming(
            only_streams("parameter.enable_thinking must be set to false for non-streaming calls")
        ),
        set(),
        (),
    ),
    "a gateway that always streams": (streaming(), set(), ()),
}
