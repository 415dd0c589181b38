"""From the declaration of a setting to the field of a request, and to what a server says of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from stitch_cir._schema import DECLARED, SETTINGS, Setting
from stitch_cir.wire._gallery import SettingInfo

__all__ = [
    "NOT_IN_REQUESTS",
    "Condition",
    "Name",
    "Number",
    "Options",
    "Patterns",
    "declared",
    "setting_infos",
]

NOT_IN_REQUESTS = {
    "shortlist": "a server ranks exactly",
    "measure_recall": "it belongs to a shortlist",
    "rerank": "every search would pay a model",
    "rerank_weight": "it belongs to a reranker",
    "verify_mode": "it belongs to a reranker",
    "device": "the server's own",
}
"""Settings that a request cannot have, and why."""

Number = Annotated[float, Field(allow_inf_nan=False)]
# which names there are is the library's to say: the server adds them to its description
Name = Annotated[str, Field(max_length=64)]
Condition = Annotated[str, Field(min_length=1, max_length=10_000)]
_ShortText = Annotated[str, Field(max_length=256)]
Options = Annotated[Mapping[Name, bool | int | Number | _ShortText], Field(max_length=32)]
Patterns = Annotated[Sequence[_ShortText], Field(max_length=20)]


def declared(name: str) -> Any:
    """Return the description of a setting's field.

    Its range is described and not checked: the library checks it, with an error of its own.
    """
    setting = DECLARED[name]

    def bound(schema: dict[str, Any]) -> None:
        schema["anyOf"][0].update(_bounds(setting))

    return Field(description=setting.describe(), json_schema_extra=bound)


def _bounds(setting: Setting) -> dict[str, float]:
    span = setting.range
    bounds = {"exclusiveMinimum" if span.open else "minimum": span.low, "maximum": span.high}
    return {name: value for name, value in bounds.items() if math.isfinite(value)}


def setting_infos(
    choices: Mapping[str, Sequence[str]], *, in_shards: bool = False
) -> tuple[SettingInfo, ...]:
    """Return the settings that a request can have; ``choices`` are the names of plug-ins.

    ``in_shards``: a cluster searches the gallery; else what is about shards is left out.
    """
    return tuple(
        SettingInfo(
            name=each.name,
            kind=each.kind,
            default=list(each.default) if each.kind == "patterns" else each.default,
            title=each.title,
            help=each.describe(),
            symbol=each.symbol,
            minimum=each.range.low if math.isfinite(each.range.low) else None,
            maximum=each.range.high if math.isfinite(each.range.high) else None,
            open=each.range.open,
            choices=tuple(choices.get(each.name, each.choices)),
            used_by=each.used_by,
        )
        for each in SETTINGS
        if each.name not in NOT_IN_REQUESTS and (in_shards or each.name != "partial")
    )
