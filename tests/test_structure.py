"""How the source is built: short signatures, short files, and no state that outlives its owner."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import stitch_cir
from stitch_cir.plugins import COMPOSERS, DATASETS, ENCODERS, RERANKERS, SCORERS, TRANSITIONS
from tests.syntax import modules

SOURCE = Path(stitch_cir.__file__).parent
FILES = {file.relative_to(SOURCE).as_posix(): file for file in sorted(SOURCE.rglob("*.py"))}
MOST_PARAMETERS = 7
MOST_LINES = 350
MUTATORS = frozenset(
    "add append appendleft clear discard extend insert move_to_end pop popitem popleft remove "
    "reverse setdefault sort update".split()
)
PLUG_INS = frozenset(
    name
    for registry in (COMPOSERS, DATASETS, ENCODERS, RERANKERS, SCORERS, TRANSITIONS)
    for name in registry.built_in
)
CHOSEN = frozenset("name composer encoder reranker scorer transition dataset".split())
"""What has the name of a plug-in as its value."""
OF_THE_PROCESS = {"images/_limits.py": "Pillow's limit and Python's warnings are the process's"}
"""Modules that may keep state, and why."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Yield the name and the syntax tree of every module of the library."""
    for file, tree in modules(SOURCE):
        yield file.relative_to(SOURCE).as_posix(), tree


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    a = function.args
    every = (*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg)
    return [each.arg for each in every if each is not None and each.arg not in ("self", "cls")]


def changes_of_modules(tree: ast.Module) -> Iterator[str]:
    """Yield the statements by which functions change what their module's names stand for."""
    targets = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
    targets += [[node.target] for node in tree.body if isinstance(node, ast.AnnAssign)]
    names = {
        each.id
        for several in targets
        for target in several
        for each in ast.walk(target)
        if isinstance(each, ast.Name)
    }
    for function in functions(tree):
        nodes = list(ast.walk(function))
        local = {
            node.id
            for node in nodes
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        shared = names - local - set(parameters(function))
        for node in nodes:
            if isinstance(node, ast.Global) or changed_name(node) in shared:
                yield ast.unparse(node)


def changed_name(node: ast.AST) -> str | None:
    """Return the name whose value a node changes in place: ``x[…] = …``, ``x.y = …``, ``x.add()``."""
    changed: ast.expr | None = None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changed = node.func.value if node.func.attr in MUTATORS else None
    elif isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
        changed = node.value
    return changed.id if isinstance(changed, ast.Name) else None


def test_no_function_takes_eight_parameters() -> None:
    """What belongs together is passed as one value."""
    too_many = {
        (name, function.name): len(parameters(function))
        for name, tree in trees()
        for function in functions(tree)
        if len(parameters(function)) > MOST_PARAMETERS
    }
    assert not too_many


def test_no_file_is_longer_than_350_lines() -> None:
    lengths = {name: len(file.read_text("utf-8").splitlines()) for name, file in FILES.items()}
    assert not {name: length for name, length in lengths.items() if length > MOST_LINES}


def test_no_function_changes_its_module() -> None:
    """Caches and tuning are fields of objects, so that they end with these."""
    changes = {name: list(changes_of_modules(tree)) for name, tree in trees()}
    assert {name for name, each in changes.items() if each} == OF_THE_PROCESS.keys()


def test_a_change_of_a_module_is_recognised() -> None:
    source = "last = {}\ndef f():\n    last[1] = 2\n    last.update(a=1)\n    global g\n"
    assert len(list(changes_of_modules(ast.parse(source)))) == 3


def name_tests(tree: ast.Module) -> Iterator[str]:
    """Yield comparisons by which a plug-in is chosen by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            subject = any(last_name(side) in CHOSEN for side in sides)
            if subject and any(names_plug_in(side) for side in sides):
                yield ast.unparse(node)


def last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def names_plug_in(node: ast.expr) -> bool:
    values = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return bool(PLUG_INS.intersection(value for value in values if isinstance(value, str)))


def test_no_plug_in_is_chosen_by_its_name() -> None:
    """What a plug-in can do beyond its kind, its members say."""
    tests = {
        name: list(name_tests(tree))
        for name, tree in trees()
        if not name.startswith("composers/recorded/")  # a plug-in knows its own name
    }
    assert not {name: each for name, each in tests.items() if each}
    assert list(name_tests(ast.parse('a.composer == "chat" or b.name in ("mini", None)')))
