"""Public names: each belongs to one package, which is the name it is shown and pickled under."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

__all__ = ["publish"]


def publish(
    package: str,
    names: Sequence[str],
    *,
    lazy: Mapping[str, str] | None = None,
    require: Callable[[], None] | None = None,
) -> None:
    """Make the names of a public package its members: ``__module__``, ``dir()``, lazy imports.

    Called at the end of the package's ``__init__``. Type checkers do not see what it does, and go
    by the imports and ``__all__``, so that names that do not exist are still refused.

    Parameters
    ----------
    package:
        The package's ``__name__``.
    names:
        Its ``__all__``.
    lazy:
        Names that are imported when they are first used: name → module, relative to the package.
    require:
        Called before one of those is imported; raises where the packages of an extra are missing.
    """
    homes = lazy or {}
    module = sys.modules[package]
    for name in names:
        if name not in homes:
            _claim(package, vars(module)[name])

    def getattr_(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if require is not None:
            require()
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        _claim(package, value)
        setattr(module, name, value)
        return value

    def dir_() -> list[str]:
        return sorted({*names, *(name for name in vars(module) if name.startswith("__"))})

    vars(module).update(__dir__=dir_)
    if homes:
        vars(module).update(__getattr__=getattr_)


def _claim(package: str, value: object) -> None:
    """Name a package as the module of a class or function that one of its private modules defines.

    The annotations of a class are resolved before: they are looked up in the module of that name,
    which does not import what they need.
    """
    home = getattr(value, "__module__", None) or ""
    if not home.startswith(f"{package}.") or not (isinstance(value, type) or callable(value)):
        return
    if isinstance(value, type):
        annotations = vars(value).get("__annotations__", {})
        for name, annotation in annotations.items():
            if isinstance(annotation, str):
                annotations[name] = _resolved(annotation, vars(sys.modules[home]))
    with suppress(AttributeError, TypeError):  # an alias such as Callable[[int], str] has none
        value.__module__ = package


def _resolved(annotation: str, namespace: dict[str, Any]) -> Any:
    try:
        return eval(annotation, namespace)
    except NameError:  # imported for type checkers only
        return annotation
