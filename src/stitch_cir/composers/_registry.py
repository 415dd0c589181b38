"""Finding a composer by its name, the package's own and other people's."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from stitch_cir.composers._protocol import Composer
from stitch_cir.composers._recorded import RecordedComposer
from stitch_cir.composers._template import TemplateComposer
from stitch_cir.composers._wanted_composer import WantedComposer
from stitch_cir.errors import SettingError
from stitch_cir.hints import did_you_mean

__all__ = ["composer_by_name"]

_GROUP = "stitch_cir.composers"


def _chat(**options: Any) -> Composer:
    # imported here: clients of models are slow to import, and most searches need none
    from stitch_cir.composers._factories import make_chat_composer

    return make_chat_composer(**options)


def _two_stage(**options: Any) -> Composer:
    from stitch_cir.composers._factories import make_two_stage_composer

    return make_two_stage_composer(**options)


_BUILT_IN: dict[str, Callable[..., Composer]] = {
    "template": TemplateComposer,
    "recorded": RecordedComposer,
    "chat": _chat,
    "two-stage": _two_stage,
    "wanted": WantedComposer,
}


def composer_by_name(name: str, **options: Any) -> Composer:
    """Make the composer of that name; ``options`` go to its constructor.

    Names come from the entry-point group ``stitch_cir.composers``; the built-in ones
    are known without scanning it. Raises ``SettingError`` for an unknown name, for a
    plug-in that cannot be imported, and for options the composer does not take.
    """
    factory = _BUILT_IN.get(name) or _plugged_in(name)
    try:
        return factory(**options)
    except TypeError as error:
        given = ", ".join(sorted(options)) or "no options"
        raise SettingError(
            f"The composer {name!r} cannot be made with {given}: {error}.",
            hint="See docs/composers.md for the options of the built-in composers.",
        ) from error


def _plugged_in(name: str) -> Callable[..., Composer]:
    found = {entry.name: entry for entry in entry_points(group=_GROUP)}
    if name not in found:
        known = ", ".join(sorted({*_BUILT_IN, *found}))
        raise SettingError(
            f"There is no composer {name!r}.",
            hint=f"{did_you_mean(name, known.split(', '))}Known are: {known}.",
        )
    try:
        factory: Callable[..., Composer] = found[name].load()
    except (ImportError, AttributeError) as error:
        raise SettingError(
            f"The composer {name!r} ({found[name].value}) cannot be loaded: {error}.",
            hint="Reinstall the package that brings it.",
        ) from error
    return factory
