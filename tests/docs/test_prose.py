"""The prose of the documentation has lines that a narrow window and a diff can show."""

from __future__ import annotations

import re

import pytest

from tests.docs.blocks import ROOT, pages

LONGEST = 120


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in pages()])
def test_lines_of_prose_have_120_characters_at_most(page: str) -> None:
    """Tables, images, comments and code may be wider: they cannot be wrapped."""
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = [line for line in text.splitlines() if not line.startswith(("|", "<", "![", "#"))]
    assert [line for line in prose if len(line) > LONGEST] == []
