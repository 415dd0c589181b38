"""Entry points of a package that is not installed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints
from types import ModuleType

import pytest

from stitch_cir.plugins import Registry


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that installs entry points, name → object, in a registry's group.

    A text is taken as an address ``"module:attribute"`` instead.
    """
    module = ModuleType("other_package")
    monkeypatch.setitem(sys.modules, "other_package", module)
    points: list[EntryPoint] = []

    def into(registry: Registry, *named: tuple[str, object]) -> None:
        for name, plug_in in named:
            address = (
                plug_in if isinstance(plug_in, str) else f"other_package:plug_in_{len(points)}"
            )
            setattr(module, f"plug_in_{len(points)}", plug_in)
            points.append(EntryPoint(name, str(address), registry.group))
        entry_points = EntryPoints(points)
        monkeypatch.setattr(metadata, "entry_points", lambda **group: entry_points.select(**group))

    return into
