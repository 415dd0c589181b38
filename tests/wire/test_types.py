"""The page's types are those of the models."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stitch_cir import wire

SCRIPT = Path(__file__).parents[2] / "scripts" / "wire_types.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wire_types", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_types_of_the_page_are_current(script: ModuleType) -> None:
    written = script.OUT.read_text(encoding="utf-8")
    assert script.declarations() == written, "run: python scripts/wire_types.py"


def test_every_type_that_the_page_names_is_declared(script: ModuleType) -> None:
    declared = set(re.findall(r"^export interface (\w+)", script.declarations(), flags=re.M))
    scripts = script.OUT.parents[1].glob("*.js")
    text = "".join(path.read_text(encoding="utf-8") for path in scripts)
    assert "@import * as wire from './types/wire'" in text
    named = set(re.findall(r"\bwire\.([A-Z]\w+)", text))
    assert {"SearchResponse", "Explanation", "QueryRequest"} <= named <= declared
    assert declared <= set(wire.__all__)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            "(string | null)[]",
        ),
        ({"type": "array", "prefixItems": [{"type": "number"}] * 2}, "[number, number]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Record<string, number>"),
        ({"type": "object"}, "Record<string, unknown>"),
        ({"$ref": "#/$defs/ViewInfo"}, "ViewInfo"),
        ({"enum": ["a", "b"], "type": "string"}, '"a" | "b"'),
        ({}, "unknown"),
    ],
)
def test_types_of_schemas(script: ModuleType, schema: dict[str, Any], kind: str) -> None:
    assert script.type_of(schema) == kind
