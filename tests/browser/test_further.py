"""Several references, and what was said in earlier turns and still holds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import draw
from tests.browser.steps import close_dialog, drop, hits, link, open_why, pick, png, search
from tests.browser.test_access import AXE, audit
from tests.browser.test_layout import SMALL

NewPage = Callable[..., Page]
BOTH = "the circle of the first in the colour of the second"


def test_a_second_reference_is_picked_and_taken_away(page: Page) -> None:
    pick(page, "circle/red.png")
    page.click("#add-reference")
    expect(page.locator("#further")).to_contain_text("Pick one from the gallery")
    expect(page.locator("#live")).to_contain_text("is another reference")
    page.locator('.pic[data-id="square/blue.png"]').click()
    expect(page.locator("#further .chip")).to_have_text(["2 · blue.png"])
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: circle/red.png")
    with page.expect_request("**/api/search") as request:
        search(page, BOTH)
    body = request.value.post_data_json
    assert body["references"] == [{"id": "circle/red.png"}, {"id": "square/blue.png"}]
    assert body["reference"] is None
    assert not {"circle/red.png", "square/blue.png"} & set(hits(page))
    assert "rr=square%2Fblue.png" in page.url
    both = hits(page)
    open_why(page)  # explained with both, too
    close_dialog(page)
    page.reload()
    page.wait_for_selector(".tile .score")
    expect(page.locator("#further .chip")).to_have_count(1)
    assert hits(page) == both
    with page.expect_request("**/api/search") as request:
        page.get_by_role("button", name="take this reference away").click()
    assert request.value.post_data_json["reference"] == {"id": "circle/red.png"}
    expect(page.locator("#further .chip")).to_have_count(0)
    page.go_back()
    expect(page.locator("#further .chip")).to_have_count(1)
    assert hits(page) == both


def test_the_second_steps_up_where_the_first_is_taken_away(page: Page) -> None:
    page.goto(link(page.url, r="circle/red.png", rr="square/blue.png", t=BOTH))
    page.wait_for_selector(".tile .score")
    page.click("#clear")
    expect(page.locator("#reference img")).to_have_attribute("alt", "Reference: square/blue.png")
    expect(page.locator("#further .chip")).to_have_count(0)


def test_an_upload_is_a_second_reference_that_a_link_does_not_hold(page: Page) -> None:
    pick(page, "circle/red.png")
    page.click("#add-reference")
    drop(page, png(draw("square", "green", (90, 60))))
    expect(page.locator("#further .chip")).to_have_text(["2 · own.png"])
    with page.expect_request("**/api/search") as request:
        search(page, BOTH)
    assert "upload" in request.value.post_data_json["references"][1]
    assert "rr=" not in page.url
    page.reload()  # the browser's own entry knows it
    page.wait_for_selector(".tile .score")
    expect(page.locator("#further .chip")).to_have_count(1)
    page.click("#share")
    expect(page.locator("body")).to_contain_text(re.compile("cannot be shared|not part of it"))


def test_adding_is_cancelled(page: Page) -> None:
    pick(page, "circle/red.png")
    page.click("#add-reference")
    page.locator("#further").get_by_role("button", name="Cancel").click()
    expect(page.locator("#add-reference")).to_be_focused()
    pick(page, "square/blue.png")  # takes the place of the first
    expect(page.locator("#further .chip")).to_have_count(0)


def test_a_hit_is_added_to_the_question(page: Page) -> None:
    pick(page, "circle/red.png")
    search(page, "in blue instead")
    first = hits(page)[0]
    page.click("#add-reference")
    page.locator(".tile").first.hover()
    page.locator(".tile").first.get_by_role("button", name="Use as the new reference").click()
    expect(page.locator("#further .chip")).to_have_count(1)
    expect(page.locator("#text")).to_have_value("in blue instead")
    page.press("#text", "Enter")
    expect(page.locator(f'.tile [data-id="{first}"]')).to_have_count(0)


def test_what_was_said_stays_over_turns_and_is_taken_back(page: Page, site: str) -> None:
    pick(page, "circle/red.png")
    expect(page.locator("#turns")).to_be_hidden()
    search(page, "in blue instead")
    page.get_by_role("button", name="Keep this and say more").click()
    expect(page.locator("#turns .chip")).to_have_text(["in blue instead"])
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_have_value("")
    expect(page.locator("label[for=text]")).to_have_text("What else?")
    with page.expect_request("**/api/search") as request:
        search(page, "as a square")
    body = request.value.post_data_json
    assert (body["turns"], body["text"]) == (["in blue instead"], "as a square")
    assert "v=in+blue+instead" in page.url
    kept = hits(page)
    page.reload()
    page.wait_for_selector(".tile .score")
    assert hits(page) == kept
    with page.expect_request("**/api/search") as request:
        page.get_by_role("button", name="Take back: in blue instead").click()
    assert "turns" not in request.value.post_data_json
    expect(page.locator("#turns .chip")).to_have_count(0)
    page.go_back()
    expect(page.locator("#turns .chip")).to_have_text(["in blue instead"])
    assert hits(page) == kept


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: STITCH_AXE names no file")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_chips_are_accessible_and_large_enough_on_a_phone(
    new_page: NewPage, site: str, scheme: str
) -> None:
    page = new_page(
        color_scheme=scheme,
        viewport={"width": 360, "height": 740},
        has_touch=True,
        is_mobile=True,
        reduced_motion="reduce",
    )
    page.goto(link(site, r="circle/red.png", rr="square/blue.png", v="in blue", t="as a square"))
    page.wait_for_selector(".tile .score")
    expect(page.locator("#further .chip")).to_have_count(1)
    assert audit(page) == []
    assert page.evaluate(SMALL) == []
    page.tap("#add-reference")
    assert audit(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
