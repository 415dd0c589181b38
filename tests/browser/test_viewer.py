"""The image first: a click on a hit opens it large, with its facts and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from stitch_cir.encoders import HashEncoder
from stitch_cir.server import ServerSettings, create_app
from tests.browser.conftest import running
from tests.browser.steps import hits, link, open_image, open_results, open_why, search

NewPage = Callable[..., Page]
SWIPE = """(by) => {
  const at = (x) => new Touch({ identifier: 1, target: document.querySelector('#viewer .canvas'), clientX: x, clientY: 300 });
  const target = document.querySelector('#viewer .canvas');
  target.dispatchEvent(new TouchEvent('touchstart', { touches: [at(200)], changedTouches: [at(200)], bubbles: true }));
  target.dispatchEvent(new TouchEvent('touchend', { touches: [], changedTouches: [at(200 + by)], bubbles: true }));
}"""


def name(page: Page) -> str | None:
    return page.locator("#viewer-title .name").get_attribute("title")


def test_a_click_on_a_hit_opens_the_image_with_its_facts(new_page: NewPage, shop: str) -> None:
    page = new_page()
    page.goto(link(shop, t="a red circle"))
    page.wait_for_selector(".tile .score")
    id = open_image(page)
    expect(page.locator("#viewer .canvas img")).to_have_js_property("complete", True)
    assert page.locator("#viewer .canvas img").evaluate("image => image.naturalWidth") >= 200
    expect(page.locator("#viewer dd").first).to_have_text(id)
    for fact in ("brand", "price", "pixels"):
        expect(page.locator("#viewer dl")).to_contain_text(fact)
    expect(page.get_by_role("tab", name="Image")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#why")).to_be_hidden()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    assert saved.value.suggested_filename == id.rpartition("/")[2].replace(".png", ".jpg")
    assert Path(saved.value.path()).read_bytes().startswith(b"\xff\xd8")


def test_the_image_is_copied_to_the_clipboard(new_page: NewPage, site: str) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    open_results(page, site)
    open_image(page)
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator(".toast")).to_have_text("The image is copied.")
    types = page.evaluate("navigator.clipboard.read().then(([item]) => item.types)")
    assert types == ["image/png"]


def test_why_says_it_in_one_sentence_before_the_diagram(page: Page, site: str) -> None:
    open_results(page, site)
    open_why(page)
    sentence = page.locator("#why .summary")
    expect(sentence).to_contain_text("Found because ")
    expect(sentence.locator("em")).to_have_text("a blue thing")
    expect(page.locator("#why")).not_to_contain_text("null")  # no roles, nothing about them
    assert "y=1" in page.url
    page.reload()
    page.wait_for_selector(".wires .link")
    page.get_by_role("tab", name="Image").click()
    expect(page.locator("#viewer .canvas")).to_be_visible()
    assert "y=1" not in page.url
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()


def test_arrows_and_swipes_lead_on_over_the_end_of_the_list(new_page: NewPage, site: str) -> None:
    page = new_page(has_touch=True)
    open_results(page, site, r="circle/red.png", t="in blue instead", h=2)
    first, second = hits(page)
    page.locator(".tile .pic").first.tap()
    expect(page.locator("#viewer-title")).to_be_focused()
    expect(page.locator("#viewer .count")).to_have_text("1 of 15")
    page.evaluate(SWIPE, -120)
    expect(page.locator("#viewer .count")).to_have_text("2 of 15")
    assert name(page) == second
    page.keyboard.press("ArrowRight")  # more hits are needed for that
    expect(page.locator("#viewer .count")).to_have_text("3 of 15")
    page.evaluate(SWIPE, 120)
    page.evaluate(SWIPE, 20)  # too short to mean it
    expect(page.locator("#viewer .count")).to_have_text("2 of 15")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#viewer .count")).to_have_text("1 of 15")
    assert name(page) == first
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".tile .score").first).to_be_visible()


def test_an_image_of_the_gallery_is_viewed_large_without_being_chosen(page: Page) -> None:
    tile = page.locator('.tile:has([data-id="circle/blue.png"])')
    tile.hover()
    tile.get_by_role("button", name="View large").click()
    assert name(page) == "circle/blue.png"
    expect(page.locator("#viewer-title")).to_be_focused()
    expect(page.locator("#viewer [role=tab]")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer .count")).to_have_text("4 of 16")
    address = page.url
    page.reload()
    expect(page.locator("#viewer")).to_be_visible()
    assert page.url == address
    page.go_back()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#choose")).to_be_visible()
    page.go_forward()
    page.get_by_role("button", name="Use as the new reference").last.click()
    expect(page.locator("#reference img")).to_be_visible()
    expect(page.locator("#text")).to_be_focused()


@pytest.fixture
def revealing(shapes: Path) -> Iterator[tuple[str, list[Path]]]:
    revealed: list[Path] = []
    app = create_app(
        shapes, encoder=HashEncoder(), settings=ServerSettings(rate=0), reveal=revealed.append
    )
    with running(app) as address:
        yield address, revealed


def test_the_folder_of_an_image_is_opened_on_the_servers_machine(
    new_page: NewPage, page: Page, revealing: tuple[str, list[Path]]
) -> None:
    address, revealed = revealing
    search(page, "a red circle")
    open_image(page)
    expect(page.get_by_role("button", name="Open its folder")).to_have_count(0)
    local = new_page()
    open_results(local, address, t="a red circle")
    id = open_image(local)
    with local.expect_response("**/api/reveal") as answer:
        local.get_by_role("button", name="Open its folder").click()
    assert answer.value.status == 204
    assert [path.as_posix().endswith(id) for path in revealed] == [True]
