"""Options of requests to a model, shared by every command that sends some."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "BaseUrlOption",
    "CacheOption",
    "ConcurrencyOption",
    "ModelOption",
    "ModelRetriesOption",
    "ModelTimeoutOption",
    "OfflineOption",
    "PromptOption",
    "SeedOption",
    "TemperatureOption",
    "TopKOption",
    "TopPOption",
    "endpoint_options",
    "set_options",
]

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        envvar="STITCH_MODEL",
        help="Model at the end point, transformers:PATH, or FILE.gguf.",
    ),
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        envvar="STITCH_BASE_URL",
        help="OpenAI-compatible end point, e.g. http://localhost:8080/v1. [OpenAI's]",
    ),
]
PromptOption = Annotated[
    str | None,
    typer.Option("--prompt", metavar="NAME|FILE", help="See `stitch prompts`."),
]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", help="Of sampling. [the preset's]")
]
TopPOption = Annotated[float | None, typer.Option("--top-p", help="[the preset's]")]
TopKOption = Annotated[int | None, typer.Option("--top-k", help="[the preset's]")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Of sampling. [0]")]
ConcurrencyOption = Annotated[
    int, typer.Option("--concurrency", help="Concurrent requests to a model.")
]
ModelTimeoutOption = Annotated[
    float,
    typer.Option(
        "--model-timeout",
        metavar="SECONDS",
        envvar="STITCH_MODEL_TIMEOUT",
        help="Longest time for one request to a model, and longest delay it may ask for.",
    ),
]
ModelRetriesOption = Annotated[
    int,
    typer.Option(
        "--model-retries",
        metavar="N",
        envvar="STITCH_MODEL_RETRIES",
        help="How often a failed request to a model is repeated.",
    ),
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FILE",
        envvar="STITCH_CACHE",
        help="File that caches answers. [in the user's data folder]",
    ),
]
OfflineOption = Annotated[
    bool, typer.Option("--offline", help="Use cached answers only; send no request.")
]


def endpoint_options(options: Any) -> dict[str, Any]:
    """Return what a group of these options means for ``make_chat``."""
    return {
        "base_url": options.base_url,
        "timeout": options.model_timeout,
        "request_retries": options.model_retries,
        "report": _report_delay,
        "cache": options.cache,
        "offline": options.offline,
        "concurrency": options.concurrency,
    }


def set_options(**options: Any) -> dict[str, Any]:
    """Return the options that are set."""
    return {name: value for name, value in options.items() if value is not None}


def _report_delay(line: str) -> None:
    """Report what a model is waited for, so that a long delay does not look like a standstill."""
    typer.echo(line, err=True)
