"""The blocks of code on a page of the documentation, and what the page says of their running.

A comment before a block says how it is run, where it is not simply run here:

- ``<!-- not run: REASON -->``: it needs what no test has (a model's server, a download);
- ``<!-- run by: tests/server/test_docs.py -->``: another test runs it, which knows its server;
- ``<!-- file: shop/products.tsv -->``: the reader saves it under this name.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^(?:<!-- (?P<how>not run|run by|file): (?P<what>.*?) -->\n+)?"
    r"^```(?P<language>[a-z]*)\n(?P<code>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)
RUNNABLE = ("sh", "python")


@dataclass(frozen=True)
class Block:
    """A block of code: its language, its page and line, and how it is run ("": by this test)."""

    page: Path
    line: int
    language: str
    code: str
    how: str
    what: str

    @property
    def name(self) -> str:
        """The page and the line of the block."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    def commands(self) -> list[list[str]]:
        """Return the words of every command of a shell block, without comments."""
        lines = re.sub(r"\\\n\s*", "", self.code).splitlines()
        words = [shlex.split(line.replace("…", ""), comments=True) for line in lines]
        return [each for each in words if each]


def pages() -> list[Path]:
    """Return every page whose blocks a reader may copy."""
    written = [page for page in (ROOT / "docs").rglob("*.md") if "reference" not in page.parts]
    return [ROOT / "README.md", *sorted(written)]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page that are commands or Python, in order."""
    text = page.read_text(encoding="utf-8")
    blocks = [
        Block(
            page,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["code"],
            match["how"] or "",
            " ".join((match["what"] or "").split()),
        )
        for match in BLOCK.finditer(text)
    ]
    return [block for block in blocks if block.language in RUNNABLE or block.how == "file"]
