"""The example shop: searched, filtered, pointed at, on a desktop and on a phone."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from stitch_cir.encoders import HashEncoder
from tests.browser.conftest import fill, running

SHOP = Path(__file__).parents[2] / "examples" / "shop" / "shop.py"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    spec = importlib.util.spec_from_file_location("shop_example", SHOP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("shop")
    module.make_shop(fill(folder / "shapes"), folder / "out", HashEncoder())
    with running(module.create_shop(folder / "out/gallery", HashEncoder())) as address:
        yield address


def answered(page: Page, act: Any) -> None:
    """Do something that searches, and wait until its answer is shown."""
    with page.expect_response("**/catalog/search"):
        act()
    expect(page.locator("#count")).not_to_be_empty()


@pytest.mark.parametrize("width", [1280, 390])
def test_words_filters_an_image_and_variants(page: Page, shop: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(shop)
    page.wait_for_selector("#products li")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    total = page.inner_text("#count")
    page.fill("#query", "a circle")
    answered(page, lambda: page.press("#query", "Enter"))
    kind = page.get_by_label("Circle (5)")
    answered(page, kind.check)
    expect(page.locator("#count")).not_to_have_text(total)
    titles = page.locator("#products h2").all_inner_texts()
    assert titles
    assert all("circle" in title for title in titles)
    answered(page, page.locator(".like").first.click)
    expect(page.locator("#reference")).to_be_visible()
    page.fill("#query", "in blue instead")
    answered(page, lambda: page.press("#query", "Enter"))
    more = page.locator("details:not([hidden])").first
    if more.count():
        more.locator("summary").click()
        expect(more.locator(".variants button").first).to_be_visible()
    answered(page, page.get_by_role("button", name="Take it away").click)
    expect(page.locator("#reference")).to_be_hidden()


def test_nothing_left_and_what_to_do(page: Page, shop: str) -> None:
    page.goto(shop)
    page.wait_for_selector("#products li")
    answered(page, lambda: page.locator("#price").fill("5"))
    expect(page.locator("#products li")).to_have_count(0)
    expect(page.locator("#count")).to_contain_text("raise the price")
