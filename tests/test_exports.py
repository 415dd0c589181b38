"""What is public is exported, and nothing else: in the library and in its public packages."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import stitch_cir
from stitch_cir import errors

FRONT = ast.parse(Path(stitch_cir.__file__).read_text(encoding="utf-8"))


def test_the_front_lists_the_same_names_for_people_type_checkers_and_imports() -> None:
    checked = {
        alias.name: (node.module or "").removeprefix("stitch_cir.")
        for node in ast.walk(FRONT)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name != "import_module"
    }
    assert sorted(checked) == stitch_cir.__all__ == sorted(stitch_cir.__all__)
    assert {**dict.fromkeys(errors.__all__, "errors"), **stitch_cir._HOMES} == checked


@pytest.mark.parametrize("name", stitch_cir.__all__)
def test_a_name_of_the_front_is_the_one_its_package_exports(name: str) -> None:
    package = import_module(f"stitch_cir.{stitch_cir._HOMES.get(name, 'errors')}")
    assert getattr(stitch_cir, name) is getattr(package, name)
    assert name in package.__all__


def test_nothing_leaks_in_dir() -> None:
    public = {name for name in dir(stitch_cir) if not name.startswith("__")}
    assert public == {*stitch_cir.__all__, *stitch_cir._PACKAGES}
    leaked = {name for name in vars(stitch_cir) if not name.startswith("_")} - public
    assert {name for name in leaked if not hasattr(vars(stitch_cir)[name], "__path__")} == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'serch'"):
        stitch_cir.serch  # type: ignore[attr-defined]  # noqa: B018
