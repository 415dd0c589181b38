"""The page's files as they are: light, complete, and without a way in for HTML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import stitch_cir

STATIC = Path(stitch_cir.__file__).parent / "server" / "static"
FILES = sorted(path.name for path in STATIC.iterdir() if path.is_file())
TEXTS = {name: (STATIC / name).read_text(encoding="utf-8") for name in FILES}
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_served(client: TestClient, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(TYPES[name.rpartition(".")[2]])
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_everything_the_page_names_exists(client: TestClient) -> None:
    named = {f"/{name}" for name in re.findall(r'(?:src|href)="([^"#]+)"', TEXTS["index.html"])}
    for text in TEXTS.values():
        named |= {
            f"/static/{name}" for name in re.findall(r'(?:from|import\()\s*"\./([^"]+)"', text)
        }
        named |= {f"/static/{name}" for name in re.findall(r'new URL\("(\w[^"]+)", import', text)}
    assert len(named) > 15
    for address in named:
        assert client.get(address).status_code == 200, address


def test_first_paint_needs_100_kilobytes_at_most() -> None:
    """HTML, CSS and JavaScript before the first explanation, as they travel: uncompressed."""
    expected = {
        "index.html",
        *re.findall(r'(?:src|href)="static/([^"]+)"(?! media="print")', TEXTS["index.html"]),
    }
    visited: set[str] = set()
    while expected - visited:
        name = (expected - visited).pop()
        visited.add(name)
        expected |= set(re.findall(r'^(?:import|export).*?from "\./([^"]+)"', TEXTS[name], re.M))
    assert {"app.js", "grid.js", "states.js"} <= visited
    assert "explain.js" not in visited
    assert sum(len(TEXTS[name].encode()) for name in visited) <= 100_000


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".js", ".html"))])
def test_text_cannot_become_html(name: str) -> None:
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|createContextualFragment"
    assert re.search(ways, TEXTS[name]) is None
    # the policy forbids inline scripts and styles: none may be needed
    assert (
        re.search(r"\sstyle=|<style|\son\w+=\"|javascript:|setAttribute\(\"style", TEXTS[name])
        is None
    )
    assert re.findall(r"<script(?![^>]*\ssrc=)", TEXTS[name]) == []


def test_every_shortcut_is_documented() -> None:
    keys = TEXTS["help.js"].partition("const KEYS")[2].partition("];\n")[0]
    keys_in_docs = {key for pair in re.findall(r'\["([^"]+)", "', keys) for key in pair.split()}
    keys_in_docs -= {
        word for title in ("Anywhere", "Among images", "In an open image") for word in title.split()
    }
    page = (Path(__file__).parents[2] / "docs" / "page.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"`([^`]+)`", page.partition("## Keys")[2].partition("## ")[0]))
    assert keys_in_docs == documented
    assert len(keys_in_docs) > 15


@pytest.mark.parametrize("name", FILES)
def test_addresses_are_relative(name: str) -> None:
    """An address that begins with a slash is wrong below the path of a reverse proxy."""
    ways = r"""(?:src|href)="/|["'`(]/(?:api|static)/|url\(/"""
    assert re.search(ways, TEXTS[name]) is None


@pytest.mark.parametrize("name", FILES)
def test_nothing_comes_from_elsewhere(name: str) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", TEXTS[name]))
    assert addresses <= {"http://www.w3.org/2000/svg"}
