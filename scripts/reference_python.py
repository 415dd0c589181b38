"""The public Python names as pages of the reference, one a package, from their docstrings."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import stitch_cir

__all__ = ["PACKAGES", "page"]

PACKAGES = ("", *sorted({*stitch_cir._PACKAGES} - {"errors", "mcp"}))
"""The packages with a page; "" is the library itself. Errors have another one; mcp is an extra."""
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)


def page(package: str) -> str:
    """Return the page of a package."""
    name = f"stitch_cir.{package}".rstrip(".")
    module = import_module(name)
    blocks = [
        f"# {name}",
        "<!-- Written by scripts/docs_site.py from the docstrings. -->",
        prose(inspect.getdoc(module) or ""),
    ]
    for each in sorted(module.__all__, key=str.lower):
        value = getattr(module, each)
        if inspect.isclass(value) and issubclass(value, stitch_cir.StitchError):
            continue
        home = home_of(value)
        if package or home in ("", "stitch_cir"):
            blocks += described(each, value)
        else:
            blocks += [
                f"## {each}",
                f"See [{home}]({home.removeprefix('stitch_cir.')}.md#{each.lower()}).",
            ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def home_of(value: Any) -> str:
    """Return the public package that a name belongs to, "" where it says none."""
    home = getattr(value, "__module__", "") or ""
    return ".".join(home.split(".")[:2]) if home.startswith("stitch_cir") else ""


def described(name: str, value: Any) -> Iterator[str]:
    """Yield the blocks of a public name."""
    yield f"## {name}"
    if isinstance(value, types.FunctionType):
        yield signature(name, value)
        yield prose(inspect.getdoc(value) or "")
    elif inspect.isclass(value):
        yield from described_class(name, value)
    else:
        yield f"```python\n{name} = {shown(value)}\n```"


def described_class(name: str, value: type) -> Iterator[str]:
    """Yield the blocks of a class: its parameters, and what it and its own bases define."""
    yield signature(f"class {name}", value)
    text = vars(value).get("__doc__")
    yield prose(inspect.cleandoc(text)) if text and not text.startswith(f"{name}(") else ""
    for each, member in inspect.getmembers_static(value):
        if each.startswith("_") or not is_ours(value, each):
            continue
        inner = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
        if isinstance(inner, types.FunctionType):
            yield f"### {name}.{each}"
            yield signature(each, inner, bound=not isinstance(member, staticmethod))
            yield prose(inspect.getdoc(inner) or "")
        elif isinstance(inner, property):
            result = inspect.signature(inner.fget).return_annotation if inner.fget else ""
            yield f"### {name}.{each}"
            yield f"`{each}: {readable(result)}`"
            yield prose(inspect.getdoc(inner) or "")


def is_ours(value: type, member: str) -> bool:
    """Return whether a member is defined by the library, not by what a class derives from."""
    definers = [base for base in value.__mro__ if member in vars(base)]
    return definers[0].__module__.startswith("stitch_cir")


def signature(name: str, value: Any, *, bound: bool = False) -> str:
    """Return a block of code with the parameters, one a line where they do not fit on one."""
    try:
        found_signature = inspect.signature(value)
    except (TypeError, ValueError):  # a protocol or an enumeration
        return f"```python\n{name}\n```"
    parameters = list(found_signature.parameters.values())
    if bound and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    words: list[str] = []
    star = False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not star:
            words.append("*")
        star = star or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        words.append(parameter(each))
    result = found_signature.return_annotation
    after = (
        ""
        if result is inspect.Signature.empty or name.startswith("class ")
        else f" -> {readable(result)}"
    )
    line = f"{name}({', '.join(words)}){after}"
    if len(line) > 88:
        line = f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){after}"
    return f"```python\n{line}\n```"


def parameter(each: inspect.Parameter) -> str:
    """Return one parameter with its type and default."""
    star = "*" if each.kind is each.VAR_POSITIONAL else ""
    star = "**" if each.kind is each.VAR_KEYWORD else star
    text = star + each.name
    if each.annotation is not each.empty:
        text += f": {readable(each.annotation)}"
    if each.default is not each.empty:
        text += f" = {shown(each.default)}"
    return text


def shown(value: Any) -> str:
    """Return a value as code that says the same on every machine."""
    if isinstance(value, dataclasses._HAS_DEFAULT_FACTORY_CLASS):  # type: ignore[attr-defined]
        return "…"
    if inspect.isclass(value) or inspect.isroutine(value):
        return str(getattr(value, "__qualname__", value))
    text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    text = re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Z])", "", text)
    return text if len(text) <= 160 else text[:159] + "…"


def readable(annotation: Any) -> str:
    """Return an annotation with the names of classes alone."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    text = re.sub(r"numpy\.ndarray\[.*?, numpy\.dtype\[numpy\.(\w+)\]\]", r"NDArray[\1]", text)
    text = re.sub(r"ForwardRef\('([^']*)'\)", r"\1", text)
    text = re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text)
    return text.replace("NoneType", "None")


def prose(text: str) -> str:
    """Return a docstring as Markdown: roles, literals, code after ``::``, and sections."""
    text = re.sub(r"^\s*::\s*$\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r"::(?=\s*(?:\n|$))", ":", text)
    text = re.sub(r":\w+:`~(?:\w+\.)*(\w+)`", r"`\1`", text)
    text = re.sub(r":\w+:`([^`]+)`", r"`\1`", text)
    text = text.replace("``", "`")
    text = re.sub(
        r"^>>>(?:.+\n?)+", lambda code: f"```python\n{code[0].rstrip()}\n```\n", text, flags=re.M
    )
    pieces = SECTION.split(text)
    blocks = [pieces[0].strip()]
    for heading, body in zip(pieces[1::2], pieces[2::2], strict=True):
        blocks += [f"**{heading}**", definitions(body)]
    return "\n\n".join(filter(None, blocks))


def definitions(body: str) -> str:
    """Return a section's entries as a list, and the paragraphs after them as they are."""
    lines: list[str] = []
    for block in re.split(r"\n(?=\S)", body.strip("\n")):
        head, _, rest = block.partition("\n")
        if rest.startswith("    ") and head.rstrip().endswith(":"):
            names = ", ".join(f"`{each.strip()}`" for each in head.rstrip(" :").split(","))
            lines.append(f"- {names}: {' '.join(rest.split())}")
        else:
            lines.append(("" if not lines or not lines[-1].startswith("- ") else "\n") + block)
    return "\n".join(lines)
