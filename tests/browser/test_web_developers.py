"""What web developers find: a description of the API that sends examples, and a page to begin with."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_access import AXE, audit

NewPage = Callable[..., Page]
EXAMPLE = Path(__file__).parents[2] / "examples" / "web"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Write nothing: the tests' output is for the tests."""


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Serve the example page from an address of its own, as a site of somebody else."""
    handler = functools.partial(Quiet, directory=str(EXAMPLE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_example_page_searches_from_another_site(
    new_page: NewPage, shapes: Path, serve: Callable[..., str], elsewhere: str
) -> None:
    assert (EXAMPLE / "index.html").read_text(encoding="utf-8").count("\n") <= 65
    address = serve(shapes, cors=(elsewhere,))
    page = new_page()
    page.goto(f"{elsewhere}/?server={address}")
    expect(page.locator("li img")).to_have_count(16)
    page.get_by_role("button", name="circle/red.png").click()
    page.get_by_label("What are you looking for?").fill("in blue instead")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("15 of 15 images, best first")
    first = page.locator("li img").first
    expect(first).to_have_js_property("complete", True)
    assert first.evaluate("image => image.naturalWidth") > 0
    assert "blue" in (first.get_attribute("alt") or "")


def test_the_snippet_of_the_docs_works_from_another_site(
    new_page: NewPage, shapes: Path, serve: Callable[..., str], elsewhere: str
) -> None:
    how_to = Path(__file__).parents[2] / "docs" / "how-to" / "other-site.md"
    snippet = how_to.read_text(encoding="utf-8").partition("```js\n")[2].partition("```")[0]
    assert "http://127.0.0.1:8000/" in snippet
    snippet = snippet.replace("http://127.0.0.1:8000/", serve(shapes, cors=(elsewhere,)))
    snippet = snippet.replace('"red.png"', '"circle/red.png"').replace(
        "console.log(", "said.push(["
    )
    snippet = snippet.replace("thumbnail);", "thumbnail]);")
    page = new_page()
    page.goto(elsewhere)
    said = page.evaluate(f"async () => {{ const said = []; {snippet} return said; }}")
    assert len(said) == 12
    assert "blue" in said[0][1]
    assert all(thumbnail.startswith("/api/thumbnails/") for _, _, thumbnail in said)


def test_the_description_sends_its_examples(new_page: NewPage, site: str) -> None:
    page = new_page()
    requests: list[str] = []
    page.on("request", lambda sent: requests.append(sent.url))
    page.goto(f"{site}docs")
    expect(page.locator(".operation").first).to_be_visible()
    described = page.request.get(f"{site}openapi.json").json()["paths"]
    assert page.locator(".operation").count() == sum(map(len, described.values()))
    expect(page.locator("#snippet")).to_contain_text(f'const STITCH = "{site}"')
    search = page.locator(".operation", has_text="/api/search").first
    search.locator("summary").first.click()
    search.get_by_label("Body").fill('{"text": "a red circle", "settings": {"k": 2}}')
    search.get_by_role("button", name="Send").click()
    expect(search.locator(".answer")).to_contain_text("200 OK")
    expect(search.locator(".answer")).to_contain_text('"rank": 1')
    search.get_by_label("Body").fill('{"text": 7}')
    search.get_by_role("button", name="Send").click()
    expect(search.locator(".answer")).to_contain_text("422")
    thumbnail = page.locator(".operation", has_text="/api/thumbnails/{id}")
    thumbnail.locator("summary").first.click()
    thumbnail.get_by_label("id path").fill("circle/red.png")
    thumbnail.get_by_role("button", name="Send").click()
    expect(thumbnail.locator(".answer img")).to_have_js_property("naturalWidth", 240)
    assert all(address.startswith((site, "blob:")) for address in requests)


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: STITCH_AXE names no file")
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_no_serious_fault_in_the_description(
    new_page: NewPage, site: str, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page.goto(f"{site}docs")
    page.locator(".operation summary").first.click()
    assert audit(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
