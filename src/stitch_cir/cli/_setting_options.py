"""Options of the settings of a search, made of their declarations, and groups of options."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import typer

from stitch_cir._schema import SETTINGS, Setting
from stitch_cir.errors import SettingError
from stitch_cir.plugins import FUSIONS, SCORERS, TRANSITIONS

if TYPE_CHECKING:
    from stitch_cir.searcher import Method, SearchSettings

__all__ = [
    "COMPOSING",
    "EXPLAINING",
    "RUNNING",
    "SEARCHING",
    "SettingOptions",
    "named_values",
    "with_options",
]

_TYPES: dict[str, Any] = {
    "number": float | None,
    "whole": int | None,
    "flag": bool | None,
    "name": str | None,
    "patterns": list[str] | None,
    "options": list[str] | None,
}
_METAVARS = {"patterns": "PATTERN", "options": "NAME=VALUE"}
_SHORT = {"k": ("-k",), "num_captions": ("--num-captions", "-K")}
_CHOICES = {"transition": TRANSITIONS, "scorer": SCORERS, "fusion": FUSIONS}


def _without(*names: str) -> tuple[Setting, ...]:
    return tuple(setting for setting in SETTINGS if setting.name not in names)


_OF_HITS = (
    "k",
    "shortlist",
    "measure_recall",
    "min_score",
    "strictness",
    "below_cutoff",
    "rerank",
    "rerank_weight",
    "verify_mode",
    "device",
    "partial",
)
SEARCHING = _without("partial")
EXPLAINING = _without(*_OF_HITS, "group_by", "group_size", "near_duplicates", "variety")
RUNNING = _without(
    *_OF_HITS,
    "include",
    "exclude",
    "where",
    "group_by",
    "group_size",
    "near_duplicates",
    "variety",
    "include_reference",
    "negative_weight",
)
COMPOSING = tuple(each for each in SETTINGS if each.name in ("num_captions", "preset"))
"""The settings of each command; ``tests/test_settings_fronts.py`` says why it lacks the others."""


@dataclass(frozen=True)
class SettingOptions:
    """The settings that were written on a command line; ``None`` means "not set"."""

    values: Mapping[str, Any]

    def build(self, method: Method | None = None) -> SearchSettings:
        """Return the settings: the preset's or the method's, or those written.

        Raises ``SettingError``, also for a preset beside a method.
        """
        from stitch_cir.searcher import SearchSettings

        written = {name: _read(name, v) for name, v in self.values.items()}
        if method is None:
            return SearchSettings.from_preset(**written)
        if written.get("preset") is not None:
            raise SettingError(
                "--method and --preset both name values for several settings.",
                hint="Leave one of them out.",
            )
        return method.settings(**written)


def _read(name: str, value: Any) -> Any:
    if value == [] or value is None:
        return None
    if name.endswith("_options"):
        return named_values(f"--{name.removesuffix('s').replace('_', '-')}", value)
    return value


def named_values(option: str, pairs: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs, values as JSON where they are, else as text.

    Raises ``SettingError`` for a pair without a name or value.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if not name or not value:
            raise SettingError(
                f"{option} is {pair!r}.", hint=f"Write {option} NAME=VALUE, for example depth=3."
            )
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def _option(setting: Setting) -> inspect.Parameter:
    """Return the parameter of a command that is the option of a setting."""
    spelled = setting.name.replace("_", "-")
    if setting.kind == "options":
        spelled = spelled.removesuffix("s")
    names = _SHORT.get(setting.name, (f"--{spelled}",))
    if setting.kind == "flag" and setting.default:
        names = (f"--{spelled}/--no-{spelled}",)
    text = setting.describe().removesuffix(".")
    choices = setting.choices or (
        tuple(_CHOICES[setting.name].built_in) if setting.name in _CHOICES else ()
    )
    if choices:
        text += f": {', '.join(choices)}"
    if setting.kind in ("patterns", "options"):
        text += "; repeatable. "
    else:
        text += f". [{setting.shown_default()}]"
    option = typer.Option(*names, metavar=_METAVARS.get(setting.kind), help=text.strip())
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[_TYPES[setting.kind], option],
    )


_PARAMETERS = {setting.name: _option(setting) for setting in SETTINGS}
"""The option of every setting: commands have many of them in common."""


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add to a command an option for each field of its parameters that are groups of options.

    A group is a dataclass whose fields are annotated with options, or are groups themselves. A
    parameter or field annotated with ``Annotated[SettingOptions, settings]`` becomes the options of
    these settings.
    """
    hints = get_type_hints(command, include_extras=True)
    signature = inspect.signature(command)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        annotation = hints[parameter.name]
        expanded = list(_expanded(annotation))
        if expanded:
            groups[parameter.name] = annotation
            parameters += expanded
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=annotation, kind=kind))

    def run(**values: Any) -> None:
        for name, annotation in groups.items():
            values[name] = _made(annotation, values)
        command(**values)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _group(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


@cache
def _types(group: Any) -> dict[str, Any]:
    """Return the annotations of a group by its fields; several commands have the same group."""
    return get_type_hints(group, include_extras=True)


def _expanded(annotation: Any) -> Iterator[inspect.Parameter]:
    """Yield the options of a group; nothing for a parameter that is none."""
    group = _group(annotation)
    if group is SettingOptions:
        yield from (_PARAMETERS[each.name] for each in annotation.__metadata__[0])
    elif _is_group(annotation):
        types = _types(group)
        for field in fields(group):
            annotation = types[field.name]
            if _is_group(annotation):
                yield from _expanded(annotation)
                continue
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            kind = inspect.Parameter.KEYWORD_ONLY
            yield inspect.Parameter(field.name, kind, default=default, annotation=annotation)


def _is_group(annotation: Any) -> bool:
    return is_dataclass(_group(annotation))


def _made(annotation: Any, values: dict[str, Any]) -> Any:
    """Make a group of the values of its options, which are taken out of ``values``."""
    group = _group(annotation)
    if group is SettingOptions:
        settings = annotation.__metadata__[0]
        return SettingOptions({each.name: values.pop(each.name) for each in settings})
    types = _types(group)
    return group(
        **{
            field.name: (
                _made(types[field.name], values)
                if _is_group(types[field.name])
                else values.pop(field.name)
            )
            for field in fields(group)
        }
    )
