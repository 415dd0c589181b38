"""``--method``: a published method as one option, with its settings, composer and prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from stitch_cir.cli._models import ModelOptions
from stitch_cir.errors import SettingError

if TYPE_CHECKING:
    from stitch_cir.searcher import Method

__all__ = ["MethodOption", "models_of"]

MethodOption = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="A published method with its settings and prompt, which other options override: "
        "stitch, cirevl, ldre, seize, osrcir, pdv, weimocir, basic, mulvec, sdr-cir or sum.",
    ),
]


def models_of(method: Method, models: ModelOptions) -> ModelOptions:
    """Return the options of models with what the method has of its own; those written win.

    Raises ``SettingError`` where its captions are a model's, and none is named.
    """
    if not method.needs_model or models.recorded is not None:
        return models
    if models.composer is None and models.model is None:
        raise SettingError(
            f"The method {method.name} needs a language model that writes its captions, and none "
            "is named.",
            hint="Add --model NAME (with --base-url where it does not run at OpenAI), --recorded "
            "FILE with captions of one, or --composer verbatim for rules in its place.",
        )
    if models.composer is not None and models.composer != method.route:
        return models
    return replace(
        models,
        composer=method.route,
        prompt=models.prompt or method.prompt,
        max_tokens=models.max_tokens or method.max_tokens,
    )
