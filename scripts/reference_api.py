"""The HTTP API as a page of the reference, from its OpenAPI schema."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import index_folder
from stitch_cir.server import create_app

__all__ = ["page"]

Schema = Mapping[str, Any]


def page() -> str:
    """Return the page: every route, then every model."""
    schema = openapi()
    models = schema["components"]["schemas"]
    blocks = [
        "# HTTP API",
        "<!-- Written by scripts/generate.py from the OpenAPI schema: do not edit. -->",
        "Every route and every model of `stitch serve`, as `/openapi.json` of a running server "
        "describes them. [The server](../server.md) explains them with examples.",
    ]
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            blocks += describe(f"{method.upper()} {path}", route)
    blocks += ["## Models"]
    for name in sorted(models):
        blocks += [f"### {name}", *model(models[name])]
    return "\n\n".join(blocks) + "\n"


def openapi() -> dict[str, Any]:
    """Return the schema of a server; which gallery it serves makes no difference."""
    with tempfile.TemporaryDirectory() as folder:
        Image.new("RGB", (8, 8)).save(Path(folder) / "a.png")
        index_folder(folder, encoder=HashEncoder())
        return create_app(folder, encoder=HashEncoder()).openapi()


def describe(title: str, route: Schema) -> Iterator[str]:
    """Yield the blocks of one route."""
    yield f"## {title}"
    yield route.get("description") or route.get("summary") or ""
    parameters = list(route.get("parameters", ()))
    if parameters:
        rows = [
            f"| `{each['name']}` | {each['in']} | {type_of(each['schema'])} "
            f"| {text(each.get('description') or each['schema'].get('description', ''))} |"
            for each in parameters
        ]
        yield "| parameter | in | type | |\n|---|---|---|---|\n" + "\n".join(rows)
    for kind, content in route.get("requestBody", {}).get("content", {}).items():
        yield f"Body: `{kind}`, {type_of(content['schema'])}"
    failures = []
    for status, answer in route["responses"].items():
        kinds = [
            f"`{kind}`{', ' * bool(content.get('schema'))}{type_of(content.get('schema', {}))}"
            for kind, content in answer.get("content", {}).items()
        ]
        if any("#errorresponse" in kind for kind in kinds):
            failures.append(f"{status} ({text(answer['description']).lower()})")
        else:
            yield f"Answer {status}: {', '.join(kinds) or 'no body'}"
    if failures:
        yield f"Errors, each an [ErrorResponse](#errorresponse): {'; '.join(failures)}."


def model(schema: Schema) -> Iterator[str]:
    """Yield the blocks of one model: what it is, and its fields."""
    if schema.get("description"):
        yield prose(schema["description"])
    fields = schema.get("properties", {})
    required = schema.get("required", ())
    if fields:
        rows = [
            f"| `{name}`{'' if name in required else ' (optional)'} | {type_of(value)} "
            f"| {text(value.get('description', ''))} |"
            for name, value in fields.items()
        ]
        yield "| field | type | |\n|---|---|---|\n" + "\n".join(rows)
    else:
        yield type_of({key: value for key, value in schema.items() if key != "description"})


def type_of(schema: Schema) -> str:
    """Return a type in words, with links to models."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(map(type_of, schema[key])))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{each}`" for each in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {type_of(schema.get('items', {})) or 'any'}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {type_of(schema['additionalProperties'])}"
    limits = [
        f"{sign} {schema[key]}"
        for key, sign in (
            ("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")
        )
        if key in schema
    ]  # fmt: skip
    return " ".join([kind, *limits])


def text(words: str) -> str:
    """Return a text that a cell of a table can hold."""
    return " ".join(prose(words).split()).replace("|", "\\|").replace("<", "&lt;")


def prose(words: str) -> str:
    """Return a docstring's text as Markdown."""
    words = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", words)
    return words.replace("``", "`")
