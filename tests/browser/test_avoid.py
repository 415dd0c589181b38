"""What the images must not show: chips in the line that says what is looked for."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import hits, link, open_results, open_why


def test_a_phrase_is_avoided_and_taken_back(page: Page, site: str) -> None:
    open_results(page, site, t="a circle")
    before = hits(page)
    page.get_by_role("button", name="not …").click()
    page.keyboard.type("red things")
    with page.expect_request("**/api/search") as request:
        page.keyboard.press("Enter")
    assert request.value.post_data_json["avoid"] == ["red things"]
    chip = page.get_by_role("button", name="No longer avoid red things")
    expect(chip).to_have_text("not red things")
    assert page.url == link(site, t="a circle", av="red things")
    assert hits(page) != before
    page.reload()
    page.wait_for_selector(".tile .score")
    with page.expect_request("**/api/search") as request:
        chip.click()
    assert "avoid" not in request.value.post_data_json
    expect(chip).to_have_count(0)
    expect(page.locator("#stage")).not_to_have_attribute("aria-busy", "true")
    assert hits(page) == before
    page.go_back()
    expect(chip).to_be_visible()


def test_what_the_words_forbid_is_offered_as_a_chip(page: Page, site: str) -> None:
    open_results(page, site, t="a circle but no stripes")
    with page.expect_request("**/api/search") as request:
        page.get_by_role("button", name="Avoid stripes").click()
    assert request.value.post_data_json["avoid"] == ["stripes"]
    expect(page.get_by_role("button", name="No longer avoid stripes")).to_be_visible()
    expect(page.get_by_role("button", name="Avoid stripes", exact=True)).to_have_count(0)


def test_what_the_text_requests_cannot_be_avoided(page: Page, site: str) -> None:
    page.goto(link(site, t="a red circle", av="a red circle"))
    expect(page.locator(".state h3")).to_have_text("What is avoided is asked for, too")
    page.get_by_role("button", name="Search without avoiding it").click()
    page.wait_for_selector(".tile .score")
    assert "av=" not in page.url


def test_each_role_has_a_bar_and_all_of_them_add_up_to_the_score(page: Page, site: str) -> None:
    open_results(page, site, t="a circle", av="red things")
    open_why(page)
    roles = page.locator("#why .roles .met")
    expect(roles).to_have_count(2)
    expect(roles.nth(0)).to_contain_text("All captions")
    expect(roles.nth(1)).to_contain_text("Avoids: red things")
    score = float(page.locator(".tile .score .number").first.text_content() or "")
    shares = [float(text) for text in page.locator("#why .roles .number").all_inner_texts()]
    assert sum(shares) == pytest.approx(score, abs=0.002)


def test_a_search_without_roles_has_no_bars_of_them(page: Page, site: str) -> None:
    open_results(page, site, t="a circle")
    open_why(page)
    expect(page.locator("#why .mets")).to_have_count(1)
    expect(page.locator("#why .roles")).to_have_count(0)
