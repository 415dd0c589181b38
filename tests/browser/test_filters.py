"""The filter bar: choices with their counts, chips, a typed condition, and what is said where nothing is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from stitch_cir.encoders import HashEncoder
from stitch_cir.gallery import Gallery, index_folder
from tests.browser.conftest import PAINTS, SHAPES, draw
from tests.browser.steps import close_dialog, hits, link, search
from tests.browser.test_access import AXE, audit
from tests.browser.test_layout import OVERLAPS, SMALL

NewPage = Callable[..., Page]


@pytest.fixture
def shopper(new_page: NewPage, shop: str) -> Page:
    page = new_page()
    page.goto(shop)
    expect(facet(page, "brand")).to_be_visible()
    return page


def facet(page: Page, name: str) -> Locator:
    return page.locator(
        f".facets details:has(> summary .title:text-is({json.dumps(name, ensure_ascii=False)}))"
    )


def choices(page: Page, name: str) -> dict[str, int]:
    """Return the counts of a facet by its choices."""
    labels = facet(page, name).locator(".choice")
    texts = labels.evaluate_all(
        "all => all.map((each) => [...each.querySelectorAll('span')].map((part) => part.textContent))"
    )
    return {words: int(count) for words, count in texts}


def tick(page: Page, name: str, words: str) -> None:
    """Open a facet and tick a choice by what it says."""
    part = facet(page, name)
    part.evaluate("part => { part.open = true; }")
    part.get_by_role("checkbox", name=words).click()


def count(page: Page, text: str) -> None:
    expect(page.locator("#images-count")).to_have_text(text)


def test_the_choices_have_the_counts_of_the_gallery(shopper: Page) -> None:
    names = shopper.locator(".facets .title").all_inner_texts()
    assert [name.lower() for name in names[:6]] == [
        *("shape", "brand", "price", "sizes", "sold out", "added"),
    ]
    assert choices(shopper, "shape") == {"circle": 10, "square": 10, "triangle": 10}
    assert choices(shopper, "brand") == {"Acme": 20, "O'Neil": 10}
    assert choices(shopper, "sold out") == {"no": 27, "yes": 3}
    assert choices(shopper, "added") == {"2024": 15, "2025": 15}
    assert choices(shopper, "season") == {"autumn": 5, "spring": 5, "not stated": 20}
    assert sum(choices(shopper, "price").values()) == 30
    expect(shopper.locator(".chosen")).to_be_hidden()
    expect(shopper.locator("#grouping")).to_be_hidden()


def test_ticks_of_one_attribute_are_alternatives_and_those_of_two_must_both_hold(
    shopper: Page,
) -> None:
    tick(shopper, "shape", "circle")
    count(shopper, "10 images")
    expect(shopper.locator(".tile")).to_have_count(10)
    # the other choices of a ticked attribute say what they would add, all others what is left
    assert choices(shopper, "shape") == {"circle": 10, "square": 10, "triangle": 10}
    expect(facet(shopper, "brand").locator(".choice", has_text="Acme")).to_contain_text("6")
    tick(shopper, "shape", "square")
    count(shopper, "20 images")
    tick(shopper, "brand", "O'Neil")
    count(shopper, "7 images")
    expect(shopper.locator(".chosen .chip")).to_have_text(
        ["shape: circle", "shape: square", "brand: O'Neil"]
    )
    expect(facet(shopper, "shape").locator("summary .count")).to_have_text("2")
    tick(shopper, "shape", "circle")
    count(shopper, "3 images")


def test_filters_hold_for_a_search_and_stand_in_the_link(
    shopper: Page, new_page: NewPage, shop: str
) -> None:
    tick(shopper, "price", "below")
    shopper.keyboard.press("Escape")
    search(shopper, "a red circle")
    left = int(shopper.locator("#images-count").inner_text().split(" of ")[1])
    assert left == sum(1 for id in hits(shopper)) == choices(shopper, "price")["below 50"] == 8
    tick(shopper, "sizes", "L")
    expect(shopper.locator(".tile")).to_have_count(2)
    other = new_page()
    other.goto(shopper.url)
    expect(other.locator(".tile .score")).to_have_count(2)
    assert hits(other) == hits(shopper)
    expect(other.locator(".chosen .chip")).to_have_text(["price: below 50", "sizes: L"])
    facet(other, "price").locator("summary").click()
    expect(other.get_by_role("checkbox", name="below 50")).to_be_checked()
    # Undo takes the last filter away, and Back the question
    shopper.click("#undo")
    expect(shopper.locator(".tile")).to_have_count(8)
    expect(shopper.locator(".chosen .chip")).to_have_text(["price: below 50"])
    shopper.go_back()
    expect(shopper.locator("#images-title")).to_have_text("Gallery")
    count(shopper, "8 images")


def test_ticks_belong_to_their_question_and_are_undone_one_by_one(shopper: Page) -> None:
    search(shopper, "a red circle")
    steps = shopper.evaluate("history.length")
    for words in ("circle", "square", "triangle"):
        with shopper.expect_response("**/api/search"):
            tick(shopper, "shape", words)
    assert shopper.evaluate("history.length") == steps
    expect(shopper.locator("#trail")).to_be_hidden()
    for left in (2, 1):
        shopper.click("#undo")
        expect(shopper.locator(".chosen .chip")).to_have_count(left)
    shopper.keyboard.press("z")
    expect(shopper.locator(".chosen")).to_be_hidden()


def test_chips_are_taken_away_one_by_one_or_all_at_once(shopper: Page) -> None:
    tick(shopper, "shape", "circle")
    tick(shopper, "brand", "Acme")
    count(shopper, "6 images")
    shopper.get_by_role("button", name="Remove the filter shape: circle").click()
    count(shopper, "20 images")
    expect(shopper.locator(".chosen .chip")).to_be_focused()
    tick(shopper, "shape", "square")
    expect(shopper.locator(".chosen .chip")).to_have_count(2)
    shopper.get_by_role("button", name="Clear all").click()
    count(shopper, "30 images")
    expect(shopper.locator(".chosen")).to_be_hidden()


def test_a_typed_condition_and_what_is_wrong_with_it(shopper: Page) -> None:
    shopper.locator(".facets .last > summary").click()
    wrong = shopper.locator("#where-wrong")
    for text, message in [
        ("prize < 50", "There is no attribute 'prize'. Did you mean 'price'"),
        ("price <", "The condition ends, where a number"),
        ("price < 'x'", "which is not a number"),
    ]:
        shopper.fill("#where", text)
        shopper.press("#where", "Enter")
        expect(wrong).to_contain_text(message)
        expect(shopper.locator("#where")).to_be_focused()
        expect(shopper.locator("#where")).to_have_attribute("aria-invalid", "true")
    count(shopper, "30 images")
    shopper.fill("#where", "price between 20 and 40 or sold_out")
    shopper.get_by_role("button", name="Apply").click()
    expect(wrong).to_be_hidden()
    count(shopper, "8 images")
    expect(shopper.locator(".chosen .chip")).to_have_text(["price between 20 and 40 or sold_out"])
    # the typed condition is one among the filters: "or" does not reach beyond it
    tick(shopper, "shape", "square")
    count(shopper, "1 image")
    assert "w=price+between+20+and+40+or+sold_out" in shopper.url


def test_the_keyboard_alone(shopper: Page) -> None:
    facet(shopper, "shape").locator("summary").focus()
    press = shopper.keyboard.press
    press("Enter")
    press("Tab")
    expect(shopper.locator(":focus")).to_have_attribute("type", "checkbox")
    press("Space")
    count(shopper, "10 images")
    expect(shopper.get_by_role("checkbox", name="circle")).to_be_focused()
    press("Tab")
    press("Space")
    count(shopper, "20 images")
    press("Escape")
    expect(facet(shopper, "shape")).not_to_have_attribute("open", "")
    expect(facet(shopper, "shape").locator("summary")).to_be_focused()
    press("Escape")  # no search is under way: nothing is cancelled
    count(shopper, "20 images")


def test_no_image_meets_the_filters(shopper: Page, shop: str) -> None:
    shopper.goto(link(shop, f=["shape = 'circle'", "price >= 150.0"], w="sold_out"))
    state = shopper.locator(".state")
    expect(state.locator("h3")).to_have_text("No image meets these filters")
    expect(state).to_contain_text("shape: circle · price: 150 and more · sold_out")
    state.get_by_role("button", name="Without “price: 150 and more”: 1 image").click()
    count(shopper, "1 image")
    shopper.goto(link(shop, t="a red circle", f=["shape = 'circle'", "price >= 150.0"]))
    expect(state.locator("h3")).to_have_text("No image meets these filters")
    state.get_by_role("button", name="Clear all filters").click()
    expect(shopper.locator(".tile .score")).to_have_count(24)


def test_only_the_reference_meets_the_filters(shopper: Page, shop: str) -> None:
    shopper.goto(link(shop, r="circle/red-240.png", t="in blue", f="price < 12.0"))
    expect(shopper.locator(".state")).to_contain_text("Only the reference itself does")


@pytest.mark.parametrize("part", [{"w": "prize < 3"}, {"f": "prize = 'x'"}, {"g": "prize"}])
def test_a_link_with_filters_that_the_gallery_refuses(
    shopper: Page, shop: str, part: dict[str, str]
) -> None:
    shopper.goto(link(shop, t="a red circle", **part))
    state = shopper.locator(".state")
    expect(state.locator("h3")).to_have_text("The filters cannot be used")
    expect(state).to_contain_text("There is no attribute 'prize'")
    state.get_by_role("button", name="Search without them").click()
    expect(shopper.locator(".tile .score")).to_have_count(24)
    if "g" not in part:  # the gallery itself is not grouped
        shopper.goto(link(shop, **part))
        expect(state).to_contain_text("There is no attribute 'prize'")
        state.get_by_role("button", name="Show everything").click()
        count(shopper, "30 images")


def test_variants_are_shown_as_one_and_opened(shopper: Page) -> None:
    search(shopper, "a red circle")
    expect(shopper.locator("#images-count")).to_have_text("24 of 30")
    shopper.get_by_label("Variants").select_option("item_group_id")
    expect(shopper.locator("#images-count")).to_have_text("15 of 15 groups, 30 images")
    expect(shopper.locator(".tile")).to_have_count(15)
    first = hits(shopper)[0]
    more = shopper.locator(".tile").first.get_by_role("button", name="+1 variant of")
    expect(more).to_have_text("+1 variant")
    more.click()
    expect(shopper.locator(".tile")).to_have_count(16)
    expect(shopper.locator(".tile").nth(1)).to_have_class("tile variant")
    expect(more).to_have_attribute("aria-expanded", "true")
    expect(more).to_be_focused()
    assert hits(shopper)[1].split("-")[0] == first.split("-")[0]
    # a variant is a hit as any other
    shopper.locator(".tile .pic").nth(1).click()
    expect(shopper.locator("#viewer-title .name")).to_have_attribute("title", hits(shopper)[1])
    shopper.get_by_role("tab", name="Why?").click()
    shopper.wait_for_selector(".wires .link")
    close_dialog(shopper)
    more.click()
    expect(shopper.locator(".tile")).to_have_count(15)
    assert "g=item_group_id" in shopper.url
    # a filter holds for the variants as well: the other one is too dear
    number = 10 + 5 * [f"{s}/{p}" for s in SHAPES for p in PAINTS].index(first.split("-")[0]) * 2
    shopper.locator(".facets .last > summary").click()
    shopper.fill("#where", f"price <= {number}")
    shopper.press("#where", "Enter")
    expect(shopper.locator(".chosen .chip")).to_have_count(1)
    expect(shopper.locator(f'.tile:has([data-id="{first}"]) .more-of')).to_have_count(0)


def test_a_gallery_without_attributes_has_no_filters(
    new_page: NewPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    for paint in PAINTS:
        draw("circle", paint).save(folder / f"{paint}.png")
    index_folder(folder, encoder=HashEncoder(), metadata=False)
    page = new_page()
    page.goto(serve(folder))
    page.wait_for_selector(".pic img")
    search(page, "a red circle")
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("#grouping")).to_be_hidden()


def test_html_in_attributes_is_text(
    new_page: NewPage, serve: Callable[..., str], tmp_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    hostile = "<img src=x onerror=window.hurt=1>"
    names = ("and", 'a "b" c', "größe")
    values = {}
    for at, paint in enumerate(PAINTS):
        draw("circle", paint).save(folder / f"{paint}.png")
        values[f"{paint}.png"] = dict.fromkeys(names, hostile if at % 2 else "it's")
    index_folder(folder, encoder=HashEncoder(), metadata=False)
    with Gallery.open(folder, encoder=HashEncoder()) as gallery:
        gallery.set_attributes(values)
    page = new_page()
    page.goto(serve(folder))
    tick(page, "and", hostile)
    count(page, "2 images")
    tick(page, "and", "it's")
    count(page, "5 images")
    for name in names[1:]:
        tick(page, name, "it's")
        count(page, "3 images")
    expect(page.locator(".chosen .chip")).to_have_text(
        [f"and: {hostile}", "and: it's", 'a "b" c: it\'s', "größe: it's"]
    )
    # a choice that is left with no image stays, and cannot be ticked
    page.get_by_role("button", name=f"Remove the filter and: {hostile}").click()
    expect(facet(page, "größe").locator(".choice", has_text="onerror")).to_contain_text("0")
    expect(facet(page, "größe").locator(".choice", has_text="onerror")).to_have_class("choice none")
    assert page.evaluate("window.hurt") is None
    assert page.locator("img[src='x'], img[src$='/x']").count() == 0


@pytest.mark.parametrize("width", [360, 390])
def test_on_a_phone_the_filters_fold_away(new_page: NewPage, shop: str, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True)
    page.goto(link(shop, t="a red circle", g="item_group_id"))
    page.wait_for_selector(".tile .score")
    opener = page.locator("#filters-open")
    expect(opener).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#facets")).to_be_hidden()
    opener.tap()
    facet(page, "brand").locator("summary").tap()
    facet(page, "brand").locator(".choice", has_text="Acme").tap()
    expect(page.locator(".chosen .chip")).to_have_text(["brand: Acme"])
    expect(opener).to_have_text("Filters1")
    facet(page, "season").evaluate("part => { part.open = true; }")
    page.locator(".facets .last > summary").tap()
    assert page.evaluate(SMALL) == []
    assert page.evaluate(OVERLAPS, True) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: STITCH_AXE names no file")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_no_serious_fault(new_page: NewPage, shop: str, scheme: str, width: int) -> None:
    size = {"width": width, "height": 800}
    page = new_page(color_scheme=scheme, viewport=size, reduced_motion="reduce")
    page.goto(link(shop, t="a red circle", f=["brand = 'Acme'"], w="price < 90", g="item_group_id"))
    page.wait_for_selector(".tile .score")
    expect(page.locator(".chosen .chip")).to_have_count(2)
    page.locator(".more-of").first.click()
    page.wait_for_selector(".variant")
    if width == 360:
        page.click("#filters-open")
    for name in ("brand", "season"):
        facet(page, name).evaluate("part => { part.open = true; }")
    assert audit(page) == []
    page.locator(".facets .last > summary").click()
    page.fill("#where", "prize < 3")
    page.press("#where", "Enter")
    expect(page.locator("#where-wrong")).to_be_visible()
    assert audit(page) == []
    page.goto(link(shop, f=["shape = 'circle'", "price >= 150.0"]))
    expect(page.locator(".state h3")).to_have_text("No image meets these filters")
    assert audit(page) == []
