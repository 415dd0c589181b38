"""What is public is exported, and nothing else: in the library and in its public packages."""

from __future__ import annotations

import ast
import builtins
import inspect
import pickle
import sys
import typing
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import stitch_cir
from stitch_cir import errors
from tests.syntax import modules

SOURCE = Path(stitch_cir.__file__).parent
OPTIONAL = {
    ("stitch_cir.mcp", "create_server"),
    ("stitch_cir.server", "ComposedFactory"),
    ("stitch_cir.server", "ComposerFactory"),
    ("stitch_cir.server", "JsonLines"),
    ("stitch_cir.server", "ServerModels"),
    ("stitch_cir.server", "create_app"),
    ("stitch_cir.server", "prepare"),
    ("stitch_cir.server", "serve"),
}
"""Names that need an extra."""
PRIVATE = {
    "_build",
    "_notebook",
    "cli",
    "_cores",
    "_endpoints",
    "_exports",
    "_hints",
    "_paths",
    "_proxies",
    "_request_id",
    "_schema",
    "_scratch",
    "_sqlite_files",
    "__main__",
}


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@cache
def trees() -> dict[str, ast.Module]:
    """Return the syntax tree of every module of the library, by its name."""
    return {module_name(file): tree for file, tree in modules(SOURCE)}


PACKAGES = [import_module(f"stitch_cir.{name}") for name in stitch_cir._PACKAGES]
EXPORTED = {
    name: {package.__name__ for package in PACKAGES if name in package.__all__}
    for package in PACKAGES
    for name in package.__all__
}


def public_objects() -> Iterator[tuple[str, str, Any]]:
    for package in PACKAGES:
        for name in package.__all__:
            if (package.__name__, name) not in OPTIONAL:
                yield package.__name__, name, getattr(package, name)


def test_the_front_lists_the_same_names_for_people_type_checkers_and_imports() -> None:
    checked = {
        alias.name: (node.module or "").removeprefix("stitch_cir.")
        for node in ast.walk(trees()["stitch_cir"])
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


def test_every_module_is_public_or_private() -> None:
    here = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert here - {"__init__", "__pycache__"} == {*stitch_cir._PACKAGES, *PRIVATE}
    page = (SOURCE.parent.parent / "docs" / "python.md").read_text(encoding="utf-8")
    assert [name for name in stitch_cir._PACKAGES if f"`stitch_cir.{name}`" not in page] == []


def test_nothing_leaks_in_dir() -> None:
    public = {name for name in dir(stitch_cir) if not name.startswith("__")}
    assert public == {*stitch_cir.__all__, *stitch_cir._PACKAGES}
    leaked = {name for name in vars(stitch_cir) if not name.startswith("_")} - public
    assert leaked <= {"cli"}
    for package in PACKAGES:
        if hasattr(package, "__path__"):
            names = {name for name in dir(package) if not name.startswith("__")}
            assert names == set(package.__all__), package.__name__


def test_an_unknown_name_is_an_attribute_error() -> None:
    for package in (stitch_cir, *PACKAGES):
        with pytest.raises(AttributeError, match="has no attribute 'serch'"):
            package.serch  # noqa: B018


def test_every_class_and_function_bears_the_name_of_a_package_that_exports_it() -> None:
    for package, name, value in public_objects():
        if isinstance(value, type) or inspect.isfunction(value):
            assert value.__module__ in EXPORTED[name], f"{package}.{name}: {value.__module__}"
            assert getattr(sys.modules[value.__module__], name) is value
            assert pickle.loads(pickle.dumps(value)) is value


def test_signatures_and_type_hints_can_be_read() -> None:
    """Except where what they name is imported for type checkers only; that is exported."""
    unreadable = set()
    for package, name, value in public_objects():
        if isinstance(value, type) or inspect.isfunction(value):
            try:
                hints = typing.get_type_hints(value)
                if inspect.isfunction(value):
                    inspect.signature(value, eval_str=True)
            except NameError as error:
                if error.name not in EXPORTED:
                    unreadable.add(f"{package}.{name}: {error.name}")
            else:
                assert not any(isinstance(hint, str) for hint in hints.values())
    assert unreadable == set()


def annotations_of(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the annotations of a public function, or of a class's public members."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        if (ast.get_docstring(node) or "").startswith("Use :"):
            return  # a constructor that is not for callers
        a = node.args
        for each in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg):
            if each is not None and each.annotation is not None:
                yield each.annotation
        if node.returns is not None:
            yield node.returns
    elif isinstance(node, ast.ClassDef):
        for member in node.body:
            name = getattr(member, "name", getattr(getattr(member, "target", None), "id", "_"))
            if name.startswith("_") and not name.startswith("__"):
                continue
            if isinstance(member, ast.AnnAssign):
                yield member.annotation
            yield from annotations_of(member)


def names_in(
    annotation: ast.expr, module: str, passed: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield the name of each class of this library that an annotation names."""
    if isinstance(annotation, ast.Subscript) and getattr(annotation.value, "id", "") == "Literal":
        return
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:  # a text in Annotated
            return
    if isinstance(annotation, ast.Name) and not hasattr(builtins, annotation.id):
        yield from definition(annotation.id, module, passed)
    for node in ast.iter_child_nodes(annotation):
        if isinstance(node, ast.expr):
            yield from names_in(node, module, passed)


def definition(name: str, module: str, passed: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the classes that a name in a module stands for; an alias stands for those it names."""
    for node in trees()[module].body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            yield name
            return
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        value = getattr(node, "value", None)
        if value is not None and name in [getattr(target, "id", None) for target in targets]:
            if name not in passed:  # an alias may name itself
                yield from names_in(value, module, passed | {name})
            return
    name, home = imported(module).get(name, (name, ""))
    if home and f"{home}.{name}" not in trees():
        yield from definition(name, home)


@cache
def imported(module: str) -> dict[str, tuple[str, str]]:
    """Return what a module imports from this library: its name here, there, and the module there."""
    return {
        alias.asname or alias.name: (alias.name, node.module)
        for node in ast.walk(trees()[module])
        if isinstance(node, ast.ImportFrom) and node.module in trees()
        for alias in node.names
    }


def test_every_class_in_a_public_signature_is_exported() -> None:
    unexported: set[str] = set()
    for module, tree in trees().items():
        for node in tree.body:
            name = getattr(node, "name", "")
            homes = EXPORTED.get(name, set())
            if not any(module == home or module.startswith(f"{home}.") for home in homes):
                continue
            for annotation in annotations_of(node):
                unexported |= {
                    f"{module}.{name}: {used}"
                    for used in names_in(annotation, module)
                    if used not in EXPORTED
                }
    assert sorted(unexported) == []
