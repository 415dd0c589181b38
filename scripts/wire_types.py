"""Write the types of everything that crosses the wire, for the page's JavaScript.

    python scripts/wire_types.py

The models of ``stitch_cir.wire`` are the source; ``server/static/types/wire.d.ts`` is written.
Nothing is built from it, and it is not served: editors read it, and ``tsc --checkJs`` can check the
page against it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from stitch_cir import wire

OUT = Path(__file__).parents[1] / "src" / "stitch_cir" / "server" / "static" / "types" / "wire.d.ts"
HEAD = "// Written by scripts/wire_types.py from the models of stitch_cir.wire: do not edit.\n"
REQUESTS = (
    wire.ExplanationImageRequest,
    wire.ExplainRequest,
    wire.QueryRequest,
    wire.RevealRequest,
)
ANSWERS = (
    wire.AddedImages,
    wire.ComposeResponse,
    wire.ErrorResponse,
    wire.Examples,
    wire.Explanation,
    wire.GalleryFacets,
    wire.GalleryInfo,
    wire.Health,
    wire.ImageDetail,
    wire.ImagePage,
    wire.SearchResponse,
    wire.ImageSections,
    wire.KeptUpload,
    wire.KeptUploads,
    wire.UploadInfo,
)
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}
PLAIN["null"] = "null"


def declarations() -> str:
    """Return the whole file: an interface for each model, in alphabetical order."""
    _, sent = models_json_schema([(model, "validation") for model in REQUESTS])
    _, answers = models_json_schema([(model, "serialization") for model in ANSWERS])
    models = {**sent["$defs"], **answers["$defs"]}
    return HEAD + "".join(interface(name, models[name]) for name in sorted(models))


def interface(name: str, schema: dict[str, Any]) -> str:
    """Return the declaration of one model; fields that may be left out are optional."""
    lines = ["", *comment(schema.get("description", ""), ""), f"export interface {name} {{"]
    required = schema.get("required", [])
    for field, value in schema["properties"].items():
        lines += comment(value.get("description", ""), "  ")
        optional = "" if field in required else "?"
        lines.append(f"  {field}{optional}: {type_of(value)};")
    return "\n".join([*lines, "}", ""])


def comment(text: str, indent: str) -> list[str]:
    """Return the lines of a JSDoc comment, none for an empty text."""
    lines = text.replace("``", "`").split("\n")
    if not text:
        return []
    if len(lines) == 1:
        return [f"{indent}/** {text} */"]
    inner = [f"{indent} * {line}".rstrip() for line in lines]
    return [f"{indent}/**", *inner, f"{indent} */"]


def type_of(schema: dict[str, Any]) -> str:
    """Return the TypeScript type of a JSON schema."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(type_of(choice) for choice in schema["anyOf"]))
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return f"[{', '.join(type_of(item) for item in schema['prefixItems'])}]"
        case "array":
            item = type_of(schema["items"])
            return f"({item})[]" if " | " in item else f"{item}[]"
        case "object":
            values = schema.get("additionalProperties")
            inner = type_of(values) if isinstance(values, dict) else "unknown"
            return f"Record<string, {inner}>"
        case str(kind):
            return PLAIN[kind]
    return "unknown"


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        OUT.write_text(declarations(), encoding="utf-8")
    elif OUT.read_text(encoding="utf-8") != declarations():
        sys.exit(f"{OUT.name} is not current: make generated")
