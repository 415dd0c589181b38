"""What pins share: answers made comparable, written so that a change can be reviewed, compared."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WRITING = "STITCH_PIN" in os.environ
"""Whether this run writes the pins anew instead of comparing with them."""
TOLERANCE = 2e-6
"""Numbers that are no integers may differ by this."""

_WIDTH = 96
_DIGEST = re.compile(r"\b[0-9a-f]{32}(?:[0-9a-f]{32})?\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+:.\dZ]*")
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")
# what differs from run to run, from version to version, or is worded by a composer or a prompt
_VOLATILE = frozenset(
    "stitch_version version about grammar upload expires_in request_id machine versions created "
    "finished seconds encoding_seconds waiting_seconds next_cursor".split()
)


def normalised(value: Any, root: Path) -> Any:
    """Return an answer without what no two runs have in common: times, folders, versions."""
    if isinstance(value, Mapping):
        return {
            name: f"<{name}>" if name in _VOLATILE and each is not None else normalised(each, root)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [normalised(each, root) for each in value]
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, str):
        text = value.replace(str(root), "<root>")
        for pattern, name in ((_DIGEST, "digest"), (_TIME, "time"), (_ADDRESS, "server")):
            text = pattern.sub(f"<{name}>", text)
        return text
    return value


def shape(value: Any) -> Any:
    """Return the names in an answer, with the types of their values; of a list the first entry."""
    if isinstance(value, Mapping):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


def leave_common_out(facts: dict[str, Any], common: Mapping[str, Any]) -> None:
    """Drop from ``facts`` what is the same in ``common``, so that it is pinned once."""
    for name in [name for name in facts if name in common and facts[name] == common[name]]:
        if facts is not common:
            del facts[name]


def write(file: Path, answers: Mapping[str, Any]) -> None:
    """Save answers as JSON, short values on one line, so that a diff shows what changed."""
    file.write_text(_text(answers, "") + "\n", encoding="utf-8")


def differences(expected: Any, actual: Any, where: str = "") -> list[str]:
    """Return one line for every value that differs, is missing or is new."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        lines = [f"{where}.{name} is missing" for name in expected if name not in actual]
        lines += [f"{where}.{name} is new" for name in actual if name not in expected]
        for name in expected:
            if name in actual:
                lines += differences(expected[name], actual[name], f"{where}.{name}")
        return lines
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [
            line
            for number, (first, other) in enumerate(zip(expected, actual, strict=True))
            for line in differences(first, other, f"{where}[{number}]")
        ]
    if isinstance(expected, float) and isinstance(actual, float):
        same = abs(expected - actual) <= TOLERANCE
    else:
        same = type(expected) is type(actual) and expected == actual
    return [] if same else [f"{where}: {_line(expected)} became {_line(actual)}"]


def compare_or_write(file: Path, answers: Mapping[str, Any]) -> None:
    """Raise ``AssertionError`` that lists every difference from ``file``, or write ``file`` anew."""
    if WRITING:
        write(file, answers)
        return
    expected = json.loads(file.read_text(encoding="utf-8"))
    lines = differences(expected, json.loads(json.dumps(answers)), "")
    assert not lines, "\n".join(
        [f"{file.name} has moved; if it was meant to: STITCH_PIN=1 pytest tests/pinned", *lines]
    )


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _text(value: Any, indent: str) -> str:
    line = _line(value)
    if len(indent) + len(line) <= _WIDTH or not isinstance(value, dict | list) or not value:
        return line
    inner = indent + " "
    if isinstance(value, dict):
        parts = [f"{inner}{_line(name)}: {_text(each, inner)}" for name, each in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _text(each, inner) for each in value) + f"\n{indent}]"
