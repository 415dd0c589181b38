"""axe-core finds no serious fault in any state of the page, nor on the docs site, in light and dark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import draw
from tests.browser.steps import (
    RED_TO_BLUE,
    drop,
    facts,
    open_details,
    open_results,
    png,
    search,
)
from tests.browser.test_access import AXE, audit
from tests.browser.test_start import EXAMPLES

NewPage = Callable[..., Page]
ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "docs"
PAGES = (
    "index.html",
    "look.html",
    "method.html",
    "page.html",
    "settings.html",
    "tutorial/photos.html",
    "how-to/correct.html",
    "reference/cli.html",
    "reference/api.html",
    "reference/python/searcher.html",
    "repository/examples/tour.ipynb.html",
    "stamps-benchmark.html",
)
"""One of each kind, and those with wide tables, many headings, images, or a notebook's output."""

pytestmark = pytest.mark.skipif(
    not AXE.is_file(), reason="axe-core is not installed: STITCH_AXE names no file"
)
schemes = pytest.mark.parametrize("scheme", ["light", "dark"])


@schemes
def test_in_the_first_minute(new_page: NewPage, site: str, scheme: str) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page.clock.install()
    page.route("**/api/examples?*", lambda route: route.fulfill(json={"examples": EXAMPLES}))
    note = "mini is a stand-in; CLIP finds far more: stitch models pull ViT-B-32"
    page.route("**/api/gallery?*", facts(encoder_note=note, images=16, complete=False, waiting=30))
    page.goto(site)
    expect(page.locator("#start .example")).to_have_count(2)
    page.locator("#start .honest summary").click()
    page.unroute("**/api/gallery?*")
    page.route("**/api/gallery?*", facts(encoder_note=note, images=24, complete=False, waiting=22))
    with page.expect_response("**/api/gallery?*"):
        page.clock.run_for(2_100)
    expect(page.locator("#indexing")).to_contain_text("Being indexed")
    page.clock.resume()
    assert audit(page) == []


@schemes
def test_with_its_menus_open(new_page: NewPage, shop: str, scheme: str) -> None:
    page = new_page(color_scheme=scheme)
    page.goto(shop)
    page.wait_for_selector(".facets .choice", state="attached")
    brand = page.locator(".facets details").nth(1)
    brand.locator("summary").first.click()
    assert audit(page) == []
    brand.get_by_role("checkbox").first.check()
    expect(page.locator(".chosen .chip")).to_have_count(1)
    search(page, "a red circle")
    expect(page.locator("#grouping select")).to_be_visible()
    page.locator(".facets .more summary, .facets > details:last-child > summary").last.click()
    assert audit(page) == []


@schemes
def test_with_an_upload_that_may_be_kept(
    new_page: NewPage, shapes: Path, serve: Callable[..., str], scheme: str
) -> None:
    page = new_page(color_scheme=scheme, permissions=["clipboard-read", "clipboard-write"])
    page.goto(serve(shapes, keep_uploads=True))
    drop(page, png(draw("circle", "green", (90, 60))))
    search(page, "in red instead")
    page.click("#share")
    expect(page.locator("#keeping")).to_be_visible()
    assert audit(page) == []
    page.get_by_role("button", name="Keep the image and copy the link").click()
    open_details(page)
    expect(page.locator("#kept li")).to_have_count(1)
    assert audit(page) == []


@schemes
def test_while_it_waits_and_where_nothing_is_left(
    new_page: NewPage, site: str, scheme: str
) -> None:
    page = new_page(color_scheme=scheme)
    open_results(page, site, **RED_TO_BLUE)
    page.fill("#text", "in green instead")
    expect(page.locator("#earlier")).to_be_visible()
    assert audit(page) == []
    page.route("**/api/search", lambda route: None)
    page.press("#text", "Enter")
    expect(page.locator(".waiting")).to_be_visible()
    assert audit(page) == []


@schemes
def test_the_description_of_the_api(new_page: NewPage, site: str, scheme: str) -> None:
    for width in (1200, 360):
        page = new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
        page.goto(f"{site}docs")
        page.locator(".operation summary").first.click()
        assert audit(page) == []


@pytest.mark.skipif(not SITE.is_dir(), reason="the site is not built: make docs")
@schemes
@pytest.mark.parametrize("width", [1440, 390])
def test_the_docs_site(browser: Browser, scheme: str, width: int) -> None:
    context: Any = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    page = browser.new_page(**context, reduced_motion="reduce")
    faults = {}
    for name in PAGES:
        page.goto((SITE / name).as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        faults[name] = [*audit(page), *(["scrolls sideways"] if wide > 0 else [])]
    page.close()
    assert {name: each for name, each in faults.items() if each} == {}, json.dumps(faults)
