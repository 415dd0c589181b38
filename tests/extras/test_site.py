"""The docs site: built strictly, every link followed, readable without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "docs"


@pytest.fixture(scope="module")
def site() -> Path:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "docs_site.py")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return SITE


def test_every_page_has_a_markdown_twin_that_it_names(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) > 60
    for page in pages:
        assert page.with_suffix(".md").is_file(), page
        assert 'type="text/markdown"' in page.read_text(encoding="utf-8")


def test_models_get_a_list_of_all_pages(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    targets = re.findall(r"^- \[[^]]+\]\(([^)]+)\): \S", text, flags=re.MULTILINE)
    assert {"tutorial/photos.md", "reference/cli.md", "exact-search.md"} <= set(targets)
    assert all((site / target).is_file() for target in targets)
    for kind in ("Tutorial", "How-to", "Reference", "Explanation", "Research notes"):
        assert f"## {kind}\n" in text


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|img|iframe|source)[^>]*\ssrc=\"(https?:[^\"]*)\"|"
            r"<link[^>]*rel=\"stylesheet\"[^>]*href=\"(https?:[^\"]*)\"",
            page.read_text(encoding="utf-8"),
        )
        assert loaded == [], page
