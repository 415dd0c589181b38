"""The code speaks the field's language (docs/glossary.md), so that strangers can read it aloud."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import stitch_cir

SOURCE = Path(stitch_cir.__file__).parent
TREES = {
    file.relative_to(SOURCE).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
    for file in sorted(SOURCE.rglob("*.py"))
}
IDIOM = frozenset(
    "told found own one place places asked wanted given known seen wish desk keeper shelf gate "
    "tally meter looks".split()
)
"""Words that name nothing: no name consists of one of them alone."""
FORBIDDEN_PARTS = frozenset(
    "told wanted asked seen wish wishes desk keeper shelf gate tally meter meters looks glued "
    "picture pictures photo photos".split()
)
"""Words that no name has as a part."""


def words_of(name: str) -> list[str]:
    """Return the words of snake_case and CamelCase names, in lower case."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def names_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield what a module defines for others to read: (where, name)."""
    for node in tree.body:
        yield from module_level(node)
    for inner in ast.walk(tree):
        if isinstance(inner, ast.ClassDef):
            yield from members(inner)
        elif isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
            a = inner.args
            for each in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg):
                if each is not None:
                    yield f"parameter of {inner.name}", each.arg


def module_level(node: ast.stmt) -> Iterator[tuple[str, str]]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        yield "module", node.name
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            for each in ast.walk(target):
                if isinstance(each, ast.Name):
                    yield "module", each.id
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield "module", node.target.id


def members(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for member in node.body:
        if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield f"class {node.name}", member.name
            for each in ast.walk(member):
                if (
                    isinstance(each, ast.Attribute)
                    and isinstance(each.ctx, ast.Store)
                    and isinstance(each.value, ast.Name)
                    and each.value.id == "self"
                ):
                    yield f"class {node.name}", each.attr
        elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            yield f"class {node.name}", member.target.id


def is_idiom(name: str) -> bool:
    words = words_of(name)
    return (len(words) == 1 and words[0] in IDIOM) or bool(FORBIDDEN_PARTS & set(words))


@pytest.mark.parametrize("file", TREES)
def test_names_are_the_fields(file: str) -> None:
    idiom = {f"{where}: {name}" for where, name in names_of(TREES[file]) if is_idiom(name)}
    assert sorted(idiom) == []


def test_a_class_name_stands_for_one_class() -> None:
    homes = defaultdict(set)
    for file, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(file)
    assert {name: sorted(files) for name, files in homes.items() if len(files) > 1} == {}


@pytest.mark.parametrize("file", TREES)
def test_docstrings_begin_with_what_is_returned_or_done(file: str) -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = {
        getattr(node, "name", "module"): ast.get_docstring(node) or ""
        for node in ast.walk(TREES[file])
        if isinstance(node, documented)
    }
    assert [name for name, text in texts.items() if re.match(r"(Give|Say|Tell)\b", text)] == []
