"""An upload is kept with the gallery for a link, where the server allows that, and removed again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import draw
from tests.browser.steps import drop, hits, link, open_details, png, search

NewPage = Callable[..., Page]
COPIED = "navigator.clipboard.readText()"
CLIPBOARD = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture(scope="module")
def keeping(shapes: Path, serve: Callable[..., str]) -> str:
    """Serve the shapes and let visitors keep uploads."""
    return serve(shapes, keep_uploads=True)


def test_a_link_to_an_upload_works_once_the_gallery_keeps_it(
    new_page: NewPage, keeping: str
) -> None:
    page = new_page(**CLIPBOARD)
    page.goto(keeping)
    drop(page, png(draw("circle", "green", (90, 60))))
    search(page, "in red instead")
    expected = hits(page)
    page.click("#share")
    offer = page.get_by_role("group", name="Your image is in the server’s memory only")
    expect(offer.get_by_role("button", name="Keep the image and copy the link")).to_be_focused()
    page.get_by_role("button", name="Keep the image and copy the link").click()
    expect(offer).to_have_count(0)
    expect(page.locator(".toast")).to_have_text("Link copied.")
    shared = page.evaluate(COPIED)
    assert shared == page.url
    page.click("#share")  # it is kept already: nothing is offer
    expect(offer).to_have_count(0)
    visitor = new_page()
    visitor.goto(shared)
    visitor.wait_for_selector(".tile .score")
    assert hits(visitor) == expected
    expect(visitor.locator("#reference img")).to_have_js_property("naturalWidth", 90)
    open_details(visitor)
    expect(visitor.locator("#kept")).to_have_count(0)
    open_details(page)
    page.get_by_role("button", name="Remove own.png from the gallery’s kept images").click()
    expect(page.locator("#kept")).to_have_count(0)
    visitor.reload()
    expect(visitor.locator(".state h3")).to_have_text("The image of this link was removed")
    expect(visitor.locator("#text")).to_have_value("in red instead")


def test_a_link_keeps_every_upload_of_its_question(new_page: NewPage, keeping: str) -> None:
    page = new_page(**CLIPBOARD)
    page.goto(keeping)
    drop(page, png(draw("circle", "green", (90, 60))))
    page.click("#add-reference")
    drop(page, png(draw("square", "yellow", (80, 60))), "second.png")
    page.wait_for_selector("#further li")
    search(page, "the shape of the first in the colour of the second")
    page.click("#share")
    page.get_by_role("button", name="Keep the images and copy the link").click()
    expect(page.locator(".toast")).to_have_text("Link copied.")
    expected = hits(page)
    visitor = new_page()
    visitor.goto(page.evaluate(COPIED))
    visitor.wait_for_selector(".tile .score")
    assert hits(visitor) == expected
    expect(visitor.locator("#further li img")).to_have_js_property("naturalWidth", 80)
    open_details(page)
    expect(page.locator("#kept .name")).to_have_text(["own.png", "second.png"])
    page.locator("#kept button").last.click()
    expect(page.locator("#kept .name")).to_have_text(["own.png"])
    visitor.reload()
    expect(visitor.locator(".state h3")).to_have_text("The image of this link was removed")


def test_a_link_says_which_further_upload_it_lacks(page: Page, keeping: str) -> None:
    page.goto(link(keeping, r="circle/red.png", uu="1", t="in blue instead"))
    expect(page.locator(".state h3")).to_have_text("The image of this link is not here")
    expect(page.locator("#reference img")).to_be_visible()
    expect(page.locator("#text")).to_have_value("in blue instead")


def test_a_kept_image_is_listed_after_a_reload(new_page: NewPage, keeping: str) -> None:
    page = new_page(**CLIPBOARD)
    page.goto(keeping)
    drop(page, png(draw("square", "yellow", (80, 60))))
    search(page, "in red instead")
    page.click("#share")
    page.get_by_role("button", name="Keep the image and copy the link").click()
    expect(page.locator(".toast")).to_have_text("Link copied.")
    page.reload()
    page.wait_for_selector(".tile .score")
    open_details(page)
    expect(page.locator("#kept li")).to_have_count(1)
    expect(page.locator("#kept .name")).to_have_text("own.png")
    page.locator("#kept button").click()
    expect(page.locator("#kept")).to_have_count(0)


def test_the_link_can_go_without_the_image(new_page: NewPage, keeping: str) -> None:
    page = new_page(**CLIPBOARD)
    page.goto(keeping)
    drop(page, png(draw("square", "green", (90, 60))))
    search(page, "in red instead")
    page.click("#share")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#share")).to_be_focused()
    page.click("#share")
    page.get_by_role("button", name="Copy the link without it").click()
    expect(page.locator(".toast")).to_contain_text("Link copied, without the image")
    assert "u=1" in page.evaluate(COPIED)
