"""The source as syntax trees, for tests of how it is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def modules(*folders: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the file and the syntax tree of every module below folders, one at a time."""
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            yield file, ast.parse(file.read_text(encoding="utf-8"))
