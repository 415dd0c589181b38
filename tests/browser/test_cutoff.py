"""The cut-off: where it lies, what is said where nothing reaches it, and what is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import hits, link, open_details, search, show_more
from tests.browser.test_access import AXE, audit

NewPage = Callable[..., Page]
ORDER = """() => [...document.querySelectorAll('.grid > li')].map((each) => each.className)"""


@pytest.fixture
def shopper(new_page: NewPage, shop: str) -> Page:
    page = new_page()
    page.goto(shop)
    page.wait_for_selector(".facets .choice", state="attached")
    return page


def cutoff_of(page: Page, shop: str, text: str, strictness: float) -> dict[str, Any]:
    """Return what the server says of the cut-off."""
    settings = {"k": 3, "strictness": strictness}
    answer = page.request.post(f"{shop}api/search", data={"text": text, "settings": settings})
    cutoff: dict[str, Any] = answer.json()["results"]["cutoff"]
    return cutoff


def test_a_line_marks_the_cutoff_and_what_is_below_stays_in_sight(shopper: Page, shop: str) -> None:
    search(shopper, "a red circle")
    plain = hits(shopper)
    above = cutoff_of(shopper, shop, "a red circle", 0.05)["above"]
    assert 0 < above < 24
    open_details(shopper)
    with shopper.expect_request("**/api/search") as request:
        shopper.select_option("#set-strictness", "0.05")
    assert request.value.post_data_json["settings"]["below_cutoff"] is True
    expect(shopper.locator("#images-count")).to_have_text(f"24 of 30 · {above} above the cut-off")
    expect(shopper.locator(".rule")).to_contain_text("1 in 20 random requests scores this high")
    order = shopper.evaluate(ORDER)
    assert order == ["tile"] * above + ["rule"] + ["tile below"] * (24 - above)
    assert hits(shopper) == plain
    assert "strictness=0.05" in shopper.url
    # arrow keys go over the line
    shopper.locator(".tile .pic").nth(above - 1).focus()
    shopper.keyboard.press("ArrowRight")
    expect(shopper.locator(".pic:focus")).to_have_attribute("data-id", plain[above])
    # a link shows the same, and more of it comes below the line
    shopper.reload()
    expect(shopper.locator(".rule")).to_have_count(1)
    show_more(shopper)
    expect(shopper.locator(".tile")).to_have_count(30)
    order = shopper.evaluate(ORDER)
    assert order == ["tile"] * above + ["rule"] + ["tile below"] * (30 - above)


def test_the_line_comes_with_the_hits_that_cross_it(shopper: Page, shop: str) -> None:
    above = cutoff_of(shopper, shop, "green", 0.2)["above"]
    assert above == 28
    shopper.goto(link(shop, t="green", strictness="0.2"))
    expect(shopper.locator(".tile")).to_have_count(24)
    expect(shopper.locator(".rule")).to_have_count(0)
    show_more(shopper)
    expect(shopper.locator(".tile")).to_have_count(30)
    assert shopper.evaluate(ORDER) == ["tile"] * 28 + ["rule"] + ["tile below"] * 2


def test_the_filters_count_what_is_above_the_cutoff(shopper: Page, shop: str) -> None:
    counts = shopper.locator(".facets .choice", has_text="Acme").locator(".count")
    expect(counts).to_have_text("20")
    shopper.goto(link(shop, t="a red circle", strictness="0.05"))
    body = {
        "text": "a red circle",
        "facets": ["brand"],
        "settings": {"k": 1, "strictness": 0.05},
    }
    facets = shopper.request.post(f"{shop}api/search", data=body).json()["results"]["facets"]
    acme = next(each["count"] for each in facets[0]["counts"] if each["value"] == "Acme")
    assert acme < 20
    expect(counts).to_have_text(str(acme))


def test_nothing_like_that_here(shopper: Page, shop: str) -> None:
    cutoff = cutoff_of(shopper, shop, "zanzibar", 0.05)
    assert cutoff["above"] == 0
    shopper.goto(link(shop, t="zanzibar", strictness="0.05"))
    state = shopper.locator(".state")
    expect(state.locator("h3")).to_have_text("Nothing like that here")
    for advice in cutoff["advice"]:
        expect(state).to_contain_text(advice)
    expect(shopper.locator("#live")).to_contain_text("Nothing like that here")
    # the nearest are shown nonetheless, below the line
    expect(shopper.locator(".tile.below")).to_have_count(24)
    expect(shopper.locator(".rule")).to_contain_text("The nearest there are")
    state.get_by_role("button", name="Look without a cut-off").click()
    expect(state).to_be_hidden()
    expect(shopper.locator(".tile:not(.below)")).to_have_count(24)


def test_a_strictness_of_a_link_stands_among_the_choices(shopper: Page, shop: str) -> None:
    shopper.goto(link(shop, t="a red circle", strictness="0.002"))
    shopper.wait_for_selector(".tile .score")
    open_details(shopper)
    expect(shopper.locator("#set-strictness option:checked")).to_have_text("1 in 500")
    shopper.select_option("#set-strictness", "")
    expect(shopper.locator(".rule")).to_have_count(0)
    assert "strictness" not in shopper.url


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: STITCH_AXE names no file")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_no_serious_fault(new_page: NewPage, shop: str, scheme: str, width: int) -> None:
    size = {"width": width, "height": 800}
    page = new_page(color_scheme=scheme, viewport=size, reduced_motion="reduce")
    for text in ("a red circle", "zanzibar"):
        page.goto(link(shop, t=text, strictness="0.05"))
        expect(page).to_have_title(f"{text} · STiTch")
        expect(page.locator(".rule")).to_have_count(1)
        open_details(page)
        expect(page.locator("#set-strictness")).to_be_visible()
        assert audit(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
