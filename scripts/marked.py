"""Blocks of text on a page of the documentation that a script writes."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_block"]


def write_block(page: Path, mark: str, text: str) -> None:
    """Replace the block of text after the comment ``<!-- mark -->`` of a page.

    Raises ``ValueError`` where the page has no such block.
    """
    before, comment, after = page.read_text(encoding="utf-8").partition(
        f"<!-- {mark} -->\n```text\n"
    )
    _, fence, rest = after.partition("```\n")
    if not (comment and fence):
        raise ValueError(f"{page} has no block of text after <!-- {mark} -->")
    page.write_text(f"{before}{comment}{text.rstrip()}\n{fence}{rest}", encoding="utf-8")
