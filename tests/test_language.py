"""The code speaks the field's language (docs/glossary.md), so that strangers can read it aloud."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import stitch_cir
from tests.syntax import modules

SOURCE = Path(stitch_cir.__file__).parent
ROOT = Path(__file__).parents[1]


FOLDERS = (SOURCE, *(ROOT / folder for folder in ("tests", "bench", "scripts", "examples")))


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


def names_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every name that a module binds, private locals too: (line, name)."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.arg():
                yield node.lineno, node.arg
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.lineno, node.name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def is_idiom(name: str) -> bool:
    words = words_of(name)
    return (len(words) == 1 and words[0] in IDIOM) or bool(FORBIDDEN_PARTS & set(words))


def test_names_are_the_fields() -> None:
    idiom = {
        f"{file}:{line}: {name}"
        for file, tree in modules(*FOLDERS)
        for line, name in names_of(tree)
        if is_idiom(name)
    }
    assert sorted(idiom) == []


def test_a_class_name_stands_for_one_class() -> None:
    homes = defaultdict(set)
    for file, tree in modules(SOURCE):
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(file.as_posix())
    assert {name: sorted(files) for name, files in homes.items() if len(files) > 1} == {}


def test_docstrings_begin_with_what_is_returned_or_done() -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    others = [
        f"{file}:{getattr(node, 'lineno', 1)}"
        for file, tree in modules(*FOLDERS)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        and re.match(r"(Give|Say|Tell)\b", ast.get_docstring(node) or "")
    ]
    assert others == []


PAGE = {
    file.name: file.read_text(encoding="utf-8")
    for file in sorted((SOURCE / "server" / "static").glob("*.js"))
}


def names_in_script(script: str) -> Iterator[str]:
    """Yield the variables, functions, parameters and classes that a script declares."""
    code = re.sub(r"//.*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"", "", script, flags=re.DOTALL)
    yield from re.findall(r"\b(?:const|let|function|class)\s+(\w+)", code)
    for several in re.findall(r"\b(?:const|let)\s+[\[{]([^\]}=]*)[\]}]", code):
        yield from re.findall(r"\w+", several)
    for parameters in re.findall(r"\(([^()]*)\)\s*(?:=>|\{)", code):
        yield from re.findall(r"\w+", parameters)


@pytest.mark.parametrize("file", PAGE)
def test_names_of_the_page_are_the_fields(file: str) -> None:
    assert sorted({name for name in names_in_script(PAGE[file]) if is_idiom(name)}) == []
